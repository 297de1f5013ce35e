"""The state of a task, carried from run to run. Used by all modules of workflows/deployment."""

from datetime import UTC, datetime, timedelta

from temporalio import workflow

from workflows.deployment.reporting import update_details
from workflows.policies import SHORT_HISTORY

with workflow.unsafe.imports_passed_through():
    from domain.calendar.windows import format_minute
    from domain.rollout.stage import BudgetExceeded, Stage, WaveFacts, format_wave_name
    from domain.tasks.messages import (
        DeleteRequest,
        Progress,
        RetryingChange,
        RetryRequest,
        RollbackRequest,
        StopRequest,
        TaskInput,
    )
    from domain.tasks.status import Phase, Tally, TaskStatus, compute_task_status


MAX_RETRYING_SHOWN = 5


def build_progress(state: "State") -> Progress:
    """The answer of the query `progress`."""
    waits_for, until = describe_wait(state)
    stuck = sorted(state.retrying.items())
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
        can=list_possible_requests(state),
        stuck=tuple(each for _, each in stuck[:MAX_RETRYING_SHOWN]),
        stuck_total=len(stuck),
    )


def describe_wait(state: "State") -> tuple[str | None, datetime | None]:
    """What the task waits for, and when the wait ends by itself."""
    if state.phase is Phase.WAITING:
        return "its time", state.at
    if state.phase is Phase.SETTLED:
        return "signals, until its rollback window ends", state.rollback_until
    if state.phase is not Phase.DEPLOYING or state.is_stopped:
        return None, None
    if state.stage is Stage.BAKE:
        return f"the end of the bake time after {state.wave_name}", state.bake_until
    if state.waits_for_proceed:
        return f"`proceed` after {state.wave_name}", None
    if state.stage is Stage.CHANGES and state.waits_for_window:
        return f"the window for {state.wave_name}", state.at
    if state.retrying:
        return "changes to retry", min(each.next_at for each in state.retrying.values())
    return None, None


def list_possible_requests(state: "State") -> tuple[str, ...]:
    """The signals and updates that the task accepts now."""
    match state.phase:
        case Phase.WAITING:
            return ("cancel", "reschedule", "delete", "rollback")
        case Phase.DEPLOYING if state.is_stopped:
            return ("rollback", "delete")
        case Phase.DEPLOYING:
            asks = ("proceed",) if state.waits_for_proceed else ()
            moves = ("reschedule",) if state.may_be_rescheduled else ()
            return (*asks, "stop", *moves, "cancel", "rollback", "delete")
        case Phase.SETTLED if not state.is_closed:
            return ("rollback", "retry", "delete")
        case _:
            return ()


def explain_refused_proceed(state: "State") -> str:
    """Why `proceed` is refused now."""
    if state.phase is Phase.DEPLOYING and state.stage is Stage.BAKE and state.bake_until:
        until = format_minute(state.bake_until)
        return f"the task is not at a gate yet: it bakes {state.wave_name} until {until}"
    if state.phase is Phase.DEPLOYING and not state.is_stopped:
        return f"the task is not at a gate: it deploys {state.wave_name}"
    return f"the task is not at a gate, it is {state.status.value.replace('_', ' ')}"


def explain_refused_stop(state: "State") -> str:
    """Why `stop` is refused now."""
    if state.phase is Phase.WAITING:
        return "the task has not started: cancel it"
    if state.phase is Phase.DEPLOYING:
        return "the task starts no further change already"
    return f"no change of the task waits, it is {state.status.value.replace('_', ' ')}"


MAX_NOTES = 5
MAX_NOTE_LENGTH = 500
LATEST_ROLLBACK = datetime(2400, 1, 1, tzinfo=UTC)  # later than any task's time


