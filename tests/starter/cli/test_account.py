"""`certroll account`: settings are checked, secrets are sealed and never shown."""

import json
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine, run_on_terminal
from tests.support.practice_cloud import PracticeCloud

SECRET = "the-secret-of-the-account"
ADD = ("account", "add", "main", "--provider", "alibaba", "--access-key-id", "LTAItest")
ENV = {"CERTROLL_ACCESS_KEY_SECRET": SECRET}


def test_public_settings_are_shown_and_the_secret_is_sealed(certroll: CommandLine) -> None:
    words = ("--site", "intl", "--region", "eu-central-1", "--region", "ap-southeast-1")
    more = ("--endpoint", "http://127.0.0.1:1", "--probe-address", "[::1]:8443")
    result = certroll(
        *ADD, *words, *more, "--propagation", "1.5", "--calls-per-second", "50", env=ENV
    )
    assert result.stdout.startswith("Account 'main' is stored.")
    facts = certroll.json("account", "show", "main")
    assert facts["settings"] == {
        "access_key_id": "LTAItest",
        "site": "intl",
        "regions": "eu-central-1,ap-southeast-1",
        "endpoint": "http://127.0.0.1:1",
    }
    assert (facts["probe_address"], facts["propagation_seconds"]) == ("[::1]:8443", 1.5)
    assert facts["calls_per_second"] == 50
    assert certroll.json("account", "list") == [facts]
    shown = certroll("account", "list").stdout + certroll("account", "show", "main").stdout
    assert SECRET not in result.output + shown + json.dumps(facts)
    assert SECRET.encode() not in (certroll.home / "certroll.db").read_bytes()
    with certroll.store() as store:
        assert store.accounts.get_secrets("main") == {"access_key_secret": SECRET}


def test_slots_for_sm2_pairs_are_asked_for(certroll: CommandLine) -> None:
    certroll(*ADD, "--sm-slots", env=ENV)
    facts = certroll.json("account", "show", "main")
    assert facts["settings"]["sm_slots"] == "true"


def test_the_secret_comes_from_a_file_too(certroll: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    certroll(*ADD, "--access-key-secret-file", str(tmp_path / "secret"))
    with certroll.store() as store:
        assert store.accounts.get_secrets("main") == {"access_key_secret": SECRET}


def test_a_person_is_asked_for_the_secret_which_is_not_shown(certroll: CommandLine) -> None:
    code, screen = run_on_terminal(certroll.home, ADD, answers=[SECRET])
    assert (code, SECRET in screen) == (0, False)
    assert "Access key secret: " in screen
    with certroll.store() as store:
        assert store.accounts.get_secrets("main") == {"access_key_secret": SECRET}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--endpoint", "http://cloud.example"), "endpoint: "),
        (("--site", "mars"), "site: "),
        (("--probe-address", "127.0.0.1"), "--probe-address: '127.0.0.1' is not HOST:PORT"),
        (("--probe-address", "127.0.0.1:0"), "is not HOST:PORT"),
        (("--probe-address", "127.0.0.1:443,"), "'' is not HOST:PORT"),
        (("--probe-address", "127.0.0.1:65536"), "is not HOST:PORT"),
        (("--probe-address", "::1:443"), "is not HOST:PORT. Give HOST:PORT"),
        (("--propagation", "-1"), "--propagation: -1 seconds is out of range"),
        (("--propagation", "nan"), "nan seconds is out of range"),
        (("--propagation", "1e9"), "seconds is out of range. Give 0 to 86400 seconds."),
        (("--calls-per-second", "0"), "--calls-per-second: 0 calls per second is out of range"),
    ],
)
def test_settings_that_are_wrong_are_refused_by_name(
    words: tuple[str, ...], expected: str, certroll: CommandLine
) -> None:
    message = certroll.refusal(*ADD, *words, env=ENV)
    assert expected in message
    assert SECRET not in message
    assert certroll.json("account", "list") == []


def test_a_secret_that_is_missing_is_shown(certroll: CommandLine) -> None:
    for env in ({}, {"CERTROLL_ACCESS_KEY_SECRET": ""}):
        result = certroll.refusal(*ADD, env=env)
        assert result.startswith("--access-key-secret-file: the access key secret is missing")


def test_an_unknown_provider_and_a_bad_name_are_refused(certroll: CommandLine) -> None:
    words = ("account", "add", "Main", "--provider", "alibaba", "--access-key-id", "x")
    assert certroll.error(*words, env=ENV)["code"] == "invalid-name"
    words = ("account", "add", "main", "--provider", "alibab", "--access-key-id", "x")
    assert certroll.error(*words, env=ENV)["code"] == "unknown-provider"
    certroll(*ADD, env=ENV)
    assert certroll.error(*ADD, env=ENV)["code"] == "name-taken"


def test_one_that_is_deleted_is_gone(certroll: CommandLine) -> None:
    certroll(*ADD, env=ENV)
    assert certroll.json("account", "delete", "main", "--yes") == {"deleted": "main"}
    assert certroll.error("account", "show", "main")["code"] == "unknown-account"
    assert "No accounts yet" in certroll("account", "list").stderr


def test_check_tells_what_the_account_lacks(certroll: CommandLine, cloud: PracticeCloud) -> None:
    words = ("--endpoint", cloud.endpoint)
    key = ("account", "add", "main", "--provider", "alibaba", "--access-key-id")
    env = {"CERTROLL_ACCESS_KEY_SECRET": cloud.access_key_secret}
    certroll(*key, cloud.access_key_id, *words, env=env)
    output = certroll.json("account", "check", "main", code=None)
    assert output["missing"]["alibaba.cdn"] == []
    cloud.add_fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)
    result = certroll("account", "check", "main", code=3)
    assert "cdn:DescribeUserDomains: Forbidden.RAM" in result.stdout
    assert cloud.access_key_secret not in result.output
    assert "certroll account check main" in result.stderr
