"""The differences between two plans: kind, both values and the reason."""

import pytest

from domain.plans.diff import Difference, DifferenceKind, compare_plans
from domain.plans.plan import Change, Plan
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding, CertificateRef
from tests.support.stored_examples import NEW, OLD, build_change, build_plan

FIRST = "main/alibaba.cdn/host1.example.com"
OTHER = "ef" * 32


def list_kinds(one: Plan, other: Plan) -> list[tuple[str, DifferenceKind]]:
    return [(each.resource, each.kind) for each in compare_plans(one, other)]


def only(other: Change, **more: object) -> Difference:
    """The one difference of a plan of one change to this one."""
    made = Plan(certificates=(NEW,), changes=(build_change(1),))
    (found,) = compare_plans(made, made.model_copy(update={"changes": (other,), **more}))
    return found


def test_the_same_plan_does_not_differ() -> None:
    assert compare_plans(build_plan(5), build_plan(5)) == ()


def test_added_and_removed_changes_are_differences() -> None:
    assert list_kinds(build_plan(1), build_plan(2)) == [(FIRST, DifferenceKind.ADDED)]
    (gone,) = compare_plans(build_plan(2), build_plan(1))
    assert (gone.resource, gone.kind, gone.was) == (FIRST, DifferenceKind.REMOVED, NEW[:12])
    assert gone.reason is not None


def test_a_resource_that_already_serves_the_certificate_is_a_difference_of_its_own() -> None:
    now = build_plan(1).model_copy(update={"unchanged": (FIRST,)})
    (gone,) = compare_plans(build_plan(2), now)
    assert (gone.kind, gone.was) == (DifferenceKind.ALREADY_SERVED, NEW[:12])


@pytest.mark.parametrize("subject", [FIRST, "new"])
def test_a_refusal_of_the_resource_or_of_its_certificate_is_the_reason(subject: str) -> None:
    refusal = Refusal(subject=subject, code=RefusalCode.NAMES, reason="that is why")
    (gone,) = compare_plans(
        build_plan(2), build_plan(1).model_copy(update={"refusals": (refusal,)})
    )
    assert (gone.kind, gone.reason) == (DifferenceKind.REFUSED, "that is why")


def test_another_certificate_before_or_after_is_a_difference_with_both() -> None:
    before = build_change(1).model_copy(update={"before": Binding(fingerprint=OTHER)})
    found = only(before)
    assert (found.kind, found.was, found.now) == (DifferenceKind.BEFORE, OLD[:12], OTHER[:12])
    found = only(build_change(1).model_copy(update={"before": None}))
    assert (found.kind, found.now) == (DifferenceKind.BEFORE, "HTTPS off")
    found = only(build_change(1).model_copy(update={"after": Binding(fingerprint=OTHER)}))
    assert (found.kind, found.was, found.now) == (DifferenceKind.AFTER, NEW[:12], OTHER[:12])


def test_more_details_of_the_same_binding_are_no_difference() -> None:
    was = build_change(1)
    assert was.before
    more = was.before.model_copy(
        update={"names": ("*.example.com",), "ref": CertificateRef(store="s", fields={})}
    )
    same = was.model_copy(
        update={"before": more, "warnings": (ChangeWarning(code="slow", text="another word"),)}
    )
    made = Plan(certificates=(NEW,), changes=(was,))
    assert compare_plans(made, made.model_copy(update={"changes": (same,)})) == ()


def test_other_details_are_named_with_both_values() -> None:
    resource = build_change(1).resource.model_copy(update={"port": 8443})
    moved = build_change(1).model_copy(update={"resource": resource, "cost": 0, "lock": "main/l"})
    found = only(moved)
    assert found.kind is DifferenceKind.DETAILS
    assert found.reason == "port was 443, is 8443, lock was None, is 'main/l', cost was 1, is 0"


def test_a_rollback_that_is_lost_with_another_certificate_is_reported_once() -> None:
    other = Binding(fingerprint=OTHER)
    found = only(
        build_change(1).model_copy(update={"before": other, "not_reversible": "it is theirs"})
    )
    assert found.kind is DifferenceKind.BEFORE
    found = only(build_change(1).model_copy(update={"not_reversible": "it is theirs"}))
    assert found.kind is DifferenceKind.DETAILS
