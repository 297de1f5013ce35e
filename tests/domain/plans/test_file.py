"""A plan written to a file and read again has the same digest; each error has its position."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.file import (
    PlanFile,
    list_digest_faults,
    list_unknown_names,
    parse_plan_file,
    to_yaml,
)
from domain.plans.plan import Change, Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import SavedPlan
from domain.plans.yaml_source import Fault, build_error_at
from domain.resources.connector import ChangeWarning
from domain.resources.inventory_item import InventoryItem
from domain.resources.resource import Binding, CertificateRef, Resource
from tests.support.refusals import has_code
from tests.support.stored_examples import NEW, NOW, OLD, build_change, build_plan

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
TIMES = st.integers(0, 2**47).map(lambda microseconds: NOW + timedelta(microseconds=microseconds))
BINDINGS = st.builds(
    Binding,
    fingerprint=st.none() | st.sampled_from([OLD, "1" * 64, "0e1" + "2" * 61]),
    ref=st.none()
    | st.builds(CertificateRef, store=TEXT, fields=st.dictionaries(TEXT, TEXT, max_size=3)),
    name=st.none() | TEXT | st.sampled_from(["no", "null", "1e5", "0x1F", "~", "2026-01-01", "*a"]),
    names=st.lists(TEXT, max_size=3).map(tuple),
    not_after=st.none() | TIMES,
    algorithm=st.none() | st.sampled_from(["rsa", "sm2"]),
    issuer=st.none() | TEXT,
)
FILE = f"""\
certroll_plan: 1
name: autumn
certificates:
- fingerprint: {NEW}
  name: new
changes:
- resource: main/alibaba.cdn/host1.example.com
  before:
    fingerprint: {OLD}
    not_after: '2026-11-29T12:30:15Z'
  after: {NEW}
