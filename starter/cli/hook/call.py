"""One call of a hook: the certificate taken, handed over, and its task waited for if asked."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from domain.errors import BadInput
from starter.cli.certificate.renewals import hand_over, handed_over, identified, renewal_facts, tell
from starter.cli.certificate.show import Family, facts
from starter.cli.hook.acme import Handed
from starter.cli.terminal.output import note, show_json

if TYPE_CHECKING:
    from domain.certificates.certificate import Certificate
    from domain.tasks.handover import Handover
    from domain.tasks.record import TaskRecord
    from starter.requests.certificates import Kept
    from storage.settings import Settings
    from storage.store import Store


def taken(
    store: "Store", handed: Handed, name: str, replaces: str | None, policy: str | None
) -> "Kept":
    """The certificate, stored; of a name that is known it is the successor."""
    from domain.certificates.certificate import Source, check_name
    from domain.certificates.renewal import Mode
    from starter.cli.certificate.upload import Paths, from_pem
    from starter.requests.certificates import AUTO, keep

    check_name(name)
    paths = Paths(handed.certificate, handed.chain, handed.key, None, None)
    certificate, key = from_pem(name, paths, os.environ.get("CERTROLL_PASSPHRASE"), Source.UPLOADED)
    _check_hosts(handed, certificate)
    known = any(each.name == name for each in store.certificates.list())
    chosen = replaces or (name if known else AUTO)
    return keep(store, certificate, key, replaces=chosen, mode=Mode(policy) if policy else None)


def _check_hosts(handed: Handed, certificate: "Certificate") -> None:
    """A file that is not what the client says it is comes from another run, or from nowhere."""
    from domain.certificates.hostnames import canonical

    own = {canonical(name) for name in certificate.names} | set(certificate.addresses)
    if missing := [each for each in handed.hosts if each not in own and canonical(each) not in own]:
        raise BadInput(
            f"the certificate is not for {', '.join(missing)}, as the client says it is",
            where=str(handed.certificate),
            fix="Check that the files are those that the client has just renewed.",
        )


def _waited(store: "Store", task: "TaskRecord", longest: timedelta, *, quiet: bool) -> "TaskRecord":
    """The task once it has ended, or as it is when the time is up."""
    from starter.cli.task.show import show_end
    from starter.cli.task.watch import until_ended
    from starter.cli.terminal.times import echoed

    def silent(_: "TaskRecord") -> None:
        return

    if _is_open(task) and task.at > datetime.now(UTC) + longest:
        note(f"not waited for: it begins at {echoed(task.at)}, after the time to wait is over")
        return task
    try:
        waiting = until_ended(store, task, silent if quiet else None)
        ended = asyncio.run(asyncio.wait_for(waiting, longest.total_seconds()))
    except TimeoutError:
        note(f"not ended after {longest.total_seconds():.0f} s")
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


class Call:
    """What is told while it runs; in JSON it is one object at the end."""

    def __init__(self, store: "Store", settings: "Settings", by: str, *, as_json: bool) -> None:
        self.store, self.settings, self.by, self.as_json = store, settings, by, as_json

    def run(self, kept: "Kept", longest: timedelta | None) -> bool:
        """Whether nothing is left to a person; waits at most so long, None: not at all."""
        family = Family(self.store)
        if not self.as_json:
            tell(identified(kept, family))
        renewal: Handover | None = None
        try:
            renewal = hand_over(self.store, self.settings, kept, self.by)
            if not self.as_json:
                tell(handed_over(kept, renewal, self.store))
            if renewal.unattended:
                note("No worker takes work now: start one: `certroll up` or `certroll-worker`.")
            renewal, fine = self._waited(renewal, longest)
        finally:
            if self.as_json:
                told = renewal_facts(kept, renewal, self.store)
                show_json({**facts(kept.certificate, family), **told})
        return fine

    def _waited(self, renewal: "Handover", longest: timedelta | None) -> tuple["Handover", bool]:
        fine = not renewal.needs_someone
        if longest is None or renewal.task is None or renewal.reason:
            return renewal, fine
        ended = _waited(self.store, renewal.task, longest, quiet=self.as_json)
        return renewal.model_copy(update={"task": ended}), _has_succeeded(ended) and fine
