"""In which waves a task goes: asked for by options, shown before anything is made, and kept."""

import pytest

from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size
from tests.support.command_line import CommandLine
from tests.support.stack import Stack

HOSTS = tuple(f"h{number:02}.example.com" for number in range(24))
WISH = ("-c", "wild", "--all-matched")
NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}
PLACE = "main/alibaba.cdn"


@pytest.fixture
def large(stack: Stack) -> CommandLine:
    """24 domains and a certificate for all of them."""
    stack.seed_domains(*HOSTS)
    stack.upload("wild", "*.example.com")
    return CommandLine(stack.settings.home, NO_ENGINE)


@pytest.fixture
def small(stack: Stack) -> CommandLine:
    """The same with 3."""
    stack.seed_domains(*HOSTS[:3])
    stack.upload("wild", "*.example.com")
    return CommandLine(stack.settings.home, NO_ENGINE)


def draft(certroll: CommandLine, *words: str) -> RolloutPolicy:
    told = certroll.json("task", "create", *WISH, "--draft", *words)["task"]["rollout"]
    return RolloutPolicy.model_validate(told)


def waves(stack: Stack) -> list[int]:
    """How many changes each wave of the only task has, as they are stored."""
    (task,) = stack.store.tasks.list()
    return [tally.total for tally in stack.store.tasks.outcomes.list_wave_tallies(task.id)]


def test_many_changes_have_a_canary_that_nobody_asked_for(large: CommandLine, stack: Stack) -> None:
    text = large("plan", "create", *WISH, "--name", "autumn").stdout
    assert (
        "wave 1     canary: 1 resource, 1 of each service; no failure allowed, "
        "else the wave is rolled back\n"
        "wave 2     23 resources; at most 2 failures, else the wave is rolled back\n"
        f"canary     {PLACE}/h"
    ) in text
    assert draft(large) == RolloutPolicy(
        canary=Size(count=1), canary_per_service=True, budget=Size(percent=10)
    )
    assert waves(stack) == [1, 23]


def test_few_changes_are_one_wave(small: CommandLine, stack: Stack) -> None:
    assert (
        "wave 1     3 resources; any number of failures\n" in small("plan", "create", *WISH).stdout
    )
    assert draft(small) == RolloutPolicy()
    assert waves(stack) == [3]


def test_a_preview_shows_the_waves_of_its_options_and_does_not_keep_them(
    large: CommandLine,
) -> None:
    words = ("--canary", "10%", "--wave", "25%", "--bake", "15m", "--failures", "1")
    told = large.json("plan", "create", *WISH, "--name", "autumn", *words)
    assert [(each["changes"], each["allowed_failures"]) for each in told["waves"]] == [
        (3, 0),
        (6, 1),
        (15, 1),
    ]
    assert told["rollout"]["bake_seconds"] == 900
    digest = told["digest"]
    again = large.json("plan", "show", "autumn")
    assert (again["digest"], [each["changes"] for each in again["waves"]]) == (digest, [1, 23])
    text = large("plan", "show", "autumn", "--gate").stdout
    assert "else the wave is rolled back; then wait for a person to proceed\nwave 2" in text
    assert "of waits" not in text
    text = large("plan", "show", "autumn", *words).stdout
    assert "; and 30 min of waits between the waves\n" in text


def test_all_of_the_policy_comes_from_options(small: CommandLine, stack: Stack) -> None:
    words = ("--canary", f"{PLACE}/{HOSTS[2]}", "--canary-failures", "1", "--wave", "1")
    rest = ("--bake", "1h30m", "--gate", "--failures", "5%", "--on-budget-exceeded", "rollback-all")
    last = ("--keep-trying", "2h", "--keep-failed", "--accept-unverified")
    found = draft(small, *words, *rest, *last)
    assert found == RolloutPolicy(
        canary_resources=(f"{PLACE}/{HOSTS[2]}",),
        canary_budget=1,
        waves=(Size(count=1),),
        bake_seconds=5400,
        gate=True,
        budget=Size(percent=5),
        on_budget_exceeded=OnBudgetExceeded.ROLL_BACK_ALL,
        roll_back_failed=False,
        accept_unverified=True,
        keep_trying_seconds=7200,
    )
    assert waves(stack) == [1, 1, 1]


def test_a_canary_is_named_by_its_last_part_as_well(small: CommandLine, stack: Stack) -> None:
    found = draft(small, "--canary", HOSTS[1], "--canary", f"{PLACE}/{HOSTS[0]}")
    assert found.canary_resources == (f"{PLACE}/{HOSTS[1]}", f"{PLACE}/{HOSTS[0]}")
    assert waves(stack) == [2, 1]


