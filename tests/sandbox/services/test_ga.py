"""Global Accelerator, driven by the official client."""

import uuid
from typing import Any

import pytest
from alibabacloud_cas20200407 import models as cas_models
from alibabacloud_ga20191120 import models
from alibabacloud_ga20191120.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException

from tests.sandbox.running import Running, ask
from tests.sandbox.services import stored
from tests.support.factory import Authority, Leaf

REGION = "cn-hangzhou"


class Accelerator:
    """One accelerator at the sandbox, and calls about it."""

    def __init__(self, cloud: Running, *listeners: dict[str, Any], **more: Any) -> None:
        self.cloud, self.id = cloud, f"ga-{uuid.uuid4().hex[:12]}"
        described = {"id": self.id, "listeners": [*listeners], **more}
        cloud.control("POST", "seed", {"service": "ga", "accelerators": [described]})
        self.listener = listeners[0]["id"]

    def ask(self, method: str, request: Any) -> Any:
        request.region_id = request.region_id or REGION
        return ask(Client(self.cloud.config()), method, request)

    def refused(self, code: str, method: str, request: Any) -> None:
        with pytest.raises(ClientException) as caught:
            self.ask(method, request)
        assert caught.value.code == code

    @property
    def states(self) -> tuple[str, str]:
        one = models.DescribeListenerRequest(listener_id=self.listener)
        all_ = models.DescribeAcceleratorRequest(accelerator_id=self.id)
        listener, accelerator = (
            self.ask("describe_listener", one),
            self.ask("describe_accelerator", all_),
        )
        return listener.state, accelerator.state

    def update(self, *identifiers: str, listener: str = "") -> models.UpdateListenerRequest:
        given = [models.UpdateListenerRequestCertificates(id=each) for each in identifiers]
        return models.UpdateListenerRequest(
            listener_id=listener or self.listener, certificates=given
        )

    def associate(self, *pairs: tuple[str, str]) -> Any:
        kind = models.AssociateAdditionalCertificatesWithListenerRequestCertificates
        given = [kind(domain=domain, id=identifier) for domain, identifier in pairs]
        return models.AssociateAdditionalCertificatesWithListenerRequest(
            accelerator_id=self.id, listener_id=self.listener, certificates=given
        )

    def replace(self, domain: str, identifier: str) -> Any:
        return models.UpdateAdditionalCertificateWithListenerRequest(
            accelerator_id=self.id,
            listener_id=self.listener,
            domain=domain,
            certificate_id=identifier,
        )

    def dissociate(self, *domains: str) -> Any:
        return models.DissociateAdditionalCertificatesFromListenerRequest(
            accelerator_id=self.id, listener_id=self.listener, domains=[*domains]
        )

    def certificates(self, **more: Any) -> Any:
        request = models.ListListenerCertificatesRequest(
            accelerator_id=self.id, listener_id=self.listener, **more
        )
        return self.ask("list_listener_certificates", request)


def listener(leaf: Leaf, **more: Any) -> dict[str, Any]:
    return {"id": f"lsr-{uuid.uuid4().hex[:12]}", "certificate": stored.to_seed(leaf), **more}


def host() -> str:
    return f"g{uuid.uuid4().hex[:12]}.example.com"


def test_a_default_certificate_is_replaced_and_served(cloud: Running, authority: Authority) -> None:
    name = host()
    one = Accelerator(cloud, listener(authority.leaf([name])))
    leaf = authority.leaf([name])
    wanted = stored.upload_identifier(cloud, leaf)
    one.ask("update_listener", one.update(wanted))
    request = models.ListListenersRequest(accelerator_id=one.id)
    (shown,) = one.ask("list_listeners", request).listeners
    assert [(c.id, c.type) for c in shown.certificates] == [(wanted, "Server")]
    assert (shown.protocol, shown.port_ranges[0].from_port) == ("HTTPS", 443)
    assert one.states == ("active", "active")
    assert cloud.get_served(name) == leaf.fingerprint


def test_additional_certificates_are_added_replaced_and_removed(
    cloud: Running, authority: Authority
) -> None:
    name, domain = host(), host()
    one = Accelerator(cloud, listener(authority.leaf([name])))
    first, second = authority.leaf([domain]), authority.leaf([domain])
    one.ask(
        "associate_additional_certificates_with_listener",
        one.associate((domain, stored.upload_identifier(cloud, first))),
    )
    assert cloud.get_served(domain) == first.fingerprint
    wanted = stored.upload_identifier(cloud, second)
    one.ask("update_additional_certificate_with_listener", one.replace(domain, wanted))
    assert cloud.get_served(domain) == second.fingerprint
    shown = one.certificates().certificates
    assert [(c.domain, c.is_default, c.state) for c in shown] == [
        (None, True, "active"),
        (domain, False, "active"),
    ]
    assert [c.certificate_id for c in one.certificates(role="additional").certificates] == [wanted]
    assert [c.is_default for c in one.certificates(role="default").certificates] == [True]
    one.ask("dissociate_additional_certificates_from_listener", one.dissociate(domain))
    assert one.certificates(role="additional").certificates == []
    assert cloud.get_served(domain) is None
    assert cloud.get_served(name) is not None


