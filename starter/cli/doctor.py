"""`certroll doctor`: checks all that certroll needs, and says how to fix what is missing."""

import asyncio
import platform
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from domain.errors import CertrollError, CloudError
from starter.cli.shared import Json
from starter.cli.terminal.exit_codes import CommandFailed, ExitCode
from starter.cli.terminal.output import note, show_json, show_table

if TYPE_CHECKING:
    from starter.temporal.client import Client
    from storage.settings import Settings
    from storage.store import Store


OLDEST_PYTHON = (3, 11)
SECONDS = 10.0
MIGRATE = "Run: certroll database migrate"


class DoctorFinding(NamedTuple):
    """The result of one check; `fix` says what to do if it is not fine."""

    what: str
    fine: bool
    detail: str
    fix: str = ""
    at_provider: bool = False


def list_findings(*, accounts: bool) -> list[DoctorFinding]:
    """Lists all findings, in the order in which to fix them."""
    return list(_check_all(accounts=accounts))


def _check_all(*, accounts: bool) -> Iterator[DoctorFinding]:
    from storage.settings import Settings

    yield _check_python()
    try:
        settings = Settings()
    except CertrollError as error:
        yield _to_finding("settings", error)
        return
    yield _check_temporal_binary()
    yield _check_home(settings)
    key = _check_key(settings)
    yield key
    database = _check_database(settings)
    yield database
    yield from asyncio.run(_check_temporal(settings))
    if accounts and key.fine and database.fine:
        yield from _check_accounts(settings)


def _check_python() -> DoctorFinding:
    fine = sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return DoctorFinding(
        "python", fine, platform.python_version(), f"Install Python {oldest} or newer."
    )


def _check_temporal_binary() -> DoctorFinding:
    from starter.temporal.processes import find_temporal_binary

    try:
        return DoctorFinding("temporal program", True, find_temporal_binary())
    except CertrollError as error:
        return _to_finding("temporal program", error)


def _check_home(settings: "Settings") -> DoctorFinding:
    home = settings.home
    if not home.exists():
        return DoctorFinding("home", True, f"{home} (created when first needed)")
    if not home.is_dir():
        return DoctorFinding(
            "home", False, f"{home} is not a folder", "Set CERTROLL_HOME to a folder."
        )
    if _is_readable_by_others(home):
        detail = f"other users can read {home}"
        return DoctorFinding("home", False, detail, f"Run: chmod 700 {home}")
    return DoctorFinding("home", True, str(home))


def _check_key(settings: "Settings") -> DoctorFinding:
    from storage.secrets.keyring import Keyring

    path = settings.kek_file or settings.home / "kek"
    if settings.kek is None and settings.kek_file is None and not path.exists():
        return DoctorFinding("vault key", True, f"{path} (created when first needed)")
    try:
        ring = Keyring.load(settings)
    except CertrollError as error:
        return _to_finding("vault key", error)
    where = "CERTROLL_KEK" if settings.kek is not None else str(path)
    return DoctorFinding("vault key", True, f"{ring.current}, {len(ring.ids)} in {where}")


def _check_database(settings: "Settings") -> DoctorFinding:
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    from storage.database import Database

    url = make_url(settings.get_database_url())
    if url.drivername == "sqlite" and not Path(url.database or "").exists():
        detail = f"{url.database} (created when first needed)"
        return DoctorFinding("database", settings.database_url is None, detail, MIGRATE)
    database = Database(settings.get_database_url())
    try:
        pending = database.pending_migrations()
    except DBAPIError as error:
        what = str(error.orig or error).strip().partition("\n")[0]
        fix = "Check CERTROLL_DATABASE_URL, and that the database server is running."
        return DoctorFinding(
            "database", False, f"{database.redacted_url} cannot be used: {what}", fix
        )
    except CertrollError as error:
        return _to_finding("database", error)
    finally:
        database.dispose()
    if pending:
        detail = f"{database.redacted_url} lacks migrations: {', '.join(pending)}"
        return DoctorFinding("database", False, detail, MIGRATE)
    return DoctorFinding("database", True, f"{database.redacted_url}, schema is current")


async def _check_temporal(settings: "Settings") -> list[DoctorFinding]:
    """Checks Temporal; if it answers, also its search attributes and workers."""
    from starter.temporal.client import RPCError, connect, get_address, get_server_version

    where = get_address(settings)
    fix = "Start it with `certroll up`, or set CERTROLL_TEMPORAL_ADDRESS to its address."
    try:
        client = await asyncio.wait_for(connect(settings), SECONDS)
        version = await get_server_version(client)
        return [
            DoctorFinding("temporal", True, f"{where}, version {version}"),
            *await _check_namespace(client),
        ]
    except RPCError as error:
        return [DoctorFinding("temporal", False, f"{where} refuses: {error.message}", fix)]
    except (CertrollError, TimeoutError):
        return [DoctorFinding("temporal", False, f"does not answer at {where}", fix)]


async def _check_namespace(client: "Client") -> list[DoctorFinding]:
    from domain.tasks.messages import TASK_QUEUE
    from starter.temporal.client import count_workers, list_missing_search_attributes

    missing = await list_missing_search_attributes(client)
    count = await count_workers(client)
    return [
        DoctorFinding(
            "search attributes",
            not missing,
            f"missing in {client.namespace}: {', '.join(missing)}" if missing else "registered",
            "Start a worker: it registers them.",
        ),
        DoctorFinding(
            "worker",
            count > 0,
            f"{count or 'none'} on task queue {TASK_QUEUE}",
            "Start one by `certroll up`, or by `certroll-worker`.",
        ),
    ]


def _check_accounts(settings: "Settings") -> Iterator[DoctorFinding]:
    from storage.store import Store

    if settings.database_url is None and not (settings.home / "certroll.db").exists():
        return
    with Store.open(settings) as store:
        for account in store.accounts.list():
            yield _check_account(store, account.name, account.provider)


def _check_account(store: "Store", name: str, provider: str) -> DoctorFinding:
    from operations.runtime.connector_pool import ConnectorPool
    from starter.cli.account import list_missing_permissions, list_services

    what, clouds = f"account {name}", ConnectorPool(store)
    try:
        lines = [
            line
            for service in list_services(provider)
            for line in list_missing_permissions(clouds, name, service)
        ]
    except CloudError as error:
        lines = [str(error)]
    except CertrollError as error:
        return _to_finding(what, error)
    fix = f"See: certroll account check {name}"
    if lines:
        return DoctorFinding(what, False, "; ".join(dict.fromkeys(lines)), fix, at_provider=True)
    return DoctorFinding(what, True, "has all permissions that certroll needs")


def _is_readable_by_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _to_finding(what: str, error: CertrollError) -> DoctorFinding:
    return DoctorFinding(what, False, getattr(error, "what", None) or str(error), _get_fix(error))


def _get_fix(error: CertrollError) -> str:
    return getattr(error, "fix", None) or str(error)


def doctor(
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Also check each account at its provider.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Checks all that certroll needs, and says how to fix what is missing. Changes nothing.

    Exit code 4 if something is missing on this machine, 3 if only accounts lack something.
    """
    findings = list_findings(accounts=accounts)
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        rows = [(f.what, "fine" if f.fine else "missing", f.detail) for f in findings]
        show_table(("CHECK", "STATE", "DETAIL"), rows)
        for finding in findings:
            if not finding.fine:
                note(f"{finding.what}: {finding.fix}")
    missing = [finding for finding in findings if not finding.fine]
    if missing:
        raise CommandFailed(
            ExitCode.CLOUD if all(each.at_provider for each in missing) else ExitCode.ENGINE
        )
