"""What must be true after each run, whatever struck: each violation is told in one line."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from sqlalchemy import text

from domain.resources.resource import Resource
from domain.rollout.policy import OnBudgetExceeded
from domain.tasks.messages import Direction
from domain.tasks.record import OutcomeRecord, TaskRecord
from domain.tasks.status import OutcomeStatus, Phase, compute_task_status
from storage.tables.coordination import LockRow
from tests.chaos.signals import SentRequests
from tests.chaos.scenario import Scenario
from tests.chaos.site import PROPAGATION, Site
from tests.chaos.webhooks import Webhooks
from tests.support.practice_cloud import Row

_O = OutcomeStatus
FINAL = (_O.DEPLOYED, _O.UNVERIFIED, _O.FAILED, _O.SKIPPED, _O.ROLLED_BACK, _O.ROLLBACK_FAILED)
_WAYS = {_O.DEPLOYED: Direction.DEPLOY, _O.ROLLED_BACK: Direction.ROLL_BACK}
LINE = "(the queue)"
REFUSED = "IllegalOperation"  # the code of the practice cloud's rule

WRONG, REPORT, KEY, QUOTA = "left wrong", "reported wrongly", "key found", "quota lost"


@dataclass(frozen=True)
class Violation:
    """What is not as it must be: one of four kinds, and the words."""

    kind: str
    text: str


@dataclass
class Evidence:
    """What a run left behind, to be judged."""

    scenario: Scenario
    site: Site
    tasks: list[TaskRecord]
    resources: list[Resource]
    former: dict[str, str | None]
    rows: dict[str, Row]
    seen: dict[str, set[str | None]]
    granted: int
    asked: SentRequests
    webhooks: Webhooks

    def __post_init__(self) -> None:
        store = self.site.stack.store
        self.records = [store.tasks.get(task.id) for task in self.tasks]
        self.outcomes = {task.id: store.tasks.outcomes.list(task.id) for task in self.tasks}
        self.by_resource: defaultdict[str, list[OutcomeRecord]] = defaultdict(list)
        for outcomes in self.outcomes.values():
            for outcome in outcomes:
                self.by_resource[outcome.change.resource.id].append(outcome)


def judge(evidence: Evidence) -> list[Violation]:
    """All that is not as it must be; nothing, where all is well."""
    judges = (_served, _steps, _final, _causes, _statuses, _asked, _quota, _locks, _proofs, _told)
    return [violation for each in judges for violation in each(evidence)]


def _served(evidence: Evidence) -> Iterator[Violation]:
    """Every resource serves what its outcomes say: by the cloud's books and by handshakes."""
    for resource, outcomes in evidence.by_resource.items():
        row, former = evidence.rows[resource], evidence.former[resource]
        told = _told_of(outcomes, row, evidence.seen[resource], former)
        bound = row["bound"]
        possible = set().union(*(_claims(each, former) for each in outcomes)) or {former}
        there = {_after(each) for each in outcomes if each.status in (_O.DEPLOYED, _O.UNVERIFIED)}
        if there and {bound} != there:
            yield Violation(WRONG, f"the books say otherwise than `deployed`: {told}")
        elif bound not in possible:
            yield Violation(WRONG, f"the books hold what no outcome tells: {told}")
        if not row["unserved"] and evidence.seen[resource] != {bound}:
            yield Violation(WRONG, f"a handshake shows otherwise than the books: {told}")
        shown = {each.status for each in outcomes} & {_O.DEPLOYED, _O.ROLLED_BACK}
        if row["unserved"] and shown and evidence.seen[resource] != {bound}:
            yield Violation(REPORT, f"a success that no handshake shows: {told}")


def _claims(outcome: OutcomeRecord, former: str | None) -> set[str | None]:
    """What a resource may serve, as far as this outcome goes; nothing: it was not touched."""
    match outcome.status:
        case _O.DEPLOYED | _O.UNVERIFIED:
            return {_after(outcome)}
        case _O.ROLLED_BACK:
            return {former}
        case _:
            return {former, _after(outcome)} if outcome.applied else {former}


