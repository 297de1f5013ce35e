"""Command lines whose inventory has many domains, or few."""

import pytest

from tests.support.command_line import CommandLine
from tests.support.stack import Stack
from tests.support.wave_drafts import HOSTS, build_command_line


@pytest.fixture
def large(stack: Stack) -> CommandLine:
    """24 domains and a certificate for all of them."""
    return build_command_line(stack, len(HOSTS))


@pytest.fixture
def small(stack: Stack) -> CommandLine:
    """The same with 3."""
    return build_command_line(stack, 3)
