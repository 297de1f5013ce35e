"""The Application Load Balancer, driven by the official client."""

from typing import Any

from alibabacloud_alb20200616 import models
from alibabacloud_alb20200616.client import Client

from tests.sandbox.running import Running, ask
from tests.sandbox.services.listeners import build_hostname, check_refused, seed
from tests.sandbox.services.stored import upload_identifier
from tests.support.factory import Authority

ADD = "AssociateAdditionalCertificatesWithListener"
REMOVE = "DissociateAdditionalCertificatesFromListener"
METHODS = {
    ADD: "associate_additional_certificates_with_listener",
    REMOVE: "dissociate_additional_certificates_from_listener",
    "UpdateListenerAttribute": "update_listener_attribute",
    "ListListenerCertificates": "list_listener_certificates",
    "ListListeners": "list_listeners",
    "GetListenerAttribute": "get_listener_attribute",
    "ListAsynJobs": "list_asyn_jobs",
    "DescribeRegions": "describe_regions",
}


def call(cloud: Running, operation: str, **values: Any) -> Any:
    request = getattr(models, f"{operation}Request")(**values)
    return ask(Client(cloud.config()), METHODS[operation], request)


def change(cloud: Running, operation: str, listener: str, certificate: str, **more: Any) -> str:
    item = getattr(models, f"{operation}RequestCertificates")(certificate_id=certificate)
    answer = call(cloud, operation, listener_id=listener, certificates=[item], **more)
    return str(answer.job_id)


def held(cloud: Running, listener: str) -> dict[str, tuple[bool, str]]:
    rows = call(cloud, "ListListenerCertificates", listener_id=listener).certificates
    return {row.certificate_id: (row.is_default, row.status) for row in rows}


def job(cloud: Running, number: str) -> Any:
    (found,) = call(cloud, "ListAsynJobs", job_ids=[number]).jobs
    return found


def test_the_default_certificate_is_replaced_by_a_job(cloud: Running, authority: Authority) -> None:
    host = build_hostname()
    leaf, new = authority.leaf([host]), authority.leaf([host])
    listener, certificate = seed(cloud, "alb", leaf), upload_identifier(cloud, new)
    number = change(cloud, "UpdateListenerAttribute", listener, certificate)
    shown = job(cloud, number)
    assert (shown.status, shown.resource_id) == ("Succeeded", listener)
    assert held(cloud, listener) == {certificate: (True, "Associated")}
    (default,) = call(cloud, "GetListenerAttribute", listener_id=listener).certificates
    assert default.certificate_id == certificate
    assert cloud.get_served(host) == new.fingerprint


def test_what_was_added_last_is_served_until_it_is_removed(
    cloud: Running, authority: Authority
) -> None:
    host = build_hostname()
    leaf, added = authority.leaf([host]), authority.leaf(["*.example.com"])
    listener = seed(cloud, "alb", leaf, authority.leaf([host]))
    (before,) = [one for one, (default, _) in held(cloud, listener).items() if not default]
    certificate = upload_identifier(cloud, added)
    change(cloud, ADD, listener, certificate)
    assert held(cloud, listener)[certificate] == (False, "Associated")
    assert cloud.get_served(host) == added.fingerprint
    change(cloud, REMOVE, listener, certificate)
    change(cloud, REMOVE, listener, before)
    assert cloud.get_served(host) == leaf.fingerprint


def test_a_listener_is_configuring_and_busy_until_its_change_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    host = build_hostname()
    leaf = authority.leaf([host])
    listener, certificate = (
        seed(cloud, "alb", leaf),
        upload_identifier(cloud, authority.leaf([host])),
    )
    (former,) = held(cloud, listener)
    cloud.control("POST", "propagation", {"seconds": 3600})
    number = change(cloud, "UpdateListenerAttribute", listener, certificate)
    assert job(cloud, number).status == "Processing"
    assert held(cloud, listener) == {
        certificate: (True, "Associating"),
        former: (True, "Diassociating"),  # codespell:ignore - the cloud's own spelling
    }
    attribute = call(cloud, "GetListenerAttribute", listener_id=listener)
    assert attribute.listener_status == "Configuring"
    check_refused("IncorrectStatus.Listener", change, cloud, ADD, listener, certificate)
    assert cloud.get_served(host) == leaf.fingerprint


def test_a_job_may_fail_and_shows_its_code(cloud: Running, authority: Authority) -> None:
    host = build_hostname()
    leaf = authority.leaf([host])
    listener = seed(cloud, "alb", leaf, next_job_fails="SystemBusy")
    certificate = upload_identifier(cloud, authority.leaf([host]))
    number = change(cloud, "UpdateListenerAttribute", listener, certificate)
    shown = job(cloud, number)
    assert (shown.status, shown.error_code) == ("Failed", "SystemBusy")
    assert certificate not in held(cloud, listener)
    assert call(cloud, "ListAsynJobs", resource_ids=[listener]).total_count == 1


def test_what_is_wrong_is_refused_with_a_code(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([build_hostname()])
    listener, plain = seed(cloud, "alb", leaf), seed(cloud, "alb", None, protocol="HTTP")
    other, (own,) = (
        upload_identifier(cloud, authority.leaf([build_hostname()])),
        held(cloud, listener),
    )
    update = "UpdateListenerAttribute"
    check_refused("ResourceNotFound.Listener", change, cloud, update, "lsn-none", other)
    check_refused("ResourceNotFound.Certificate", change, cloud, update, listener, "1-cn-hangzhou")
    elsewhere = other.replace("cn-hangzhou", "ap-southeast-1")
    check_refused("ResourceNotFound.Certificate", change, cloud, update, listener, elsewhere)
    check_refused("OperationDenied.Protocol", change, cloud, update, plain, other)
    check_refused("ResourceAlreadyAssociated.Certificate", change, cloud, ADD, listener, own)
    check_refused("ResourceNotAssociated.Certificate", change, cloud, REMOVE, listener, other)
    check_refused("DryRunOperation", change, cloud, ADD, listener, other, dry_run=True)
    full = seed(cloud, "alb", leaf, *(authority.leaf([build_hostname()]) for _ in range(25)))
    check_refused("QuotaExceeded.AdditionalCertsNum", change, cloud, ADD, full, other)


def test_listings_are_paged_by_token(cloud: Running, authority: Authority) -> None:
    leaf = authority.leaf([build_hostname()])
    balancer = f"alb-{build_hostname()}"
    seeded = [seed(cloud, "alb", leaf, load_balancer=balancer) for _ in range(3)]
    values: dict[str, Any] = {"load_balancer_ids": [balancer], "max_results": 2}
    first = call(cloud, "ListListeners", **values)
    rest = call(cloud, "ListListeners", next_token=first.next_token, **values)
    assert [row.listener_id for row in (*first.listeners, *rest.listeners)] == seeded
    assert rest.next_token is None
    regions = {row.region_id for row in call(cloud, "DescribeRegions").regions}
    assert "cn-hangzhou" in regions
