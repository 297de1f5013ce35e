"""What a task knows of itself, apart from what it does: kept from run to run."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from temporalio import workflow

from workflows.deployment.reporting import show
from workflows.policies import SHORT_HISTORY

with workflow.unsafe.imports_passed_through():
    from domain.calendar.windows import shown_moment
    from domain.rollout.stage import Stage
    from domain.tasks.messages import Progress
    from domain.tasks.status import Phase
if TYPE_CHECKING:
    pass

with workflow.unsafe.imports_passed_through():
    from domain.rollout.stage import Breach, Stage, WaveFacts, wave_name
    from domain.tasks.messages import (
        DeleteRequest,
        Progress,
        RetryRequest,
        RollbackRequest,
        StopRequest,
        Stuck,
        TaskInput,
    )
    from domain.tasks.status import Phase, Tally, TaskStatus, task_status


STUCK_TOLD = 5


def progress(state: "State") -> Progress:
    """The answer of the query `progress`."""
    waits_for, until = waiting(state)
    stuck = sorted(state.stuck.items())
    return Progress(
        task_id=state.task.task_id,
        name=state.task.name,
        status=state.status,
        phase=state.phase,
        at=state.at,
        tally=state.tally,
        pending_rollbacks=len(state.rollbacks),
        pending_retries=len(state.retries),
        notes=tuple(state.notes),
        wave=state.wave + 1,
        waves=state.task.waves,
        stage=state.stage,
        waits_for=waits_for,
        until=until,
        can=possible(state),
        stuck=tuple(each for _, each in stuck[:STUCK_TOLD]),
        stuck_total=len(stuck),
    )


def waiting(state: "State") -> tuple[str | None, datetime | None]:
    """What is waited for, and when that ends by itself."""
    if state.phase is Phase.WAITING:
        return "its time", state.at
    if state.phase is Phase.SETTLED:
        return "signals, until its rollback window ends", state.rollback_until
    if state.phase is not Phase.DEPLOYING or state.stopped:
        return None, None
    if state.stage is Stage.BAKE:
        return f"the end of the bake time after {state.wave_name}", state.bake_until
    if state.asks:
        return f"the word to go on after {state.wave_name}", None
    if state.stage is Stage.CHANGES and state.pauses:
        return f"the time to go on with {state.wave_name}", state.at
    if state.stuck:
        return "changes that are tried again", min(each.next_at for each in state.stuck.values())
    return None, None


def possible(state: "State") -> tuple[str, ...]:
    """The signals and updates that make sense now."""
    match state.phase:
        case Phase.WAITING:
            return ("cancel", "reschedule", "delete", "rollback")
        case Phase.DEPLOYING if state.stopped:
            return ("rollback", "delete")
        case Phase.DEPLOYING:
            asks = ("proceed",) if state.asks else ()
            moves = ("reschedule",) if state.waits else ()
            return (*asks, "stop", *moves, "cancel", "rollback", "delete")
        case Phase.SETTLED if not state.closed:
            return ("rollback", "retry", "delete")
        case _:
            return ()


def refuse_proceed(state: "State") -> str:
    """Why `proceed` makes no sense now."""
    if state.phase is Phase.DEPLOYING and state.stage is Stage.BAKE and state.bake_until:
        until = shown_moment(state.bake_until)
        return f"the task does not wait for a word yet: it bakes {state.wave_name} until {until}"
    if state.phase is Phase.DEPLOYING and not state.stopped:
        return f"the task does not wait for a word: it is at {state.wave_name}"
    return f"the task does not wait for a word, it is {state.status.value.replace('_', ' ')}"


def refuse_stop(state: "State") -> str:
    """Why `stop` makes no sense now."""
    if state.phase is Phase.WAITING:
        return "the task has not begun: cancel it"
    if state.phase is Phase.DEPLOYING:
        return "the task begins nothing more already"
    return f"nothing of the task waits, it is {state.status.value.replace('_', ' ')}"


NOTES_KEPT = 5


class State:
    """The mutable half of a task; `follower` is what the next run starts with.

    `facts` are those of the present wave, and `failures` what came to them since. `stuck` is what
    is tried again and again, by its place in the plan.
    """

    def __init__(self, task: TaskInput) -> None:
        self.task = task
        self.at: datetime = task.at
        self.rollback_until: datetime = task.rollback_until
        self.closes: datetime | None = None
        self.phase = task.phase
        self.tally: Tally = task.tally
        self.installed, self.cursor = task.installed, task.cursor
        self.round, self.wave, self.stage = task.round, task.wave, task.stage
        self.bake_until, self.since, self.proceeds = task.bake_until, task.since, task.proceeds
        self.breach: Breach | None = task.breach
        self.halt: StopRequest | None = task.halt
        self.facts: WaveFacts | None = None
        self.failures = 0
        self.stuck: dict[int, Stuck] = {}
        self.told_stuck = False
        self.cancelled, self.why_cancelled = task.cancelled, task.why_cancelled
        self.deleted: DeleteRequest | None = task.deleted
        self.closed = False
        self.rollbacks: list[RollbackRequest] = list(task.rollbacks)
        self.retries: list[RetryRequest] = list(task.retries)
        self.rollbacks_done = task.rollbacks_done
        self.notes: list[str] = list(task.notes)

    @property
    def status(self) -> TaskStatus:
        """What the task is called now."""
        return task_status(
            self.phase,
            self.tally,
            cancelled=self.cancelled,
            accept_unverified=self.task.rollout.accept_unverified,
        )

    @property
    def taken_back_whole(self) -> bool:
        """Whether someone wants the whole of it back."""
        return any(request.resources is None for request in self.rollbacks)

    @property
    def stopped(self) -> bool:
        """Whether nothing more is to be begun: called off, stopped, or too much has failed."""
        ended = self.cancelled or self.halt is not None or self.breach is not None
        return ended or self.taken_back_whole

    @property
    def over_budget(self) -> bool:
        """Whether more has failed in this wave than is borne, as far as is known while it runs."""
        facts = self.facts
        return facts is not None and facts.add(self.failures).is_breach

    @property
    def held(self) -> bool:
        """Whether nothing more is to be begun for now: stopped, or the maintenance window closed.

        A freeze that is added meanwhile is found with the next page of changes.
        """
        closed = self.closes is not None and workflow.now() >= self.closes
        return self.stopped or self.over_budget or closed

    @property
    def history_is_long(self) -> bool:
        """Whether to begin a new history before waiting."""
        return workflow.info().get_current_history_length() > SHORT_HISTORY

    @property
    def pauses(self) -> bool:
        """Whether it waits in its middle for the time of its next changes."""
        return self.phase is Phase.DEPLOYING and self.seconds_left > 0 and not self.stopped

    @property
    def rests(self) -> bool:
        """Whether it waits between two waves."""
        between = self.stage in (Stage.BAKE, Stage.GATE)
        return self.phase is Phase.DEPLOYING and between and not self.stopped

    @property
    def asks(self) -> bool:
        """Whether it waits for the word `proceed`."""
        return self.rests and self.stage is Stage.GATE and not self.proceeds

    @property
    def waits(self) -> bool:
        """Whether it waits, so that it may be given another time for what comes next."""
        begins = self.phase is Phase.WAITING and not self.stopped
        return begins or self.pauses or self.rests

    @property
    def seconds_left(self) -> float:
        """Until the task's time; negative when it has passed."""
        return (self.at - workflow.now()).total_seconds()

    @property
    def is_last_wave(self) -> bool:
        """Whether no wave follows this one."""
        return self.wave >= self.task.waves - 1

    @property
    def wave_name(self) -> str:
        """The present wave as people count."""
        return wave_name(self.task.rollout, self.wave, self.task.waves)

    def cancel(self, note: str) -> None:
        """Begins nothing more; a task that has run already is not cancelled any more."""
        if self.phase in (Phase.WAITING, Phase.DEPLOYING):
            self.cancelled, self.why_cancelled = True, self.why_cancelled or note
        self.note(note)

    def move(self, at: datetime) -> None:
        """Another time; a later one also moves the end of the rollback window."""
        self.rollback_until += max(at - self.at, timedelta())
        self.at = at

    def note_once(self, text: str) -> None:
        """Keeps a line that is not among the latest."""
        if text not in self.notes:
            self.note(text)

    def note(self, text: str) -> None:
        """Keeps a line for people: the latest few are shown."""
        self.notes = [*self.notes, text][-NOTES_KEPT:]
        self.show()

    def enter(self, phase: Phase) -> None:
        """Begins another phase."""
        self.phase = phase
        self.show()

    def turn_to(self, stage: Stage) -> None:
        """Begins another stage of the wave, from the first of its changes."""
        self.stage, self.cursor, self.since = stage, -1, None
        self.show()

    def begin_wave(self, wave: int) -> None:
        """Begins another wave."""
        self.wave, self.bake_until, self.proceeds, self.facts = wave, None, False, None
        self.turn_to(Stage.CHANGES)

    def begin_round(self) -> None:
        """Begins all waves anew, for what is tried once more."""
        self.round += 1
        self.installed, self.cancelled, self.why_cancelled = -1, False, None
        self.halt, self.breach, self.told_stuck = None, None, False
        self.begin_wave(0)

    def show(self) -> None:
        """Tells the Web UI how the task stands."""
        show(self.progress())

    def progress(self) -> Progress:
        """The answer of the query `progress`."""
        return progress(self)

    def follower(self) -> TaskInput:
        """The next run's input: this one with all that has happened since."""
        return self.task.model_copy(
            update={
                "at": self.at,
                "rollback_until": self.rollback_until,
                "phase": self.phase,
                "tally": self.tally,
                "installed": self.installed,
                "cursor": self.cursor,
                "round": self.round,
                "wave": self.wave,
                "stage": self.stage,
                "bake_until": self.bake_until,
                "since": self.since,
                "proceeds": self.proceeds,
                "breach": self.breach,
                "halt": self.halt,
                "cancelled": self.cancelled,
                "why_cancelled": self.why_cancelled,
                "deleted": self.deleted,
                "rollbacks": tuple(self.rollbacks),
                "retries": tuple(self.retries),
                "rollbacks_done": self.rollbacks_done,
                "notes": tuple(self.notes),
            }
        )
