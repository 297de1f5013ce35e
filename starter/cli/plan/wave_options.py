"""Options of the rollout policy, shared by the plan and task commands."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from domain.errors import BadInput

if TYPE_CHECKING:
    from domain.plans.plan import Change
    from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy

NONE, ANY = "none", "any"

Canary = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|N%|RESOURCE",
        help='First wave: a number, a share, or named resources (repeatable); "none": no canary.',
    ),
]
CanaryPerService = Annotated[
    str | None,
    typer.Option(
        "--canary-per-service",
        metavar="N|N%",
        help="The first wave: a number or share of each service.",
    ),
]
Waves = Annotated[
    list[str] | None,
    typer.Option(
        "--wave",
        metavar="N|N%",
        help="The next wave: a number, or a share of all; repeatable. The rest is the last wave.",
    ),
]
OneWave = Annotated[
    bool, typer.Option("--one-wave", help="Everything in one wave, without a canary.")
]
Bake = Annotated[
    str | None,
    typer.Option(
        "--bake",
        metavar="TIME",
        help='Bake time: how long to wait after each wave, for example "15m".',
    ),
]
Gate = Annotated[
    bool | None,
    typer.Option("--gate/--no-gate", help="Wait for `task proceed` before each further wave."),
]
Failures = Annotated[
    str | None,
    typer.Option(
        "--failures",
        metavar="N|N%|any",
        help="Failure budget: how many changes outside the canary may fail. "
        "Default: 10% of a large task, any number of a small one.",
    ),
]
CanaryFailures = Annotated[
    int | None,
    typer.Option(
        "--canary-failures",
        metavar="N",
        min=0,
        help="Failure budget of the canary: how many of its changes may fail. Default 0.",
    ),
]
OnExceeded = Annotated[
    str | None,
    typer.Option(
        "--on-budget-exceeded",
        metavar="stop|rollback-wave|rollback-all",
        help="What to do when more changes fail than the budget allows.",
    ),
]
KeepTrying = Annotated[
    str | None,
    typer.Option(
        "--keep-trying",
        metavar="TIME",
        help='How long to retry temporary failures. Default "1d"; "0m": no later retries.',
    ),
]
KeepFailed = Annotated[
    bool | None,
    typer.Option(
        "--keep-failed/--roll-back-failed",
        help="Whether to leave a changed resource as it is when its verification fails.",
    ),
]
AcceptUnverified = Annotated[
    bool | None,
    typer.Option(
        "--accept-unverified/--no-accept-unverified",
        help="Whether a resource that cannot be reached from here counts as a success.",
    ),
]


@dataclass(frozen=True)
class WaveOptions:
    """The options, for all commands that take them (`with_options(WaveOptions)`)."""

    canary: Canary = None
    canary_per_service: CanaryPerService = None
    wave: Waves = None
    one_wave: OneWave = False
    bake: Bake = None
    gate: Gate = None
    failures: Failures = None
    canary_failures: CanaryFailures = None
    on_budget_exceeded: OnExceeded = None
    keep_trying: KeepTrying = None
    keep_failed: KeepFailed = None
    accept_unverified: AcceptUnverified = None

    @property
    def is_given(self) -> bool:
        """Whether any of the options was given."""
        given = {**vars(self), "one_wave": self.one_wave or None}
        return any(each is not None and each != [] for each in given.values())


class PolicyOverrides(NamedTuple):
    """The given options: fields of the rollout policy to replace, and named canaries."""

    fields: dict[str, Any]
    canary_names: tuple[str, ...] = ()

    def apply_to(self, base: "RolloutPolicy", changes: Sequence["Change"]) -> "RolloutPolicy":
        """Returns the policy `base` with these fields replaced."""
        named = (
            {"canary_resources": _resolve_canaries(self.canary_names, changes)}
            if self.canary_names
            else {}
        )
        return base.model_copy(update={**self.fields, **named})


def read_policy(options: WaveOptions) -> PolicyOverrides:
    """Parses the options, before there is a plan. Raises BadInput."""
    from domain.rollout.policy import parse_size
    from starter.cli.terminal.times import parse_wait

    fields, names = _parse_canary_options(options)
    if options.wave:
        fields["waves"] = tuple(parse_size(each, "--wave") for each in options.wave)
    if options.bake is not None:
        fields["bake_seconds"] = int(parse_wait(options.bake, "--bake").total_seconds())
    if options.keep_trying is not None:
        longest = parse_wait(options.keep_trying, "--keep-trying")
        fields["keep_trying_seconds"] = int(longest.total_seconds())
    if options.failures is not None:
        is_any = options.failures.strip().lower() == ANY
        fields["budget"] = None if is_any else parse_size(options.failures, "--failures")
    if options.on_budget_exceeded is not None:
        fields["on_budget_exceeded"] = _parse_on_budget_exceeded(options.on_budget_exceeded)
    if options.keep_failed is not None:
        fields["roll_back_failed"] = not options.keep_failed
    optional = {
        "gate": options.gate,
        "canary_budget": options.canary_failures,
        "accept_unverified": options.accept_unverified,
    }
    return PolicyOverrides(
        {**fields, **{k: v for k, v in optional.items() if v is not None}}, names
    )


def _parse_canary_options(options: WaveOptions) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Parses the canary options and --one-wave: policy fields and named canaries."""
    from domain.rollout.policy import parse_size

    if options.one_wave:
        _check_one_wave(options)
        return {**_build_no_canary(), "waves": (), "bake_seconds": 0, "gate": False}, ()
    if options.canary_per_service is None:
        return _parse_canary([text.strip() for text in options.canary or ()])
    if options.canary:
        raise BadInput(
            "--canary and --canary-per-service exclude each other",
            where="--canary-per-service",
            fix="Give one of them.",
            code="conflicting-options",
        )
    size = parse_size(options.canary_per_service, "--canary-per-service")
    return {"canary": size, "canary_per_service": True, "canary_resources": ()}, ()


