"""What differs between two plans: each resource with what, and why where that is known."""

import pytest

from domain.plans.diff import Difference, What, differences
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.resource import Binding, CertificateRef
from tests.support.stored_examples import NEW, OLD, change, plan

FIRST = "main/alibaba.cdn/host1.example.com"
OTHER = "ef" * 32


def told(one: Plan, other: Plan) -> list[tuple[str, What]]:
    return [(each.resource, each.what) for each in differences(one, other)]


def only(other: Change, **more: object) -> Difference:
    """The one difference of a plan of one change to this one."""
    made = Plan(certificates=(NEW,), changes=(change(1),))
    (found,) = differences(made, made.model_copy(update={"changes": (other,), **more}))
    return found


def test_the_same_plan_does_not_differ() -> None:
    assert differences(plan(5), plan(5)) == ()


def test_what_came_and_what_went_is_told() -> None:
    assert told(plan(1), plan(2)) == [(FIRST, What.ADDED)]
    (gone,) = differences(plan(2), plan(1))
    assert (gone.resource, gone.what, gone.was) == (FIRST, What.REMOVED, NEW[:12])
    assert gone.reason == "it no longer matches, or has vanished"


def test_what_went_because_it_serves_the_certificate_says_so() -> None:
    now = plan(1).model_copy(update={"unchanged": (FIRST,)})
    (gone,) = differences(plan(2), now)
    assert (gone.what, gone.reason) == (What.REMOVED, "it serves this certificate already")


@pytest.mark.parametrize("subject", [FIRST, "new"])
def test_a_refusal_of_the_resource_or_of_its_certificate_is_the_reason(subject: str) -> None:
    refusal = Refusal(subject=subject, code=RefusalCode.NAMES, reason="that is why")
    (gone,) = differences(plan(2), plan(1).model_copy(update={"refusals": (refusal,)}))
    assert (gone.what, gone.reason) == (What.REFUSED, "that is why")


def test_another_certificate_before_or_after_is_told_with_both() -> None:
    before = change(1).model_copy(update={"before": Binding(fingerprint=OTHER)})
    found = only(before)
    assert (found.what, found.was, found.now) == (What.BEFORE, OLD[:12], OTHER[:12])
    found = only(change(1).model_copy(update={"before": None}))
    assert (found.what, found.now) == (What.BEFORE, "HTTPS off")
    found = only(change(1).model_copy(update={"after": Binding(fingerprint=OTHER)}))
    assert (found.what, found.was, found.now) == (What.AFTER, NEW[:12], OTHER[:12])


def test_what_a_service_merely_tells_more_of_is_no_difference() -> None:
    was = change(1)
    assert was.before
    more = was.before.model_copy(
        update={"names": ("*.example.com",), "ref": CertificateRef(store="s", fields={})}
    )
    same = was.model_copy(update={"before": more, "warnings": ("another word",)})
    made = Plan(certificates=(NEW,), changes=(was,))
    assert differences(made, made.model_copy(update={"changes": (same,)})) == ()


def test_details_are_told_by_name_with_both_values() -> None:
    place = change(1).resource.model_copy(update={"port": 8443})
    moved = change(1).model_copy(update={"resource": place, "cost": 0, "lock": "main/l"})
    found = only(moved)
    assert found.what is What.DETAILS
    assert found.reason == "port was 443, is 8443, lock was None, is 'main/l', cost was 1, is 0"


def test_a_way_back_that_is_lost_with_another_certificate_is_told_once() -> None:
    other = Binding(fingerprint=OTHER)
    found = only(change(1).model_copy(update={"before": other, "not_reversible": "it is theirs"}))
    assert found.what is What.BEFORE
    found = only(change(1).model_copy(update={"not_reversible": "it is theirs"}))
    assert found.what is What.DETAILS
