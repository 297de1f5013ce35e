"""Runs one hook call: stores the certificate, applies its policy, waits for the task if asked.

Called by `certroll hook`.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from domain.errors import BadInput
from starter.cli.certificate.renewals import (
    hand_over,
    list_handover_fields,
    list_identity_fields,
    renewal_to_json,
    say_fields,
)
from starter.cli.certificate.show import CertificateFamily, certificate_to_json
from starter.cli.hook.acme import RenewedFiles
from starter.cli.terminal.output import note, show_json

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.tasks.handover import RenewalResult
    from domain.tasks.record import TaskRecord
    from starter.requests.certificates import SavedCertificate
    from storage.settings import Settings
    from storage.store import Store


def save_certificate(
    store: "Store", files: RenewedFiles, name: str, replaces: str | None, policy: str | None
) -> "SavedCertificate":
    """Stores the certificate; it replaces the one of the same name."""
    from domain.certificates.certificate import Source, check_name
    from domain.certificates.renewal import RenewalMode
    from starter.cli.certificate.upload import Paths, from_pem
    from starter.requests.certificates import AUTO, save

    check_name(name)
    paths = Paths(files.certificate, files.chain, files.key, None, None)
    certificate, key = from_pem(name, paths, os.environ.get("CERTROLL_PASSPHRASE"), Source.UPLOADED)
    _check_hosts(files, certificate)
    known = any(each.name == name for each in store.certificates.list())
    chosen = replaces or (name if known else AUTO)
    return save(
        store, certificate, key, replaces=chosen, mode=RenewalMode(policy) if policy else None
    )


def _check_hosts(files: RenewedFiles, certificate: "Certificate") -> None:
    """Raises BadInput if the file is not for the hosts that the client named."""
    from domain.certificates.hostnames import to_canonical

    own = {to_canonical(name) for name in certificate.names} | set(certificate.addresses)
    if missing := [
        each for each in files.hosts if each not in own and to_canonical(each) not in own
    ]:
        raise BadInput(
            f"the certificate is not for {', '.join(missing)}, which the client named",
            where=str(files.certificate),
            fix="Check that these are the files that the client has just renewed.",
            code="wrong-certificate",
        )


def _wait_for_task(
    store: "Store", task: "TaskRecord", longest: timedelta, *, quiet: bool
) -> "TaskRecord":
    """Waits for the task and returns it, ended or as it is when the time is up."""
    from starter.cli.task.show import show_end
    from starter.cli.task.watch import wait_until_ended
    from starter.cli.terminal.times import format_with_offset

    def silent(_: "TaskRecord") -> None:
        return

    if _is_open(task) and task.at > datetime.now(UTC) + longest:
        note(f"not waiting: the task starts at {format_with_offset(task.at)}, after the timeout")
        return task
    try:
        waiting = wait_until_ended(store, task, silent if quiet else None)
        ended = asyncio.run(asyncio.wait_for(waiting, longest.total_seconds()))
    except TimeoutError:
        note(f"timeout: the task has not ended after {longest.total_seconds():.0f} s")
        return store.tasks.get(task.id)
    if not quiet:
        show_end(store, ended, as_json=False)
    return ended


def _is_open(task: "TaskRecord") -> bool:
    from domain.tasks.status import TaskStatus

    return task.status in (TaskStatus.SCHEDULED, TaskStatus.RUNNING)


def _has_succeeded(task: "TaskRecord") -> bool:
    from domain.tasks.status import TaskStatus

    return task.status is TaskStatus.SUCCEEDED


class HookCall:
    """One call. It prints as it goes; with --json one object at the end."""

    def __init__(self, store: "Store", settings: "Settings", by: str, *, as_json: bool) -> None:
        self.store, self.settings, self.by, self.as_json = store, settings, by, as_json

    def run(self, saved: "SavedCertificate", longest: timedelta | None) -> bool:
        """Returns whether nothing needs a person. Waits at most `longest`; None: does not wait."""
        family = CertificateFamily(self.store)
        if not self.as_json:
            say_fields(list_identity_fields(saved, family))
        renewal: RenewalResult | None = None
        try:
            renewal = hand_over(self.store, self.settings, saved, self.by)
            if not self.as_json:
                say_fields(list_handover_fields(saved, renewal, self.store))
            if renewal.no_worker:
                note("No worker is running. Start one: `certroll up` or `certroll-worker`.")
            renewal, success = self._wait(renewal, longest)
        finally:
            if self.as_json:
                fields = renewal_to_json(saved, renewal, self.store)
                show_json({**certificate_to_json(saved.certificate, family), **fields})
        return success

    def _wait(
        self, renewal: "RenewalResult", longest: timedelta | None
    ) -> tuple["RenewalResult", bool]:
        fine = not renewal.needs_operator
        if longest is None or renewal.task is None or renewal.reason:
            return renewal, fine
        ended = _wait_for_task(self.store, renewal.task, longest, quiet=self.as_json)
        return renewal.model_copy(update={"task": ended}), _has_succeeded(ended) and fine
