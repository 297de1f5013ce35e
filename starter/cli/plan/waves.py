"""The waves of a task as a person reads them before it, and what became of each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from starter.cli.terminal.output import say, some, words

if TYPE_CHECKING:
    from domain.plans.plan import Change
    from domain.rollout.policy import Rollout
    from domain.rollout.text import Wave
    from domain.tasks.record import OutcomeRecord
    from starter.cli.plan.wave_options import Policy


class Waving(NamedTuple):
    """A rollout, and the waves that some changes have by it."""

    rollout: "Rollout"
    waves: "tuple[Wave, ...]"

    @property
    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return {"rollout": self.rollout, "waves": self.waves}


def waving(changes: Sequence["Change"], rollout: "Rollout") -> Waving:
    """The waves that a task of these changes would have; BadInput if they cannot be had."""
    from domain.rollout.assignment import assign
    from domain.rollout.text import waves_of

    if not changes:
        return Waving(rollout, ())
    return Waving(rollout, waves_of(changes, assign(changes, rollout), rollout))


def default_waving(changes: Sequence["Change"], policy: "Policy") -> Waving:
    """Those of a new task, of which no more is said than `policy`."""
    from domain.rollout.assignment import default_rollout

    base = default_rollout(changes)
    return waving(changes, policy.over(base, changes) if changes else base)


def show_waves(told: Waving) -> None:
    """One line each, and which resources are the canary."""
    from domain.rollout import text

    for number, line in enumerate(text.told(told.rollout, told.waves), 1):
        say(f"wave {number:<4}  {line}")
    for wave in told.waves:
        if wave.resources:
            say(f"canary     {some(wave.resources)}")
    for line in text.beside(told.rollout):
        say(f"policy     {line}")


def of_task(rollout: "Rollout", outcomes: Sequence["OutcomeRecord"]) -> Waving:
    """Those that a task has, as they are stored."""
    from domain.rollout.text import waves_of

    changes, assigned = [each.change for each in outcomes], [each.wave for each in outcomes]
    return Waving(rollout, waves_of(changes, assigned, rollout))


def counted(told: Waving, outcomes: Sequence["OutcomeRecord"]) -> list[dict[str, Any]]:
    """Each wave as JSON, with how many of its changes are in each status."""
    tallies = _tallies(told, outcomes)
    return [
        {**wave.model_dump(mode="json"), "tally": tally}
        for wave, tally in zip(told.waves, tallies, strict=True)
    ]


def wave_facts(told: Waving, outcomes: Sequence["OutcomeRecord"]) -> list[tuple[str, str]]:
    """A fact for each wave: its policy, and below it its counters."""
    from domain.rollout import text

    lines = text.told(told.rollout, told.waves)
    facts = [
        (f"wave {number}", f"{line}\n{_told(tally)}")
        for number, (line, tally) in enumerate(
            zip(lines, _tallies(told, outcomes), strict=True), start=1
        )
    ]
    return [*facts, *(("policy", line) for line in text.beside(told.rollout))]


def _tallies(told: Waving, outcomes: Sequence["OutcomeRecord"]) -> list[dict[str, int]]:
    tallies: list[dict[str, int]] = [{} for _ in told.waves]
    for outcome in outcomes:
        tally = tallies[outcome.wave]
        tally[outcome.status.value] = tally.get(outcome.status.value, 0) + 1
    return tallies


def _told(tally: dict[str, int]) -> str:
    return ", ".join(f"{count} {words(status)}" for status, count in tally.items())