def test_one_change_locks_the_whole_accelerator_until_it_has_arrived(
    cloud: Running, authority: Authority
) -> None:
    name, other = host(), host()
    second = listener(authority.leaf([other]))
    one = Accelerator(cloud, listener(authority.leaf([name])), second)
    wanted = stored.upload_identifier(cloud, authority.leaf([name]))
    cloud.control("POST", "propagation", {"seconds": 3600})
    former = cloud.get_served(name)
    one.ask("update_listener", one.update(wanted))
    assert one.states == ("updating", "configuring")
    assert one.certificates().certificates[0].state == "updating"
    assert cloud.get_served(name) == former
    one.refused("StateError.Listener", "update_listener", one.update(wanted))
    one.refused(
        "StateError.Accelerator", "update_listener", one.update(wanted, listener=second["id"])
    )
    one.refused(
        "StateError.Listener",
        "associate_additional_certificates_with_listener",
        one.associate((host(), wanted)),
    )


def test_an_accelerator_that_is_locked_takes_no_change(
    cloud: Running, authority: Authority
) -> None:
    one = Accelerator(cloud, listener(authority.leaf([host()])), state="finacialLocked")
    assert one.states == ("active", "finacialLocked")
    wanted = stored.upload_identifier(cloud, authority.leaf())
    one.refused("StateError.Accelerator", "update_listener", one.update(wanted))


def test_what_is_wrong_is_refused(cloud: Running, authority: Authority) -> None:
    one = Accelerator(
        cloud, listener(authority.leaf([host()])), {"id": "lsr-plain", "protocol": "TCP"}
    )
    wanted, domain = stored.upload_identifier(cloud, authority.leaf()), host()
    one.refused("NotExist.Certificate", "update_listener", one.update("1-cn-hangzhou"))
    foreign = wanted.replace(REGION, "ap-southeast-1")
    one.refused("NotExist.Certificate", "update_listener", one.update(foreign))
    one.refused("InvalidCertificates", "update_listener", one.update(wanted, wanted))
    one.refused("NotExist.Listener", "update_listener", one.update(wanted, listener="lsr-0"))
    one.refused("NotSupport.Protocol", "update_listener", one.update(wanted, listener="lsr-plain"))
    elsewhere = one.update(wanted)
    elsewhere.region_id = "cn-shanghai"
    one.refused("InvalidRegionId", "update_listener", elsewhere)
    associate = "associate_additional_certificates_with_listener"
    one.refused("MissingCertificates", associate, one.associate())
    many = [(host(), wanted) for _ in range(11)]
    one.refused("InvalidCertificates", associate, one.associate(*many))
    one.ask(associate, one.associate((domain, wanted)))
    one.refused("Exist.Domain", associate, one.associate((domain, wanted)))
    update = "update_additional_certificate_with_listener"
    one.refused("NotExist.Domain", update, one.replace(host(), wanted))
    remove = "dissociate_additional_certificates_from_listener"
    one.refused("NotExist.Domain", remove, one.dissociate(host()))
    one.refused(
        "InvalidRole",
        "list_listener_certificates",
        models.ListListenerCertificatesRequest(
            accelerator_id=one.id, listener_id=one.listener, role="other"
        ),
    )


def test_listings_are_paged(start: Any, authority: Authority) -> None:
    running, leaf = start(), authority.leaf(["*.example.com"])
    additional = [{"domain": host(), "certificate": stored.to_seed(leaf)} for _ in range(5)]
    made = [
        Accelerator(running, listener(leaf, additional=additional), listener(leaf))
        for _ in range(3)
    ]
    seen = []
    for number in (1, 2):
        request = models.ListAcceleratorsRequest(page_number=number, page_size=2)
        page = made[0].ask("list_accelerators", request)
        assert page.total_count == 3
        seen += [one.accelerator_id for one in page.accelerators]
    assert seen == [one.id for one in made]
    first = made[0].certificates(role="additional", max_results=3)
    rest = made[0].certificates(role="additional", max_results=3, next_token=first.next_token)
    assert (len(first.certificates), len(rest.certificates), rest.next_token) == (3, 2, None)
    request = models.ListListenersRequest(accelerator_id=made[0].id, page_size=1, page_number=2)
    assert len(made[0].ask("list_listeners", request).listeners) == 1
    one = models.ListAcceleratorsRequest(page_size=51)
    made[0].refused("InvalidPageSize", "list_accelerators", one)


def test_a_certificate_that_an_accelerator_serves_is_in_use(
    cloud: Running, authority: Authority
) -> None:
    leaf = authority.leaf([host()])
    one = Accelerator(cloud, listener(leaf))
    (shown,) = one.certificates().certificates
    request = cas_models.GetCertificateDetailRequest(
        certificate_id=shown.certificate_id.partition("-")[0]
    )
    detail = cloud.cas().get_certificate_detail(request).body
    assert detail.using_product_list == ["GA"]
