"""Draws the scenario of one run from its seed alone; `run` plays it."""

import random
from dataclasses import dataclass, field

from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size

FAULTS = (
    *("kill worker", "kill worker", "kill temporal", "kill cloud", "kill database"),
    *("kill worker and temporal", "kill all", "stop worker", "stop temporal", "stop database"),
    *("cut temporal", "stall temporal", "deafen temporal", "cut cloud", "stall cloud"),
    *("deafen cloud", "cut edge", "slow network", "cut database", "stall database"),
    *("full disk", "clock ahead", "clock behind"),
)
ONLY_POSTGRESQL = ("kill database", "stop database", "cut database", "stall database")
CLOUD_FAULTS = ("lost", "5xx", "throttle", "hang", "reset", "refused", "unserved")
REQUESTS = (
    *("rollback all", "rollback all", "rollback some", "cancel", "delete"),
    *("reschedule", "proceed", "stop", "retry", "retry some"),
)


@dataclass(frozen=True)
class Fault:
    """A fault of a process, a network, the disk or a clock; `at` counts from the first task."""

    kind: str
    at: float
    seconds: float
    which: int = 0


@dataclass(frozen=True)
class Request:
    """A signal or an update to a task, sent `times` times."""

    kind: str
    at: float
    task: int
    times: int = 1


@dataclass(frozen=True)
class CloudFault:
    """A fault of the practice cloud, from `at` on."""

    kind: str
    share: float
    at: float = 0.0


@dataclass(frozen=True)
class Scenario:
    """All that is random in a run. `rivals`: the tasks change the same resources."""

    seed: int
    postgresql: bool
    scale: int
    workers: int
    tasks: int
    rivals: bool
    concurrency: int
    delay: float
    latency_ms: float
    propagation: float
    rollouts: tuple[RolloutPolicy, ...]
    cloud_faults: tuple[CloudFault, ...] = field(default=())
    faults: tuple[Fault, ...] = field(default=())
    requests: tuple[Request, ...] = field(default=())
    late_requests: tuple[str, ...] = field(default=())

    def describe(self) -> str:
        """One line for the report."""
        database = "postgresql" if self.postgresql else "sqlite"
        tasks = f"{self.tasks} task{'s' * (self.tasks > 1)}{' (rivals)' * self.rivals}"
        faults = [f"{s.kind}@{s.at:.1f}+{s.seconds:.1f}" for s in self.faults]
        rules = [f"{r.kind} {r.share:.0%}@{r.at:.1f}" for r in self.cloud_faults]
        asks = [f"{a.kind}({a.task})@{a.at:.1f}x{a.times}" for a in self.requests]
        waves = [_describe_rollout(each) for each in self.rollouts]
        parts = (f"{database}, {self.scale} resources, {self.workers} workers, {tasks}", *waves)
        return "; ".join((*parts, *rules, *faults, *asks, *self.late_requests))


def draw(seed: int, *, waves: bool = True) -> Scenario:
    """The scenario of this seed, always the same; with `waves` False each task has one wave."""
    dice = random.Random(seed)  # noqa: S311 - repeatable on purpose
    postgresql = dice.random() < 0.4
    tasks = dice.choice((1, 1, 2, 2))
    rivals = tasks > 1 and dice.random() < 0.6
    workers = dice.choice((1, 2))
    rollouts = tuple(_draw_rollout(dice) for _ in range(tasks))
    possible = [k for k in FAULTS if postgresql or k not in ONLY_POSTGRESQL]
    return Scenario(
        seed=seed,
        postgresql=postgresql,
        scale=dice.randint(30, 60),
        workers=workers,
        tasks=tasks,
        rivals=rivals,
        concurrency=dice.choice((4, 20, 100)),
        delay=dice.choice((0.0, 0.0, 1.0)),
        latency_ms=dice.choice((5.0, 30.0, 80.0)),
        propagation=dice.choice((0.0, 0.3, 1.0)),
        rollouts=rollouts if waves else tuple(RolloutPolicy() for _ in rollouts),
        cloud_faults=tuple(_draw_cloud_faults(dice)),
        faults=tuple(
            Fault(
                dice.choice(possible),
                at=round(dice.uniform(0, 4), 2),
                seconds=round(dice.choice((0.2, 1, 3, 6, 12)) * dice.uniform(0.8, 1.2), 2),
                which=dice.randrange(workers),
            )
            for _ in range(dice.choice((0, 1, 1, 1, 2, 2, 3)))
        ),
        requests=tuple(
            Request(
                dice.choice(REQUESTS),
                at=round(dice.uniform(0, 5), 2),
                task=dice.randrange(tasks),
                times=dice.choice((1, 1, 2)),
            )
            for _ in range(dice.choice((0, 0, 1, 1, 2, 3)))
        ),
        late_requests=tuple(dice.sample(REQUESTS, dice.choice((0, 0, 1, 2)))),
    )


def _draw_cloud_faults(dice: random.Random) -> list[CloudFault]:
    kinds = dice.sample(CLOUD_FAULTS, dice.choice((0, 1, 1, 2, 3)))
    return [CloudFault(kind, dice.choice((0.05, 0.15, 0.25)), _draw_begin(dice)) for kind in kinds]


def _draw_begin(dice: random.Random) -> float:
    return dice.choice((0.0, 0.0, round(dice.uniform(0, 3), 2)))


def _draw_rollout(dice: random.Random) -> RolloutPolicy:
    if dice.random() < 0.35:
        return RolloutPolicy(
            roll_back_failed=dice.random() < 0.5, accept_unverified=dice.random() < 0.5
        )
    drawn = RolloutPolicy(
        canary=dice.choice((None, Size(count=dice.randint(1, 3)), Size(percent=10))),
        waves=tuple(Size(percent=dice.choice((20, 30))) for _ in range(dice.choice((0, 1, 2)))),
        bake_seconds=dice.choice((0, 0, 1, 2)),
        gate=dice.random() < 0.25,
        budget=dice.choice((None, Size(count=0), Size(count=2), Size(percent=20))),
        on_budget_exceeded=dice.choice(tuple(OnBudgetExceeded)),
        roll_back_failed=dice.random() < 0.5,
        accept_unverified=dice.random() < 0.5,
    )
    has_waves = drawn.has_canary or bool(drawn.waves)
    return drawn if has_waves else drawn.model_copy(update={"gate": False, "bake_seconds": 0})


def _describe_rollout(rollout: RolloutPolicy) -> str:
    sizes = [each for each in (rollout.canary, *rollout.waves) if each]
    shown = [_format_size(each) for each in sizes]
    words = [f"waves [{'+'.join(shown) or 'one'}]", f"bake {rollout.bake_seconds}"]
    words += ["gate"] * rollout.gate + ["rolls back failed"] * rollout.roll_back_failed
    if (budget := rollout.budget) is not None:
        words.append(f"budget {_format_size(budget)}")
    return " ".join((*words, rollout.on_budget_exceeded))


def _format_size(size: Size) -> str:
    return f"{size.percent:g}%" if size.count is None else f"{size.count}"
