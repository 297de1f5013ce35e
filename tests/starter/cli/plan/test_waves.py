"""Waves of a plan and a task: shown in a preview and with a task, saved with the task."""

from domain.rollout.policy import RolloutPolicy, Size
from tests.support.command_line import CommandLine, list_lines, list_numbers
from tests.support.stack import Stack
from tests.support.wave_drafts import (
    HOSTS,
    REQUEST,
    create_draft,
    list_wave_sizes,
)


def test_many_changes_have_a_canary_by_default(large: CommandLine, stack: Stack) -> None:
    canary, rest = large.json("plan", "create", *REQUEST, "--name", "autumn")["waves"]
    assert (canary["canary"], canary["changes"], canary["allowed_failures"]) == (True, 1, 0)
    assert (rest["canary"], rest["changes"], rest["allowed_failures"]) == (False, 23, 2)
    text = large("plan", "show", "autumn").stdout
    assert list_lines(text, "canary") == canary["resources"]
    (first,), (second,) = list_lines(text, "wave 1"), list_lines(text, "wave 2")
    assert first.startswith("canary: 1 ")
    assert list_numbers(second) == [23, 2]
    assert create_draft(large) == RolloutPolicy(
        canary=Size(count=1), canary_per_service=True, budget=Size(percent=10)
    )
    assert list_wave_sizes(stack) == [1, 23]


def test_few_changes_are_one_wave(small: CommandLine, stack: Stack) -> None:
    (wave,) = small.json("plan", "create", *REQUEST)["waves"]
    assert (wave["canary"], wave["changes"], wave["allowed_failures"]) == (False, 3, None)
    (line,) = list_lines(small("plan", "create", *REQUEST).stdout, "wave 1")
    assert list_numbers(line) == [3]
    assert create_draft(small) == RolloutPolicy()
    assert list_wave_sizes(stack) == [3]


def test_a_preview_shows_the_waves_of_its_options_and_does_not_save_them(
    large: CommandLine,
) -> None:
    words = ("--canary", "10%", "--wave", "25%", "--bake", "15m", "--failures", "1")
    plan = large.json("plan", "create", *REQUEST, "--name", "autumn", *words)
    assert [(each["changes"], each["allowed_failures"]) for each in plan["waves"]] == [
        (3, 0),
        (6, 1),
        (15, 1),
    ]
    assert plan["rollout"]["bake_seconds"] == 900
    digest = plan["digest"]
    again = large.json("plan", "show", "autumn")
    assert (again["digest"], [each["changes"] for each in again["waves"]]) == (digest, [1, 23])
    assert large.json("plan", "show", "autumn", "--gate")["rollout"]["gate"] is True
    plain, gated = (
        large("plan", "show", "autumn", *options).stdout for options in ((), ("--gate",))
    )
    (before,), (after,) = list_lines(plain, "wave 1"), list_lines(gated, "wave 1")
    assert after.startswith(f"{before}; ")
    assert list_lines(gated, "wave 2") == list_lines(plain, "wave 2")
    assert list_lines(gated, "duration") == list_lines(plain, "duration")
    (duration,) = list_lines(large("plan", "show", "autumn", *words).stdout, "duration")
    assert " 30 min " in duration.removeprefix(list_lines(plain, "duration")[0])


def test_a_draft_keeps_its_waves_until_an_edit_changes_them(
    large: CommandLine, stack: Stack
) -> None:
    create_draft(large, "--name", "autumn", "--wave", "50%", "--bake", "15m")
    assert list_wave_sizes(stack) == [1, 12, 11]
    text = large("task", "edit", "autumn", "--canary", "2", "--no-gate", "--bake", "0m").stdout
    before, _, after = list_lines(text, "waves")[0].partition(" -> ")
    assert list_numbers(before) == [1, 50, 15, 10]
    assert list_numbers(after) == [2, 50, 10]
    (first,) = list_lines(text, "wave 1")
    assert first.startswith("canary: 2 ")
    assert list_wave_sizes(stack) == [2, 12, 10]
    saved = large.json("task", "show", "autumn")
    unchanged = large("task", "edit", "autumn", "--canary", "2").stdout
    assert len(unchanged.splitlines()) == 1
    assert large.json("task", "show", "autumn") == saved
    large("task", "edit", "autumn", "--name", "winter")
    assert list_wave_sizes(stack) == [2, 12, 10]


def test_a_draft_with_fewer_resources_loses_only_default_waves(
    large: CommandLine, stack: Stack
) -> None:
    create_draft(large, "--name", "autumn")
    few = ("-c", "wild", "--resource", HOSTS[0], "--resource", HOSTS[1])
    (wave,) = list_lines(large("task", "edit", "autumn", *few).stdout, "wave 1")
    assert list_numbers(wave) == [2]
    assert list_wave_sizes(stack) == [2]
    large("task", "edit", "autumn", "--canary", "1")
    large("task", "edit", "autumn", *REQUEST)
    assert list_wave_sizes(stack) == [1, 23]
    named = ("task", "edit", "autumn", "--canary", HOSTS[9])
    large(*named)
    assert large.error("task", "edit", "autumn", *few)["code"] == "unknown-canary"
    assert list_wave_sizes(stack) == [1, 23]


def test_a_task_shows_the_counters_of_each_wave(large: CommandLine, stack: Stack) -> None:
    create_draft(large, "--name", "autumn", "--canary", "2", "--keep-failed")
    task = large.json("task", "show", "autumn")
    assert [each["tally"] for each in task["waves"]] == [{"pending": 2}, {"pending": 22}]
    assert [each["canary"] for each in task["waves"]] == [True, False]
    first = [each for each in task["outcomes"] if each["wave"] == 0]
    assert [each["change"]["resource"]["key"] for each in first] == [
        each.rpartition("/")[2] for each in task["waves"][0]["resources"]
    ]
    lines = large("task", "show", "autumn").stdout.splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith("wave 1 "))
    canary, tally, rest, rest_tally = (line.split() for line in lines[begin : begin + 4])
    assert canary[2:4] == ["canary:", "2"]
    assert tally == ["2", "pending"]
    assert rest[:3] == ["wave", "2", "22"]
    assert rest_tally == ["22", "pending"]
    assert task["task"]["rollout"]["roll_back_failed"] is False
    assert any(line.startswith("policy ") for line in lines)
