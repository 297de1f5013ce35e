"""`certroll doctor`: says what is missing and how to fix it, and changes nothing."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from starter.temporal.client import register_search_attributes
from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.starter_examples import store_account

NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}


def states(certroll: CommandLine, *words: str, code: int, **env: str) -> dict[str, bool]:
    result = certroll.json("doctor", *words, code=code, env=env)
    return {each["what"]: each["fine"] for each in result}


def test_a_machine_that_is_quite_new_lacks_only_the_engine_and_stays_new(tmp_path: Path) -> None:
    certroll = CommandLine(tmp_path / "home", NO_ENGINE)
    assert states(certroll, code=4) == {
        "python": True,
        "temporal program": True,
        "home": True,
        "vault key": True,
        "database": True,
        "temporal": False,
    }
    result = certroll("doctor", code=4)
    assert "temporal          missing  does not answer at 127.0.0.1:1" in result.stdout
    assert result.stderr == (
        "temporal: Start it with `certroll up`, or set CERTROLL_TEMPORAL_ADDRESS to its address.\n"
    )
    assert not certroll.home.exists()


def test_what_others_may_read_is_shown_with_the_command_that_mends_it(
    certroll: CommandLine,
) -> None:
    store_account(certroll)
    certroll.home.chmod(0o755)
    (certroll.home / "kek").chmod(0o644)
    result = certroll("doctor", code=4, env=NO_ENGINE)
    assert f"home: Run: chmod 700 {certroll.home}" in result.stderr
    assert f"vault key: Run: chmod 600 {certroll.home}/kek" in result.stderr


def test_a_database_or_setting_that_is_wrong_is_shown(tmp_path: Path) -> None:
    url = {"CERTROLL_DATABASE_URL": f"sqlite:///{tmp_path}/other.db", **NO_ENGINE}
    certroll = CommandLine(tmp_path / "home", url)
    assert "certroll database migrate" in certroll("doctor", code=4).stderr
    wrong = CommandLine(tmp_path / "home", {"CERTROLL_LOG_LEVEL": "LOUD"})
    assert "settings" in wrong("doctor", code=4).stderr
    assert list(tmp_path.iterdir()) == []


def test_an_old_schema_or_a_silent_server_is_shown(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    for url, output in (
        (f"sqlite:///{tmp_path}/empty.db", "lacks migrations: 0001"),
        ("postgresql://a:geheim@127.0.0.1:1/certroll", "cannot be used: "),
    ):
        certroll = CommandLine(tmp_path / "home", {"CERTROLL_DATABASE_URL": url, **NO_ENGINE})
        result = certroll("doctor", code=4)
        assert output in result.stdout
        assert "geheim" not in result.output


async def until_fine(certroll: CommandLine, env: dict[str, str]) -> None:
    """A worker takes a moment before it is seen."""
    while (await asyncio.to_thread(certroll, "doctor", code=None, env=env)).exit_code:
        await asyncio.sleep(0.05)


async def test_where_everything_runs_all_is_fine(stack: Stack, quiet_engine: Client) -> None:
    certroll = CommandLine(stack.settings.home)
    address = quiet_engine.service_client.config.target_host
    env = {"CERTROLL_TEMPORAL_ADDRESS": address}
    alone = await asyncio.to_thread(certroll, "doctor", code=4, env=env)
    assert "worker: Start one by `certroll up`, or by `certroll-worker`." in alone.stderr
    assert "search attributes  missing  missing in default: CertrollTask" in alone.stdout
    await register_search_attributes(quiet_engine)
    async with stack.run_worker(quiet_engine):
        await until_fine(certroll, env)
        result = await asyncio.to_thread(certroll, "doctor", code=0, env=env)
        stack.cloud.add_fault("error", "DescribeUserDomains", code="Forbidden.RAM", status=403)
        lacking = await asyncio.to_thread(certroll, "doctor", "--accounts", code=3, env=env)
    assert f"temporal           fine   {address}, version " in result.stdout
    assert "1 on task queue certroll" in result.stdout
    assert lacking.stderr == "account main: See: certroll account check main\n"
    assert "cdn:DescribeUserDomains: Forbidden.RAM" in lacking.stdout
