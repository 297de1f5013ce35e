"""What the slots of CDN and DCDN for SM2 pairs keep, as tests to inherit."""

import traceback
from typing import Any, ClassVar

import pytest

from connectors.alibaba._bases.sm_slot import UNKNOWN_BEFORE, UNVERIFIABLE
from domain.certificates.keys import Algorithm
from domain.errors import CloudError, NeedsOperator, Permanent, Transient
from domain.plans.plan import build_binding
from domain.resources.connector import Connector
from domain.resources.resource import CertificateRef, Resource
from tests.connectors.lab import Lab, list_all
from tests.connectors.store_contract import HOST
from tests.support.sm2_factory import Sm2Authority, Sm2Pair, build_pair

ISSUER = Sm2Authority.root().sub()


def pair(*hosts: str) -> Sm2Pair:
    """A new pair."""
    return build_pair("shop", *(hosts or (HOST,)), issuer=ISSUER)


def pair_slot(lab: Lab, service: str) -> tuple[Connector, Resource]:
    """A connector of an account that asks for such slots, and the only one of them."""
    connector = lab.connector(service, sm_slots="true")
    (resource,) = [found.resource for found in list_all(connector) if found.resource.slot == "sm"]
    return connector, resource


class SmSlotsContract:
    """Inherit it, and say which service it is and what the setter is called."""

    service: ClassVar[str]
    product: ClassVar[str]
    setter: ClassVar[str]

    def slot(self, lab: Lab, host: str = HOST, **more: Any) -> tuple[Connector, Resource]:
        """A domain that serves a usual certificate, and its slot."""
        domain = {"name": host.removeprefix("*"), "certificate": lab.issue(host).seed, **more}
        lab.cloud.seed(self.product, account=lab.account, domains=[domain])
        return pair_slot(lab, self.service)

    def install(self, lab: Lab, made: Sm2Pair, resource: Resource) -> CertificateRef:
        return lab.connector(self.service).install(made.certificate, made.key, resource)

    def state(self, lab: Lab) -> dict[str, Any]:
        (row,) = lab.cloud.list_resources(account=lab.account)
        return row

    def stored(self, lab: Lab, made: Sm2Pair) -> list[str]:
        rows = lab.cloud.list_certificates(
            account=lab.account, fingerprint=made.certificate.fingerprint
        )
        return [str(row["id"]) for row in rows]

    def test_they_are_listed_only_if_the_account_asks_for_them(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        page = lab.connector(self.service).discover()
        assert [found.resource.key for found in page.resources] == [HOST]
        assert page.total == 1
        page = connector.discover()
        assert [found.resource.key for found in page.resources] == [HOST, f"{HOST}/sm"]
        assert page.total == 2
        assert (slot.domains, slot.state) == ((HOST,), "online")
        assert not page.resources[1].binding_known

    def test_a_domain_without_https_has_none_to_use(self, lab: Lab) -> None:
        connector, slot = self.slot(lab, certificate=None)
        assert slot.state.startswith("without HTTPS")
        reference = self.install(lab, pair(), slot)
        with pytest.raises(Permanent):
            connector.bind(slot, reference)

    def test_a_domain_that_is_offline_says_so_of_its_slot_too(self, lab: Lab) -> None:
        _, slot = self.slot(lab, status="offline")
        assert slot.state == "offline"

    def test_a_pair_is_set_beside_the_usual_certificate(self, lab: Lab) -> None:
        connector, slot = self.slot(lab, "*.example.com")
        made, usual = pair("*.example.com"), self.state(lab)["bound"]
        reference = self.install(lab, made, slot)
        for _ in range(2):
            connector.bind(slot, reference)
        assert connector.has_arrived(slot, reference)
        state = self.state(lab)
        assert state["sm"] == made.certificate.fingerprint
        assert state["sm_applied"] == [made.certificate.fingerprint] * 2
        assert (state["bound"], state["applied"]) == (usual, [])

    def test_what_it_serves_is_what_we_remember(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        made = pair()
        reference = self.install(lab, made, slot)
        connector.bind(slot, reference)
        assert connector.read(slot) is None
        assert connector.list_warnings(slot, None) == ()
        assert connector.explain_not_reversible(slot, None) == UNKNOWN_BEFORE
        ours = build_binding(made.certificate).model_copy(update={"ref": reference})
        lab.memory.bound[slot.id] = ours
        assert connector.read(slot) == ours
        assert connector.explain_not_reversible(slot, ours) is None
        assert [each.code for each in connector.list_warnings(slot, ours)] == ["own-record"]

    def test_no_handshake_verifies_what_it_serves(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        usual = slot.model_copy(update={"slot": "default", "key": HOST})
        assert connector.explain_unverifiable(slot) == UNVERIFIABLE
        assert connector.explain_unverifiable(usual) is None
        assert connector.list_warnings(usual, None) == ()
        assert Algorithm.SM2 in connector.algorithms

    def test_it_is_not_switched_off_from_here(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        with pytest.raises(Permanent) as refused:
            connector.bind(slot, None)
        assert refused.value.code == "NotKnown"
        assert self.state(lab)["sm_applied"] == []

    def test_a_change_has_arrived_once_the_domain_is_not_being_configured(self, lab: Lab) -> None:
        connector, slot = self.slot(lab, status="configuring")
        reference = self.install(lab, pair(), slot)
        connector.bind(slot, reference)
        assert not connector.has_arrived(slot, reference)

    def test_installing_twice_uploads_once(self, lab: Lab) -> None:
        _, slot = self.slot(lab)
        made = pair()
        first, again = self.install(lab, made, slot), self.install(lab, made, slot)
        assert first == again
        assert self.stored(lab, made) == [first.fields["cert_id"]]
        assert made.opened == 1

    def test_an_upload_whose_answer_was_lost_is_found_again(self, lab: Lab) -> None:
        _, slot = self.slot(lab)
        made = pair()
        lab.cloud.add_fault("lost", "UploadUserCertificate", count=1)
        with pytest.raises(Transient):
            self.install(lab, made, slot)
        assert self.stored(lab, made) == [self.install(lab, made, slot).fields["cert_id"]]

    def test_a_change_whose_answer_was_lost_is_made_again(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        reference = self.install(lab, pair(), slot)
        lab.cloud.add_fault("lost", self.setter, count=1)
        with pytest.raises(Transient):
            connector.bind(slot, reference)
        connector.bind(slot, reference)
        assert len(set(self.state(lab)["sm_applied"])) == 1

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ({"kind": "throttle"}, Transient),
            ({"kind": "5xx"}, Transient),
            ({"kind": "error", "code": "Never.Seen"}, Permanent),
            ({"kind": "error", "code": "Forbidden.RAM", "status": 403}, NeedsOperator),
        ],
        ids=lambda value: value["kind"] if isinstance(value, dict) else None,
    )
    def test_failures_are_classified_for_the_caller(
        self, lab: Lab, fault: dict[str, Any], kind: type[CloudError]
    ) -> None:
        connector, slot = self.slot(lab)
        reference = self.install(lab, pair(), slot)
        lab.cloud.add_fault(operation=self.setter, **fault)
        with pytest.raises(kind):
            connector.bind(slot, reference)

    def test_a_certificate_of_another_kind_is_refused_by_the_service(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        usual = lab.issue(HOST)
        reference = connector.install(usual.certificate, usual.key, slot)
        with pytest.raises(Permanent) as failure:
            connector.bind(slot, reference)
        assert failure.value.code == "InvalidCertIdentifier.ValueNotSupported"

    def test_only_the_upload_carries_the_keys_and_no_error_repeats_them(self, lab: Lab) -> None:
        connector, slot = self.slot(lab)
        made = pair()
        lab.cloud.add_fault("reset", "UploadUserCertificate", count=1)
        with pytest.raises(CloudError) as failure:
            self.install(lab, made, slot)
        text = "".join(traceback.format_exception(failure.value))
        assert not any(trace in text + repr(vars(failure.value)) for trace in made.key_fragments)
        connector.bind(slot, self.install(lab, made, slot))
        carrying = {
            row["headers"]["x-acs-action"]
            for row in lab.cloud.list_requests(lab.account)
            if any(trace in row["query"] + row["body"] for trace in made.key_fragments)
        }
        assert carrying == {"UploadUserCertificate"}
