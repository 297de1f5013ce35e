"""Runs certroll as its users do: a running server and worker, and one command."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from benchmarks.lab import SERVICE
from benchmarks.peers.field import Field
from benchmarks.peers.verdict import Claims
from domain.certificates.certificate import parse_pem
from domain.resources.account import Account
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from starter.temporal.embedded import Embedded
from storage.settings import Settings
from storage.store import Store

CERTROLL = str(Path(sys.executable).parent / "certroll")
LONGEST = 1800.0
AHEAD = 20  # seconds, in which the task has to be created


class Stack:
    """Server, worker and database of all runs; each run has its own account and certificate."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(home=folder / "home", database_url=None, temporal_address=None)
        self._numbers = count(1)
        began = time.perf_counter()
        with ExitStack() as closing:
            here = Embedded(self.settings, 0, 0)
            closing.callback(here.stop)
            here.start()
            self.seconds_to_start = time.perf_counter() - began
            self.store = Store.open(self.settings)
            closing.callback(self.store.close)
            self._closing = closing.pop_all()
        self.store.quota.grant(1_000_000, "benchmark", datetime.now(UTC))

    def close(self) -> None:
        self._closing.close()

    def prepare(self, field: Field) -> str:
        """Adds an account of the field's cloud and the wanted certificate, both with one name.

        The account keeps to the pace that the provider documents, as it does by default.
        """
        name, now = f"run-{next(self._numbers)}", datetime.now(UTC)
        account = Account(
            name=name,
            provider="alibaba",
            settings={
                "access_key_id": field.cloud["access_key_id"],
                "endpoint": field.cloud["endpoint"],
            },
            probe_address=field.cloud["edge"],
            created_at=now,
        )
        secret = {"access_key_secret": field.cloud["access_key_secret"]}
        self.store.accounts.add(account, secret)
        certificate, key = parse_pem(
            name,
            certificate=field.wanted.leaf_pem,
            chain=field.wanted.chain_pem,
            key=field.wanted.key_pem,
            now=now,
        )
        self.store.certificates.add(certificate, key)
        return name

    def run_command(self, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
        """Runs `certroll` with these words; its standard error goes to a file."""
        own = {name: value for name, value in os.environ.items() if "CERTROLL" not in name}
        with (folder / "certroll.log").open("a") as log:
            return subprocess.run(
                [CERTROLL, *words],
                env={**own, "CERTROLL_HOME": str(self.settings.home)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                check=False,
                timeout=LONGEST,
            )


class Certroll:
    """One task in one wave, started at once by one command, or scheduled before.

    The inventory is synced before anything goes wrong, as it is every six hours. With one command
    planning meets the faults too; a scheduled task meets them only after its plan.
    """

    def __init__(self, stack: Stack, *, scheduled: bool) -> None:
        self.stack, self.scheduled = stack, scheduled
        self.name = "certroll, scheduled" if scheduled else "certroll"
        self.only_with_faults = scheduled

    def run(self, field: Field, folder: Path) -> Claims:
        """Creates plan and task and waits for the end."""
        name = self.stack.prepare(field)
        here = ("--account", name, "--service", SERVICE, "--here")
        self.stack.run_command(folder, "inventory", "sync", *here)
        selection = ("--certificate", name, "--account", name, "--all-matched", "--name", name)
        command = ("task", "create", *selection, "--yes", "--json")
        if self.scheduled:
            self.stack.run_command(folder, *command, "--at", f"in {AHEAD}s")
        before = field.count_calls()
        field.activate_faults()
        began = time.perf_counter()
        end = ("task", "watch", name, "--json") if self.scheduled else (*command, "--wait")
        done = self.stack.run_command(folder, *end)
        seconds = time.perf_counter() - began
        task = next((one for one in self.stack.store.tasks.list() if one.name == name), None)
        if self.scheduled and task and task.ended_at:
            seconds = (task.ended_at - task.at).total_seconds()
        return Claims(
            by_code=frozenset(field.names if done.returncode == 0 else ()),
            by_word=list_deployed(self.stack.store.tasks.outcomes.list(task.id) if task else ()),
            seconds=seconds,
            calls=field.count_calls() - before,
        )


def list_deployed(outcomes: Iterable[OutcomeRecord]) -> frozenset[str]:
    """The names with the outcome "deployed"."""
    return frozenset(
        domain
        for each in outcomes
        if each.status is OutcomeStatus.DEPLOYED
        for domain in each.change.resource.domains
    )
