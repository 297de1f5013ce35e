"""The certificate store as a connector."""

import pytest

from domain.errors import NeedsOperator, Permanent
from domain.resources.resource import Resource
from tests.connectors.lab import Lab
from tests.connectors.store_contract import HOST, StoreContract

NONE = Resource(account="main", service="alibaba.cas", key="none")


class TestCas(StoreContract):
    service = "alibaba.cas"

    def call_every_operation(self, lab: Lab) -> None:
        super().call_every_operation(lab)
        reference = self.install(lab, lab.issue(HOST))
        keeper = lab.connector(self.service)
        assert keeper.in_use_by(reference) is None
        keeper.remove(reference)

    def test_it_finds_what_is_there_and_uploads_nothing(self, lab: Lab) -> None:
        made, keeper = lab.issue(HOST), lab.connector(self.service)
        assert keeper.find_in_store("alibaba.cas/cn", made.certificate) is None
        reference = self.install(lab, made)
        keeper = lab.connector(self.service)
        assert keeper.find_in_store("alibaba.cas/cn", made.certificate) == reference

    def test_what_was_removed_is_not_found_any_more(self, lab: Lab) -> None:
        made = lab.issue(HOST)
        reference, keeper = self.install(lab, made), lab.connector(self.service)
        assert keeper.find_in_store("alibaba.cas/cn", made.certificate) == reference
        keeper.remove(reference)
        assert keeper.find_in_store("alibaba.cas/cn", made.certificate) is None

    def test_what_a_product_uses_is_named_with_it(self, lab: Lab) -> None:
        reference = self.install(lab, lab.issue(HOST))
        lab.cloud.seed("cdn", account=lab.account, domains=[{"name": HOST, "certificate": None}])
        (domain,) = lab.connector("alibaba.cdn").discover().resources
        lab.connector("alibaba.cdn").bind(domain.resource, reference)
        reason = lab.connector(self.service).in_use_by(reference)
        assert "CDN" in (reason or "")

    def test_no_limit_of_the_store_is_known(self, lab: Lab) -> None:
        assert lab.connector(self.service).get_free_space("alibaba.cas/cn") is None

    def test_a_full_store_wants_someone_to_act(self, lab: Lab) -> None:
        lab.cloud.set_limit("cas", 0)
        try:
            with pytest.raises(NeedsOperator) as refused:
                self.install(lab, lab.issue(HOST))
            assert refused.value.code == "CertificateQuotaExceeded"
        finally:
            lab.cloud.set_limit("cas", None)

    def test_it_lists_no_resources(self, lab: Lab) -> None:
        self.install(lab, lab.issue(HOST))
        assert lab.connector(self.service).discover().resources == ()

    def test_it_serves_nothing(self, lab: Lab) -> None:
        connector = lab.connector(self.service)
        with pytest.raises(Permanent) as refused:
            connector.read(NONE)
        assert refused.value.code == "NotAResource"
        with pytest.raises(Permanent) as refused:
            connector.bind(NONE, None)
        assert refused.value.code == "NotAResource"
        with pytest.raises(Permanent) as refused:
            connector.has_arrived(NONE, None)
        assert refused.value.code == "NotAResource"

    def test_nothing_may_be_deployed_to_it(self, lab: Lab) -> None:
        assert lab.connector(self.service).get_traits(self.service).scenarios == frozenset()
