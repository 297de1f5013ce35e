"""Only requests that were signed, in time and once, by a known key get through."""

import hashlib
import http.client
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils import Utils
from hypothesis import given
from hypothesis import strategies as st

from sandbox.http import Request
from sandbox.signature import sign
from tests.sandbox.running import Running

QUERY = {"PageNumber": "1", "DomainName": "a b.example.com/~*+"}
ENCODED = "DomainName=a%20b.example.com%2F~%2A%2B&PageNumber=1"


class Signed:
    """A request as the official client signs it, which a test may then tamper with."""

    method = "POST"
    pathname = "/"
    query = QUERY

    def __init__(self, running: Running, body: str = "", **headers: str) -> None:
        self.running = running
        self.body = body
        digest = hashlib.sha256(body.encode()).hexdigest()
        self.headers = {
            "host": running.address,
            "x-acs-action": "DescribeUserDomains",
            "x-acs-version": "2018-05-10",
            "x-acs-date": Utils.get_timestamp(),
            "x-acs-signature-nonce": Utils.get_nonce(),
            "x-acs-content-sha256": digest,
            "content-type": "application/x-www-form-urlencoded",
            **headers,
        }
        pair = running.ready["access_key_id"], running.ready["access_key_secret"]
        self.headers["authorization"] = Utils.get_authorization(
            self, "ACS3-HMAC-SHA256", digest, *pair
        )

    def send(self, query: str = ENCODED) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection(self.running.address)
        try:
            connection.request(self.method, f"/?{query}", self.body, self.headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def code(answer: tuple[int, dict[str, Any]]) -> tuple[int, str]:
    return answer[0], answer[1].get("Code", "OK")


REFUSED = (403, "SignatureDoesNotMatch")


def test_the_official_signature_is_accepted(cloud: Running) -> None:
    assert code(Signed(cloud).send()) == (200, "OK")
    assert code(Signed(cloud, body="PageSize=3").send()) == (200, "OK")


def test_the_way_of_escaping_does_not_matter(cloud: Running) -> None:
    assert code(Signed(cloud).send("PageNumber=1&DomainName=a+b.example.com/%7E*%2B"))[0] == 200


def test_what_was_tampered_with_is_refused(cloud: Running) -> None:
    assert code(Signed(cloud).send(ENCODED.replace("=1", "=2"))) == REFUSED
    signed = Signed(cloud, body="PageSize=3")
    signed.body = "PageSize=4"
    assert code(signed.send()) == REFUSED
    signed = Signed(cloud)
    signed.headers["x-acs-action"] = "DescribeCdnHttpsDomainList"
    assert code(signed.send()) == REFUSED
    signed = Signed(cloud)
    signed.headers["x-acs-security-token"] = "added later"
    assert code(signed.send()) == REFUSED


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_wrong_clock_is_named(cloud: Running, minutes: int) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    signed = Signed(cloud, **{"x-acs-date": then.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert code(signed.send()) == (400, "InvalidTimeStamp.Expired")


def test_a_small_skew_is_forgiven(cloud: Running) -> None:
    then = datetime.now(UTC) - timedelta(minutes=14)
    signed = Signed(cloud, **{"x-acs-date": then.strftime("%Y-%m-%dT%H:%M:%SZ")})
    assert code(signed.send()) == (200, "OK")


def test_a_time_that_is_missing_or_no_time_is_refused(cloud: Running) -> None:
    assert code(Signed(cloud, **{"x-acs-date": ""}).send()) == (400, "IllegalTimestamp")
    malformed = Signed(cloud, **{"x-acs-date": "yesterday"})
    assert code(malformed.send()) == (400, "InvalidTimeStamp.Format")


def test_a_nonce_is_good_for_one_request(cloud: Running) -> None:
    signed = Signed(cloud)
    assert code(signed.send()) == (200, "OK")
    assert code(signed.send()) == (400, "SignatureNonceUsed")


def test_a_request_without_a_signature_is_refused(cloud: Running) -> None:
    signed = Signed(cloud)
    del signed.headers["authorization"]
    assert code(signed.send()) == (400, "IncompleteSignature")


def test_an_error_has_the_gateways_fields(cloud: Running) -> None:
    signed = Signed(cloud)
    signed.headers["authorization"] = "nonsense"
    body = signed.send()[1]
    assert set(body) == {"Code", "Message", "RequestId", "HostId", "Recommend"}
    assert body["RequestId"] == body["RequestId"].upper()
    assert body["HostId"] == cloud.address
    assert body["RequestId"] in body["Recommend"]


def test_a_wrong_secret_and_an_unknown_key_are_distinguished(cloud: Running) -> None:
    request = models.DescribeUserDomainsRequest()
    with pytest.raises(ClientException) as caught:
        cloud.cdn(access_key_secret="wrong").describe_user_domains(request)
    assert (caught.value.status_code, caught.value.code) == REFUSED
    with pytest.raises(ClientException) as caught:
        cloud.cdn(access_key_id="unknown").describe_user_domains(request)
    assert (caught.value.status_code, caught.value.code) == (404, "InvalidAccessKeyId.NotFound")


def test_an_unknown_operation_and_version_are_named(cloud: Running) -> None:
    unknown = Signed(cloud, **{"x-acs-action": "DescribeWeather"})
    assert code(unknown.send()) == (404, "InvalidAction.NotFound")
    unknown = Signed(cloud, **{"x-acs-version": "1999-01-01"})
    assert code(unknown.send()) == (400, "InvalidVersion")


NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


@given(st.dictionaries(NAMES, st.text()))
def test_our_calculation_is_the_official_one(query: dict[str, str]) -> None:
    headers = {"host": "h", "x-acs-content-sha256": "0"}
    official = SimpleNamespace(
        method="PUT", pathname="/a/%2A.example.com", headers=headers, query=query
    )
    theirs = Utils.get_authorization(official, "ACS3-HMAC-SHA256", "0", "id", "secret")
    request = Request("PUT", official.pathname, urlencode(query), headers, b"")
    ours = sign(request, ["host", "x-acs-content-sha256"], "secret")
    assert theirs.endswith(f"Signature={ours}")


def test_roa_paths_are_canonicalised_too() -> None:
    """The asynchronous client sends `*` where it has signed `%2A`."""
    headers = {"x-acs-content-sha256": "0"}
    one, other = (
        Request("GET", f"/2023-03-30/custom-domains/{name}", "", headers, b"")
        for name in ("*.example.com", "%2A.example.com")
    )
    assert sign(one, ["x-acs-content-sha256"], "s") == sign(other, ["x-acs-content-sha256"], "s")
