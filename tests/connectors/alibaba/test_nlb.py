"""Slots of the Network Load Balancer's listeners."""

from domain.resources.connector import Connector
from tests.connectors.alibaba.listeners import OTHER, ListenersContract
from tests.connectors.lab import Lab, list_all
from tests.connectors.store_contract import HOST


class TestNlb(ListenersContract):
    service = "alibaba.nlb"
    product = "nlb"

    def test_a_job_that_failed_leaves_the_change_unsettled(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, next_job_fails="SystemBusy")
        (found,) = list_all(lab.connector(self.service))
        connector: Connector = lab.connector(self.service)
        reference = self.install(lab, lab.issue(HOST))
        connector.bind(found.resource, reference)
        assert not connector.has_arrived(found.resource, reference)

    def test_what_changes_something_is_sent_as_a_form(self, lab: Lab) -> None:
        self.changed(lab, self.beside(lab, OTHER)[f"sni/{OTHER}"], lab.issue(OTHER))
        sent = {
            request["headers"]["x-acs-action"]: request
            for request in lab.cloud.list_requests(lab.account)
        }
        for action in (
            "AssociateAdditionalCertificatesWithListener",
            "DisassociateAdditionalCertificatesWithListener",
        ):
            assert sent[action]["query"] == ""
            assert "AdditionalCertificateIds.1=" in sent[action]["body"]
