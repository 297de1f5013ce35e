"""Drafts of tasks with many changes, for tests of waves."""

from domain.rollout.policy import RolloutPolicy
from tests.support.command_line import CommandLine
from tests.support.stack import Stack

HOSTS = tuple(f"h{number:02}.example.com" for number in range(24))
REQUEST = ("-c", "wild", "--all-matched")
NO_ENGINE = {"CERTROLL_TEMPORAL_ADDRESS": "127.0.0.1:1"}
CDN = "main/alibaba.cdn"


def build_command_line(stack: Stack, hosts: int) -> CommandLine:
    """Builds a command line without Temporal, with so many domains and a certificate for all."""
    stack.seed_domains(*HOSTS[:hosts])
    stack.upload("wild", "*.example.com")
    return CommandLine(stack.settings.home, NO_ENGINE)


def create_draft(certroll: CommandLine, *words: str) -> RolloutPolicy:
    """Creates a draft of a task and returns its policy."""
    created = certroll.json("task", "create", *REQUEST, "--draft", *words)["task"]
    return RolloutPolicy.model_validate(created["rollout"])


def list_wave_sizes(stack: Stack) -> list[int]:
    """Lists how many changes each wave of the only stored task has."""
    (task,) = stack.store.tasks.list()
    return [tally.total for tally in stack.store.tasks.outcomes.list_wave_tallies(task.id)]
