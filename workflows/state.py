"""What a task knows of itself, apart from what it does: kept from run to run."""

from datetime import datetime, timedelta

from temporalio import workflow

from workflows.policies import SHORT_HISTORY
from workflows.telling import show

with workflow.unsafe.imports_passed_through():
    from domain.status import Phase, Tally, TaskStatus, task_status
    from domain.task import DeleteRequest, Progress, RollbackRequest, TaskInput

NOTES_KEPT = 5


class State:
    """The mutable half of a task; `follower` is what the next run starts with."""

    def __init__(self, task: TaskInput) -> None:
        self.task = task
        self.at: datetime = task.at
        self.rollback_until: datetime = task.rollback_until
        self.closes: datetime | None = None
        self.phase = task.phase
        self.tally: Tally = task.tally
        self.installed, self.cursor = task.installed, task.cursor
        self.cancelled = task.cancelled
        self.deleted: DeleteRequest | None = task.deleted
        self.closed = False
        self.rollbacks: list[RollbackRequest] = list(task.rollbacks)
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
    def stopped(self) -> bool:
        """Whether nothing more is to be begun: cancelled, or the whole of it shall go back."""
        return self.cancelled or any(request.resources is None for request in self.rollbacks)

    @property
    def held(self) -> bool:
        """Whether nothing more is to be begun for now: stopped, or the maintenance window closed.

        A freeze that is added meanwhile is found with the next page of changes.
        """
        return self.stopped or (self.closes is not None and workflow.now() >= self.closes)

    @property
    def history_is_long(self) -> bool:
        """Whether to begin a new history before waiting."""
        return workflow.info().get_current_history_length() > SHORT_HISTORY

    @property
    def waits(self) -> bool:
        """Whether it waits for its time: the first one, or its next opening in the middle."""
        pauses = self.phase is Phase.DEPLOYING and self.seconds_left > 0
        return (self.phase is Phase.WAITING or pauses) and not self.stopped

    @property
    def seconds_left(self) -> float:
        """Until the task's time; negative when it has passed."""
        return (self.at - workflow.now()).total_seconds()

    def cancel(self, note: str) -> None:
        """Begins nothing more; a task that has run already is not cancelled any more."""
        if self.phase in (Phase.WAITING, Phase.DEPLOYING):
            self.cancelled = True
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
        show(self.progress())

    def enter(self, phase: Phase) -> None:
        """Begins another phase."""
        self.phase = phase
        show(self.progress())

    def progress(self) -> Progress:
        """The answer of the query `progress`."""
        return Progress(
            task_id=self.task.task_id,
            name=self.task.name,
            status=self.status,
            phase=self.phase,
            at=self.at,
            tally=self.tally,
            pending_rollbacks=len(self.rollbacks),
            notes=tuple(self.notes),
        )

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
                "cancelled": self.cancelled,
                "deleted": self.deleted,
                "rollbacks": tuple(self.rollbacks),
                "rollbacks_done": self.rollbacks_done,
                "notes": tuple(self.notes),
            }
        )
