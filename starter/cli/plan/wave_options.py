"""In which waves a task goes: the options that the commands of plans and tasks share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from domain.errors import BadInput

if TYPE_CHECKING:
    from domain.plans.plan import Change
    from domain.rollout.policy import OnBreach, Rollout

NONE, ANY = "none", "any"

Canary = Annotated[
    list[str] | None,
    typer.Option(
        "--canary",
        metavar="N|N%|RESOURCE",
        help='What goes first: so many, such a share, or these (repeatable); "none": nothing.',
    ),
]
CanaryPerService = Annotated[
    str | None,
    typer.Option("--canary-per-service", metavar="N|N%", help="So many of each service go first."),
]
Waves = Annotated[
    list[str] | None,
    typer.Option(
        "--wave",
        metavar="N|N%",
        help="The next so many of all; repeatable. What is left is the last wave.",
    ),
]
OneWave = Annotated[bool, typer.Option("--one-wave", help="All at once, without a canary.")]
Bake = Annotated[
    str | None,
    typer.Option("--bake", metavar="TIME", help='How long to wait after each wave, e.g. "15m".'),
]
Gate = Annotated[
    bool | None,
    typer.Option("--gate/--no-gate", help="Begin each further wave only by a person's word."),
]
Failures = Annotated[
    str | None,
    typer.Option(
        "--failures",
        metavar="N|N%|any",
        help="How many are borne after the canary, if there is one.",
    ),
]
CanaryFailures = Annotated[
    int | None,
    typer.Option("--canary-failures", metavar="N", min=0, help="How many the canary bears."),
]
Breach = Annotated[
    str | None,
    typer.Option(
        "--on-breach",
        metavar="stop|rollback-wave|rollback-all",
        help="What is done once more have failed.",
    ),
]
KeepTrying = Annotated[
    str | None,
    typer.Option(
        "--keep-trying",
        metavar="TIME",
        help='For how long what may pass is tried again, by default "1d"; "0m": only at once.',
    ),
]
KeepFailed = Annotated[
    bool | None,
    typer.Option(
        "--keep-failed/--take-back-failed",
        help="Leave what was changed and could not be verified as it is.",
    ),
]
AcceptUnverified = Annotated[
    bool | None,
    typer.Option(
        "--accept-unverified/--no-accept-unverified",
        help="What nobody can reach from here counts as success.",
    ),
]


@dataclass(frozen=True)
class WaveOptions:
    """The options themselves, once for all commands that take them (`sharing(WaveOptions)`)."""

    canary: Canary = None
    canary_per_service: CanaryPerService = None
    wave: Waves = None
    one_wave: OneWave = False
    bake: Bake = None
    gate: Gate = None
    failures: Failures = None
    canary_failures: CanaryFailures = None
    on_breach: Breach = None
    keep_trying: KeepTrying = None
    keep_failed: KeepFailed = None
    accept_unverified: AcceptUnverified = None

    @property
    def is_given(self) -> bool:
        """Whether any of them was."""
        told = {**vars(self), "one_wave": self.one_wave or None}
        return any(each is not None and each != [] for each in told.values())


class Policy(NamedTuple):
    """What was asked of a rollout: fields that get another value, and canaries by name."""

    fields: dict[str, Any]
    names: tuple[str, ...] = ()

    def over(self, base: "Rollout", changes: Sequence["Change"]) -> "Rollout":
        """The rollout `base` with what was asked; BadInput for a canary that is not in the plan."""
        named = {"canary_resources": _resolved(self.names, changes)} if self.names else {}
        return base.model_copy(update={**self.fields, **named})


def read_policy(options: WaveOptions) -> Policy:
    """What these options ask for, before any plan is there; BadInput for what says nothing."""
    from domain.rollout.text import read_size
    from starter.cli.terminal.times import parse_wait

    fields, names = _first(options)
    if options.wave:
        fields["waves"] = tuple(read_size(each, "--wave") for each in options.wave)
    if options.bake is not None:
        fields["bake_seconds"] = int(parse_wait(options.bake, "--bake").total_seconds())
    if options.keep_trying is not None:
        longest = parse_wait(options.keep_trying, "--keep-trying")
        fields["keep_trying_seconds"] = int(longest.total_seconds())
    if options.failures is not None:
        is_any = options.failures.strip().lower() == ANY
        fields["budget"] = None if is_any else read_size(options.failures, "--failures")
    if options.on_breach is not None:
        fields["on_breach"] = _breach(options.on_breach)
    if options.keep_failed is not None:
        fields["take_back_failed"] = not options.keep_failed
    told = {
        "gate": options.gate,
        "canary_budget": options.canary_failures,
        "accept_unverified": options.accept_unverified,
    }
    return Policy({**fields, **{k: v for k, v in told.items() if v is not None}}, names)


def _first(options: WaveOptions) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What goes first, and whether anything goes after it."""
    from domain.rollout.text import read_size

    if options.one_wave:
        _refuse_beside_one_wave(options)
        return {**_nothing_first(), "waves": (), "bake_seconds": 0, "gate": False}, ()
    if options.canary_per_service is None:
        return _of_all([text.strip() for text in options.canary or ()])
    if options.canary:
        raise BadInput("the canary is told twice", where="--canary-per-service")
    size = read_size(options.canary_per_service, "--canary-per-service")
    return {"canary": size, "canary_per_service": True, "canary_resources": ()}, ()


def _of_all(canary: Sequence[str]) -> tuple[dict[str, Any], tuple[str, ...]]:
    from domain.rollout.text import size_in

    if not canary:
        return {}, ()
    sizes = [size for text in canary if (size := size_in(text))]
    if (sizes or NONE in canary) and len(canary) > 1:
        raise BadInput(
            "the canary is told twice",
            where="--canary",
            fix="Give one number or share, or name resources.",
        )
    if list(canary) == [NONE]:
        return _nothing_first(), ()
    fields = {"canary": None, "canary_per_service": False, "canary_resources": ()}
    return ({**fields, "canary": sizes[0]}, ()) if sizes else (fields, tuple(dict.fromkeys(canary)))


def _nothing_first() -> dict[str, Any]:
    return {
        "canary": None,
        "canary_per_service": False,
        "canary_resources": (),
        "canary_budget": 0,
    }


def _refuse_beside_one_wave(options: WaveOptions) -> None:
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
                f"with {name} it is not one wave", where="--one-wave", fix="Give one of the two."
            )


def _breach(text: str) -> "OnBreach":
    from domain.rollout.policy import OnBreach

    known = {
        each.value.replace("roll_back", "rollback").replace("_", "-"): each for each in OnBreach
    }
    if text not in known:
        raise BadInput(
            f"{text[:60]!r} is nothing that could be done",
            where="--on-breach",
            fix=f"Use {', '.join(known)}.",
        )
    return known[text]


def _resolved(names: Sequence[str], changes: Sequence["Change"]) -> tuple[str, ...]:
    """The ids of what is named by id or by its last part; an unknown name stays as it is."""
    asked = set(names)
    found: dict[str, list[str]] = {}
    for change in changes:
        resource = change.resource
        for name in asked & {resource.id, resource.key}:
            found.setdefault(name, []).append(resource.id)
    return tuple(each for name in names for each in found.get(name, [name]))
