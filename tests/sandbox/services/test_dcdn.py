"""The DCDN, driven by the official client; what it shares with the CDN is tested there."""

import uuid
from typing import Any

import pytest
from alibabacloud_dcdn20180115 import models
from alibabacloud_dcdn20180115.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services.stored import to_seed, upload
from tests.support.factory import Authority, Leaf


def seed(cloud: Running, leaf: Leaf | None = None, **more: Any) -> str:
    """A new domain, which serves `leaf`."""
    name = f"d{uuid.uuid4().hex[:12]}.example.com"
    domain = {"name": name, "certificate": leaf and to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "dcdn", "domains": [domain]})
    return name


def call(cloud: Running, method: str, request: Any) -> Any:
    return ask(Client(cloud.config()), method, request)


def set_certificate(cloud: Running, name: str, **fields: Any) -> None:
    fields = {"sslprotocol": "on", "cert_type": "cas", **fields}
    request = models.SetDcdnDomainSSLCertificateRequest(domain_name=name, **fields)
    call(cloud, "set_dcdn_domain_sslcertificate", request)


def info(cloud: Running, name: str) -> Any:
    request = models.DescribeDcdnDomainCertificateInfoRequest(domain_name=name)
    answer = call(cloud, "describe_dcdn_domain_certificate_info", request)
    (one,) = answer.cert_infos.cert_info
    return one


def test_a_certificate_from_the_store_is_bound_read_back_and_switched_off(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = seed(cloud), authority.leaf(["*.example.com"])
    assert info(cloud, name).sslprotocol == "off"
    cert_id = upload(cloud, leaf)
    set_certificate(cloud, name, cert_id=cert_id, cert_region="cn-hangzhou")
    shown = info(cloud, name)
    assert (shown.cert_id, shown.cert_region, shown.cert_type) == (
        str(cert_id),
        "cn-hangzhou",
        "cas",
    )
    assert (shown.sslprotocol, shown.sslpub) == ("on", leaf.pem.decode())
    assert cloud.get_served(name) == leaf.fingerprint
    set_certificate(cloud, name, sslprotocol="off", cert_type=None)
    assert info(cloud, name).sslprotocol == "off"
    assert cloud.get_served(name) is None


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("InvalidSSLProtocol.ValueNotSupported", {"sslprotocol": "maybe"}),
        ("CertId.MissingParameter", {}),
        ("Certificate.NotFind", {"cert_id": 1}),
        ("SSLPub.MissingParameter", {"cert_type": "upload", "sslpri": "x"}),
    ],
)
def test_what_is_wrong_is_refused_with_the_documented_code(
    cloud: Running, code: str, fields: dict[str, Any]
) -> None:
    with pytest.raises(ClientException) as caught:
        set_certificate(cloud, seed(cloud), **fields)
    assert caught.value.code == code


def test_a_domain_is_listed_and_detailed_as_the_official_client_expects_it(
    start: Any, authority: Authority
) -> None:
    running = start("--propagation", "0")
    names = {seed(running, authority.leaf(["*.example.com"])), seed(running)}
    request = models.DescribeDcdnUserDomainsRequest(page_number=1, page_size=500)
    listed = call(running, "describe_dcdn_user_domains", request)
    assert {one.domain_name for one in listed.domains.page_data} == names
    assert sorted(one.sslprotocol for one in listed.domains.page_data) == ["off", "on"]
    request = models.DescribeDcdnHttpsDomainListRequest(page_number=1, page_size=10)
    https = call(running, "describe_dcdn_https_domain_list", request)
    assert [one.cert_status for one in https.cert_infos.cert_info] == ["ok"]
    request = models.DescribeDcdnDomainDetailRequest(domain_name=names.pop())
    detail = call(running, "describe_dcdn_domain_detail", request).domain_detail
    assert detail.domain_status == "online"


def test_the_same_name_at_the_cdn_is_another_resource(cloud: Running, authority: Authority) -> None:
    name = seed(cloud)
    cloud.seed_domain(name, authority.leaf(["*.example.com"]))
    assert info(cloud, name).sslprotocol == "off"
    with pytest.raises(ClientException) as refused:
        info(cloud, "elsewhere.example.com")
    assert refused.value.code == "InvalidDomain.NotFound"