"""


def saved(of: Plan, name: str = "autumn", request: PlanRequest | None = None) -> SavedPlan:
    return SavedPlan(
        id="p1",
        name=name,
        digest=of.digest,
        origin="created",
        plan_request=request,
        created_at=NOW,
        created_by="root@host\n# not a line of its own",
        changes=len(of.changes),
    )


def text(of: Plan, **more: object) -> str:
    record = saved(of).model_copy(update=more)
    return "".join(to_yaml(record, of, {NEW: "new"}))


def rebuilt(file: PlanFile, known: Plan) -> Plan:
    """The plan of a file where all else of each change is what it was."""
    rest = {each.resource.id: each for each in known.changes}
    after = {each.after.fingerprint: each.after for each in known.changes if each.after}
    return Plan(
        certificates=tuple(each.fingerprint for each in file.certificates),
        changes=tuple(
            rest[each.resource].model_copy(
                update={"before": each.before, "after": after[each.after]}
            )
            for each in file.changes
        ),
    )


def refused(content: str | bytes) -> BadInput:
    """The error of a file with this content."""
    data = content.encode() if isinstance(content, str) else content
    with pytest.raises(BadInput, check=has_code("invalid-file")) as caught:
        parse_plan_file(data, "plan.yaml")
    return caught.value


def at(position: str) -> str:
    return f"plan.yaml, {position}"


@given(st.lists(BINDINGS | st.none(), min_size=1, max_size=4), TEXT.filter(bool), st.data())
def test_a_file_that_is_written_and_read_again_has_the_same_digest(
    bindings: list[Binding | None], name: str, data: st.DataObject
) -> None:
    keys = data.draw(st.lists(TEXT, min_size=len(bindings), max_size=len(bindings), unique=True))
    changes = tuple(
        Change(
            resource=Resource(account="main", service="alibaba.cdn", key=key),
            before=before,
            after=Binding(fingerprint=NEW, name=name),
            store="s",
            not_reversible=data.draw(st.none() | TEXT),
            warnings=(ChangeWarning(code="slow", text=data.draw(TEXT)),),
        )
        for key, before in zip(keys, bindings, strict=True)
    )
    made = Plan(certificates=(NEW,), changes=changes)
    request = PlanRequest(certificates=(NEW,), resources=tuple(keys), all_matched=True)
    written = "".join(to_yaml(saved(made, name, request), made, {NEW: name}))
    file, _ = parse_plan_file(written.encode(), "plan.yaml")
    assert rebuilt(file, made).digest == made.digest == file.digest
    assert (file.name, file.plan_request, file.certificates[0].name) == (name, request, name)
    assert yaml.safe_load(written)["digest"] == made.digest


def test_a_thousand_changes_keep_their_order() -> None:
    made = build_plan(1000)
    file, _ = parse_plan_file(text(made).encode(), "plan.yaml")
    assert [each.resource for each in file.changes] == [c.resource.id for c in made.changes]
    assert rebuilt(file, made).digest == made.digest


def test_the_head_counts_changes_and_the_same_plan_gives_the_same_text() -> None:
    made = build_plan(2)
    written = text(made)
    head = [line for line in written.splitlines() if line.startswith("#")]
    assert head[0] == "# autumn: 2 changes, quota 2"
    assert head[1].endswith("2026-11-24 12:30 UTC by root@host # not a line of its own")
    assert "# alibaba.cdn: 2" in head
    assert any("0 refused, 1 unchanged" in line for line in head)
    assert any(line.endswith(": served by another task") for line in head)
    assert written == text(made, id="p2")


def test_a_comment_marks_a_change_that_is_not_reversible() -> None:
    no_rollback = build_change().model_copy(update={"not_reversible": "it lies\nin the CDN alone"})
    made = Plan(certificates=(NEW,), changes=(no_rollback,))
    assert ": it lies in the CDN alone\n- resource: " in text(made)


def test_a_file_needs_neither_digest_nor_plan_request() -> None:
    file, _ = parse_plan_file(b"\xef\xbb\xbf" + FILE.encode(), "plan.yaml")
    assert (file.digest, file.plan_request) == (None, None)
    assert file.changes[0].before is not None
    assert file.changes[0].before.not_after == NOW.replace(microsecond=0) + timedelta(days=5)


@pytest.mark.parametrize(
    ("was", "becomes", "position", "data"),
    [
        ("name: autumn", "name: [autumn", "line 3, column 13", ""),
        ("name: autumn", 'name: "autumn', "line 12, column 1", "(from line 2)"),
        ("name: autumn", "\tname: autumn", "line 2, column 1", ""),
        ("name: autumn", "name: autumn\ntitle: x", "line 3, column 1", "'title'"),
        ("  after:", "  lock: x\n  after:", "line 11, column 3", "'lock'"),
        ("    not_after", "    nota", "line 10, column 5", "'nota'"),
        ("name: autumn", "name: 12", "line 2, column 7", "quotes"),
        ("name: autumn", "name: ''", "line 2, column 7", "1"),
        ("certroll_plan: 1", "certroll_plan: 2", "line 1, column 16", "1"),
        ("name: autumn\n", "", "line 1, column 1", "'name'"),
        (
            "  before:\n    f",
            "  earlier:\n    f",
            "line 7, column 3",
            "'before'",
        ),
        (f"fingerprint: {NEW}", "fingerprint: AB", "line 4, column 16", "64"),
        (f"  after: {NEW}", "  after:", "line 11, column 9", "string"),
        ("'2026-11-29T12:30:15Z'", "soon", "line 10, column 16", "datetime"),
        ("12:30:15Z", "12:30:15", "line 10, column 16", "zone"),
        (f"after: {NEW}", f"after: {OLD}", "line 11, column 10", OLD[:12]),
        ("name: autumn", "name: &a autumn", "line 2, column 7", "&a"),
        ("name: autumn", "name: *a", "line 2, column 7", "*a"),
        ("name: autumn", "name: !!python/name:os.system", "line 2, column 7", "os.system"),
        ("name: autumn", "name: !secret x", "line 2, column 7", "!secret"),
        ("name: autumn", "name: a\nname: b", "line 3, column 1", "'name'"),
        ("name: autumn", "[a]: autumn", "line 2, column 1", ""),
        ("name: autumn", "name: a\n---\nx: 1", "line 3, column 1", ""),
        ("name: autumn", "name: a\x07b", "line 2, column 8", "U+0007"),
        ("name: autumn", f"name: {'[' * 40}", "line 2, column 19", "12"),
    ],
)
def test_each_error_names_its_line_and_column(
    was: str, becomes: str, position: str, data: str
) -> None:
    assert was in FILE
    error = refused(FILE.replace(was, becomes, 1))
    assert position in str(error)
    assert data in error.what


def test_invalid_utf_8_and_an_empty_file_have_their_position_too() -> None:
    assert refused(FILE.replace("autumn", "a\xe4").encode("latin-1")).where == at(
        "line 2, column 8"
    )
    assert refused("# only a comment\n").where == at("line 1, column 1")
    assert refused("just words").where == at("line 1, column 1")


@pytest.mark.parametrize("changes", ["{}", "[]"])
def test_a_file_without_a_list_of_changes_is_refused_at_the_list(changes: str) -> None:
    start = "certroll_plan: 1\nname: x\ncertificates: []\n"
    assert refused(f"{start}changes: {changes}\n").where == at("line 4, column 10")


def test_several_errors_are_reported_at_once_in_their_order() -> None:
    broken = FILE.replace("name: autumn", "title: autumn").replace("  before:", "  befre:")
    error = refused(broken)
    lines = error.what.splitlines()
    assert error.where == "plan.yaml"
    assert lines[0].startswith("4 errors")
    found = [re.findall(r"line (\d+), column (\d+)", line)[0] for line in lines[1:]]
    positions = [(int(line), int(column)) for line, column in found]
    assert positions == sorted(positions)
    assert len(positions) == 4


def test_of_many_errors_the_first_ten_are_reported_and_the_rest_counted() -> None:
    broken = FILE + "".join(f"field{number}: 1\n" for number in range(30))
    message = refused(broken).what
    assert [f"'field{n}'" in message for n in range(30)] == [True] * 10 + [False] * 20
    assert "\n  and 20 more" in message


def test_aliases_that_expand_without_end_are_refused() -> None:
    nine = ",".join("*a" for _ in range(9))
    bomb = "a: &a [x]\n" + "".join(f"{name}: &{name} [{nine}]\n" for name in "bcdefgh")
    message = refused(bomb).what
    assert "&a" in message
    assert "*a" in message


def test_a_resource_that_appears_twice_is_refused() -> None:
    entry = FILE[FILE.index("- resource") :]
    error = refused(FILE + entry)
    assert error.where == at("line 12, column 13")
    assert "main/alibaba.cdn/host1.example.com" in error.what


def test_the_example_of_the_documentation_is_a_plan_file() -> None:
    page = (Path(__file__).parents[3] / "docs" / "plans.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    file, _ = parse_plan_file(example.encode(), "plans.md")
    assert len(file.changes) == 2
    for field in PlanFile.model_fields:
        assert f"| `{field}` |" in page


def unknown_resource(
    file: PlanFile, *, gone: bool = False, accounts: tuple[str, ...] = ("main",)
) -> list[Fault]:
    """The faults of the file where its certificate has another name and its resource is gone."""
    resource = Resource(account="main", service="alibaba.cdn", key="host1.example.com")
    item = InventoryItem(
        resource=resource, binding=None, binding_known=True, seen_at=NOW, vanished_at=NOW
    )
    items = {resource.id: item} if gone else {}
    return list_unknown_names(file, items, {NEW: "other"}, accounts)


def test_names_that_are_unknown_here_are_faults_at_their_position() -> None:
    file, _ = parse_plan_file(FILE.encode(), "plan.yaml")
    paths = [("certificates", 0, "name"), ("changes", 0, "resource")]
    variants = [
        unknown_resource(file),
        unknown_resource(file, gone=True),
        unknown_resource(file, accounts=()),
    ]
    assert [[fault.path for fault in faults] for faults in variants] == [paths] * 3
    assert len({faults[1].what for faults in variants}) == 3
    lines = build_error_at(FILE, "plan.yaml", variants[0]).what.splitlines()
    assert "line 5, column 9" in lines[1]
    assert "line 7, column 13" in lines[2]


def test_unknown_certificates_are_faults_also_in_the_plan_request() -> None:
    file, _ = parse_plan_file(FILE.encode(), "plan.yaml")
    assert list_unknown_names(file, {}, {}, ("main",))[0].path == ("certificates", 0, "fingerprint")
    request = PlanRequest(certificates=(NEW, OLD))
    with_request = file.model_copy(update={"plan_request": request})
    paths = [each.path for each in list_unknown_names(with_request, {}, {NEW: "new"}, ())]
    assert ("plan_request", "certificates", 1) in paths


def test_a_digest_of_another_plan_is_a_fault_at_its_position() -> None:
    content = f"digest: {OLD}\n{FILE}"
    file, _ = parse_plan_file(content.encode(), "plan.yaml")
    assert list_digest_faults(file, OLD) == []
    (fault,) = list_digest_faults(file, NEW)
    error = build_error_at(content, "plan.yaml", [fault])
    assert (error.where, error.code) == (at("line 1, column 9"), "invalid-file")
    assert NEW[:12] in error.what
    assert list_digest_faults(file.model_copy(update={"digest": None}), NEW) == []


def test_a_fault_of_a_missing_field_is_at_the_value_that_lacks_it() -> None:
    fault = Fault(("changes", 0, "before", "ref", "store"), "missing")
    assert build_error_at(FILE, "plan.yaml", [fault]).where == at("line 9, column 5")