def test_one_wave_and_no_canary_are_asked_for_too(large: CommandLine) -> None:
    alone = draft(large, "--one-wave", "--failures", "any", "--name", "one")
    assert alone == RolloutPolicy()
    even = draft(large, "--canary", "none", "--wave", "50%", "--name", "two")
    assert even == RolloutPolicy(waves=(Size(percent=50),), budget=Size(percent=10))


def test_a_draft_keeps_its_waves_and_an_edit_shows_what_becomes_of_them(
    large: CommandLine, stack: Stack
) -> None:
    draft(large, "--name", "autumn", "--wave", "50%", "--bake", "15m")
    assert waves(stack) == [1, 12, 11]
    text = large("task", "edit", "autumn", "--canary", "2", "--no-gate", "--bake", "0m").stdout
    assert (
        "waves  canary 1 of each service; waves 50%; wait 15 min; failures 10%; "
        "else the wave is rolled back -> canary 2; waves 50%; failures 10%; "
        "else the wave is rolled back\n"
    ) in text
    assert "wave 1     canary: 2 resources; no failure allowed" in text
    assert waves(stack) == [2, 12, 10]
    assert large("task", "edit", "autumn", "--canary", "2").stdout == "Nothing has changed.\n"
    large("task", "edit", "autumn", "--name", "winter")
    assert waves(stack) == [2, 12, 10]


def test_a_draft_that_gets_fewer_resources_loses_only_waves_nobody_asked_for(
    large: CommandLine, stack: Stack
) -> None:
    draft(large, "--name", "autumn")
    few = ("-c", "wild", "--resource", HOSTS[0], "--resource", HOSTS[1])
    text = large("task", "edit", "autumn", *few).stdout
    assert "wave 1     2 resources; any number of failures\n" in text
    assert waves(stack) == [2]
    large("task", "edit", "autumn", "--canary", "1")
    large("task", "edit", "autumn", *WISH)
    assert waves(stack) == [1, 23]
    named = ("task", "edit", "autumn", "--canary", HOSTS[9])
    large(*named)
    assert large.error("task", "edit", "autumn", *few)["code"] == "unknown-canary"
    assert waves(stack) == [1, 23]


def test_a_task_shows_the_counters_of_each_wave(large: CommandLine, stack: Stack) -> None:
    draft(large, "--name", "autumn", "--canary", "2", "--keep-failed")
    text = large("task", "show", "autumn").stdout
    line = "canary: 2 resources; no failure allowed, else the wave is rolled back"
    assert (
        f"wave 1          {line}\n                2 pending\nwave 2          22 resources" in text
    )
    assert "policy          failed changes are not rolled back\n" in text
    told = large.json("task", "show", "autumn")
    assert [each["tally"] for each in told["waves"]] == [{"pending": 2}, {"pending": 22}]
    first = [each for each in told["outcomes"] if each["wave"] == 0]
    assert [each["change"]["resource"]["key"] for each in first] == [
        each.rpartition("/")[2] for each in told["waves"][0]["resources"]
    ]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--canary", "no-such-host"), "--canary: the plan does not change no-such-host"),
        (("--canary", "1", "--canary", "2"), "--canary: the canary has several sizes"),
        (
            ("--canary", "1", "--canary-per-service", "1"),
            "--canary and --canary-per-service exclude each other",
        ),
        (("--canary", "0"), "--canary: of 0 nothing goes ahead"),
        (("--canary-per-service", "x"), "--canary-per-service: 'x' is neither"),
        (("--canary-failures", "1"), "--canary-failures: there is no canary"),
        (("--wave", "many"), "--wave: 'many' is neither a number nor a share"),
        (("--wave", "60%", "--wave", "60%"), "--wave: the waves are 120% of the changes"),
        (("--bake", "soon", "--canary", "1"), "--bake: 'soon' is not a valid duration"),
        (("--bake", "8d", "--canary", "1"), "--bake: '8d' is more than a week"),
        (("--bake", "15m"), "--bake: all changes are one wave"),
        (("--gate",), "--gate: all changes are one wave"),
        (("--failures", "x"), "--failures: 'x' is neither"),
        (("--on-budget-exceeded", "panic"), "--on-budget-exceeded: there is no reaction 'panic'"),
        (("--one-wave", "--wave", "1"), "--one-wave: --one-wave and --wave exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_refused_and_nothing_is_kept(
    small: CommandLine, stack: Stack, words: tuple[str, ...], told: str
) -> None:
    assert told in small.refusal("task", "create", *WISH, "--draft", *words)
    assert told in small.refusal("plan", "create", *WISH, *words)
    assert stack.store.tasks.list() == []
    assert stack.store.plans.list() == []
