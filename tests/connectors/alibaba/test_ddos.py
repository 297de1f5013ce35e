"""The website rules of Anti-DDoS Pro and Premium."""

from typing import Any

import pytest

from connectors.alibaba._bases.stored import GONE_FROM_STORE
from domain.errors import Permanent
from domain.resources.connector import Scenario
from tests.connectors.contract import ConnectorContract
from tests.connectors.lab import Lab, Material, list_all
from tests.connectors.store_contract import HOST


class TestDdos(ConnectorContract):
    service = "alibaba.ddos"
    reading = "DescribeWebRules"
    binding = "AssociateWebCert"
    page_size = 50
    can_be_off = False

    def create_resource(self, lab: Lab, host: str, serving: Material | None, **more: Any) -> None:
        rule = {"name": host, "certificate": serving and serving.seed, **more}
        lab.cloud.seed("ddos", account=lab.account, rules=[rule])

    def create_many(self, lab: Lab, number: int) -> None:
        rules = [{"name": f"n{n}.example.com"} for n in range(number)]
        lab.cloud.seed("ddos", account=lab.account, rules=rules)

    def test_certificates_can_only_be_replaced(self, lab: Lab) -> None:
        found = self.create_and_find(lab, None)
        assert (found.binding_known, found.binding) == (True, None)
        connector = lab.connector(self.service)
        assert connector.get_traits(self.service).scenarios == {Scenario.UPDATE}
        assert connector.read(found.resource) is None
        assert connector.has_arrived(found.resource, None)
        with pytest.raises(Permanent):
            connector.bind(found.resource, None)

    def test_the_service_is_asked_for_ten_rules_at_most(self, lab: Lab) -> None:
        self.create_many(lab, 23)
        assert len(list(list_all(lab.connector(self.service)))) == 23
        sizes = [row["query"] for row in lab.cloud.list_requests(lab.account)]
        assert all("PageSize=10" in query for query in sizes)

    def test_a_rule_without_https_takes_no_certificate(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST), proxies=["http"])
        (found,) = list_all(lab.connector(self.service))
        assert found.binding_known
        connector = lab.connector(self.service)
        assert connector.read(found.resource) is None
        with pytest.raises(Permanent):
            connector.bind(found.resource, self.install(lab, lab.issue(HOST)))

    def test_a_name_that_leads_to_no_certificate_cannot_be_restored(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST), stored=False)
        (found,) = list_all(lab.connector(self.service))
        connector = lab.connector(self.service)
        before = connector.read(found.resource)
        assert before is not None
        assert before.name is not None
        assert (before.fingerprint, before.ref) == (None, None)
        assert connector.explain_not_reversible(found.resource, before) == GONE_FROM_STORE
        self.bind_and_read(lab, found.resource, lab.issue(HOST))

    def test_a_certificate_that_is_not_offered_for_the_domain_is_known_by_the_store(
        self, lab: Lab
    ) -> None:
        made = lab.issue("other.example.org")
        self.create_resource(lab, HOST, made)
        (found,) = list_all(lab.connector(self.service))
        before = lab.connector(self.service).read(found.resource)
        assert before is not None
        assert before.fingerprint == made.certificate.fingerprint
        assert before.ref == self.install(lab, made)

    def test_a_rule_of_a_similar_name_is_not_taken_for_it(self, lab: Lab) -> None:
        self.create_resource(lab, f"a.{HOST}", lab.issue(f"a.{HOST}"))
        made = lab.issue(HOST)
        resource = self.create_and_find(lab, made).resource
        read = lab.connector(self.service).read(resource)
        assert read is not None
        assert read.fingerprint == made.certificate.fingerprint

    def test_a_rule_that_is_gone_is_final(self, lab: Lab) -> None:
        resource = self.create_and_find(lab, lab.issue(HOST)).resource
        gone = resource.model_copy(update={"detail": {"domain": "gone.example.com"}})
        with pytest.raises(Permanent) as failure:
            lab.connector(self.service).read(gone)
        assert failure.value.code == "DomainNotExist"

    def test_rules_of_the_mainland_and_of_the_rest_are_distinguished(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST))
        self.create_resource(lab, HOST, lab.issue(HOST), region="ap-southeast-1")
        here, there = list_all(lab.connector(self.service))
        assert here.resource.key == f"cn-hangzhou/{HOST}"
        assert there.resource.key == f"ap-southeast-1/{HOST}"
        self.bind_and_read(lab, there.resource, lab.issue(HOST))
        (only,) = list_all(lab.connector(self.service, regions="us-west-1"))
        assert only.resource == there.resource

    @pytest.mark.parametrize(
        ("more", "state"),
        [({}, "online"), ({"enabled": False}, "forwarding_off"), ({"punished": True}, "punished")],
    )
    def test_a_rule_is_listed_with_its_state(
        self, lab: Lab, more: dict[str, bool], state: str
    ) -> None:
        self.create_resource(lab, HOST, lab.issue(HOST), **more)
        (found,) = list_all(lab.connector(self.service))
        assert found.resource.state == state

    def test_only_the_upload_carries_the_private_key(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        self.bind_and_read(lab, self.create_and_find(lab, lab.issue(HOST)).resource, made)
        carrying = [
            row["headers"]["x-acs-action"]
            for row in lab.cloud.list_requests(lab.account)
            if any(trace in row["query"] + row["body"] for trace in made.traces)
        ]
        assert carrying == ["UploadUserCertificate"]
