"""The certificate store as a connector."""

import pytest

from domain.errors import Permanent
from domain.resource import Resource
from tests.connectors.lab import Lab
from tests.connectors.store_contract import HOST, StoreContract

NONE = Resource(account="main", service="alibaba.cas", key="none")


class TestCas(StoreContract):
    service = "alibaba.cas"

    def test_it_lists_no_resources(self, lab: Lab) -> None:
        self.install(lab, lab.issue(HOST))
        assert lab.connector(self.service).discover().found == ()

    def test_it_serves_nothing(self, lab: Lab) -> None:
        connector = lab.connector(self.service)
        with pytest.raises(Permanent, match="serves nothing"):
            connector.read(NONE)
        with pytest.raises(Permanent, match="serves nothing"):
            connector.bind(NONE, None)
        with pytest.raises(Permanent, match="serves nothing"):
            connector.settled(NONE, None)

    def test_nothing_may_be_deployed_to_it(self, lab: Lab) -> None:
        assert lab.connector(self.service).traits(self.service).scenarios == frozenset()
