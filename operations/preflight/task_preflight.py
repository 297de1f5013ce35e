"""Runs preflight for a task and fails the changes that a check refuses.

The activity `run_preflight` calls it before anything is installed.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from domain.calendar.windows import AllowedStart
from domain.model import Value
from domain.preflight.finding import CheckPolicies, Finding
from domain.tasks.audit import CERTROLL, TaskEventCode
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus
from operations.deployment.start_time import find_task_start
from operations.preflight.findings import PreflightInput, run_checks
from operations.runtime.clock import now
from operations.runtime.connector_pool import ConnectorPool
from storage.settings import Settings
from storage.store import Store

MAX_EVENTS = 100
"""How many findings of one preflight go to the audit log."""


class PreflightSummary(Value):
    """How many changes failed, how many warnings there are, and the first refusals as text."""

    failed: int = 0
    warnings: int = 0
    refusals: tuple[str, ...] = ()


def run_preflight(
    store: Store, pool: ConnectorPool, settings: Settings, task_id: str, at: datetime
) -> PreflightSummary:
    """Fails each pending change that a check refuses; all findings go to the audit log.

    Repeated, it checks the changes that are still pending.
    """
    record = store.tasks.get(task_id)
    pending = store.tasks.outcomes.list(task_id, OutcomeStatus.PENDING)
    if not pending:
        return PreflightSummary()

    def find_start() -> AllowedStart:
        return find_task_start(store, record, at, at)

    request = PreflightInput(
        changes=[each.change for each in pending],
        start=at,
        now=now(),
        policies=CheckPolicies(settings.check_policies, record.checks),
        find_start=find_start,
    )
    findings = run_checks(store, pool, settings, request)
    _record_findings(store, task_id, findings, at)
    refused = [each for each in findings if each.refused]
    return PreflightSummary(
        failed=_fail_refused(store, task_id, refused, pending, at),
        warnings=len(findings) - len(refused),
        refusals=tuple(str(each) for each in refused[:3]),
    )


def _record_findings(store: Store, task_id: str, findings: Sequence[Finding], at: datetime) -> None:
    refused, warned = TaskEventCode.PREFLIGHT_REFUSED, TaskEventCode.PREFLIGHT_WARNED
    for each in findings[:MAX_EVENTS]:
        code = refused if each.refused else warned
        store.tasks.add_event(task_id, code, CERTROLL, f"{each}. {each.fix}", at)
    if len(findings) > MAX_EVENTS:
        more = f"and {len(findings) - MAX_EVENTS} more: certroll task check {task_id}"
        store.tasks.add_event(task_id, warned, CERTROLL, more, at)


def _fail_refused(
    store: Store,
    task_id: str,
    refused: Sequence[Finding],
    pending: Sequence[OutcomeRecord],
    at: datetime,
) -> int:
    """Fails each change by the first refusal that covers it; returns how many."""
    remaining, failed = list(pending), 0
    for finding in refused:
        is_covered = _build_filter(finding)
        covered = [each.ordinal for each in remaining if is_covered(each)]
        failed += store.preflights.fail_pending(task_id, covered, at, finding.cause)
        remaining = [each for each in remaining if not is_covered(each)]
    return failed


def _build_filter(finding: Finding) -> Callable[[OutcomeRecord], bool]:
    """Tells whether a finding covers a change; a set makes thousands of resource ids fast."""
    ids = None if finding.resources is None else frozenset(finding.resources)
    without_ids = finding.model_copy(update={"resources": None})

    def is_covered(record: OutcomeRecord) -> bool:
        is_named = ids is None or record.change.resource.id in ids
        return is_named and without_ids.covers(record.change)

    return is_covered
