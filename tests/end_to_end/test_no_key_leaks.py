"""Searches all that a whole run writes: private keys and passwords are in the vault only."""

from collections.abc import Iterator
from fnmatch import fnmatch

import pytest
from pytest_httpserver import HTTPServer

from tests.support.factory import CA
from tests.support.full_run import NAMES, PASSPHRASE, WEBHOOK_TOKEN, FullRun
from tests.support.key_finder import SecretFinder
from tests.support.practice_cloud import PracticeCloud

pytestmark = pytest.mark.timeout(300)  # two dozen commands, one after the other


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, ca: CA) -> Iterator[FullRun]:
    """The run, after its end."""
    folder = tmp_path_factory.mktemp("full-run")
    cloud_folder = tmp_path_factory.mktemp("cloud")
    with (
        PracticeCloud(cloud_folder, record=True) as cloud,
        HTTPServer(host="127.0.0.1") as hooks,
    ):
        full = FullRun(folder, cloud, hooks, ca)
        full.run()
        yield full


@pytest.fixture(scope="module")
def finder(run: FullRun) -> SecretFinder:
    finder = SecretFinder()
    for kind, leaf in run.leaves.items():
        finder.add_key(f"the {kind} key", leaf.key)
    finder.add_text("the access key's secret", run.cloud.access_key_secret)
    finder.add_text("the passphrase", PASSPHRASE)
    finder.add_text("the webhook's token", WEBHOOK_TOKEN)
    kek = (run.home / "kek").read_text().strip()
    finder.add_text("the key-encryption key", kek.partition(":")[2])
    return finder


def test_no_secret_is_left_anywhere(run: FullRun, finder: SecretFinder) -> None:
    found = {place: forms for place, data in run.evidence.items() if (forms := finder.find(data))}
    assert found == {}


def test_the_search_finds_each_key_where_it_was_sent(run: FullRun, finder: SecretFinder) -> None:
    received = (run.cloud.folder / "requests.jsonl").read_bytes()
    found = " ".join(finder.find(received))
    assert all(f"the {kind} key" in found for kind in NAMES)


def test_the_search_finds_each_secret_where_it_was_handed_over(
    run: FullRun, finder: SecretFinder
) -> None:
    data = b"".join(path.read_bytes() for path in run.inputs.iterdir())
    found = " ".join(finder.find(data))
    for name in ("the access key's secret", "the passphrase", "the webhook's token"):
        assert name in found


@pytest.mark.parametrize(
    "place",
    [
        "history deployment-*, JSON",
        "history deployment-*, raw",
        "file home/certroll.db* while running",
        "file home/certroll.db* at the end",
        "file home/temporal.db* while running",
        "file home/temporal.db* at the end",
        "file home/logs/worker.log at the end",
        "file home/logs/temporal.log at the end",
        "output *: certroll task *",
        "webhooks",
    ],
)
def test_the_searched_data_is_of_this_run(run: FullRun, place: str) -> None:
    """Each place names the run: the search was not of empty files."""
    found = [data for name, data in run.evidence.items() if fnmatch(name, place)]
    assert any(b"release" in data or b"deployment-" in data for data in found)


def test_the_run_met_every_failure(run: FullRun) -> None:
    calls = run.cloud.count_calls()
    assert calls["cas.UploadUserCertificate"].keys() >= {"OK", "Throttling.User", "Forbidden.RAM"}
    set_codes = calls["cdn.SetCdnDomainSSLCertificate"].keys()
    assert set_codes >= {"OK", "Throttling.User", "ServiceUnavailable"}
    assert [run.cloud.count_hits(fault) for fault in run.faults] == [1] * len(run.faults)
    assert len(run.hooks.log) == 3  # test message, end, rollback
    shown = run.evidence[next(name for name in run.evidence if "task list" in name)]
    assert b'"rolled_back": 4' in shown
    assert b'"failed": 1' in shown
