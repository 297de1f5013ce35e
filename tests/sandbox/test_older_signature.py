"""Requests that carry key, time and signature as parameters get through, signed and in time."""

import http.client
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from alibabacloud_cdn20180510 import models
from alibabacloud_tea_openapi.utils import Utils
from hypothesis import given
from hypothesis import strategies as st

from sandbox.older_signature import sign
from tests.sandbox.running import Running, ask
from tests.support.factory import Authority

FORM = {"content-type": "application/x-www-form-urlencoded"}
REFUSED = (403, "SignatureDoesNotMatch")


def signed(running: Running, **changes: str) -> dict[str, str]:
    """Parameters of one call, signed by the official client's own function; "" leaves one out."""
    params = {
        "AccessKeyId": running.ready["access_key_id"],
        "Action": "DescribeUserDomains",
        "Format": "json",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": uuid.uuid4().hex,
        "SignatureVersion": "1.0",
        "Timestamp": Utils.get_timestamp(),
        "Version": "2018-05-10",
        "DomainName": "a b.example.com/~*+",
        **changes,
    }
    params = {name: value for name, value in params.items() if value}
    secret = running.ready["access_key_secret"]
    return {**params, "Signature": Utils.get_rpcsignature(params, "POST", secret)}


def send(running: Running, params: dict[str, str], method: str = "POST") -> tuple[int, str]:
    """The signature in the query and the rest as a form, as scripts send it; status and code."""
    rest = {name: value for name, value in params.items() if name != "Signature"}
    connection = http.client.HTTPConnection(running.address)
    try:
        query = urlencode({"Signature": params["Signature"]})
        connection.request(method, f"/?{query}", urlencode(rest, quote_via=quote), FORM)
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        return answer.status, body.get("Code", "OK")
    finally:
        connection.close()


def test_the_example_of_the_documentation_comes_out() -> None:
    params = {
        "TimeStamp": "2016-02-23T12:46:24Z",
        "Format": "XML",
        "AccessKeyId": "testid",
        "Action": "DescribeRegions",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureNonce": "3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf",
        "Version": "2014-05-26",
        "SignatureVersion": "1.0",
    }
    assert sign("GET", params, "testsecret") == "CT9X0VtwR86fNWSnsc6v8YGOjuE="


@given(st.dictionaries(st.text(min_size=1), st.text()))
def test_our_calculation_is_the_official_one(params: dict[str, str]) -> None:
    params.pop("Signature", None)
    theirs = Utils.get_rpcsignature(params, "POST", "secret")
    assert sign("POST", {**params, "Signature": "not signed itself"}, "secret") == theirs


def test_a_certificate_goes_out_by_the_official_client_signing_the_older_way(
    cloud: Running, authority: Authority
) -> None:
    leaf = authority.leaf(["older.example.com"])
    cloud.seed_domain("older.example.com")
    request = models.SetCdnDomainSSLCertificateRequest(
        domain_name="older.example.com",
        sslprotocol="on",
        cert_type="upload",
        sslpub=leaf.pem.decode(),
        sslpri=leaf.key_pem.decode(),
    )
    client = cloud.cdn(signature_algorithm="v2")
    ask(client, "set_cdn_domain_sslcertificate", request)
    cloud.wait_until_served("older.example.com", leaf.fingerprint)


def test_the_signature_in_the_query_and_the_rest_as_a_form_is_accepted(cloud: Running) -> None:
    assert send(cloud, signed(cloud)) == (200, "OK")


def test_a_call_is_counted_by_its_operation(cloud: Running) -> None:
    before = cloud.control("GET", "calls")["calls"].get("cdn.DescribeCdnHttpsDomainList", {})
    send(cloud, signed(cloud, Action="DescribeCdnHttpsDomainList"))
    after = cloud.control("GET", "calls")["calls"]["cdn.DescribeCdnHttpsDomainList"]
    assert after["OK"] == before.get("OK", 0) + 1


def test_faults_strike_these_calls_too(cloud: Running) -> None:
    cloud.add_fault(kind="throttle", operation="DescribeUserDomains", count=1)
    assert send(cloud, signed(cloud)) == (400, "Throttling.User")


def test_what_was_tampered_with_is_refused(cloud: Running) -> None:
    assert send(cloud, {**signed(cloud), "DomainName": "other.example.com"}) == REFUSED
    assert send(cloud, {**signed(cloud), "Action": "DescribeCdnHttpsDomainList"}) == REFUSED
    assert send(cloud, {**signed(cloud), "Added": "later"}) == REFUSED
    assert send(cloud, signed(cloud), method="PUT") == REFUSED


def test_a_nonce_is_good_for_one_request(cloud: Running) -> None:
    params = signed(cloud)
    assert send(cloud, params) == (200, "OK")
    assert send(cloud, params) == (400, "SignatureNonceUsed")


@pytest.mark.parametrize(
    ("minutes", "answer"),
    [(-32, (400, "InvalidTimeStamp.Expired")), (-30, (200, "OK")), (30, (200, "OK"))],
)
def test_a_time_is_good_for_half_an_hour(
    cloud: Running, minutes: int, answer: tuple[int, str]
) -> None:
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    assert send(cloud, signed(cloud, Timestamp=then.strftime("%Y-%m-%dT%H:%M:%SZ"))) == answer


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"AccessKeyId": "unknown"}, (404, "InvalidAccessKeyId.NotFound")),
        ({"AccessKeyId": ""}, (400, "MissingAccessKeyId")),
        ({"Action": "DescribeWeather"}, (404, "InvalidAction.NotFound")),
        ({"Format": ""}, (400, "InvalidParameter.Format")),
        ({"SignatureMethod": "HMAC-MD5"}, (400, "InvalidSignatureMethod")),
        ({"SignatureNonce": ""}, (400, "MissingSignatureNonce")),
        ({"SignatureVersion": "2.0"}, (400, "InvalidSignatureVersion")),
        ({"Timestamp": ""}, (400, "IllegalTimestamp")),
        ({"Version": "1999-01-01"}, (400, "InvalidVersion")),
    ],
)
def test_what_is_missing_or_unknown_is_named(
    cloud: Running, change: dict[str, str], answer: tuple[int, str]
) -> None:
    assert send(cloud, signed(cloud, **change)) == answer
