"""The Serverless App Engine's routes, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_sae20190506 import models
from alibabacloud_sae20190506.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services.listeners import build_hostname
from tests.sandbox.services.stored import to_seed, upload_identifier
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


def call(cloud: Running, method: str, request: str, **values: Any) -> Any:
    return ask(Client(cloud.config()), method, getattr(models, f"{request}Request")(**values))


def seed(cloud: Running, domains: list[str], *leaves: Leaf, **more: Any) -> Any:
    """The only route of a new namespace."""
    namespace = f"{REGION}:{uuid.uuid4().hex[:8]}"
    certificates = [to_seed(leaf) for leaf in leaves]
    route = {"domains": domains, "certificates": certificates, "namespace": namespace, **more}
    cloud.control("POST", "seed", {"service": "sae", "routes": [route]})
    listed = call(cloud, "list_ingresses", "ListIngresses", namespace_id=namespace)
    (found,) = listed.data.ingress_list
    return found


def update(cloud: Running, number: int, **values: Any) -> Any:
    return call(cloud, "update_ingress", "UpdateIngress", ingress_id=number, **values)


def described(cloud: Running, number: int) -> Any:
    return call(cloud, "describe_ingress", "DescribeIngress", ingress_id=number).data


def test_a_route_on_alb_has_a_list_of_certificates_that_is_replaced_whole(
    cloud: Running, authority: Authority
) -> None:
    host, other = build_hostname(), build_hostname()
    first, second, new = (authority.leaf([one]) for one in (host, other, host))
    found = seed(cloud, [host, other], first, second)
    assert (cloud.get_served(host), cloud.get_served(other)) == (
        first.fingerprint,
        second.fingerprint,
    )
    wanted = upload_identifier(cloud, new)
    assert update(cloud, found.id, cert_ids=wanted).data.ingress_id == found.id
    shown = described(cloud, found.id)
    assert (shown.cert_ids, shown.listener_protocol) == (wanted, "HTTPS")
    assert cloud.get_served(host) == cloud.get_served(other) == new.fingerprint


def test_a_route_on_clb_has_one_certificate_of_its_region(
    cloud: Running, authority: Authority
) -> None:
    host, another = build_hostname(), build_hostname()
    found = seed(cloud, [host], authority.leaf([host]), kind="clb")
    leaf = authority.leaf([host])
    spare = seed(cloud, [another], leaf, kind="clb")
    update(cloud, found.id, cert_id=spare.cert_id)
    assert described(cloud, found.id).cert_id == spare.cert_id
    assert cloud.get_served(host) == leaf.fingerprint


def test_a_plain_route_serves_nothing(cloud: Running) -> None:
    host = build_hostname()
    found = seed(cloud, [host])
    assert (found.listener_protocol, found.cert_ids) == ("HTTP", "")
    assert cloud.get_served(host) is None


def test_what_is_wrong_is_said_inside_a_successful_answer(
    cloud: Running, authority: Authority
) -> None:
    found = seed(cloud, [build_hostname()], authority.leaf([build_hostname()]))
    for answer, code in (
        (update(cloud, 1, cert_ids="1-cn-hangzhou"), "IngressNotFound"),
        (update(cloud, found.id, cert_ids="1-cn-hangzhou"), "CertificateNotFound"),
    ):
        assert (answer.success, answer.error_code) == (False, code)
    with pytest.raises(ClientException) as refused:
        update(cloud, found.id, cert_id="for-clb-only")
    assert refused.value.code == "MissingCertIds"
    with pytest.raises(ClientException) as refused:
        call(cloud, "list_ingresses", "ListIngresses")
    assert refused.value.code == "MissingNamespaceId"


def test_namespaces_are_listed_with_their_keys_but_not_the_default_one(
    start: Any,
) -> None:
    running = start()
    seeded = {seed(running, [build_hostname()]).namespace_id for _ in range(3)}
    default = {"domains": [build_hostname()], "namespace": REGION}
    running.control("POST", "seed", {"service": "sae", "routes": [default]})
    pages = [
        call(
            running, "describe_namespaces", "DescribeNamespaces", current_page=page, page_size=2
        ).data
        for page in (1, 2)
    ]
    rows = [row for page in pages for row in page.namespaces]
    assert {row.namespace_id for row in rows} == seeded
    assert {page.total_size for page in pages} == {3}
    assert all(row.secret_key for row in rows)


def test_the_regions_are_listed(cloud: Running) -> None:
    client = Client(cloud.config())
    regions = client.describe_regions().body.regions.region
    assert REGION in {row.region_id for row in regions}
