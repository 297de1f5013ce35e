"""A plan file becomes a plan; a change that is unknown or not possible is refused."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import BadInput
from domain.plans.file import parse_plan_file
from domain.plans.plan import Plan
from operations.planning.import_file import build_plan_from_file
from tests.support.stack import Stack

NAMES = ("a.example.com", "b.example.com")
WHERE = "plan.yaml"


def to_fields(plan: Plan) -> dict[str, Any]:
    """The fields of a plan file with the changes of this plan."""
    changes = [
        {
            "resource": each.resource.id,
            "before": each.before.model_dump(mode="json") if each.before else None,
            "after": each.after.fingerprint if each.after else None,
        }
        for each in plan.changes
    ]
    return {
        "certroll_plan": 1,
        "name": "autumn",
        "certificates": [{"fingerprint": each} for each in plan.certificates],
        "changes": changes,
    }


def import_plan(stack: Stack, fields: dict[str, Any], after: timedelta = timedelta()) -> Plan:
    file, text = parse_plan_file(json.dumps(fields).encode(), WHERE)
    now = datetime.now(UTC) + after
    return build_plan_from_file(stack.store, stack.connectors, file, text, WHERE, now=now)


def test_a_plan_file_becomes_the_same_plan(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    plan = stack.build_plan(stack.upload("new", *NAMES))
    assert import_plan(stack, to_fields(plan)).digest == plan.digest
    assert import_plan(stack, {**to_fields(plan), "digest": plan.digest}).digest == plan.digest


def test_another_digest_is_refused(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    plan = stack.build_plan(stack.upload("new", *NAMES))
    with pytest.raises(BadInput) as caught:
        import_plan(stack, {**to_fields(plan), "digest": "f" * 64})
    assert WHERE in (caught.value.where or "")
    assert plan.digest[:12] in str(caught.value)


def test_an_unknown_resource_is_refused_and_named(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    fields = to_fields(stack.build_plan(stack.upload("new", *NAMES)))
    fields["changes"][1]["resource"] = "main/alibaba.cdn/gone.example.com"
    with pytest.raises(BadInput) as caught:
        import_plan(stack, fields)
    assert "gone.example.com" in str(caught.value)
    assert "a.example.com" not in str(caught.value)


def test_a_change_that_a_rule_refuses_is_named_with_the_reason(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    fields = to_fields(stack.build_plan(new))
    with pytest.raises(BadInput) as caught:
        import_plan(stack, fields, after=timedelta(days=5000))
    assert WHERE in (caught.value.where or "")
    assert f"{new.not_after:%Y-%m-%d}" in str(caught.value)


def test_a_change_to_the_served_certificate_is_refused(stack: Stack) -> None:
    stack.seed_domains(*NAMES)
    new = stack.upload("new", *NAMES)
    fields = to_fields(stack.build_plan(new))
    fields["changes"][0]["before"] = {
        **fields["changes"][0]["before"],
        "fingerprint": new.fingerprint,
    }
    with pytest.raises(BadInput) as caught:
        import_plan(stack, fields)
    assert WHERE in (caught.value.where or "")
