"""A plan refuses changes whose certificate would not fit into its store."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from domain.plans.plan import Plan
from domain.plans.refusal import RefusalCode
from operations.inventory.service_sync import sync_here
from operations.planning.store_capacity import FullStore, find_full_stores
from tests.support.stack import ACCOUNT, Stack
from tests.support.successive_deployments import SuccessiveDeployments

NAMES = ("a.example.com", "b.example.com")
STORE = "alibaba.clb/cn-hangzhou"
QUOTA, LISTING = "quotas.GetProductQuota", "clb.DescribeServerCertificates"


class LoadBalancers(SuccessiveDeployments):
    """Listeners of the classic load balancer, each with a certificate of its own."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(stack)
        listeners: list[dict[str, Any]] = []
        for name in NAMES:
            leaf = stack.ca.leaf([name])
            pem = {"pem": leaf.pem.decode(), "key": leaf.key_pem.decode()}
            listeners.append({"certificate": pem})
        stack.cloud.seed("clb", account=stack.key_id, listeners=listeners)
        assert sync_here(stack.store, stack.connectors, ACCOUNT, "alibaba.clb").error is None

    def count_calls(self, operation: str) -> int:
        return sum(self.stack.cloud.count_calls().get(operation, {}).values())


@pytest.fixture
def balancers(stack: Stack) -> Iterator[LoadBalancers]:
    balancers = LoadBalancers(stack)
    yield balancers
    balancers.stop()


def refused(plan: Plan) -> list[str]:
    return [each.reason for each in plan.refusals if each.code == RefusalCode.STORE_FULL]


def find_full(balancers: LoadBalancers, plan: Plan) -> FullStore:
    """The one entry for a plan that was built while there was room."""
    stack = balancers.stack
    found = find_full_stores(stack.store, stack.connectors, plan.changes, datetime.now(UTC))
    (full,) = found.values()
    assert (full.account, full.store, full.certificate) == ("main", STORE, "new")
    return full


def test_a_certificate_that_fits_is_planned_and_the_store_is_asked_once(
    balancers: LoadBalancers,
) -> None:
    plan = balancers.stack.build_plan(balancers.stack.upload("new", *NAMES))
    assert len(plan.changes) == 2
    assert refused(plan) == []
    assert balancers.count_calls(QUOTA) == 1


def test_a_full_store_refuses_each_change_that_needs_it(balancers: LoadBalancers) -> None:
    new = balancers.stack.upload("new", *NAMES)
    fitting = balancers.stack.build_plan(new)
    balancers.stack.cloud.set_limit("clb", 2)
    full = find_full(balancers, fitting)
    assert (full.removable, full.command) == ((), None)
    calls = balancers.count_calls(QUOTA)
    plan = balancers.stack.build_plan(new)
    assert plan.changes == ()
    assert refused(plan) == [str(full)] * 2
    for data in (STORE, "main", "'new'"):
        assert data in str(full)
    assert "certroll certificate cleanup" not in str(full)
    assert balancers.count_calls(QUOTA) == calls + 1


def test_removable_certificates_are_named_with_the_command_that_removes_them(
    balancers: LoadBalancers,
) -> None:
    for name in ("first", "second", "third"):
        balancers.deploy(name, *NAMES)
    new = balancers.stack.upload("new", *NAMES)
    fitting = balancers.stack.build_plan(new)
    balancers.stack.cloud.set_limit("clb", 5)
    command = "certroll certificate cleanup --account main"

    full = find_full(balancers, fitting)
    assert (full.removable, full.command) == (("first", "second"), f"{command} --keep 0")
    assert not full.keeps_former
    plan = balancers.stack.build_plan(new)
    assert (plan.changes, refused(plan)) == ((), [str(full)] * 2)
    assert str(full).endswith(f"first, second ({command} --keep 0)")

    balancers.stack.store.keep_certificates = 1
    full = find_full(balancers, fitting)
    assert (full.removable, full.command, full.keeps_former) == (("first",), command, True)
    assert refused(balancers.stack.build_plan(new)) == [str(full)] * 2
    assert str(full).endswith(f"first ({command})")


def test_the_advice_names_five_certificates_and_counts_the_rest() -> None:
    full = FullStore(
        account="main",
        store=STORE,
        certificate="new",
        removable=tuple(f"former-{number}" for number in range(8)),
        command="certroll certificate cleanup --account main",
    )
    assert [name for name in full.removable if name in str(full)] == list(full.removable[:5])
    assert " 3 " in str(full)


def test_of_several_certificates_those_that_fit_are_planned(balancers: LoadBalancers) -> None:
    balancers.stack.cloud.set_limit("clb", 3)
    made = [balancers.stack.upload(name, name) for name in NAMES]
    plan = balancers.stack.build_plan(*made)
    assert len(plan.changes) == 1
    assert len(refused(plan)) == 1


def test_a_certificate_that_is_recorded_in_the_store_needs_no_space(
    balancers: LoadBalancers,
) -> None:
    new = balancers.stack.upload("new", *NAMES)
    balancers.install(balancers.create(new))
    balancers.stack.cloud.set_limit("clb", 3)
    calls = balancers.count_calls(QUOTA)
    assert len(balancers.stack.build_plan(new).changes) == 2
    assert balancers.count_calls(QUOTA) == calls


def test_a_certificate_that_somebody_else_uploaded_needs_no_space(balancers: LoadBalancers) -> None:
    stack = balancers.stack
    new = stack.upload("new", *NAMES)
    key = stack.store.certificates.get_key(new.fingerprint).traditional_pem().decode()
    listener = {"certificate": {"pem": new.chain_pem, "key": key}, "region": "cn-hangzhou"}
    stack.cloud.seed("clb", account=stack.key_id, listeners=[listener])
    stack.cloud.set_limit("clb", 3)
    assert len(stack.build_plan(new).changes) == 2


def test_a_store_that_reports_no_limit_refuses_nothing(balancers: LoadBalancers) -> None:
    new = balancers.stack.upload("new", *NAMES)
    balancers.stack.cloud.set_limit("clb", None)
    assert len(balancers.stack.build_plan(new).changes) == 2
    balancers.stack.cloud.set_limit("clb", 0)
    balancers.stack.cloud.add_fault("error", "GetProductQuota", code="NoPermission", status=403)
    assert len(balancers.stack.build_plan(new).changes) == 2
