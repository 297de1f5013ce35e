"""Checks what must be true after each run, whatever failed in it; `run` calls it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import text

from domain.rollout.policy import OnBudgetExceeded
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord
from domain.tasks.status import OutcomeStatus, Phase, compute_task_status
from storage.tables.coordination import LockRow
from tests.chaos.evidence import Evidence
from tests.chaos.scenario import Scenario
from tests.chaos.site import PROPAGATION
from tests.support.practice_cloud import Row

_O = OutcomeStatus
FINAL = (_O.DEPLOYED, _O.UNVERIFIED, _O.FAILED, _O.SKIPPED, _O.ROLLED_BACK, _O.ROLLBACK_FAILED)
_DIRECTIONS = {_O.DEPLOYED: Direction.DEPLOY, _O.ROLLED_BACK: Direction.ROLL_BACK}
QUEUE = "(the queue)"  # ends the name of the lock that waiting attempts hold
REFUSED = "IllegalOperation"  # the code with which the practice cloud refuses

WRONG, REPORT, KEY, QUOTA = "wrong-certificate", "wrong-report", "leaked-key", "wrong-quota"


@dataclass(frozen=True)
class Violation:
    """One of four kinds, and a line for the report."""

    kind: str
    message: str


def find_violations(evidence: Evidence) -> list[Violation]:
    """All violations; none if all is well."""
    checks = (
        _check_served,
        _check_steps,
        _check_final,
        _check_causes,
        _check_statuses,
        _check_rollbacks,
        _check_quota,
        _check_locks,
        _check_evidence,
        _check_notifications,
    )
    return [violation for check in checks for violation in check(evidence)]


def _check_served(evidence: Evidence) -> Iterator[Violation]:
    """The cloud's rows and handshakes agree with the outcomes of each resource."""
    for resource, outcomes in evidence.by_resource.items():
        row, former = evidence.rows[resource], evidence.former[resource]
        details = _describe_resource(outcomes, row, evidence.observed[resource], former)
        bound = row["bound"]
        possible = set().union(*(_list_possible_bindings(each, former) for each in outcomes)) or {
            former
        }
        deployed = {
            _get_new_fingerprint(each)
            for each in outcomes
            if each.status in (_O.DEPLOYED, _O.UNVERIFIED)
        }
        if deployed and {bound} != deployed:
            yield Violation(WRONG, f"bound is not what the outcome `deployed` says: {details}")
        elif bound not in possible:
            yield Violation(WRONG, f"bound is what no outcome says: {details}")
        if not row["unserved"] and evidence.observed[resource] != {bound}:
            yield Violation(WRONG, f"handshakes do not show what is bound: {details}")
        shown = {each.status for each in outcomes} & {_O.DEPLOYED, _O.ROLLED_BACK}
        if row["unserved"] and shown and evidence.observed[resource] != {bound}:
            yield Violation(REPORT, f"no handshake shows the success: {details}")


def _list_possible_bindings(outcome: OutcomeRecord, former: str | None) -> set[str | None]:
    """The fingerprints that may be bound after this outcome."""
    match outcome.status:
        case _O.DEPLOYED | _O.UNVERIFIED:
            return {_get_new_fingerprint(outcome)}
        case _O.ROLLED_BACK:
            return {former}
        case _:
            return {former, _get_new_fingerprint(outcome)} if outcome.applied else {former}


def _check_steps(evidence: Evidence) -> Iterator[Violation]:
    """Each change in the cloud belongs to a task and begins at the binding before it."""
    for resource, outcomes in evidence.by_resource.items():
        row, now = evidence.rows[resource], evidence.former[resource]
        former = now
        wanted = {_get_new_fingerprint(each) for each in outcomes}
        for end, _ in groupby(row["applied"]):
            if end != now and not (now == former and end in wanted) and end != former:
                details = _describe_resource(outcomes, row, evidence.observed[resource], former)
                yield Violation(
                    WRONG, f"a change from {_shorten(now)} to {_shorten(end)}: {details}"
                )
            now = end


def _check_final(evidence: Evidence) -> Iterator[Violation]:
    """Each outcome is final."""
    for outcomes in evidence.outcomes.values():
        for each in outcomes:
            if each.status not in FINAL:
                yield Violation(REPORT, f"not final: {_describe_outcome(each)}")