def _steps(evidence: Evidence) -> Iterator[Violation]:
    """Each change that the cloud made was a step of some task, from what was served before it."""
    for resource, outcomes in evidence.by_resource.items():
        row, now = evidence.rows[resource], evidence.former[resource]
        former = now
        news = {_after(each) for each in outcomes}
        for end, _ in groupby(row["applied"]):
            if end != now and not (now == former and end in news) and end != former:
                told = _told_of(outcomes, row, evidence.seen[resource], former)
                yield Violation(WRONG, f"a change from {_short(now)} to {_short(end)}: {told}")
            now = end


def _final(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is under way, and nothing was forgotten."""
    for outcomes in evidence.outcomes.values():
        for each in outcomes:
            if each.status not in FINAL:
                yield Violation(REPORT, f"not final: {_said(each)}")


def _causes(evidence: Evidence) -> Iterator[Violation]:
    """Each failure has a cause that is true, and nothing else has one."""
    for outcomes in evidence.outcomes.values():
        for each in outcomes:
            wants_one = each.status in (_O.FAILED, _O.ROLLBACK_FAILED, _O.SKIPPED, _O.UNVERIFIED)
            if each.cause is None and wants_one:
                yield Violation(REPORT, f"no cause: {_said(each)}")
            elif each.cause is not None and not _is_true(evidence, each, each.cause.code):
                yield Violation(REPORT, f"an untrue cause: {_said(each)}: {each.cause}")


def _is_true(evidence: Evidence, outcome: OutcomeRecord, code: str) -> bool:
    scenario = evidence.scenario
    unserved = evidence.rows[outcome.change.resource.id]["unserved"]
    refused, unseen = (kind in _rules(scenario) for kind in ("refused", "unserved"))
    blind = _long_without_the_cloud(scenario)
    gone = unserved or _without_the_edge(scenario)
    possible = {
        "IllegalOperation": refused,
        "NotServed": unseen or scenario.rivals or blind,
        "NotSettled": unseen or scenario.rivals or blind,
        "Drifted": scenario.rivals,
        "rolled-back-with-wave": any(
            each.on_budget_exceeded is not OnBudgetExceeded.STOP for each in scenario.rollouts
        ),
        "NotReversible": outcome.change.not_reversible is not None,
        "Accepted": outcome.change.unverifiable is not None,
        "NoLongerReachable": gone,
        "Unreachable": gone,
        "NotServedLater": gone,
    }
    if code in possible:
        return possible[code]
    if outcome.status is _O.SKIPPED:
        asked = [*scenario.requests, *scenario.late_requests]
        budgets = any(rollout.budget is not None for rollout in scenario.rollouts)
        return bool(asked) or budgets or any(r.has_canary for r in scenario.rollouts)
    return False


def _rules(scenario: Scenario) -> set[str]:
    return {rule.kind for rule in scenario.cloud_faults}


def _without_the_edge(scenario: Scenario) -> bool:
    """Whether an endpoint could not be reached for a moment, in which a single look may fall."""
    hidden = ("cloud", "edge", "network", "all")
    return any(each.kind.rpartition(" ")[2] in hidden for each in scenario.faults)


def _long_without_the_cloud(scenario: Scenario) -> bool:
    """Whether nobody could look for so long that a proof may have come too late."""
    hidden = ("cloud", "edge", "network", "all", "worker", "temporal", "database", "disk")
    return any(
        s.seconds > PROPAGATION / 3 and s.kind.rpartition(" ")[2] in hidden
        for s in scenario.faults
    )


def _statuses(evidence: Evidence) -> Iterator[Violation]:
    """The task is called what its outcomes make it."""
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


def _asked(evidence: Evidence) -> Iterator[Violation]:
    """Who asked for the way back got it, unless somebody closed it or asked for more after that."""
    for record in evidence.records:
        asked = evidence.asked.list_accepted(record)
        later = {"delete", "retry", "retry some"}
        if "rollback all" not in asked or later & set(asked):
            continue
        for each in evidence.outcomes[record.id]:
            if each.status in (_O.DEPLOYED, _O.UNVERIFIED):
                yield Violation(WRONG, f"a rollback of all left it: {_said(each)}")


def _quota(evidence: Evidence) -> Iterator[Violation]:
    """Reserved is charged or refunded, once; the balance is what was granted less the charges."""
    ledger = evidence.site.stack.store.quota
    spent = 0
    for record in evidence.records:
        amounts: Counter[str] = Counter()
        for entry in ledger.list_entries(record.id):
            if entry.kind.value in amounts and not evidence.asked.list_accepted(record):
                yield Violation(QUOTA, f"task {record.id} has two entries {entry.kind}")
            amounts[entry.kind.value] += entry.amount
        if amounts["reserve"] != amounts["charge"] + amounts["refund"]:
            yield Violation(QUOTA, f"task {record.id}: {dict(amounts)}")
        spent += amounts["charge"]
        asked = evidence.asked.list_accepted(record)
        touched = sum(
            each.status in (_O.DEPLOYED, _O.UNVERIFIED) for each in evidence.outcomes[record.id]
        )
        if amounts["charge"] < touched and "retry" not in asked:
            yield Violation(QUOTA, f"task {record.id}: {touched} deployed, {dict(amounts)}")
    if ledger.get_balance() != evidence.granted - spent:
        text = f"balance {ledger.get_balance()}, granted {evidence.granted}, charged {spent}"
        yield Violation(QUOTA, text)


def _locks(evidence: Evidence) -> Iterator[Violation]:
    """Nobody holds a turn any more."""
    with evidence.site.stack.store.database.read() as session:
        rows = session.execute(text(f"SELECT name, holder FROM {LockRow.__tablename__}")).all()  # noqa: S608 - our own table
    for name, holder in rows:
        if LINE not in name:
            yield Violation(REPORT, f"{holder} still holds {name} at {datetime.now(UTC):%H:%M:%S}")


def _proofs(evidence: Evidence) -> Iterator[Violation]:
    """Each success has the handshake that proved it."""
    for record in evidence.records:
        seen = evidence.site.stack.store.evidence.list_handshakes(record.id)
        proven = {
            (h.ordinal, h.direction) for h in seen if h.expected is None or h.observed == h.expected
        }
        for each in evidence.outcomes[record.id]:
            way = _WAYS.get(each.status)
            if way and not each.change.unverifiable and (each.ordinal, way) not in proven:
                yield Violation(REPORT, f"no evidence: {_said(each)}")


def _told(evidence: Evidence) -> Iterator[Violation]:
    """Nobody is told twice of one event, unless something died between telling and writing down."""
    bodies = [each["body"] for each in evidence.webhooks.told]
    counts = Counter((b["task_id"], b.get("occasion", b["event"])) for b in bodies)
    for (task_id, event), times in counts.items():
        if times > 1 and not evidence.scenario.faults:
            yield Violation(REPORT, f"told {times} times of {event} of task {task_id}")
    for record in evidence.records:
        if not any(task_id == record.id for task_id, _ in counts):
            yield Violation(REPORT, f"nobody was told how task {record.id} ended")


def _after(outcome: OutcomeRecord) -> str | None:
    return outcome.change.after.fingerprint if outcome.change.after else None


def _said(outcome: OutcomeRecord) -> str:
    applied = ", applied" * outcome.applied
    name = f"{outcome.task_id}#{outcome.ordinal} {outcome.change.resource.id}"
    return f"{name} is {outcome.status} after {outcome.attempts} attempts{applied}"


def _told_of(
    outcomes: list[OutcomeRecord], row: Row, seen: set[str | None], former: str | None
) -> str:
    words = "; ".join(f"{_said(each)} to {_short(_after(each))}" for each in outcomes)
    applied = ",".join(map(_short, row["applied"]))
    shown = ",".join(map(_short, sorted(seen, key=str)))
    return (
        f"{words} (former {_short(former)}, bound {_short(row['bound'])}, shown {shown}, "
        f"applied [{applied}])"
    )


def _short(fingerprint: str | None) -> str:
    return fingerprint[:6] if fingerprint else "none"
