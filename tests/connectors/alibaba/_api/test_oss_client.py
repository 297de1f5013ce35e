"""The one way to call object storage: where calls go, and what comes of broken answers."""

from collections.abc import Iterator

import pytest
from pytest_httpserver import HTTPServer

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.oss_client import OssClient
from connectors.alibaba.oss import Oss
from domain.errors import NeedsOperator, Permanent, Transient
from tests.connectors.lab import Lab

DEAD = "http://127.0.0.1:9"
KEYS = {"access_key_id": "id", "access_key_secret": "secret"}


def client(endpoint: str) -> OssClient:
    return OssClient(AlibabaSettings.model_validate({**KEYS, "endpoint": endpoint}), Oss.api)


@pytest.fixture(scope="module")
def listening() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


@pytest.fixture
def server(listening: HTTPServer) -> HTTPServer:
    listening.clear()
    return listening


@pytest.mark.parametrize("site", list(Site))
def test_without_an_endpoint_each_region_has_its_own_host(
    site: Site, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url_for("").rstrip("/"))
    monkeypatch.delenv("no_proxy", raising=False)
    speaking = OssClient(AlibabaSettings.model_validate({**KEYS, "site": site}), Oss.api)
    for call in (
        lambda: speaking.list_buckets(None, 1),
        lambda: speaking.list_cnames("bucket", "cn-beijing"),
    ):
        with pytest.raises(Transient) as failure:
            call()
        assert failure.value.code == "ProxyFailed"
    urls = [request.environ["RAW_URI"] for request, _ in server.log]
    assert urls == [
        f"oss-{site.region}.aliyuncs.com:443",
        "bucket.oss-cn-beijing.aliyuncs.com:443",
    ]


def test_a_proxy_in_the_environment_is_not_asked_for_loopback(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, DEAD)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert lab.connector("alibaba.oss").discover().resources == ()


@pytest.mark.parametrize("body", ["", "<html>", "[1]"])
@pytest.mark.parametrize("status", [200, 502])
def test_an_answer_that_is_not_understood_is_tried_again(
    server: HTTPServer, body: str, status: int
) -> None:
    server.expect_request("/").respond_with_data(body, status, content_type="text/html")
    with pytest.raises(Transient):
        client(server.url_for("")).list_buckets(None, 1)


def test_a_redirect_is_not_followed(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("", 307, {"Location": "/elsewhere"})
    with pytest.raises((Transient, Permanent)):
        client(server.url_for("")).list_buckets(None, 1)
    assert len(server.log) == 1


def test_a_failed_call_is_made_once(server: HTTPServer) -> None:
    error = "<Error><Code>InternalError</Code><RequestId>R1</RequestId></Error>"
    server.expect_request("/").respond_with_data(error, 500, content_type="application/xml")
    with pytest.raises(Transient) as failure:
        client(server.url_for("")).list_buckets(None, 1)
    assert (failure.value.code, failure.value.request_id) == ("InternalError", "R1")
    assert len(server.log) == 1


@pytest.mark.parametrize("endpoint", [DEAD, "https://no-such-host.invalid"])
def test_a_service_that_cannot_be_reached_is_tried_again(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(Transient) as failure:
        client(endpoint).list_buckets(None, 1)
    assert failure.value.code == "ConnectionLost"
    assert failure.value.__cause__ is failure.value.__context__ is None


def test_a_refusal_is_redacted(server: HTTPServer) -> None:
    message = "StringToSign is OSS4-HMAC-SHA256 and all that"
    error = f"<Error><Code>SignatureDoesNotMatch</Code><Message>{message}</Message></Error>"
    server.expect_request("/").respond_with_data(error, 403, content_type="application/xml")
    with pytest.raises(NeedsOperator) as failure:
        client(server.url_for("")).list_buckets(None, 1)
    assert "and all that" not in str(failure.value)