def _check_causes(evidence: Evidence) -> Iterator[Violation]:
    """Each failure has a cause, and each cause is possible in this scenario."""
    for outcomes in evidence.outcomes.values():
        for each in outcomes:
            needs_cause = each.status in (_O.FAILED, _O.ROLLBACK_FAILED, _O.SKIPPED, _O.UNVERIFIED)
            if each.cause is None and needs_cause:
                yield Violation(REPORT, f"no cause: {_describe_outcome(each)}")
            elif each.cause is not None and not _is_possible_cause(evidence, each, each.cause.code):
                yield Violation(
                    REPORT, f"an impossible cause: {_describe_outcome(each)}: {each.cause}"
                )


def _is_possible_cause(evidence: Evidence, outcome: OutcomeRecord, code: str) -> bool:
    scenario = evidence.scenario
    unserved = evidence.rows[outcome.change.resource.id]["unserved"]
    refused, unserved_by_fault = (
        kind in _list_cloud_fault_kinds(scenario) for kind in ("refused", "unserved")
    )
    long_outage = _had_long_outage(scenario)
    gone = unserved or _had_unreachable_endpoints(scenario)
    possible = {
        "IllegalOperation": refused,
        "NotServed": unserved_by_fault or scenario.rivals or long_outage,
        "NotSettled": unserved_by_fault or scenario.rivals or long_outage,
        "Drifted": scenario.rivals,
        "rolled-back-with-wave": any(
            each.on_budget_exceeded is not OnBudgetExceeded.STOP for each in scenario.rollouts
        ),
        "NotReversible": outcome.change.not_reversible is not None,
        "Accepted": outcome.change.unverifiable is not None,
        "NoLongerReachable": gone,
        "Unreachable": gone,
        "NameUnresolved": gone,
        "NoKnownName": gone,
        "OnlyDefaultCertificate": gone,
        "NotServedLater": gone,
    }
    if code in possible:
        return possible[code]
    if outcome.status is _O.SKIPPED:
        requests = [*scenario.requests, *scenario.late_requests]
        budgets = any(rollout.budget is not None for rollout in scenario.rollouts)
        return bool(requests) or budgets or any(r.has_canary for r in scenario.rollouts)
    return False


def _list_cloud_fault_kinds(scenario: Scenario) -> set[str]:
    return {rule.kind for rule in scenario.cloud_faults}


def _had_unreachable_endpoints(scenario: Scenario) -> bool:
    """Whether endpoints were unreachable for a moment, in which a single handshake may fall."""
    hidden = ("cloud", "edge", "network", "all")
    return any(each.kind.rpartition(" ")[2] in hidden for each in scenario.faults)


def _had_long_outage(scenario: Scenario) -> bool:
    """Whether an outage was so long that verification may have come too late."""
    hidden = ("cloud", "edge", "network", "all", "worker", "temporal", "database", "disk")
    return any(
        s.seconds > PROPAGATION / 3 and s.kind.rpartition(" ")[2] in hidden for s in scenario.faults
    )


def _check_statuses(evidence: Evidence) -> Iterator[Violation]:
    """The status of each task follows from its outcomes."""
    for record in evidence.records:
        possible = {
            compute_task_status(
                Phase.SETTLED,
                record.tally,
                cancelled=cancelled,
                accept_unverified=record.rollout.accept_unverified,
            )
            for cancelled in (True, False)
        }
        if record.status not in possible:
            named = ", ".join(sorted(possible))
            yield Violation(
                REPORT, f"task {record.id} is {record.status}, not {named}: {record.tally!r}"
            )


def _check_rollbacks(evidence: Evidence) -> Iterator[Violation]:
    """A rollback of all was done, unless the task was deleted or retried."""
    for record in evidence.records:
        accepted = evidence.sent.list_accepted(record)
        later = {"delete", "retry", "retry some"}
        if "rollback all" not in accepted or later & set(accepted):
            continue
        for each in evidence.outcomes[record.id]:
            if each.status in (_O.DEPLOYED, _O.UNVERIFIED):
                yield Violation(WRONG, f"not rolled back: {_describe_outcome(each)}")


