"""What services that take only PEM keep besides, as tests to inherit."""

import pytest

import connectors
from connectors.alibaba._bases.pem import KEY_UNKNOWN
from domain.errors import Permanent
from domain.resources.resource import CertificateRef
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material
from tests.connectors.store_contract import HOST


class PemContract(ConnectorContract):
    """Certificates come from the vault, which holds all that a test issued."""

    def list_stored(self, lab: Lab, made: Material) -> list[str]:
        """The resources that serve it: there is no store."""
        rows = lab.cloud.list_resources(account=lab.account)
        return [row["name"] for row in rows if row["bound"] == made.certificate.fingerprint]

    def send_key(self, lab: Lab, made: Material, **changes: str) -> None:
        resource = self.any_resource(lab)
        connector = lab.connector(self.service, **changes)
        connector.bind(resource, connector.install(made.certificate, made.key, resource))

    def test_installing_twice_uploads_once(self, lab: Lab) -> None:
        made, resource = lab.issue(HOST), self.any_resource(lab)
        connector = lab.connector(self.service)
        before = len(lab.cloud.list_requests(lab.account))
        references = [
            connector.install(made.certificate, made.key, resource),
            lab.connector(self.service).install(made.certificate, made.key, resource),
        ]
        fields = {"fingerprint": made.certificate.fingerprint}
        assert references == [CertificateRef(store="vault", fields=fields)] * 2
        assert connector.store_name(resource) == "vault"
        assert made.opened == 0
        assert len(lab.cloud.list_requests(lab.account)) == before

    def test_an_upload_whose_answer_was_lost_is_found_again(self, lab: Lab) -> None:
        """Nothing is uploaded ahead of a change; see the test of changes for these."""
        made = lab.issue(HOST)
        self.install(lab, made)
        assert lab.list_stored(made) == []

    def test_what_was_installed_is_removed_and_can_be_installed_again(self, lab: Lab) -> None:
        """There is no store, so nothing is to be removed: our vault is no one's to clean up."""
        reference = self.install(lab, lab.issue(HOST))
        connector = lab.connector(self.service)
        assert connectors.find_store_service(reference.store) is None
        assert connector.get_free_space(reference.store) is None
        assert connector.in_use_by(reference) is not None
        with pytest.raises(Permanent) as refused:
            connector.remove(reference)
        assert refused.value.code == "NoStore"

    def test_a_removal_whose_answer_was_lost_is_made_again(self, lab: Lab) -> None:
        """See above."""
        reference = self.install(lab, lab.issue(HOST))
        assert connectors.find_store_service(reference.store) is None

    def test_what_it_serves_stays_in_its_store(self, lab: Lab) -> None:
        """See above."""
        reference = self.install(lab, lab.issue(HOST))
        assert connectors.find_store_service(reference.store) is None

    @pytest.mark.parametrize("algorithm", ["ec", "rsa"])
    def test_both_kinds_of_keys_are_installed(self, lab: Lab, algorithm: str) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        made = lab.issue(HOST, algorithm=algorithm)
        self.bind_and_read(lab, resource, made)
        assert len(self.list_stored(lab, made)) == 1

    def test_the_key_is_sent_in_its_older_form_and_only_by_the_change(self, lab: Lab) -> None:
        made = lab.issue(HOST, algorithm="rsa")
        self.bind_and_read(lab, self.create_and_find(lab, lab.issue(HOST)).resource, made)
        traces = made.traces
        carrying = [
            row
            for row in lab.cloud.list_requests(lab.account)
            if any(trace in row["query"] + row["body"] for trace in traces)
        ]
        assert [row["headers"]["x-acs-action"] for row in carrying] == [self.binding]
        sent = (carrying[0]["query"] + carrying[0]["body"]).replace("+", " ").replace("%20", " ")
        assert "BEGIN RSA PRIVATE KEY" in sent

    def test_a_former_certificate_that_is_not_ours_cannot_be_restored(self, lab: Lab) -> None:
        former = lab.issue(HOST)
        resource = self.create_and_find(lab, former).resource
        del lab.vault.materials[former.certificate.fingerprint]
        connector = lab.connector(self.service)
        before = connector.read(resource)
        assert before is not None
        assert before.fingerprint == former.certificate.fingerprint
        assert before.ref is None
        assert connector.explain_not_reversible(resource, before) == KEY_UNKNOWN

    def test_a_certificate_that_the_vault_has_lost_is_not_sent(self, lab: Lab) -> None:
        made, resource = lab.issue(HOST), self.create_and_find(lab, lab.issue(HOST)).resource
        connector = lab.connector(self.service)
        reference = connector.install(made.certificate, made.key, resource)
        del lab.vault.materials[made.certificate.fingerprint]
        with pytest.raises(Permanent) as missing:
            connector.bind(resource, reference)
        assert missing.value.code == "KeyNotHeld"
