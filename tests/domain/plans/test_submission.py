"""Every plan is checked again when it becomes a task."""

from datetime import datetime

import pytest

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.plan import Change, Plan, build_binding
from domain.plans.submission import check_submission
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding, Resource
from tests.support.stored_examples import NOW, OLD, build_certificate

ALB, SAE = "alibaba.alb", "alibaba.sae"
OURS = build_certificate()
OTHER = build_certificate("other", "1" * 64)


def change(
    by: Certificate = OURS, service: str = ALB, number: int = 0, *former: str, state: str = "online"
) -> Change:
    return Change(
        resource=Resource(account="main", service=service, key=f"lb/{number}", state=state),
        before=Binding(fingerprint=OLD, names=former or by.names),
        after=build_binding(by),
        store="s",
        lock=f"main/lb-{number}",
    )


def plan(*changes: Change, certificates: tuple[Certificate, ...] = (OURS,)) -> Plan:
    return Plan(certificates=tuple(each.fingerprint for each in certificates), changes=changes)


def refuse(
    made: Plan,
    *certificates: Certificate,
    at: datetime = NOW,
    algorithm: Algorithm = Algorithm.EC,
    require_coverage: bool = False,
) -> BadInput:
    """The error of a plan that breaks a rule."""
    traits = {
        service: Traits(
            service=service,
            scenarios=frozenset({Scenario.UPDATE}),
            algorithms=frozenset({algorithm}),
        )
        for service in (ALB, SAE)
    }
    with pytest.raises(BadInput) as refused:
        check_submission(
            made, certificates or (OURS,), traits, at, require_coverage=require_coverage
        )
    return refused.value


def test_a_plan_that_keeps_the_rules_passes() -> None:
    taken = Traits(service=ALB, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC}))
    made = plan(change(), change(number=1))
    check_submission(made, [OURS], {ALB: taken}, NOW, require_coverage=True)


def test_a_stored_certificate_keeps_the_rules_of_names_and_sources() -> None:
    chinese = OURS.model_copy(update={"name": "\u8bc1\u4e66"})
    assert refuse(plan(change()), chinese).code == "invalid-certificate-name"
    bought = OTHER.model_copy(update={"source": Source.OFFICIAL})
    assert refuse(plan(change()), OURS, bought).code == "several-sources"


def test_a_certificate_that_expires_before_the_task_begins_is_refused_if_it_is_used() -> None:
    ended = OTHER.model_copy(update={"not_after": NOW})
    made = plan(change(), certificates=(OURS, OTHER))
    taken = Traits(service=ALB, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC}))
    check_submission(made, [OURS, ended], {ALB: taken}, NOW)
    error = refuse(plan(change()), at=OURS.not_after)
    assert (error.code, error.where) == ("validity", "plan")
    assert error.what.startswith(f"{OURS.name}: ")
    assert "certroll plan create" in (error.fix or "")


def test_each_change_keeps_the_rules() -> None:
    assert refuse(plan(change(state="stopped"))).code == "state"
    assert refuse(plan(change()), algorithm=Algorithm.RSA).code == "algorithm"
    assert refuse(plan(change(OURS, ALB, 0, "api.example.com"))).code == "same-names"
    first = change().model_copy(update={"before": None})
    assert refuse(plan(first)).code == "scenario"
    off = change().model_copy(update={"after": None})
    other = change(OTHER, number=1)
    error = refuse(plan(off, other))
    assert error.code == "certificate"
    assert all(each.resource.id in error.what for each in (off, other))


def test_one_listener_gets_one_certificate() -> None:
    made = plan(change(), change(OTHER), certificates=(OURS, OTHER))
    assert refuse(made, OURS, OTHER).code == "one-per-listener"
    through_sae = plan(change(), change(OTHER, SAE), certificates=(OURS, OTHER))
    error = refuse(through_sae, OURS, OTHER)
    assert error.code == "managed-by-sae"
    assert "main/alibaba.sae/lb/0" in error.what


def test_lost_names_are_refused_if_coverage_is_required() -> None:
    made = plan(change(OURS, SAE, 0, "*.example.com"))
    error = refuse(made, require_coverage=True)
    assert error.code == "coverage"
    assert "*.example.com" in error.what


def test_of_many_refusals_the_first_five_are_reported_and_the_rest_counted() -> None:
    changes = [change(number=number, state="stopped") for number in range(7)]
    error = refuse(plan(*changes))
    reported = [f"{each.resource.id}: " in error.what for each in changes]
    assert reported == [True] * 5 + [False] * 2
    assert error.what.endswith("and 2 more")
