"""The firewall, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_waf_openapi20211001 import models
from alibabacloud_waf_openapi20211001.client import Client

from tests.sandbox.running import Running, ask
from tests.sandbox.services.stored import to_seed, upload, upload_identifier
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


def seed(cloud: Running, leaf: Leaf | None = None, *, name: str = "", **more: Any) -> str:
    """A new domain, which serves `leaf`."""
    name = name or f"d{uuid.uuid4().hex[:12]}.example.com"
    domain = {"name": name, "certificate": leaf and to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "waf", "domains": [domain]})
    return name


def call(cloud: Running, method: str, request: Any) -> Any:
    return ask(Client(cloud.config()), method, request)


def where(cloud: Running) -> dict[str, str]:
    request = models.DescribeInstanceRequest(region_id=REGION)
    return {
        "instance_id": call(cloud, "describe_instance", request).instance_id,
        "region_id": REGION,
    }


def detail(cloud: Running, name: str) -> Any:
    request = models.DescribeDomainDetailRequest(domain=name, **where(cloud))
    return call(cloud, "describe_domain_detail", request)


def modify(cloud: Running, name: str, **fields: Any) -> None:
    request = models.ModifyDomainCertRequest(**{"domain": name, **where(cloud), **fields})
    call(cloud, "modify_domain_cert", request)


def refusal(code: str, cloud: Running, name: str, **fields: Any) -> None:
    with pytest.raises(ClientException) as caught:
        modify(cloud, name, **fields)
    assert caught.value.code == code


def test_a_certificate_is_replaced_and_read_back(cloud: Running, authority: Authority) -> None:
    name, leaf = seed(cloud, authority.leaf(["*.example.com"])), authority.leaf(["*.example.com"])
    number = upload_identifier(cloud, leaf)
    modify(cloud, name, cert_id=number, cipher_suite="99", custom_ciphers=["A", "B"])
    shown = detail(cloud, name)
    assert (shown.status, shown.listen.cert_id, shown.cert_detail.id) == (1, number, number)
    assert shown.cert_detail.sans == ["*.example.com"]
    assert (shown.listen.cipher_suite, shown.listen.custom_ciphers) == (99, ["A", "B"])
    assert cloud.get_served(name) == leaf.fingerprint


def test_tls_settings_that_are_not_sent_are_lost(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf(["*.example.com"])
    name = seed(cloud, leaf, tls={"TLSVersion": "tlsv1.2", "EnableTLSv3": True})
    assert detail(cloud, name).listen.tlsversion == "tlsv1.2"
    modify(cloud, name, cert_id=upload_identifier(cloud, leaf))
    shown = detail(cloud, name).listen
    assert (shown.tlsversion, shown.enable_tlsv_3) == ("tlsv1", False)


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf(["*.example.com"])
    name, number = seed(cloud, leaf), upload_identifier(cloud, leaf)
    other = upload_identifier(cloud, authority.leaf(["other.example.org"]))
    refusal("Waf.Pullin.MustListenHTTPS", cloud, seed(cloud), cert_id=number)
    refusal("Waf.Pullin.ResourceProcessing", cloud, seed(cloud, leaf, status=3), cert_id=number)
    refusal("Waf.Pullin.CertNotMatchDomain", cloud, name, cert_id=other)
    refusal("Waf.Pullin.CertNotExist", cloud, name, cert_id="1-cn-hangzhou")
    refusal("Waf.Pullin.CertNotExist", cloud, name, cert_id=f"{upload(cloud, leaf)}-ap-southeast-1")
    refusal("Waf.Pullin.DomainNotExist", cloud, "no.example.com", cert_id=number)
    refusal("Waf.Instance.NotExist", cloud, name, cert_id=number, instance_id="waf-none")
    refusal("MissingCertId", cloud, name)
    refusal("InvalidTLSVersion", cloud, name, cert_id=number, tlsversion="ssl3")
    refusal("InvalidCipherSuite", cloud, name, cert_id=number, cipher_suite="3")
    assert cloud.get_state(f"{REGION}/{name}")["applied"] == []


def test_a_domain_is_being_changed_until_the_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    leaf = authority.leaf(["*.example.com"])
    name = seed(cloud, leaf)
    cloud.control("POST", "propagation", {"seconds": 3600})
    modify(cloud, name, cert_id=upload_identifier(cloud, leaf))
    assert detail(cloud, name).status == 3
    refusal("Waf.Pullin.ResourceProcessing", cloud, name, cert_id=upload_identifier(cloud, leaf))


def test_listings_are_paged_and_tell_no_certificate(start: Any, authority: Authority) -> None:
    running = start("--propagation", "0")
    assert where(running)["instance_id"] is None
    names = [seed(running, authority.leaf(["*.example.com"])), seed(running), seed(running)]
    seed(running, authority.leaf(["a.example.com"]), name="default")
    pages = [
        call(
            running,
            "describe_domains",
            models.DescribeDomainsRequest(page_number=page, page_size=2, **where(running)),
        )
        for page in (1, 2)
    ]
    assert [one.domain for page in pages for one in page.domains] == names
    assert {page.total_count for page in pages} == {3}
    assert [one.listen_ports.https for one in pages[0].domains] == [[443], []]


def test_an_instance_has_a_default_certificate(start: Any, authority: Authority) -> None:
    running = start("--propagation", "0")
    seed(running)
    read = models.DescribeDefaultHttpsRequest(**where(running))
    assert call(running, "describe_default_https", read).default_https.cert_id is None
    leaf = authority.leaf(["a.example.com"])
    number = upload_identifier(running, leaf)
    request = models.ModifyDefaultHttpsRequest(
        cert_id=number, tlsversion="tlsv1.1", custom_ciphers=["A"], **where(running)
    )
    call(running, "modify_default_https", request)
    shown = call(running, "describe_default_https", read).default_https
    assert (shown.cert_id, shown.tlsversion) == (number, "tlsv1.1")
    assert (shown.cipher_suite, shown.custom_ciphers) == ("1", '["A"]')
    assert running.get_served("a.example.com") == leaf.fingerprint
