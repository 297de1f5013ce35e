"""Slots of the Application Load Balancer's listeners."""

import pytest

from domain.errors import CloudError, Permanent, Transient
from tests.connectors.alibaba.listeners import ListenersContract
from tests.connectors.lab import Lab, list_all
from tests.connectors.store_contract import HOST


class TestAlb(ListenersContract):
    service = "alibaba.alb"
    product = "alb"

    @pytest.mark.parametrize(
        ("code", "kind"),
        [("IncorrectStatus.LoadBalancer", Transient), ("ResourceNotFound.Certificate", Permanent)],
    )
    def test_a_job_that_failed_raises_its_code(
        self, lab: Lab, code: str, kind: type[CloudError]
    ) -> None:
        self.create_resource(lab, HOST, None, next_job_fails=code)
        (found,) = list_all(lab.connector(self.service))
        connector, reference = lab.connector(self.service), self.install(lab, lab.issue(HOST))
        connector.bind(found.resource, reference)
        with pytest.raises(kind) as refused:
            lab.connector(self.service).has_arrived(found.resource, reference)
        assert refused.value.code == code
        connector.bind(found.resource, reference)
        assert connector.has_arrived(found.resource, reference)

    def test_a_quic_listener_is_listed_and_takes_nothing_from_here(self, lab: Lab) -> None:
        self.create_resource(lab, HOST, None, protocol="QUIC")
        assert self.slots(lab)["default"].resource.state == "quic"

    def test_a_plain_listener_has_no_slots(self, lab: Lab) -> None:
        listeners = [{"protocol": "HTTP", "port": 80}]
        lab.cloud.seed("alb", account=lab.account, listeners=listeners)
        assert list(list_all(lab.connector(self.service))) == []
