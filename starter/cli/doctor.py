"""`certroll doctor`: what is reachable, what is missing, how to fix it."""

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
from starter.cli.terminal.exit_codes import Code, Problem
from starter.cli.terminal.output import note, show_json, show_table

if TYPE_CHECKING:
    from temporalio.client import Client

    from storage.settings import Settings
    from storage.store import Store


OLDEST_PYTHON = (3, 11)
SECONDS = 10.0
MIGRATE = "Run: certroll database migrate"


class Finding(NamedTuple):
    """One thing that was looked at; `fix` says what to do where it is not fine."""

    what: str
    fine: bool
    detail: str
    fix: str = ""
    at_provider: bool = False


def everything(*, accounts: bool) -> list[Finding]:
    """All findings, in the order in which one would mend them."""
    return list(_look(accounts=accounts))


def _look(*, accounts: bool) -> Iterator[Finding]:
    from storage.settings import Settings

    yield _python()
    try:
        settings = Settings()
    except CertrollError as error:
        yield _wrong("settings", error)
        return
    yield _temporal_binary()
    yield _home(settings)
    key = _key(settings)
    yield key
    database = _database(settings)
    yield database
    yield from asyncio.run(_engine(settings))
    if accounts and key.fine and database.fine:
        yield from _accounts(settings)


def _python() -> Finding:
    fine = sys.version_info >= OLDEST_PYTHON
    oldest = ".".join(map(str, OLDEST_PYTHON))
    return Finding("python", fine, platform.python_version(), f"Install Python {oldest} or newer.")


def _temporal_binary() -> Finding:
    from starter.temporal.processes import temporal_binary

    try:
        return Finding("temporal program", True, temporal_binary())
    except CertrollError as error:
        return _wrong("temporal program", error)


def _home(settings: "Settings") -> Finding:
    home = settings.home
    if not home.exists():
        return Finding("home", True, f"{home} (made when first needed)")
    if not home.is_dir():
        return Finding("home", False, f"{home} is no folder", "Set CERTROLL_HOME to a folder.")
    if _is_open(home):
        detail = f"other users may look into {home}"
        return Finding("home", False, detail, f"Run: chmod 700 {home}")
    return Finding("home", True, str(home))


def _key(settings: "Settings") -> Finding:
    from storage.secrets.keyring import Keyring

    path = settings.kek_file or settings.home / "kek"
    if settings.kek is None and settings.kek_file is None and not path.exists():
        return Finding("vault key", True, f"{path} (made when first needed)")
    try:
        ring = Keyring.load(settings)
    except CertrollError as error:
        return _wrong("vault key", error)
    where = "CERTROLL_KEK" if settings.kek is not None else str(path)
    return Finding("vault key", True, f"{ring.current}, {len(ring.ids)} in {where}")


def _database(settings: "Settings") -> Finding:
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    from storage.database import Database

    url = make_url(settings.database())
    if url.drivername == "sqlite" and not Path(url.database or "").exists():
        detail = f"{url.database} (made when first needed)"
        return Finding("database", settings.database_url is None, detail, MIGRATE)
    database = Database(settings.database())
    try:
        pending = database.pending_migrations()
    except DBAPIError as error:
        what = str(error.orig or error).strip().partition("\n")[0]
        fix = "Check CERTROLL_DATABASE_URL, and that the server runs."
        return Finding("database", False, f"{database.redacted_url} cannot be used: {what}", fix)
    except CertrollError as error:
        return _wrong("database", error)
    finally:
        database.dispose()
    if pending:
        detail = f"{database.redacted_url} lacks migrations: {', '.join(pending)}"
        return Finding("database", False, detail, MIGRATE)
    return Finding("database", True, f"{database.redacted_url}, schema is current")


async def _engine(settings: "Settings") -> list[Finding]:
    """Temporal, its search attributes, and a worker; the latter two only if it answers."""
    from temporalio.service import RPCError

    from starter.temporal.client import address, connect

    where = address(settings)
    fix = "Start it by `certroll up`, or set CERTROLL_TEMPORAL_ADDRESS to where it runs."
    try:
        client = await asyncio.wait_for(connect(settings), SECONDS)
        version = await _version(client)
        return [Finding("temporal", True, f"{where}, version {version}"), *await _on(client)]
    except RPCError as error:
        return [Finding("temporal", False, f"{where} refuses: {error.message}", fix)]
    except (CertrollError, TimeoutError):
        return [Finding("temporal", False, f"does not answer at {where}", fix)]


async def _version(client: "Client") -> str:
    from temporalio.api.workflowservice.v1 import GetSystemInfoRequest

    answer = await client.workflow_service.get_system_info(GetSystemInfoRequest())
    return str(answer.server_version)


async def _on(client: "Client") -> list[Finding]:
    from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest

    from domain.tasks.messages import TASK_QUEUE
    from starter.temporal.client import workers
    from workflows import search_attributes

    wanted = ListSearchAttributesRequest(namespace=client.namespace)
    known = (await client.operator_service.list_search_attributes(wanted)).custom_attributes
    missing = [key.name for key in search_attributes.ALL if key.name not in known]
    count = await workers(client)
    return [
        Finding(
            "search attributes",
            not missing,
            f"missing in {client.namespace}: {', '.join(missing)}" if missing else "registered",
            "Start a worker: it registers them.",
        ),
        Finding(
            "worker",
            count > 0,
            f"{count or 'none'} on task queue {TASK_QUEUE}",
            "Start one by `certroll up`, or by `certroll-worker`.",
        ),
    ]


def _accounts(settings: "Settings") -> Iterator[Finding]:
    from storage.store import Store

    if settings.database_url is None and not (settings.home / "certroll.db").exists():
        return
    with Store.open(settings) as store:
        for account in store.accounts.list():
            yield _account(store, account.name, account.provider)


def _account(store: "Store", name: str, provider: str) -> Finding:
    from operations.runtime.connector_pool import Clouds
    from starter.cli.account import lacks, services

    what, clouds = f"account {name}", Clouds(store)
    try:
        lines = [line for service in services(provider) for line in lacks(clouds, name, service)]
    except CloudError as error:
        lines = [str(error)]
    except CertrollError as error:
        return _wrong(what, error)
    fix = f"Look: certroll account check {name}"
    if lines:
        return Finding(what, False, "; ".join(dict.fromkeys(lines)), fix, at_provider=True)
    return Finding(what, True, "may do all that certroll needs")


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _wrong(what: str, error: CertrollError) -> Finding:
    return Finding(what, False, getattr(error, "what", None) or str(error), _fix(error))


def _fix(error: CertrollError) -> str:
    return getattr(error, "fix", None) or str(error)


def doctor(
    accounts: Annotated[
        bool, typer.Option("--accounts", help="Also try each account at its provider.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Looks at everything that certroll needs, changes nothing, and says how to fix what is amiss.

    Ends with exit code 4 if something here is missing, with 3 if only accounts lack something.
    """
    findings = everything(accounts=accounts)
    if as_json:
        show_json([finding._asdict() for finding in findings])
    else:
        rows = [(f.what, "fine" if f.fine else "missing", f.detail) for f in findings]
        show_table(("WHAT", "STATE", "DETAIL"), rows)
        for finding in findings:
            if not finding.fine:
                note(f"{finding.what}: {finding.fix}")
    amiss = [finding for finding in findings if not finding.fine]
    if amiss:
        raise Problem(Code.CLOUD if all(each.at_provider for each in amiss) else Code.ENGINE)
