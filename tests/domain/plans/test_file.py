"""A plan as a file: there and back with the same digest, and each error with its place."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadInput
from domain.plans.file import PlanFile, read, write
from domain.plans.plan import Change, Plan
from domain.plans.request import PlanRequest
from domain.plans.saved import SavedPlan
from domain.resources.resource import Binding, CertificateRef, Resource
from tests.support.stored_examples import NEW, NOW, OLD, change, plan

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


def saved(of: Plan, name: str = "autumn", wish: PlanRequest | None = None) -> SavedPlan:
    return SavedPlan(
        id="p1",
        name=name,
        digest=of.digest,
        origin="created",
        plan_request=wish,
        created_at=NOW,
        created_by="root@host\n# not a line of its own",
        changes=len(of.changes),
    )


def text(of: Plan, **more: object) -> str:
    record = saved(of).model_copy(update=more)
    return "".join(write(record, of, {NEW: "new"}))


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


def told(content: str) -> str:
    with pytest.raises(BadInput) as caught:
        read(content.encode(), "plan.yaml")
    return str(caught.value)


@given(st.lists(BINDINGS | st.none(), min_size=1, max_size=4), TEXT.filter(bool), st.data())
def test_there_and_back_gives_the_same_digest(
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
            warnings=(data.draw(TEXT),),
        )
        for key, before in zip(keys, bindings, strict=True)
    )
    made = Plan(certificates=(NEW,), changes=changes)
    wish = PlanRequest(certificates=(NEW,), resources=tuple(keys), all_matched=True)
    written = "".join(write(saved(made, name, wish), made, {NEW: name}))
    file, _ = read(written.encode(), "plan.yaml")
    assert rebuilt(file, made).digest == made.digest == file.digest
    assert (file.name, file.plan_request, file.certificates[0].name) == (name, wish, name)
    assert yaml.safe_load(written)["digest"] == made.digest


def test_a_thousand_changes_come_back_in_their_order() -> None:
    made = plan(1000)
    file, _ = read(text(made).encode(), "plan.yaml")
    assert [each.resource for each in file.changes] == [c.resource.id for c in made.changes]
    assert rebuilt(file, made).digest == made.digest


def test_the_head_tells_a_reviewer_what_it_is_and_the_same_plan_gives_the_same_text() -> None:
    made = plan(2)
    written = text(made)
    head = [line for line in written.splitlines() if line.startswith("#")]
    assert head[0] == "# autumn: 2 changes, quota 2"
    assert head[1] == "# made 2026-11-24 12:30 UTC by root@host # not a line of its own"
    assert "# alibaba.cdn: 2" in head
    assert "# not part of it: 0 refused, 1 served already" in head
    assert "# warning: served by another task" in head
    assert written == text(made, id="p2")


def test_a_change_without_a_way_back_is_remarked() -> None:
    one_way = change().model_copy(update={"not_reversible": "it lies\nin the CDN alone"})
    made = Plan(certificates=(NEW,), changes=(one_way,))
    assert "# one way: it lies in the CDN alone\n- resource: " in text(made)


def test_a_file_without_digest_and_wish_is_taken() -> None:
    file, _ = read(b"\xef\xbb\xbf" + FILE.encode(), "plan.yaml")
    assert (file.digest, file.plan_request) == (None, None)
    assert file.changes[0].before is not None
    assert file.changes[0].before.not_after == NOW.replace(microsecond=0) + timedelta(days=5)


@pytest.mark.parametrize(
    ("was", "becomes", "place", "what"),
    [
        ("name: autumn", "name: [autumn", "line 3, column 13", "no YAML:"),
        ("name: autumn", 'name: "autumn', "line 12, column 1", "(from line 2)"),
        ("name: autumn", "\tname: autumn", "line 2, column 1", "no YAML:"),
        ("name: autumn", "name: autumn\ntitle: x", "line 3, column 1", "unknown field 'title'"),
        ("  after:", "  lock: x\n  after:", "line 11, column 3", "unknown field 'lock'"),
        ("    not_after", "    nota", "line 10, column 5", "unknown field 'nota'"),
        ("name: autumn", "name: 12", "line 2, column 7", "valid string (put it in quotes)"),
        ("name: autumn", "name: ''", "line 2, column 7", "at least 1 character"),
        ("certroll_plan: 1", "certroll_plan: 2", "line 1, column 16", "this should be 1"),
        ("name: autumn\n", "", "line 1, column 1", "the field 'name' is missing"),
        (
            "  before:\n    f",
            "  earlier:\n    f",
            "line 7, column 3",
            "the field 'before' is missing",
        ),
        (f"fingerprint: {NEW}", "fingerprint: AB", "line 4, column 16", "64 hexadecimal digits"),
        (f"  after: {NEW}", "  after:", "line 11, column 9", "valid string"),
        ("'2026-11-29T12:30:15Z'", "soon", "line 10, column 16", "valid datetime"),
        ("12:30:15Z", "12:30:15", "line 10, column 16", "this time has no zone"),
        (f"after: {NEW}", f"after: {OLD}", "line 11, column 10", "none of the `certificates`"),
        ("name: autumn", "name: &a autumn", "line 2, column 7", "anchors are not taken (&a)"),
        ("name: autumn", "name: *a", "line 2, column 7", "aliases are not taken (*a)"),
        ("name: autumn", "name: !!python/name:os.system", "line 2, column 7", "tags are not"),
        ("name: autumn", "name: !secret x", "line 2, column 7", "tags are not taken (!secret)"),
        ("name: autumn", "name: a\nname: b", "line 3, column 1", "'name' is given twice"),
        ("name: autumn", "[a]: autumn", "line 2, column 1", "a name is expected here"),
        ("name: autumn", "name: a\n---\nx: 1", "line 3, column 1", "a second document"),
        ("name: autumn", "name: a\x07b", "line 2, column 8", "U+0007 may not stand"),
        ("name: autumn", f"name: {'[' * 40}", "line 2, column 19", "levels deep"),
    ],
)
def test_each_error_names_its_line_and_column(
    was: str, becomes: str, place: str, what: str
) -> None:
    assert was in FILE
    message = told(FILE.replace(was, becomes, 1))
    assert message.startswith("plan.yaml")
    assert place in message
    assert what in message


def test_what_is_no_text_or_nothing_at_all_has_its_place_too() -> None:
    with pytest.raises(BadInput, match=r"plan\.yaml, line 2, column 8: this is no UTF-8"):
        read(FILE.replace("autumn", "a\xe4").encode("latin-1"), "plan.yaml")
    assert "line 1, column 1: there is nothing in it" in told("# only a remark\n")
    assert "line 1, column 1: this should be a valid dictionary" in told("just words")


def test_the_changes_of_a_list_that_is_none_are_told_where_it_stands() -> None:
    start = "certroll_plan: 1\nname: x\ncertificates: []\n"
    assert "line 4, column 10: this should be a valid tuple" in told(f"{start}changes: {{}}\n")
    assert "line 4, column 10: there is no change in it" in told(f"{start}changes: []\n")


def test_several_errors_are_told_at_once_in_their_order() -> None:
    broken = FILE.replace("name: autumn", "title: autumn").replace("  before:", "  befre:")
    lines = told(broken).splitlines()
    assert lines[0] == "plan.yaml: 4 errors, nothing was stored"
    found = [re.findall(r"line (\d+), column (\d+)", line)[0] for line in lines[1:]]
    places = [(int(line), int(column)) for line, column in found]
    assert places == sorted(places)
    assert len(places) == 4


def test_of_many_errors_the_first_are_told_and_the_rest_counted() -> None:
    broken = FILE + "".join(f"field{number}: 1\n" for number in range(30))
    assert told(broken).count("unknown field") == 10
    assert "\n  and 20 more" in told(broken)


def test_aliases_that_would_grow_without_end_are_refused_at_once() -> None:
    nine = ",".join("*a" for _ in range(9))
    bomb = "a: &a [x]\n" + "".join(f"{name}: &{name} [{nine}]\n" for name in "bcdefgh")
    message = told(bomb)
    assert "anchors are not taken" in message
    assert "aliases are not taken" in message


def test_one_resource_is_changed_once() -> None:
    entry = FILE[FILE.index("- resource") :]
    assert "line 12, column 13: 'main/alibaba.cdn/host1.example.com' is changed twice" in told(
        FILE + entry
    )


def test_the_example_of_the_documentation_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs" / "plans.md").read_text()
    (example,) = re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL)
    file, _ = read(example.encode(), "plans.md")
    assert len(file.changes) == 2
    for field in PlanFile.model_fields:
        assert f"| `{field}` |" in page
