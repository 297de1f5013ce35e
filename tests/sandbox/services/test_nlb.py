"""The Network Load Balancer, driven by the official client."""

from typing import Any

import pytest
from alibabacloud_nlb20220430 import models
from alibabacloud_nlb20220430.client import Client
from alibabacloud_tea_openapi import models as generic
from alibabacloud_tea_openapi.client import Client as GenericClient
from alibabacloud_tea_openapi.exceptions import ClientException
from darabonba.runtime import RuntimeOptions

from tests.sandbox.running import Running, ask
from tests.sandbox.services.listeners import build_hostname, check_refused, seed
from tests.sandbox.services.stored import upload_identifier
from tests.support.factory import Authority

METHODS = {
    "AssociateAdditionalCertificatesWithListener": (
        "associate_additional_certificates_with_listener"
    ),
    "DisassociateAdditionalCertificatesWithListener": (
        "disassociate_additional_certificates_with_listener"
    ),
    "UpdateListenerAttribute": "update_listener_attribute",
    "ListListenerCertificates": "list_listener_certificates",
    "ListListeners": "list_listeners",
    "GetListenerAttribute": "get_listener_attribute",
    "GetJobStatus": "get_job_status",
    "DescribeRegions": "describe_regions",
}
ADD, REMOVE = list(METHODS)[:2]


def call(cloud: Running, operation: str, **values: Any) -> Any:
    request = getattr(models, f"{operation}Request")(**values)
    return ask(Client(cloud.config()), METHODS[operation], request)


def update(cloud: Running, listener: str, certificate: str) -> str:
    values = {"listener_id": listener, "certificate_ids": [certificate]}
    return str(call(cloud, "UpdateListenerAttribute", **values).job_id)


def extra(cloud: Running, operation: str, listener: str, *certificates: str) -> str:
    values = {"listener_id": listener, "additional_certificate_ids": list(certificates)}
    return str(call(cloud, operation, **values).job_id)


def held(cloud: Running, listener: str) -> dict[str, bool]:
    rows = call(cloud, "ListListenerCertificates", listener_id=listener).certificates
    return {row.certificate_id: row.is_default for row in rows}


def status(cloud: Running, job: str) -> str:
    return str(call(cloud, "GetJobStatus", job_id=job).status)


def test_default_and_additional_certificates_are_changed_by_jobs(
    cloud: Running, authority: Authority
) -> None:
    host, other = build_hostname(), build_hostname()
    leaf, new, added = (authority.leaf([one]) for one in (host, host, other))
    listener, certificate = (
        seed(cloud, "nlb", leaf, hosts=[host, other]),
        upload_identifier(cloud, new),
    )
    assert status(cloud, update(cloud, listener, certificate)) == "Succeeded"
    assert cloud.get_served(host) == new.fingerprint
    extra(cloud, ADD, listener, upload_identifier(cloud, added))
    assert sorted(held(cloud, listener).values()) == [False, True]
    assert cloud.get_served(other) == added.fingerprint
    (second,) = [one for one, default in held(cloud, listener).items() if not default]
    extra(cloud, REMOVE, listener, second)
    assert held(cloud, listener) == {certificate: True}
    assert cloud.get_served(other) == new.fingerprint


def test_the_listing_holds_the_default_certificate(cloud: Running, authority: Authority) -> None:
    listener = seed(
        cloud, "nlb", authority.leaf([build_hostname()]), load_balancer=(lb := build_hostname())
    )
    plain = seed(cloud, "nlb", None, protocol="TCP", load_balancer=lb)
    rows = call(cloud, "ListListeners", load_balancer_ids=[lb]).listeners
    assert [(row.listener_id, len(row.certificate_ids)) for row in rows] == [
        (listener, 1),
        (plain, 0),
    ]
    secured = call(cloud, "ListListeners", load_balancer_ids=[lb], listener_protocol="TCPSSL")
    assert [row.listener_id for row in secured.listeners] == [listener]
    attribute = call(cloud, "GetListenerAttribute", listener_id=listener)
    assert attribute.certificate_ids == rows[0].certificate_ids
    assert call(cloud, "DescribeRegions").regions


def test_a_job_that_failed_is_processed_for_ever(cloud: Running, authority: Authority) -> None:
    listener = seed(cloud, "nlb", authority.leaf([build_hostname()]), next_job_fails="SystemBusy")
    certificate = upload_identifier(cloud, authority.leaf([build_hostname()]))
    assert status(cloud, update(cloud, listener, certificate)) == "processing"
    assert certificate not in held(cloud, listener)


def test_what_is_wrong_is_refused_with_a_code(cloud: Running, authority: Authority) -> None:
    listener, other = (seed(cloud, "nlb", authority.leaf([build_hostname()])) for _ in range(2))
    (own,), (spare,) = held(cloud, listener), held(cloud, other)
    check_refused("ResourceNotFound.Listener", update, cloud, "lsn-none", spare)
    check_refused("ResourceNotFound.Certificate", update, cloud, listener, "1-cn-hangzhou")
    check_refused("ResourceAlreadyAssociated.Certificate", extra, cloud, ADD, listener, own)
    check_refused("ResourceNotAssociated.Certificate", extra, cloud, REMOVE, listener, spare)
    check_refused(
        "IllegalParam.AdditionalCertificateIds", extra, cloud, ADD, listener, *[spare] * 16
    )
    check_refused("ResourceNotFound.Job", status, cloud, "none")
    cloud.control("POST", "propagation", {"seconds": 3600})
    job = update(cloud, listener, spare)
    assert status(cloud, job) == "processing"
    check_refused("IncorrectStatus.Listener", update, cloud, listener, spare)


def test_a_change_in_the_query_is_not_understood(cloud: Running, authority: Authority) -> None:
    listener = seed(cloud, "nlb", authority.leaf([build_hostname()]))
    (own,) = held(cloud, listener)
    parameters = generic.Params(
        action="UpdateListenerAttribute",
        version="2022-04-30",
        style="RPC",
        protocol="HTTP",
        pathname="/",
        method="POST",
        auth_type="AK",
        req_body_type="formData",
        body_type="json",
    )
    query = {"ListenerId": listener, "CertificateIds.1": own}
    client = GenericClient(cloud.config())
    with pytest.raises(ClientException) as caught:
        client.call_api(parameters, generic.OpenApiRequest(query=query), RuntimeOptions())
    assert caught.value.code == "MissingCertificateIds"
