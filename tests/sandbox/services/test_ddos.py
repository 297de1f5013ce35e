"""Anti-DDoS, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_ddoscoo20200101 import models
from alibabacloud_ddoscoo20200101.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services.stored import to_seed, upload, upload_identifier
from tests.support.factory import Authority, Leaf


def seed(cloud: Running, leaf: Leaf | None = None, *, name: str = "", **more: Any) -> str:
    """A new website rule, which serves `leaf`."""
    name = name or f"d{uuid.uuid4().hex[:12]}.example.com"
    rule = {"name": name, "certificate": leaf and to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "ddos", "rules": [rule]})
    return name


def call(cloud: Running, method: str, request: Any) -> Any:
    return ask(Client(cloud.config()), method, request)


def rules(cloud: Running, **fields: Any) -> Any:
    return call(cloud, "describe_web_rules", models.DescribeWebRulesRequest(**fields))


def rule(cloud: Running, name: str) -> Any:
    (one,) = rules(cloud, domain=name, query_domain_pattern="exact").web_rules
    return one


def associate(cloud: Running, name: str, **fields: Any) -> None:
    request = models.AssociateWebCertRequest(domain=name, **fields)
    call(cloud, "associate_web_cert", request)


def refusal(code: str, cloud: Running, name: str, **fields: Any) -> None:
    with pytest.raises(ClientException) as caught:
        associate(cloud, name, **fields)
    assert caught.value.code == code


def offered(cloud: Running, name: str) -> dict[str, Any]:
    request = models.DescribeCertsRequest(domain=name)
    return {one.name: one for one in call(cloud, "describe_certs", request).certs}


def test_a_bound_certificate_is_shown_by_its_name_only(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = seed(cloud), authority.leaf(["*.example.com"])
    assert rule(cloud, name).user_cert_name is None
    number = upload_identifier(cloud, leaf)
    associate(cloud, name, cert_identifier=number)
    shown = rule(cloud, name)
    assert shown.cert_name != shown.user_cert_name
    assert offered(cloud, name)[shown.user_cert_name].cert_identifier == number
    assert cloud.get_served(name) == leaf.fingerprint


def test_certificates_are_also_named_by_number_or_given(
    cloud: Running, authority: Authority
) -> None:
    name, leaf, other = seed(cloud), *(authority.leaf(["*.example.com"]) for _ in range(2))
    associate(cloud, name, cert_id=upload(cloud, leaf), cert_region="cn-hangzhou")
    assert cloud.get_served(name) == leaf.fingerprint
    pem = {"cert": other.pem.decode(), "key": other.key_pem.decode(), "cert_name": name}
    associate(cloud, name, **pem)
    assert cloud.get_served(name) == other.fingerprint
    assert rule(cloud, name).user_cert_name == name
    refusal("CAS.NameRepeat", cloud, name, **pem)


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf(["*.example.com"])
    name, number = seed(cloud, leaf), upload_identifier(cloud, leaf)
    stranger = upload_identifier(cloud, authority.leaf(["other.example.org"]))
    pem, key = leaf.pem.decode(), authority.leaf().key_pem.decode()
    refusal("DomainNotExist", cloud, "no.example.com", cert_identifier=number)
    refusal("DomainDoesNotMatchCert", cloud, name, cert_identifier=stranger)
    refusal("CertNotExist", cloud, name, cert_identifier="1-cn-hangzhou")
    refusal("CertNotExist", cloud, name, cert_id=int(number.partition("-")[0]), cert_region="x")
    refusal("InvalidCertIdentifier", cloud, name, cert_identifier=number, cert_id=1)
    refusal("MissingCertId", cloud, name)
    refusal("InvalidKey", cloud, name, cert=pem, key=key, cert_name="n")
    plain = seed(cloud, proxies=["http"])
    refusal("HttpsProxyTypeNotExist", cloud, plain, cert_identifier=number)
    assert cloud.get_state(f"cn-hangzhou/{name}")["applied"] == []


def test_rules_are_listed_by_ten_at_most(start: Any) -> None:
    running = start("--propagation", "0")
    names = [seed(running, name=f"n{number:02}.example.com") for number in range(12)]
    pages = [rules(running, page_number=page, page_size=10) for page in (1, 2)]
    assert [one.domain for page in pages for one in page.web_rules] == names
    assert {page.total_count for page in pages} == {12}
    assert rules(running, domain="n0").total_count == 10
    assert rules(running, domain="n0", query_domain_pattern="exact").total_count == 0
    with pytest.raises(ClientException) as refused:
        rules(running, page_size=11)
    assert refused.value.code == "InvalidPageSize"
    listed = call(running, "describe_domains", models.DescribeDomainsRequest())
    assert listed.domains == names
