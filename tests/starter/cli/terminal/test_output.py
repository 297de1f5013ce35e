"""What is printed loses nothing, in a pipe or on a narrow terminal, and plays no tricks."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from domain.tasks.status import Tally
from starter.cli.terminal import output

WIDE = "main/alibaba.cdn/" + "x" * 300 + ".example.com"


def test_a_pipe_gets_one_whole_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("RESOURCE", "STATE"), [(WIDE, "online"), ("カタ", "gone\nfor good")])
    header, first, second = capsys.readouterr().out.splitlines()
    assert header.split() == ["RESOURCE", "STATE"]
    assert first == f"{WIDE}  online"
    assert second == "カタ" + " " * (len(WIDE) - 4) + "  gone for good"


def test_without_rows_a_pipe_stays_empty_and_a_person_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output.show_table(("NAME",), [], empty="Nothing yet.")
    assert capsys.readouterr() == ("", "Nothing yet.\n")


def test_a_terminal_is_not_played_tricks_on(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("NAME",), [("a\x1b[2J\rb",)])
    output.show_fields([("name", "a\x1b]0;x\x07"), ("b", "one\ntwo")])
    output.note("\x1b[31mred")
    result = capsys.readouterr()
    assert "\x1b" not in result.out + result.err
    assert result.out.endswith("b     one\n      two\n")


def test_json_takes_our_values_and_times(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    output.show_json({"tally": Tally(failed=1), "at": at, "name": "证书"})
    text = capsys.readouterr().out
    result = json.loads(text)
    assert result["tally"]["failed"] == 1
    assert result["at"] == "2026-01-01T00:00:00+00:00"
    assert "证书" in text
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        output.show_json(object())


def test_a_json_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_json_line({"text": "a\nb"})
    assert capsys.readouterr().out.count("\n") == 1


def test_all_names_are_listed_in_a_pipe() -> None:
    assert output.join_names(["a", "b", "c", "d"]) == "a, b, c, d"
    assert output.humanize("rolled_back") == "rolled back"


def test_a_bar_is_silent_where_no_one_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with output.show_progress("Reading") as meter:
        meter(1, 2, "text")
    assert capsys.readouterr() == ("", "")


def test_a_list_as_json_is_printed_as_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    def made() -> Iterator[dict[str, object]]:
        yield {"a": [1, {"b": "证书"}]}
        assert json.loads(capsys.readouterr().out + "]") == [{"a": [1, {"b": "证书"}]}]
        yield {"at": datetime(2026, 1, 1, tzinfo=UTC)}

    output.show_json_list(made())
    output.show_json_list([])
    assert capsys.readouterr().out.endswith('"2026-01-01T00:00:00+00:00"\n  }\n]\n[]\n')
    values = [{"a": [1, {"b": []}]}, 2]
    output.show_json_list(values)
    streamed = capsys.readouterr().out
    output.show_json(values)
    assert streamed == capsys.readouterr().out


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\n=1", "\N{FULLWIDTH EQUALS SIGN}1"]
)
def test_a_spreadsheet_takes_no_text_for_a_formula(
    cell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output.show_csv(("NAME", "DAYS", "NONE"), [(cell, -3, None), ('a "b", c', 1, "\t=1")])
    header, first, second = csv.reader(io.StringIO(capsys.readouterr().out))
    assert header == ["NAME", "DAYS", "NONE"]
    assert (first[0][0], first[1:]) == ("'", ["-3", ""])
    assert second == ['a "b", c', "1", "\N{REPLACEMENT CHARACTER}=1"]
