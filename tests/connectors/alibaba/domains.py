"""What CDN and DCDN keep beside the contract, as tests to inherit."""

from typing import ClassVar

import pytest

from domain.errors import Permanent
from domain.resources.connector import Scenario
from tests.connectors.alibaba.sm_slots import pair, pair_slot
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


class DomainsContract(ConnectorContract):
    """Inherit it, and say what the sandbox calls the product."""

    product: ClassVar[str]
    page_size = 500

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        connector, slot = pair_slot(lab, self.service)
        made = pair()
        reference = connector.install(made.certificate, made.key, slot)
        # The calls above switched HTTPS off, without which there is no such slot.
        with pytest.raises(Permanent):
            connector.bind(slot, reference)
        assert connector.has_arrived(slot, reference)

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: str) -> None:
        written = host.removeprefix("*")
        domain = {"name": written, "certificate": serving and serving.seed, **more}
        lab.cloud.seed(self.product, account=lab.account, domains=[domain])

    def create_many(self, lab: Lab, number: int) -> None:
        domains = [{"name": f"n{n}.example.com", "certificate": None} for n in range(number)]
        lab.cloud.seed(self.product, account=lab.account, domains=domains)

    def test_a_domain_may_get_its_first_certificate(self, lab: Lab) -> None:
        traits = lab.connector(self.service).get_traits(self.service)
        assert traits.scenarios == {Scenario.FIRST, Scenario.UPDATE}

    def test_the_listing_shows_where_https_is_off(self, lab: Lab) -> None:
        off = self.create_and_find(lab, None)
        on = self.create_and_find(lab, lab.issue("on.example.com"), "on.example.com")
        assert (off.binding_known, off.binding) == (True, None)
        assert on.binding_known is False

    def test_a_wildcard_domain_is_named_as_certificates_name_it(self, lab: Lab) -> None:
        made = lab.issue("*.example.com")
        resource = self.create_and_find(lab, None, "*.example.com").resource
        assert resource.key == "*.example.com"
        _, after = self.bind_and_read(lab, resource, made)
        assert after.names == ("*.example.com",)
        (row,) = lab.cloud.list_resources(account=lab.account)
        assert (row["name"], row["bound"]) == (".example.com", made.certificate.fingerprint)

    @pytest.mark.parametrize("status", ["offline", "checking", "stopping"])
    def test_a_domain_that_takes_no_certificate_is_listed_with_its_state(
        self, lab: Lab, status: str
    ) -> None:
        self.create_resource(lab, HOST, None, status=status)
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == status
        reference = lab.connector(self.service).install(
            (made := lab.issue(HOST)).certificate, made.key, found.resource
        )
        with pytest.raises(Permanent):
            lab.connector(self.service).bind(found.resource, reference)

    @pytest.mark.parametrize("status", ["online", "configuring", "configure_failed"])
    def test_a_domain_that_is_being_configured_counts_as_online(
        self, lab: Lab, status: str
    ) -> None:
        self.create_resource(lab, HOST, None, status=status)
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == "online"

    def test_a_certificate_that_only_the_service_has_cannot_be_restored(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.create_resource(lab, HOST, made, cert_type="upload")
        (found,) = list_all(lab.connector(self.service))
        connector = lab.connector(self.service)
        before = connector.read(found.resource)
        assert before is not None
        assert before.fingerprint == made.certificate.fingerprint
        assert before.ref is None
        reason = str(connector.explain_not_reversible(found.resource, before))
        assert self.product.upper() in reason

    def test_unless_the_same_certificate_is_also_in_the_store(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.create_resource(lab, HOST, made, cert_type="upload")
        (found,) = list_all(lab.connector(self.service))
        reference = self.install(lab, made)
        before = lab.connector(self.service).read(found.resource)
        assert before is not None
        assert before.ref == reference

    def test_only_the_upload_carries_the_private_key(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.bind_and_read(lab, self.create_and_find(lab, lab.issue(HOST)).resource, made)
        carrying = [
            row["headers"]["x-acs-action"]
            for row in lab.cloud.list_requests(lab.account)
            if any(trace in row["query"] + row["body"] for trace in made.traces)
        ]
        assert carrying == ["UploadUserCertificate"]
