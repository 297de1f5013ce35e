"""Domains of cloud-native API gateways, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_apig20240327 import models
from alibabacloud_apig20240327.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running
from tests.sandbox.services import stored
from tests.sandbox.services.roa import ask
from tests.support.factory import Authority, Leaf


def host() -> str:
    return f"a{uuid.uuid4().hex[:12]}.example.com"


def domain(cloud: Running, name: str, leaf: Leaf | None = None, **more: Any) -> str:
    described = {"name": name, "certificate": leaf and stored.to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "apig", "domains": [described]})
    request = models.ListDomainsRequest(name_like=name)
    return str(ask(cloud, Client, "list_domains", request=request).data.items[0].domain_id)


def get(cloud: Running, number: str) -> Any:
    return ask(cloud, Client, "get_domain", number, request=models.GetDomainRequest()).data


def update(cloud: Running, number: str, **fields: Any) -> Any:
    fields = {"protocol": "HTTPS", "force_https": False, **fields}
    request = models.UpdateDomainRequest(**fields)
    return ask(cloud, Client, "update_domain", number, request=request)


def refused(code: str, cloud: Running, number: str, **fields: Any) -> None:
    with pytest.raises(ClientException) as caught:
        update(cloud, number, **fields)
    assert caught.value.code == code


def test_a_certificate_is_replaced_and_served(cloud: Running, authority: Authority) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"])
    number = domain(cloud, name, authority.leaf([name]))
    wanted = stored.upload_identifier(cloud, leaf)
    assert update(cloud, number, cert_identifier=wanted).data.deploy_revision_id
    shown = get(cloud, number)
    assert (shown.cert_identifier, shown.protocol, shown.sans) == (wanted, "HTTPS", "*.example.com")
    not_after = leaf.certificate.not_valid_after_utc
    assert shown.not_after_timstamp == int(not_after.timestamp() * 1000)
    assert cloud.get_served(name) == leaf.fingerprint


def test_a_setting_that_is_not_sent_falls_back(cloud: Running, authority: Authority) -> None:
    leaf, name = authority.leaf(), host()
    number = domain(cloud, name, leaf, settings={"tlsMin": "TLS 1.2", "forceHttps": True})
    assert (get(cloud, number).tls_min, get(cloud, number).force_https) == ("TLS 1.2", True)
    wanted = stored.upload_identifier(cloud, leaf)
    update(cloud, number, cert_identifier=wanted, force_https=True)
    assert (get(cloud, number).tls_min, get(cloud, number).force_https) == ("TLS 1.0", True)


def test_a_domain_may_go_back_to_http(cloud: Running, authority: Authority) -> None:
    name = host()
    number = domain(cloud, name, authority.leaf([name]))
    update(cloud, number, protocol="HTTP")
    assert (get(cloud, number).protocol, get(cloud, number).cert_identifier) == ("HTTP", None)
    assert cloud.get_served(name) is None


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf()
    number, wanted = domain(cloud, host(), leaf), stored.upload_identifier(cloud, leaf)
    refused("NotFound.Domain", cloud, "d-none", cert_identifier=wanted)
    refused("NotFound.Certificate", cloud, number, cert_identifier="1-cn-hangzhou")
    refused("MissingParameter", cloud, number, cert_identifier=wanted, force_https=None)
    refused("MissingParameter", cloud, number, cert_identifier=wanted, m_tlsenabled=True)
    refused("InvalidParameter", cloud, number, protocol="QUIC")
    serverless = domain(cloud, host(), scope="Serverless")
    refused("InvalidParameter", cloud, serverless, cert_identifier=wanted)


def test_domains_are_paged_and_belong_to_a_region(start: Any) -> None:
    running = start()
    names = [f"n{number}.example.com" for number in range(3)]
    for name in names:
        domain(running, name)
    elsewhere = {"service": "apig", "domains": [{"name": "far", "region": "cn-shanghai"}]}
    running.control("POST", "seed", elsewhere)
    seen = []
    for number in (1, 2):
        request = models.ListDomainsRequest(page_number=number, page_size=2)
        page = ask(running, Client, "list_domains", request=request).data
        assert page.total_size == 3
        seen += [one.name for one in page.items]
    assert seen == names
    regions = ask(running, Client, "describe_regions", request=models.DescribeRegionsRequest())
    assert "cn-shanghai" in [one.region_id for one in regions.data]
