"""Domains of the traditional API Gateway, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_cloudapi20160714 import models
from alibabacloud_cloudapi20160714.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services import stored
from tests.support.factory import Authority, Leaf


def host() -> str:
    return f"t{uuid.uuid4().hex[:12]}.example.com"


def domain(name: str, leaf: Leaf | None = None, **settings: Any) -> dict[str, Any]:
    return {"name": name, "certificate": leaf and stored.to_seed(leaf), "settings": settings}


def group(cloud: Running, *domains: dict[str, Any], **more: Any) -> str:
    number = uuid.uuid4().hex
    described = {"id": number, "domains": [*domains], **more}
    cloud.control("POST", "seed", {"service": "api_gateway", "groups": [described]})
    return number


def describe(cloud: Running, number: str, name: str) -> Any:
    request = models.DescribeDomainRequest(group_id=number, domain_name=name)
    return ask(Client(cloud.config()), "describe_domain", request)


def set_certificate(cloud: Running, number: str, name: str, leaf: Leaf, **changes: str) -> None:
    given = {
        "certificate_name": "mine",
        "certificate_body": leaf.pem.decode(),
        "certificate_private_key": leaf.key_pem.decode(),
        **changes,
    }
    request = models.SetDomainCertificateRequest(group_id=number, domain_name=name, **given)
    ask(Client(cloud.config()), "set_domain_certificate", request)


def delete(cloud: Running, number: str, name: str, certificate: str) -> None:
    request = models.DeleteDomainCertificateRequest(
        group_id=number, domain_name=name, certificate_id=certificate
    )
    ask(Client(cloud.config()), "delete_domain_certificate", request)


def refused(code: str, cloud: Running, number: str, name: str, leaf: Leaf, **changes: str) -> None:
    with pytest.raises(ClientException) as caught:
        set_certificate(cloud, number, name, leaf, **changes)
    assert caught.value.code == code


def test_a_certificate_is_replaced_shown_and_served(cloud: Running, authority: Authority) -> None:
    name, leaf = host(), authority.leaf(["*.example.com"])
    number = group(cloud, domain(name, authority.leaf([name])), domain(host()))
    former = describe(cloud, number, name).certificate_id
    set_certificate(cloud, number, name, leaf)
    shown = describe(cloud, number, name)
    assert (shown.certificate_name, shown.certificate_body) == ("mine", leaf.pem.decode())
    assert shown.certificate_private_key is None, "no answer holds a private key"
    assert shown.certificate_id != former
    assert cloud.get_served(name) == leaf.fingerprint
    request = models.DescribeApiGroupRequest(group_id=number)
    items = ask(Client(cloud.config()), "describe_api_group", request).custom_domains.domain_item
    assert [one.certificate_name for one in items] == ["mine", None]
    assert {one.domain_binding_status for one in items} == {"BINDING"}


def test_a_certificate_is_removed(cloud: Running, authority: Authority) -> None:
    name = host()
    number = group(cloud, domain(name, authority.leaf([name])))
    certificate = describe(cloud, number, name).certificate_id
    delete(cloud, number, name, "another")
    assert describe(cloud, number, name).certificate_id == certificate
    delete(cloud, number, name, certificate)
    delete(cloud, number, name, certificate)
    assert describe(cloud, number, name).certificate_id is None
    assert cloud.get_served(name) is None


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    name, leaf, other = host(), authority.leaf(), authority.leaf()
    number = group(cloud, domain(name))
    refused("InvalidGroupId.NotFound", cloud, "none", name, leaf)
    refused("NotFoundDomain", cloud, number, host(), leaf)
    refused("MissingCertificateBody", cloud, number, name, leaf, certificate_body="")
    refused("InvalidCertificate", cloud, number, name, leaf, certificate_body="x")
    wrong = {"certificate_private_key": other.key_pem.decode()}
    refused("InvalidCertificate", cloud, number, name, leaf, **wrong)
    assert cloud.get_served(name) is None


def test_groups_are_paged_and_belong_to_a_region(start: Any) -> None:
    running = start()
    made = [group(running) for _ in range(3)]
    group(running, region="cn-shanghai")
    client, seen = Client(running.config()), []
    for number in (1, 2):
        request = models.DescribeApiGroupsRequest(page_number=number, page_size=2)
        page = ask(client, "describe_api_groups", request)
        assert page.total_count == 3
        seen += [one.group_id for one in page.api_group_attributes.api_group_attribute]
    assert seen == made
    regions = ask(client, "describe_regions", models.DescribeRegionsRequest()).regions.region
    assert "cn-shanghai" in [one.region_id for one in regions]