def _parse_canary(canary: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    from domain.rollout.policy import try_parse_size

    if not canary:
        return {}, ()
    sizes = [size for text in canary if (size := try_parse_size(text))]
    if (sizes or NONE in canary) and len(canary) > 1:
        raise BadInput(
            "the canary has several sizes",
            where="--canary",
            fix="Give one number or one share, or name resources.",
            code="conflicting-options",
        )
    if list(canary) == [NONE]:
        return _build_no_canary(), ()
    fields = {"canary": None, "canary_per_service": False, "canary_resources": ()}
    return ({**fields, "canary": sizes[0]}, ()) if sizes else (fields, tuple(dict.fromkeys(canary)))


def _build_no_canary() -> dict[str, Any]:
    return {
        "canary": None,
        "canary_per_service": False,
        "canary_resources": (),
        "canary_budget": 0,
    }


def _check_one_wave(options: WaveOptions) -> None:
    others = {
        "--canary": options.canary,
        "--canary-per-service": options.canary_per_service,
        "--canary-failures": options.canary_failures,
        "--wave": options.wave,
        "--bake": options.bake,
        "--gate": options.gate,
    }
    for name, value in others.items():
        if value:
            raise BadInput(
                f"--one-wave and {name} exclude each other",
                where="--one-wave",
                fix="Give one of them.",
                code="conflicting-options",
            )


def _parse_on_budget_exceeded(text: str) -> "OnBudgetExceeded":
    from domain.rollout.policy import OnBudgetExceeded

    known = {
        each.value.replace("roll_back", "rollback").replace("_", "-"): each
        for each in OnBudgetExceeded
    }
    if text not in known:
        raise BadInput(
            f"there is no reaction {text[:60]!r}",
            where="--on-budget-exceeded",
            fix=f"Use {', '.join(known)}.",
            code="unknown-reaction",
        )
    return known[text]


def _resolve_canaries(names: Sequence[str], changes: Sequence["Change"]) -> tuple[str, ...]:
    """Returns the ids of resources named by id or key. An unknown name stays as it is."""
    wanted = set(names)
    found: dict[str, list[str]] = {}
    for change in changes:
        resource = change.resource
        for name in wanted & {resource.id, resource.key}:
            found.setdefault(name, []).append(resource.id)
    return tuple(each for name in names for each in found.get(name, [name]))