def _check_quota(evidence: Evidence) -> Iterator[Violation]:
    """Each reservation is charged or refunded once; the balance is grants less charges."""
    ledger = evidence.site.stack.store.quota
    spent = 0
    for record in evidence.records:
        amounts: Counter[str] = Counter()
        for entry in ledger.list_entries(record.id):
            if entry.kind.value in amounts and not evidence.sent.list_accepted(record):
                yield Violation(QUOTA, f"task {record.id} has two entries {entry.kind}")
            amounts[entry.kind.value] += entry.amount
        if amounts["reserve"] != amounts["charge"] + amounts["refund"]:
            yield Violation(QUOTA, f"task {record.id}: {dict(amounts)}")
        spent += amounts["charge"]
        accepted = evidence.sent.list_accepted(record)
        touched = sum(
            each.status in (_O.DEPLOYED, _O.UNVERIFIED) for each in evidence.outcomes[record.id]
        )
        if amounts["charge"] < touched and "retry" not in accepted:
            yield Violation(QUOTA, f"task {record.id}: {touched} deployed, {dict(amounts)}")
    if ledger.get_balance() != evidence.granted - spent:
        message = f"balance {ledger.get_balance()}, granted {evidence.granted}, charged {spent}"
        yield Violation(QUOTA, message)


def _check_locks(evidence: Evidence) -> Iterator[Violation]:
    """All locks are released."""
    with evidence.site.stack.store.database.read() as session:
        rows = session.execute(text(f"SELECT name, holder FROM {LockRow.__tablename__}")).all()  # noqa: S608 - name from the schema
    for name, holder in rows:
        if QUEUE not in name:
            yield Violation(REPORT, f"{holder} still holds {name} at {datetime.now(UTC):%H:%M:%S}")


def _check_evidence(evidence: Evidence) -> Iterator[Violation]:
    """Each success has a recorded handshake that shows it."""
    for record in evidence.records:
        handshakes = evidence.site.stack.store.evidence.list_handshakes(record.id)
        verified = {
            (h.ordinal, h.direction)
            for h in handshakes
            if h.expected is None or h.observed == h.expected
        }
        for each in evidence.outcomes[record.id]:
            direction = _DIRECTIONS.get(each.status)
            if (
                direction
                and not each.change.unverifiable
                and (each.ordinal, direction) not in verified
            ):
                yield Violation(REPORT, f"no evidence: {_describe_outcome(each)}")


def _check_notifications(evidence: Evidence) -> Iterator[Violation]:
    """Each task has a message; a message may be sent twice only if there were faults."""
    bodies = [each["body"] for each in evidence.webhooks.messages]
    counts = Counter((b["task_id"], b.get("occasion", b["event"])) for b in bodies)
    for (task_id, event), times in counts.items():
        if times > 1 and not evidence.scenario.faults:
            yield Violation(REPORT, f"task {task_id}: {times} messages about {event}")
    for record in evidence.records:
        if not any(task_id == record.id for task_id, _ in counts):
            yield Violation(REPORT, f"task {record.id}: no message")


def _get_new_fingerprint(outcome: OutcomeRecord) -> str | None:
    return outcome.change.after.fingerprint if outcome.change.after else None


def _describe_outcome(outcome: OutcomeRecord) -> str:
    applied = ", applied" * outcome.applied
    name = f"{outcome.task_id}#{outcome.ordinal} {outcome.change.resource.id}"
    return f"{name} is {outcome.status} after {outcome.attempts} attempts{applied}"


def _describe_resource(
    outcomes: list[OutcomeRecord], row: Row, observed: set[str | None], former: str | None
) -> str:
    described = "; ".join(
        f"{_describe_outcome(each)} to {_shorten(_get_new_fingerprint(each))}" for each in outcomes
    )
    applied = ",".join(map(_shorten, row["applied"]))
    shown = ",".join(map(_shorten, sorted(observed, key=str)))
    return (
        f"{described} (former {_shorten(former)}, bound {_shorten(row['bound'])}, shown {shown}, "
        f"applied [{applied}])"
    )


def _shorten(fingerprint: str | None) -> str:
    return fingerprint[:6] if fingerprint else "none"
