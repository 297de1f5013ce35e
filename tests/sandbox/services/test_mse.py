"""MSE's cloud-native gateways, driven by the official client."""

import uuid
from typing import Any

from alibabacloud_mse20190531 import models
from alibabacloud_mse20190531.client import Client

from tests.sandbox.running import Running, ask
from tests.sandbox.services import stored
from tests.support.factory import Authority, Leaf


def host() -> str:
    return f"m{uuid.uuid4().hex[:12]}.example.com"


def domain(name: str, leaf: Leaf | None = None, **more: Any) -> dict[str, Any]:
    return {"name": name, "certificate": leaf and stored.to_seed(leaf), **more}


def gateway(cloud: Running, *domains: dict[str, Any], **more: Any) -> str:
    number = f"gw-{uuid.uuid4().hex[:12]}"
    described = {"id": number, "domains": [*domains], **more}
    cloud.control("POST", "seed", {"service": "mse", "gateways": [described]})
    return number


def domains(cloud: Running, number: str, name: str | None = None) -> Any:
    request = models.ListGatewayDomainRequest(gateway_unique_id=number, domain_name=name)
    return ask(Client(cloud.config()), "list_gateway_domain", request)


def update(cloud: Running, number: str, domain_id: int, identifier: str) -> Any:
    request = models.UpdateSSLCertRequest(
        gateway_unique_id=number, domain_id=domain_id, cert_identifier=identifier
    )
    return ask(Client(cloud.config()), "update_sslcert", request)


def test_a_certificate_is_replaced_published_and_served(
    cloud: Running, authority: Authority
) -> None:
    name = host()
    number = gateway(cloud, domain(name, authority.leaf([name])), domain(host()))
    (one,) = domains(cloud, number, name).data
    leaf = authority.leaf([name])
    identifier = stored.upload_identifier(cloud, leaf)
    assert update(cloud, number, one.id, identifier).data is True
    (one,) = domains(cloud, number, name).data
    assert (one.cert_identifier, one.protocol, one.status) == (identifier, "HTTPS", 3)
    not_after = leaf.certificate.not_valid_after_utc
    assert one.cert_before_date == not_after.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert cloud.get_served(name) == leaf.fingerprint
    assert [one.protocol for one in domains(cloud, number).data] == ["HTTPS", "HTTP"]


def test_a_domain_is_publishing_until_its_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    name, former = host(), authority.leaf(["*.example.com"])
    number = gateway(cloud, domain(name, former))
    (one,) = domains(cloud, number).data
    cloud.control("POST", "propagation", {"seconds": 3600})
    update(cloud, number, one.id, stored.upload_identifier(cloud, authority.leaf([name])))
    (one,) = domains(cloud, number).data
    assert one.status == 2
    assert cloud.get_served(name) == former.fingerprint


def test_what_is_wrong_is_refused_with_http_200(cloud: Running, authority: Authority) -> None:
    name = host()
    number = gateway(cloud, domain(name, authority.leaf([name])), domain(host()))
    secured, plain = domains(cloud, number).data
    identifier = stored.upload_identifier(cloud, authority.leaf([name]))
    refusals = [
        update(cloud, number, secured.id, "1-cn-hangzhou"),
        update(cloud, number, secured.id, identifier.replace("cn-hangzhou", "ap-southeast-1")),
        update(cloud, number, 1, identifier),
        update(cloud, number, plain.id, identifier),
        update(cloud, "gw-none", secured.id, identifier),
        domains(cloud, "gw-none"),
    ]
    assert [one.success for one in refusals] == [False] * 6
    assert [one.code for one in refusals] == [404, 404, 404, 400, 404, 404]
    assert domains(cloud, number).success is True


def test_gateways_are_paged_and_belong_to_a_region(start: Any) -> None:
    running = start()
    made = [gateway(running) for _ in range(3)]
    gateway(running, region="cn-shanghai")
    client = Client(running.config())
    seen = []
    for number in (1, 2):
        request = models.ListGatewayRequest(page_number=number, page_size=2)
        page = ask(client, "list_gateway", request).data
        assert page.total_size == 3
        seen += [one.gateway_unique_id for one in page.result]
    assert seen == made
    regions = ask(client, "query_gateway_region", models.QueryGatewayRegionRequest()).data
    assert "cn-shanghai" in regions