class State:
    """The mutable state of a task; `build_next_input` carries it into the next run.

    `wave_facts` count the current wave, `failures` those since they were read. `retrying` are the
    changes that are being retried, by ordinal.
    """

    def __init__(self, task: TaskInput) -> None:
        self.task = task
        self.at: datetime = task.at
        self.rollback_until: datetime = task.rollback_until
        self.window_end: datetime | None = None
        self.phase = task.phase
        self.tally: Tally = task.tally
        self.installed, self.cursor = task.installed, task.cursor
        self.round, self.wave, self.stage = task.round, task.wave, task.stage
        self.bake_until, self.rollback_started_at, self.may_proceed = (
            task.bake_until,
            task.rollback_started_at,
            task.may_proceed,
        )
        self.budget_exceeded: BudgetExceeded | None = task.budget_exceeded
        self.stop_request: StopRequest | None = task.stop_request
        self.wave_facts: WaveFacts | None = None
        self.failures = 0
        self.retrying: dict[int, RetryingChange] = {}
        self.has_reported_retries = False
        self.cancelled, self.cancel_reason = task.cancelled, task.cancel_reason
        self.delete_request: DeleteRequest | None = task.delete_request
        self.is_closed = False
        self.rollbacks: list[RollbackRequest] = list(task.rollbacks)
        self.retries: list[RetryRequest] = list(task.retries)
        self.rollbacks_done = task.rollbacks_done
        self.notes: list[str] = list(task.notes)

    @property
    def status(self) -> TaskStatus:

        return compute_task_status(
            self.phase,
            self.tally,
            cancelled=self.cancelled,
            accept_unverified=self.task.rollout.accept_unverified,
        )

    @property
    def is_whole_rollback_requested(self) -> bool:

        return any(request.resources is None for request in self.rollbacks)

    @property
    def is_stopped(self) -> bool:
        """Whether no further change starts: cancelled, stopped, or over the failure budget."""
        ended = self.cancelled or self.stop_request is not None or self.budget_exceeded is not None
        return ended or self.is_whole_rollback_requested

    @property
    def is_over_budget(self) -> bool:
        """Whether more changes of this wave have failed than allowed, as far as known now."""
        facts = self.wave_facts
        return facts is not None and facts.with_more_failures(self.failures).is_over_budget

    @property
    def is_paused_or_stopped(self) -> bool:
        """Whether no change starts now: stopped, over budget, or the window has closed.

        A freeze that is added meanwhile is found before the next page of changes.
        """
        closed = self.window_end is not None and workflow.now() >= self.window_end
        return self.is_stopped or self.is_over_budget or closed

    @property
    def is_history_long(self) -> bool:
        """Whether to continue as new before waiting."""
        return workflow.info().get_current_history_length() > SHORT_HISTORY

    @property
    def waits_for_window(self) -> bool:
        """Whether the task waits between changes for its next window."""
        return self.phase is Phase.DEPLOYING and self.seconds_left > 0 and not self.is_stopped

    @property
    def is_between_waves(self) -> bool:

        between = self.stage in (Stage.BAKE, Stage.GATE)
        return self.phase is Phase.DEPLOYING and between and not self.is_stopped

    @property
    def waits_for_proceed(self) -> bool:
        """Whether the task waits at a gate."""
        return self.is_between_waves and self.stage is Stage.GATE and not self.may_proceed

    @property
    def may_be_rescheduled(self) -> bool:
        """Whether the task waits, so that its next changes can get another time."""
        begins = self.phase is Phase.WAITING and not self.is_stopped
        return begins or self.waits_for_window or self.is_between_waves

    @property
    def seconds_left(self) -> float:
        """Seconds until the task's time; negative when it has passed."""
        return (self.at - workflow.now()).total_seconds()

    @property
    def is_last_wave(self) -> bool:

        return self.wave >= self.task.waves - 1

    @property
    def wave_name(self) -> str:
        """The current wave as people count, from 1."""
        return format_wave_name(self.task.rollout, self.wave, self.task.waves)

    def cancel(self, note: str) -> None:
        """Starts no further change; a task that has ended its waves cannot be cancelled."""
        if self.phase in (Phase.WAITING, Phase.DEPLOYING):
            self.cancelled, self.cancel_reason = True, self.cancel_reason or note
        self.add_note(note)

    def set_time(self, at: datetime) -> None:
        """Sets another time; a later one also extends the rollback window."""
        later = max(at - self.at, timedelta())
        self.rollback_until = min(self.rollback_until, LATEST_ROLLBACK - later) + later
        self.at = at

    def add_note_once(self, text: str) -> None:
        """Adds a note that is not among the latest."""
        if text not in self.notes:
            self.add_note(text)

    def add_note(self, text: str) -> None:
        """Adds a note for people; the latest few are kept."""
        self.notes = [*self.notes, text[:MAX_NOTE_LENGTH]][-MAX_NOTES:]
        self.update_details()

    def begin_phase(self, phase: Phase) -> None:

        self.phase = phase
        self.update_details()

    def begin_stage(self, stage: Stage) -> None:
        """Begins another stage of the wave, at its first change."""
        self.stage, self.cursor, self.rollback_started_at = stage, -1, None
        self.update_details()

    def begin_wave(self, wave: int) -> None:

        self.wave, self.bake_until, self.may_proceed, self.wave_facts = wave, None, False, None
        self.begin_stage(Stage.CHANGES)

    def begin_round(self) -> None:
        """Begins all waves again, for a retry."""
        self.round += 1
        self.installed, self.cancelled, self.cancel_reason = -1, False, None
        self.stop_request, self.budget_exceeded, self.has_reported_retries = None, None, False
        self.begin_wave(0)

    def update_details(self) -> None:

        update_details(self.progress())

    def progress(self) -> Progress:
        """The answer of the query `progress`."""
        return build_progress(self)

    def build_next_input(self) -> TaskInput:
        """The input of the next run: this one's with the present state."""
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
                "rollback_started_at": self.rollback_started_at,
                "may_proceed": self.may_proceed,
                "budget_exceeded": self.budget_exceeded,
                "stop_request": self.stop_request,
                "cancelled": self.cancelled,
                "cancel_reason": self.cancel_reason,
                "delete_request": self.delete_request,
                "rollbacks": tuple(self.rollbacks),
                "retries": tuple(self.retries),
                "rollbacks_done": self.rollbacks_done,
                "notes": tuple(self.notes),
            }
        )
