"""Default certificates of Global Accelerator's HTTPS listeners."""

import pytest

from connectors.alibaba._bases.stored import GONE_FROM_STORE
from domain.errors import Permanent, Transient
from domain.resources.connector import Scenario
from domain.resources.resource import CertificateRef
from tests.connectors.alibaba.ga_resources import build_listener, create_accelerator
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


class TestGaListener(ConnectorContract):
    service = "alibaba.ga_listener"
    reading = "DescribeListener"
    binding = "UpdateListener"
    page_size = 10
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None) -> None:
        create_accelerator(lab, build_listener(serving or lab.issue(host)))

    def create_many(self, lab: Lab, number: int) -> None:
        made = lab.issue(HOST)
        for _ in range(number):
            create_accelerator(lab, build_listener(made))

    def test_only_updates_are_offered(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.UPDATE}

    def test_only_https_listeners_are_listed_whatever_the_case(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        plain = {"id": "lsr-plain", "protocol": "TCP"}
        number = create_accelerator(lab, plain, build_listener(made, protocol="https", port=8443))
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.key.startswith(f"{number}/lsr-")
        assert found.resource.key.endswith("/default")
        assert found.resource.port == 8443

    def test_the_listing_shows_what_is_served(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        found = self.create_and_find(lab, made)
        assert found.binding_known
        assert found.binding is not None
        assert found.binding.fingerprint == made.certificate.fingerprint

    def test_listeners_of_one_accelerator_share_its_lock(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        create_accelerator(lab, build_listener(made), build_listener(made))
        create_accelerator(lab, build_listener(made))
        connector = lab.connector(self.service)
        keys = [connector.get_lock_key(found.resource) for found in list_all(connector)]
        assert keys[0] == keys[1] != keys[2]

    def test_a_locked_accelerator_is_tried_again(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        create_accelerator(lab, build_listener(made), build_listener(made))
        connector = lab.connector(self.service)
        first, second = [found.resource for found in list_all(connector)]
        reference = self.install(lab, lab.issue(HOST))
        lab.cloud.set_propagation(3600)
        try:
            connector.bind(first, reference)
            assert not connector.has_arrived(first, reference)
            with pytest.raises(Transient) as busy:
                connector.bind(second, reference)
            assert busy.value.code == "StateError.Accelerator"
            with pytest.raises(Transient) as busy:
                connector.bind(first, reference)
            assert busy.value.code == "StateError.Listener"
        finally:
            lab.cloud.set_propagation(0)

    def test_an_accelerator_without_funds_is_listed_with_its_state(self, lab: Lab) -> None:
        create_accelerator(lab, build_listener(lab.issue(HOST)), state="finacialLocked")
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == "finacialLocked"

    def test_a_listener_cannot_be_left_without_a_certificate(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(resource, None)

    def test_a_former_certificate_that_the_store_has_lost_cannot_be_restored(
        self, lab: Lab
    ) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        connector = lab.connector(self.service)
        lab.cloud.add_fault("error", "GetUserCertificateDetail", code="NotFound", status=404)
        before = connector.read(resource)
        assert before is not None
        assert before.fingerprint is None
        assert connector.explain_not_reversible(resource, before) == GONE_FROM_STORE

    def test_a_certificate_of_the_other_site_is_refused(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        fields = {"cert_id": "1", "identifier": "1-ap-southeast-1", "region": "ap-southeast-1"}
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(
                resource, CertificateRef(store="alibaba.cas/intl", fields=fields)
            )
