"""Custom domains of EAS's dedicated gateways, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_eas20210701 import models
from alibabacloud_eas20210701.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running
from tests.sandbox.services import stored
from tests.sandbox.services.roa import ask
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


def host() -> str:
    return f"e{uuid.uuid4().hex[:12]}.example.com"


def gateway(cloud: Running, *domains: dict[str, Any], **more: Any) -> str:
    number = f"gw-{uuid.uuid4().hex[:12]}"
    described = {"id": number, "domains": [*domains], **more}
    cloud.control("POST", "seed", {"service": "eas", "gateways": [described]})
    return number


def domain(name: str, leaf: Leaf | None = None, kind: str = "internet") -> dict[str, Any]:
    return {"name": name, "type": kind, "certificate": leaf and stored.to_seed(leaf)}


def domains(cloud: Running, number: str, cluster: str = REGION) -> list[Any]:
    listed = ask(cloud, Client, "list_gateway_domains", cluster, number).custom_domains
    return [(one.domain, one.type, one.certificate_id) for one in listed]


def attach(cloud: Running, number: str, name: str, certificate: Any, kind: str = "internet") -> Any:
    given = models.AttachGatewayDomainRequestCustomDomain(
        domain=name, type=kind, certificate_id=certificate and str(certificate)
    )
    request = models.AttachGatewayDomainRequest(custom_domain=given)
    return ask(cloud, Client, "attach_gateway_domain", REGION, number, request=request)


def detach(cloud: Running, number: str, name: str) -> Any:
    given = models.DetachGatewayDomainRequestCustomDomain(domain=name, type="internet")
    request = models.DetachGatewayDomainRequest(custom_domain=given)
    return ask(cloud, Client, "detach_gateway_domain", REGION, number, request=request)


def code_of(call: Any, *arguments: Any) -> Any:
    with pytest.raises(ClientException) as caught:
        call(*arguments)
    return caught.value.code


def test_a_domain_is_attached_again_with_another_certificate(
    cloud: Running, authority: Authority
) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"])
    number = gateway(cloud, domain(name, authority.leaf([name])))
    wanted = stored.upload(cloud, leaf)
    answer = attach(cloud, number, name, wanted)
    assert (answer.gateway_id, answer.message) == (
        number,
        "Successfully update custom endpoint for gateway",
    )
    assert domains(cloud, number) == [(name, "internet", str(wanted))]
    assert cloud.get_served(name) == leaf.fingerprint


def test_what_is_detached_is_served_no_more(cloud: Running, authority: Authority) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"])
    number = gateway(cloud, domain(name, leaf))
    detach(cloud, number, name)
    assert domains(cloud, number) == []
    assert cloud.get_served(name) is None
    assert code_of(detach, cloud, number, name) == "NotFound"
    attach(cloud, number, name, stored.upload(cloud, leaf))
    assert cloud.get_served(name) == leaf.fingerprint


def test_a_domain_may_be_new_or_without_a_certificate(cloud: Running) -> None:
    name, number = host(), gateway(cloud)
    attach(cloud, number, name, None)
    assert domains(cloud, number) == [(name, "internet", None)]
    assert cloud.get_served(name) is None


def test_a_strict_gateway_attaches_no_domain_twice(cloud: Running, authority: Authority) -> None:
    name, leaf = host(), authority.leaf()
    number = gateway(cloud, domain(name, leaf), strict=True)
    wanted = stored.upload(cloud, leaf)
    assert code_of(attach, cloud, number, name, wanted) == "DomainAlreadyExists"
    detach(cloud, number, name)
    attach(cloud, number, name, wanted)
    assert domains(cloud, number) == [(name, "internet", str(wanted))]


def test_what_is_wrong_is_refused(cloud: Running) -> None:
    number = gateway(cloud)
    assert code_of(attach, cloud, "gw-none", host(), None) == "NotFound"
    assert code_of(attach, cloud, number, host(), 1) == "InvalidParameter"
    assert code_of(attach, cloud, number, host(), None, "other") == "InvalidCustomDomain"
    assert code_of(domains, cloud, number, "cn-shanghai") == "NotFound"


def test_gateways_are_paged_and_belong_to_a_region(start: Any) -> None:
    running = start()
    made = [gateway(running) for _ in range(3)]
    gateway(running, region="cn-shanghai")
    seen = []
    for number in (1, 2):
        request = models.ListGatewayRequest(page_number=number, page_size=2)
        page = ask(running, Client, "list_gateway", request=request)
        assert page.total_count == 3
        seen += [one.gateway_id for one in page.gateways]
    assert seen == made
