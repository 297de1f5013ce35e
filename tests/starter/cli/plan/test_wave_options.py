"""Options of the rollout policy, for `plan create` and `task create`."""

import pytest

from domain.rollout.policy import OnBudgetExceeded, RolloutPolicy, Size
from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.wave_drafts import (
    CDN,
    HOSTS,
    REQUEST,
    create_draft,
    list_wave_sizes,
)


def test_options_set_every_field_of_the_policy(small: CommandLine, stack: Stack) -> None:
    words = ("--canary", f"{CDN}/{HOSTS[2]}", "--canary-failures", "1", "--wave", "1")
    rest = ("--bake", "1h30m", "--gate", "--failures", "5%", "--on-budget-exceeded", "rollback-all")
    last = ("--keep-trying", "2h", "--keep-failed", "--accept-unverified")
    found = create_draft(small, *words, *rest, *last)
    assert found == RolloutPolicy(
        canary_resources=(f"{CDN}/{HOSTS[2]}",),
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
    assert list_wave_sizes(stack) == [1, 1, 1]


def test_a_canary_is_named_by_its_id_or_the_last_part_of_it(
    small: CommandLine, stack: Stack
) -> None:
    found = create_draft(small, "--canary", HOSTS[1], "--canary", f"{CDN}/{HOSTS[0]}")
    assert found.canary_resources == (f"{CDN}/{HOSTS[1]}", f"{CDN}/{HOSTS[0]}")
    assert list_wave_sizes(stack) == [2, 1]


def test_options_ask_for_one_wave_or_no_canary(large: CommandLine) -> None:
    alone = create_draft(large, "--one-wave", "--failures", "any", "--name", "one")
    assert alone == RolloutPolicy()
    even = create_draft(large, "--canary", "none", "--wave", "50%", "--name", "two")
    assert even == RolloutPolicy(waves=(Size(percent=50),), budget=Size(percent=10))


@pytest.mark.parametrize(
    ("words", "code", "where"),
    [
        (("--canary", "no-such-host"), "unknown-canary", "--canary"),
        (("--canary", "1", "--canary", "2"), "conflicting-options", "--canary"),
        (
            ("--canary", "1", "--canary-per-service", "1"),
            "conflicting-options",
            "--canary-per-service",
        ),
        (("--canary", "0"), "empty-wave", "--canary"),
        (("--canary-per-service", "x"), "invalid-size", "--canary-per-service"),
        (("--canary-failures", "1"), "no-canary", "--canary-failures"),
        (("--wave", "many"), "invalid-size", "--wave"),
        (("--wave", "60%", "--wave", "60%"), "waves-exceed-total", "--wave"),
        (("--bake", "soon", "--canary", "1"), "invalid-time", "--bake"),
        (("--bake", "8d", "--canary", "1"), "time-out-of-range", "--bake"),
        (("--bake", "15m"), "single-wave", "--bake"),
        (("--gate",), "single-wave", "--gate"),
        (("--failures", "x"), "invalid-size", "--failures"),
        (("--on-budget-exceeded", "panic"), "unknown-reaction", "--on-budget-exceeded"),
        (("--one-wave", "--wave", "1"), "conflicting-options", "--one-wave"),
    ],
)
def test_impossible_options_are_refused_and_nothing_is_saved(
    small: CommandLine, stack: Stack, words: tuple[str, ...], code: str, where: str
) -> None:
    for command in (("task", "create", "--draft"), ("plan", "create")):
        error = small.error(*command, *REQUEST, *words)
        assert (error["code"], error["where"]) == (code, where)
    assert stack.store.tasks.list() == []
    assert stack.store.plans.list() == []
