"""Tests the comparison with other tools: its counts, and that the peer calls only the sandbox."""

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import acme_sh, ours, report
from benchmarks.peers.faults import FAILURES, build_rules, build_scenarios
from benchmarks.peers.verdict import Claims, Key, Verdict, compare, read, write
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from starter.demo.ca import PracticeCA
from tests.support.stored_examples import build_change

LOG = """\
[Sat Nov 28 03:20:59 UTC 2026] Domain a.example.com certificate has been deployed successfully
[Sat Nov 28 03:21:00 UTC 2026] Request was denied due to user flow control.
[Sat Nov 28 03:21:00 UTC 2026] Domain c.example.com certificate has been deployed successfully
[Sat Nov 28 03:21:00 UTC 2026] Success
"""


def claims(by_code: str = "", by_word: str = "") -> Claims:
    return Claims(frozenset(by_code), frozenset(by_word), seconds=1.5, calls=7)


def verdict(wrong: int = 0, seconds: float = 1.0) -> Verdict:
    return Verdict(wrong, 0, 0, 0, seconds, 10)


@given(st.floats(0.01, 1.0))
def test_all_faults_are_equally_frequent_and_add_up_to_the_share(share: float) -> None:
    remaining, shares = 1.0, []
    for rule in build_rules(share, FAILURES):
        shares.append(remaining * rule["share"])
        remaining -= shares[-1]
    assert shares == pytest.approx([share / len(FAILURES)] * len(FAILURES))
    assert all(0 <= rule["share"] <= 1 + 1e-9 for rule in build_rules(share, FAILURES))


def test_every_scenario_has_a_unique_name_and_faults_unless_its_name_says_none() -> None:
    found = build_scenarios(50)
    assert len({one.name for one in found}) == len(found)
    assert [bool(one.rules) for one in found] == ["no faults" not in one.name for one in found]


def test_wrong_names_are_counted_by_claim() -> None:
    # a: right, claimed. b: right, by code only. c: wrong, claimed. d: wrong, by code only.
    assert compare("abcd", "ab", claims(by_code="abcd", by_word="ac")) == Verdict(
        wrong=2, wrong_by_code=2, wrong_by_word=1, unclaimed=1, seconds=1.5, calls=7
    )


def test_a_tool_with_true_claims_has_no_wrong_claims() -> None:
    found = compare("abcd", "ab", claims(by_code="ab", by_word="ab"))
    assert (found.wrong, found.wrong_by_code, found.wrong_by_word, found.unclaimed) == (2, 0, 0, 0)


def test_the_names_that_a_log_reports_as_deployed_are_found() -> None:
    assert acme_sh.list_deployed(LOG) == {"a.example.com", "c.example.com"}


def test_only_deployed_outcomes_of_a_task_count() -> None:
    statuses = (OutcomeStatus.DEPLOYED, OutcomeStatus.FAILED, OutcomeStatus.UNVERIFIED)
    found = [
        OutcomeRecord(task_id="t", ordinal=number, change=build_change(number), status=status)
        for number, status in enumerate(statuses)
    ]
    assert ours.list_deployed(found) == set(found[0].change.resource.domains)


def test_the_table_shows_medians_ranges_and_the_ratio_within_each_run() -> None:
    results = {
        Key("faults", tool, seed): verdict(wrong, seconds)
        for tool, runs in (
            (report.BASELINE, [(1, 2.0), (9, 4.0), (2, 8.0)]),
            ("certroll", [(0, 1.0), (0, 4.0), (0, 16.0)]),
        )
        for seed, (wrong, seconds) in enumerate(runs)
    }
    *_, baseline, other = report.format_table(results).splitlines()
    assert baseline.startswith(f"| faults | {report.BASELINE} | 2 (1 to 9) | 0 |")
    assert other.endswith("| 4.0 (1.0 to 16.0) | 1.00 (0.50 to 2.00) | 10 |")


def test_only_the_text_between_the_marks_of_the_page_is_replaced() -> None:
    page = f"above\n{report.BEGIN}\nold\n{report.END}\nbelow\n"
    written = report.replace_between_marks(page, "new")
    assert written == f"above\n{report.BEGIN}\n\nnew\n\n{report.END}\nbelow\n"
    assert report.replace_between_marks(written, "new") == written
    with pytest.raises(ValueError, match="lacks"):
        report.replace_between_marks("no marks", "new")


def test_the_page_in_docs_has_its_marks() -> None:
    assert report.replace_between_marks(report.PAGE.read_text(), "new")


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    random = Random(1)  # noqa: S311 - any numbers do
    results = {Key("s", "t", seed): verdict(seconds=random.random()) for seed in range(3)}
    assert read(tmp_path / "none") == {}
    write(tmp_path / "results", results)
    assert read(tmp_path / "results") == results


def test_the_home_has_the_layout_of_acme_sh_and_a_private_key(tmp_path: Path) -> None:
    issued = PracticeCA("peers").issue(["peers.example.com"])
    folder = acme_sh.write_home(tmp_path, issued) / "peers.example.com_ecc"
    assert (folder / "fullchain.cer").read_bytes() == issued.pem
    assert (folder / "peers.example.com.key").stat().st_mode & 0o077 == 0


@pytest.fixture
def fake_curl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A curl that prints its arguments."""
    folder = tmp_path / "fake"
    folder.mkdir()
    (folder / "curl").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (folder / "curl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


@pytest.mark.usefixtures("fake_curl")
def test_calls_to_the_cloud_go_to_the_practice_cloud_with_unchanged_arguments(
    tmp_path: Path,
) -> None:
    curl = acme_sh.write_curl(tmp_path, "http://127.0.0.1:9001") / "curl"
    words = ["--data", "a b&c=*", f"{acme_sh.API}/?Signature=x%3D", "-H", ""]
    printed = subprocess.run([curl, *words], stdout=subprocess.PIPE, text=True, check=True).stdout
    *_, data, url, option, empty = printed.splitlines()
    assert (data, url) == ("a b&c=*", "http://127.0.0.1:9001/?Signature=x%3D")
    assert (option, empty) == ("-H", "")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_no_calls_go_to_other_hosts(tmp_path: Path) -> None:
    curl = acme_sh.write_curl(tmp_path, "http://127.0.0.1:1") / "curl"
    for url in ("https://alidns.aliyuncs.com/", "ftp://www.example.com/"):
        assert subprocess.run([curl, "-s", url], check=False).returncode == 1  # not allowed
    # Plain HTTP to any host goes to the address of the practice cloud, where nothing listens here.
    assert subprocess.run([curl, "-s", "http://www.example.com/"], check=False).returncode == 7


def test_a_folder_without_the_peer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"checkout of acme\.sh"):
        acme_sh.find_program(tmp_path)
