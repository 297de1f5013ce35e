"""A plan is checked again when it becomes a task, whoever made it and whenever."""

from datetime import datetime

import pytest

from domain.certificates.certificate import Certificate, Source
from domain.certificates.keys import Algorithm
from domain.errors import BadInput
from domain.plans.plan import Change, Plan, build_binding
from domain.plans.submission import check_submission
from domain.resources.connector import Scenario, Traits
from domain.resources.resource import Binding, Resource
from tests.support.stored_examples import NOW, OLD, certificate

ALB, SAE = "alibaba.alb", "alibaba.sae"
OURS = certificate()
OTHER = certificate("other", "1" * 64)


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


def told(
    made: Plan,
    *certificates: Certificate,
    at: datetime = NOW,
    algorithm: Algorithm = Algorithm.EC,
    require_coverage: bool = False,
) -> str:
    """What is said against the plan."""
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
    return str(refused.value)


def test_a_plan_that_keeps_the_rules_passes() -> None:
    taken = Traits(service=ALB, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC}))
    made = plan(change(), change(number=1))
    check_submission(made, [OURS], {ALB: taken}, NOW, require_coverage=True)


def test_a_stored_certificate_keeps_the_rules_of_names_and_sources() -> None:
    chinese = OURS.model_copy(update={"name": "\u8bc1\u4e66"})
    assert "Chinese character" in told(plan(change()), chinese)
    bought = OTHER.model_copy(update={"source": Source.OFFICIAL})
    assert "several sources" in told(plan(change()), OURS, bought)


def test_a_certificate_that_ends_before_the_task_begins_is_refused_if_it_is_used() -> None:
    ended = OTHER.model_copy(update={"not_after": NOW})
    made = plan(change(), certificates=(OURS, OTHER))
    taken = Traits(service=ALB, scenarios=frozenset(Scenario), algorithms=frozenset({Algorithm.EC}))
    check_submission(made, [OURS, ended], {ALB: taken}, NOW)
    text = told(plan(change()), at=OURS.not_after)
    assert f"plan: {OURS.name}: valid from" in text
    assert text.endswith("Make the plan anew (certroll plan create): it says what can be done.")


def test_each_change_keeps_the_rules() -> None:
    assert "the resource is stopped" in told(plan(change(state="stopped")))
    assert "takes rsa" in told(plan(change()), algorithm=Algorithm.RSA)
    assert "includes api.example.com" in told(plan(change(OURS, ALB, 0, "api.example.com")))
    first = change().model_copy(update={"before": None})
    assert "it has no certificate yet" in told(plan(first))
    off = change().model_copy(update={"after": None})
    stray = change(OTHER, number=1)
    assert told(plan(off, stray)).count("not one of its own") == 2


def test_one_listener_gets_one_certificate() -> None:
    made = plan(change(), change(OTHER), certificates=(OURS, OTHER))
    assert "several certificates for the default slot" in told(made, OURS, OTHER)
    through_sae = plan(change(), change(OTHER, SAE), certificates=(OURS, OTHER))
    assert "change it through SAE (main/alibaba.sae/lb/0)" in told(through_sae, OURS, OTHER)


def test_lost_names_are_refused_for_who_insists() -> None:
    made = plan(change(OURS, SAE, 0, "*.example.com"))
    text = told(made, require_coverage=True)
    assert "names no longer covered: *.example.com" in text


def test_of_many_refusals_the_first_are_told_and_the_rest_counted() -> None:
    text = told(plan(*(change(number=number, state="stopped") for number in range(7))))
    assert text.count("the resource is stopped") == 5
    assert "; and 2 more. Make" in text
