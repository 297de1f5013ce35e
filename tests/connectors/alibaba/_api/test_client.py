"""The one way to call the cloud: where calls go, and what comes of broken answers."""

import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from connectors.alibaba._api.account import AlibabaSettings, Site
from connectors.alibaba._api.client import Api, Client
from domain.errors import NeedsOperator, Permanent, Transient
from tests.connectors.lab import Lab
from tests.connectors.store_contract import hides_key
from tests.support.factory import CA

API = Api(
    ram="cdn",
    version="2018-05-10",
    hosts={Site.CN: "cdn.{region}.invalid", Site.INTL: "cdn-intl.{region}.invalid"},
)
DEAD = "http://127.0.0.1:9"


def client(endpoint: str, **more: str) -> Client:
    keys = {"access_key_id": "id", "access_key_secret": "secret", "endpoint": endpoint}
    return Client(AlibabaSettings.model_validate({**keys, **more}), API)


@pytest.fixture(scope="module")
def listening() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


@pytest.fixture
def server(listening: HTTPServer) -> HTTPServer:
    listening.clear()
    return listening


def test_a_proxy_in_the_environment_is_not_asked_for_loopback(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, DEAD)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert lab.connector("alibaba.cdn").discover().resources == ()


@pytest.mark.parametrize("site", list(Site))
def test_without_an_endpoint_each_site_has_its_own_host(
    site: Site, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", server.url_for("").rstrip("/"))
    monkeypatch.delenv("no_proxy", raising=False)
    keys = {"access_key_id": "id", "access_key_secret": "secret"}
    settings = AlibabaSettings.model_validate({**keys, "site": site})
    with pytest.raises(Transient) as failure:
        Client(settings, API).call("Do", region="cn-beijing")
    assert failure.value.code == "ProxyFailed"
    (request, _), *_ = server.log
    assert request.method == "CONNECT"
    host = "cdn" if site is Site.CN else "cdn-intl"
    assert request.environ["RAW_URI"] == f"{host}.cn-beijing.invalid:443"


def test_a_redirect_is_not_followed(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_data("", 307, {"Location": "/elsewhere"})
    with pytest.raises(Transient) as refused:
        client(server.url_for("")).call("Do")
    assert refused.value.code == "UnreadableAnswer"
    assert len(server.log) == 1


@pytest.mark.parametrize("body", ["", "<html>", "[1]", "null", '"text"'])
@pytest.mark.parametrize("status", [200, 400, 502])
def test_an_answer_that_is_no_json_object_is_tried_again(
    server: HTTPServer, body: str, status: int
) -> None:
    server.expect_request("/").respond_with_data(body, status, content_type="text/html")
    with pytest.raises(Transient) as failure:
        client(server.url_for("")).call("Do")
    assert failure.value.code == "UnreadableAnswer"


def test_a_failed_call_is_made_once(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_json({"Code": "InternalError"}, 500)
    with pytest.raises(Transient):
        client(server.url_for("")).call("Do")
    assert len(server.log) == 1


def test_parameters_go_as_the_official_client_sends_them(server: HTTPServer) -> None:
    server.expect_request("/").respond_with_json({"A": 1})
    nested = {"Ids": ["x", "y"], "Flag": True, "Tag": [{"Key": "k"}], "Left": None}
    assert client(server.url_for("")).call("Do", nested, body={"B": "b c"}) == {"A": 1}
    ((request, _),) = server.log
    assert dict(request.args) == {"Ids.1": "x", "Ids.2": "y", "Flag": "True", "Tag.1.Key": "k"}
    assert dict(request.form) == {"B": "b c"}
    assert request.headers["x-acs-action"] == "Do"


def test_an_endpoint_that_nobody_vouches_for_needs_a_person(ca: CA, tmp_path: Path) -> None:
    leaf = ca.issuing.leaf(["localhost"], addresses=["127.0.0.1"])
    (tmp_path / "all.pem").write_bytes(leaf.pem + leaf.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "all.pem")
    serving = HTTPServer(host="127.0.0.1", ssl_context=context)
    with serving, pytest.raises(NeedsOperator) as failure:
        client(serving.url_for("")).call("Do")
    assert failure.value.code == "UntrustedEndpoint"


def test_calls_are_logged_without_what_they_carry(
    server: HTTPServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEBUG", "sdk")
    caplog.set_level(logging.DEBUG)
    server.expect_request("/").respond_with_json({})
    client(server.url_for("")).call("Do", {"Key": "opensesame"})
    lines = [r.getMessage() for r in caplog.records if not r.name.startswith("werkzeug")]
    assert any('"POST / HTTP/1.1" 200' in line for line in lines)
    assert "opensesame" not in "".join(lines)


@pytest.mark.parametrize("endpoint", [DEAD, "https://no-such-host.invalid"])
def test_a_cloud_that_cannot_be_reached_gets_no_key_into_a_failure_or_a_log(
    endpoint: str, lab: Lab, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    caplog.set_level(logging.DEBUG)
    made = lab.issue("www.example.com")
    with pytest.raises(Transient) as failure:
        client(endpoint).call("Do", {"Key": made.issued.key_pem.decode()})
    assert failure.value.code == "ConnectionLost"
    hides_key(failure.value, made, caplog.text)


def test_a_wrong_secret_is_reported_without_the_request(lab: Lab) -> None:
    connector = lab.connector("alibaba.cdn", access_key_secret="wrong")
    with pytest.raises(NeedsOperator) as failure:
        connector.discover()
    assert failure.value.code == "SignatureDoesNotMatch"
    assert failure.value.request_id


def test_an_unknown_operation_is_final(lab: Lab) -> None:
    with pytest.raises(Permanent):
        Client(AlibabaSettings.model_validate(lab.settings), API).call("NoSuchThing")
