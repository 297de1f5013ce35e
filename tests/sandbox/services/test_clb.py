"""The Classic Load Balancer, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_slb20140515 import models
from alibabacloud_slb20140515.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services.stored import to_seed, upload
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


def call(cloud: Running, method: str, request: str, **values: Any) -> Any:
    made = getattr(models, f"{request}Request")(**{"region_id": REGION, **values})
    return ask(Client(cloud.config()), method, made)


def seed(cloud: Running, leaf: Leaf, **more: Any) -> str:
    number = f"lb-{uuid.uuid4().hex[:10]}"
    listener = {"load_balancer": number, "certificate": to_seed(leaf), **more}
    cloud.control("POST", "seed", {"service": "clb", "listeners": [listener]})
    return number


def put(cloud: Running, leaf: Leaf, **values: Any) -> Any:
    pem = {"server_certificate": leaf.pem.decode(), "private_key": leaf.key_pem.decode()}
    return call(cloud, "upload_server_certificate", "UploadServerCertificate", **{**pem, **values})


def listener(cloud: Running, number: str) -> Any:
    method = "describe_load_balancer_httpslistener_attribute"
    ids = {"load_balancer_id": number, "listener_port": 443}
    return call(cloud, method, "DescribeLoadBalancerHTTPSListenerAttribute", **ids)


def change(cloud: Running, number: str, certificate: str, **values: Any) -> None:
    method = "set_load_balancer_httpslistener_attribute"
    ids = {"load_balancer_id": number, "listener_port": 443, "server_certificate_id": certificate}
    call(cloud, method, "SetLoadBalancerHTTPSListenerAttribute", **{**ids, **values})


def refusal(code: str, what: Any, *arguments: Any, **values: Any) -> None:
    with pytest.raises(ClientException) as caught:
        what(*arguments, **values)
    assert caught.value.code == code


def name() -> str:
    return f"h{uuid.uuid4().hex[:10]}.example.com"


def test_every_upload_makes_another_certificate(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([name()])
    first, second = put(cloud, leaf), put(cloud, leaf)
    assert first.server_certificate_id != second.server_certificate_id
    assert first.fingerprint.replace(":", "") == leaf.fingerprint
    ids = {"server_certificate_id": first.server_certificate_id}
    shown = call(cloud, "describe_server_certificates", "DescribeServerCertificates", **ids)
    (row,) = shown.server_certificates.server_certificate
    assert row.expire_time_stamp == int(leaf.certificate.not_valid_after_utc.timestamp() * 1000)
    assert row.is_ali_cloud_certificate == 0


def test_a_certificate_of_the_store_is_taken_over(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([name()])
    pem = {"server_certificate": None, "private_key": None}
    shown = put(cloud, leaf, ali_cloud_certificate_id=str(upload(cloud, leaf)), **pem)
    assert shown.is_ali_cloud_certificate == 1
    assert shown.fingerprint.replace(":", "") == leaf.fingerprint


def test_a_listener_and_its_additional_domain_are_changed_one_by_one(
    cloud: Running, authority: Authority
) -> None:
    host, other = name(), name()
    leaf, added = authority.leaf([host]), authority.leaf([other])
    number = seed(cloud, leaf, domains={other: to_seed(added)})
    (extension,) = listener(cloud, number).domain_extensions.domain_extension
    assert (extension.domain, cloud.get_served(other)) == (other, added.fingerprint)
    new = authority.leaf([host, other])
    certificate = put(cloud, new).server_certificate_id
    change(cloud, number, certificate)
    assert listener(cloud, number).server_certificate_id == certificate
    assert (cloud.get_served(host), cloud.get_served(other)) == (new.fingerprint, added.fingerprint)
    ids = {"domain_extension_id": extension.domain_extension_id}
    values = {**ids, "server_certificate_id": certificate}
    call(cloud, "set_domain_extension_attribute", "SetDomainExtensionAttribute", **values)
    assert cloud.get_served(other) == new.fingerprint


def test_what_a_listener_uses_is_not_deleted(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([name()])
    number = seed(cloud, leaf)
    delete = ("delete_server_certificate", "DeleteServerCertificate")
    used = listener(cloud, number).server_certificate_id
    refusal("CertificateAndPrivateKeyIsRefered", call, cloud, *delete, server_certificate_id=used)
    spare = put(cloud, leaf).server_certificate_id
    call(cloud, *delete, server_certificate_id=spare)
    refusal("ServerCertificateId.NotFound", change, cloud, number, spare)


def test_what_an_additional_domain_uses_is_not_deleted(
    cloud: Running, authority: Authority
) -> None:
    host = name()
    number = seed(cloud, authority.leaf([name()]), domains={host: to_seed(authority.leaf([host]))})
    (added,) = listener(cloud, number).domain_extensions.domain_extension
    refusal(
        "CertificateRelatedDomainExtensionExist",
        call,
        cloud,
        "delete_server_certificate",
        "DeleteServerCertificate",
        server_certificate_id=added.server_certificate_id,
    )


def test_listings_are_paged_by_token_within_a_region(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([name()])
    numbers = [seed(cloud, leaf, region="cn-shanghai") for _ in range(3)]
    method = ("describe_load_balancer_listeners", "DescribeLoadBalancerListeners")
    values: dict[str, Any] = {"region_id": "cn-shanghai", "max_results": 2}
    first = call(cloud, *method, **values)
    rest = call(cloud, *method, next_token=first.next_token, **values)
    assert [row.load_balancer_id for row in (*first.listeners, *rest.listeners)] == numbers
    assert rest.next_token is None
    shown = call(cloud, "describe_regions", "DescribeRegions")
    assert {"cn-shanghai", REGION} <= {row.region_id for row in shown.regions.region}


def test_what_is_wrong_is_refused_with_a_code(cloud: Running, authority: Authority) -> None:
    leaf, other = authority.leaf([name()]), authority.leaf([name()])
    number, own = seed(cloud, leaf), put(cloud, other).server_certificate_id
    pem, key = leaf.pem.decode(), leaf.key_pem.decode()
    refusal("InvalidLoadBalancerId.NotFound", change, cloud, "lb-none", own)
    refusal("ListenerNotFound", change, cloud, number, own, listener_port=80)
    refusal("InvalidRegionId.NotFound", put, cloud, leaf, region_id="cn-nowhere")
    refusal("CertificateNotMatchPrivateKey", put, cloud, leaf, private_key=other.key_pem.decode())
    refusal("InvalidParameter.ServerCertificate", put, cloud, leaf, server_certificate=f"\n{pem}")
    refusal("InvalidParameter.PrivateKey", put, cloud, leaf, private_key=f"{key}\n\n")
    refusal("CertificateFormatInvalid", put, cloud, leaf, server_certificate="x")
    elsewhere = put(cloud, other, region_id="cn-shanghai").server_certificate_id
    refusal("ServerCertificateId.NotFound", change, cloud, number, elsewhere)
    stopped = seed(cloud, leaf, status="stopped")
    refusal("OperationFailed.ListenerStatusNotSupport", change, cloud, stopped, own)


def test_a_load_balancer_is_busy_until_its_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    host = name()
    leaf, new = authority.leaf([host]), authority.leaf([host])
    number, certificate = seed(cloud, leaf), put(cloud, new).server_certificate_id
    cloud.control("POST", "propagation", {"seconds": 3600})
    change(cloud, number, certificate)
    assert listener(cloud, number).server_certificate_id == certificate
    assert cloud.get_served(host) == leaf.fingerprint
    refusal("ServiceIsConfiguring", change, cloud, number, certificate)
