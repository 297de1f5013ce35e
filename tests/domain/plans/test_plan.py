"""Plans: the same plan has the same digest everywhere, and the inverse of a change undoes it."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.plans.plan import Change, Plan, Total, build_binding, build_inverse
from domain.plans.refusal import Refusal, RefusalCode
from domain.resources.connector import ChangeWarning
from domain.resources.resource import Binding, CertificateRef, Resource
from tests.support.stored_examples import NEW, build_certificate, build_change, build_plan

words = st.text("abc-.", min_size=1, max_size=6)
fields = st.dictionaries(words, words, max_size=3)
fingerprints = st.sampled_from([f"{digit}" * 64 for digit in "0123"])
moments = st.integers(0, 10**9).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
bindings = st.builds(
    Binding,
    fingerprint=st.none() | fingerprints,
    ref=st.none() | st.builds(CertificateRef, store=words, fields=fields),
    name=st.none() | words,
    names=st.lists(words, max_size=2).map(tuple),
    not_after=st.none() | moments,
    algorithm=st.none() | words,
    issuer=st.none() | words,
)
resources = st.builds(
    Resource,
    account=words,
    service=words,
    key=words,
    domains=st.lists(words, max_size=2).map(tuple),
    port=st.integers(1, 65535),
    detail=fields,
)
changes = st.builds(
    Change,
    resource=resources,
    before=st.none() | bindings,
    after=st.none() | bindings,
    store=words,
    lock=st.none() | words,
    cost=st.integers(0, 1),
    not_reversible=st.none() | words,
    warnings=st.lists(st.builds(ChangeWarning, code=words, text=words), max_size=2).map(tuple),
)


def of(made: list[Change]) -> Plan:
    after = {c.after.fingerprint for c in made if c.after and c.after.fingerprint}
    return Plan(certificates=tuple(sorted(after)), changes=tuple(made))


plans = st.lists(changes, max_size=4, unique_by=lambda each: each.resource.id).map(of)


@given(changes)
def test_the_inverse_of_a_change_leads_from_after_to_before(made: Change) -> None:
    back = build_inverse(made)
    assert (back.before, back.after) == (made.after, made.before)
    assert back.model_dump(exclude={"before", "after"}) == made.model_dump(
        exclude={"before", "after"}
    )
    assert build_inverse(back) == made


@given(plans)
def test_a_digest_does_not_depend_on_json_or_the_order_of_fields(made: Plan) -> None:
    def reverse_fields(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: reverse_fields(value[name]) for name in reversed(value)}
        return [reverse_fields(each) for each in value] if isinstance(value, list) else value

    data = reverse_fields(json.loads(made.model_dump_json()))
    assert Plan.model_validate_json(json.dumps(data)).digest == made.digest
    assert Plan.model_validate(made.model_dump()).digest == made.digest


def test_a_digest_is_known_and_stays() -> None:
    """Tasks that wait have it stored: a change of its making would refuse them all."""
    assert Plan(certificates=(), changes=()).digest == (
        "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    )


@given(plans, plans)
def test_other_changes_have_another_digest(one: Plan, other: Plan) -> None:
    assert (one.digest == other.digest) is (one.changes == other.changes)


REPLACED: dict[str, Any] = {
    "resource": build_change(1).resource,
    "before": None,
    "after": Binding(fingerprint="ef" * 32),
    "store": "alibaba.cas/intl",
    "lock": "main/lb-1",
    "cost": 0,
    "not_reversible": "nobody kept it",
    "unverifiable": "nobody can look",
    "warnings": (ChangeWarning(code="short-outage", text="a short outage"),),
}


def test_a_copy_with_other_changes_has_a_digest_of_its_own() -> None:
    made = build_plan(3)
    whole = made.digest
    part = made.model_copy(update={"changes": made.changes[:2]})
    assert part.digest == build_plan(2).digest != whole
    assert made == build_plan(3)
    assert made.model_dump() == build_plan(3).model_dump()


def test_totals_by_service_and_by_certificate_agree() -> None:
    made = build_plan(4, cost=2)
    assert made.totals_by_certificate[NEW].changes == made.totals_by_service["alibaba.cdn"].changes
    assert made.totals_by_certificate[NEW].cost == made.cost == 8


@pytest.mark.parametrize("field", sorted(Change.model_fields.keys() - {"why"}))
def test_every_field_of_a_change_counts_in_the_digest(field: str) -> None:
    made = build_plan(3)
    changed = made.changes[2].model_copy(update={field: REPLACED[field]})
    assert changed != made.changes[2]
    other = made.model_copy(update={"changes": (*made.changes[:2], changed)})
    assert other.digest != made.digest


def test_the_order_of_changes_counts_in_the_digest_and_refusals_do_not() -> None:
    made = build_plan(3)
    assert made.model_copy(update={"changes": made.changes[::-1]}).digest != made.digest
    refusal = Refusal(subject="x", code=RefusalCode.NAMES, reason="why")
    same = made.model_copy(update={"refusals": (refusal,), "unchanged": ("y",)})
    assert same.digest == made.digest


def test_a_plan_counts_its_cost_and_its_matches() -> None:
    made = build_plan(3)
    assert (made.cost, made.matches) == (3, {NEW: 3})
    other = made.model_copy(update={"certificates": (NEW, "ef" * 32)})
    assert other.matches == {NEW: 3, "ef" * 32: 0}
    off = made.changes[0].model_copy(update={"after": None})
    unnamed = made.changes[1].model_copy(update={"after": Binding(name="theirs")})
    assert made.model_copy(update={"changes": (off, unnamed)}).matches == {NEW: 0}


def test_a_binding_has_the_data_of_its_certificate() -> None:
    ours = build_certificate()
    assert build_binding(ours) == Binding(
        fingerprint=ours.fingerprint,
        name=ours.name,
        names=ours.names,
        not_after=ours.not_after,
        algorithm="ec",
        issuer="Issuer",
    )
    later = ours.model_copy(update={"not_after": ours.not_after + timedelta(days=1)})
    assert build_binding(later) != build_binding(ours)


def test_a_change_lists_its_differences_and_its_inverse_the_opposite() -> None:
    before = Binding(names=("a.org", "www.b.org"), algorithm="rsa", issuer="R3")
    after = Binding(names=("*.b.org",), algorithm="ec", issuer="R10")
    made = build_change().model_copy(update={"before": before, "after": after})
    assert (made.names_lost, made.names_gained) == (("a.org",), ("*.b.org",))
    assert (made.key_change, made.issuer_change) == (("rsa", "ec"), ("R3", "R10"))
    back = build_inverse(made)
    assert (back.names_lost, back.names_gained) == (("*.b.org",), ("a.org",))
    assert (back.key_change, back.issuer_change) == (("ec", "rsa"), ("R10", "R3"))


@pytest.mark.parametrize("unknown", [Binding(name="theirs"), Binding(algorithm="ec", issuer="R10")])
def test_data_that_a_service_does_not_report_is_no_difference(unknown: Binding) -> None:
    after = Binding(names=("a.org",), algorithm="ec", issuer="R10")
    made = build_change().model_copy(update={"before": unknown, "after": after})
    assert (made.names_lost, made.names_gained) == ((), ())
    assert (made.key_change, made.issuer_change) == (None, None)


def test_a_first_certificate_only_gains_names_and_its_rollback_loses_them() -> None:
    after = Binding(names=("a.org",), algorithm="ec", issuer="R10")
    first = build_change().model_copy(update={"before": None, "after": after})
    assert (first.names_lost, first.names_gained) == ((), ("a.org",))
    assert (build_inverse(first).names_lost, build_inverse(first).names_gained) == (("a.org",), ())
    assert (first.key_change, first.issuer_change) == (None, None)


def test_totals_are_counted_per_service_and_per_certificate() -> None:
    made = build_plan(3)
    oss = made.changes[2].resource.model_copy(update={"service": "alibaba.oss"})
    changed = made.changes[2].model_copy(update={"resource": oss, "not_reversible": "no key"})
    mixed = made.model_copy(
        update={"changes": (*made.changes[:2], changed), "certificates": (NEW, "ef" * 32)}
    )
    assert mixed.totals_by_service == {
        "alibaba.cdn": Total(changes=2, cost=2),
        "alibaba.oss": Total(changes=1, cost=1, not_reversible=1),
    }
    assert list(mixed.totals_by_service) == ["alibaba.cdn", "alibaba.oss"]
    assert mixed.totals_by_certificate == {
        NEW: Total(changes=3, cost=3, not_reversible=1),
        "ef" * 32: Total(),
    }
