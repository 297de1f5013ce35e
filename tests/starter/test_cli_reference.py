"""docs/cli.md is what the commands say."""

from pathlib import Path

import docs.cli_reference
from starter.cli.terminal.exit_codes import MEANINGS
from tests.starter.cli.test_main import COMMANDS


def test_the_page_in_the_project_is_not_stale() -> None:
    page = Path(docs.cli_reference.__file__).with_name("cli.md")
    assert page.read_text() == docs.cli_reference.render()


def test_every_command_option_and_exit_code_is_on_the_page() -> None:
    page = docs.cli_reference.render()
    for path, command in COMMANDS.items():
        section = page.partition(f"# certroll {' '.join(path)}\n")[2].partition("\n#")[0]
        assert section
        options = [param.opts[0] for param in getattr(command, "params", [])]
        assert all(f"`{option}" in section for option in options if option.startswith("--"))
    assert all(f"| {code.value} | {meaning} |" in page for code, meaning in MEANINGS.items())
