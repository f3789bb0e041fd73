"""Each command has its page, and the page tells of every option."""

import re

import pytest
import typer.main
from stack_samples import CHECKOUT

from seawall.cli import app, gate, report, verify

COMMANDS = {
    "gate": (gate.app, "docs/gate.md"),
    "verify": (verify.app, "docs/verify.md"),
    "status": (app.app, "docs/on-call.md"),
    "report": (report.app, "docs/report.md"),
}
"""Command → where it is, and the page about it."""


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_told_of(name: str) -> None:
    where, page = COMMANDS[name]
    command = typer.main.get_command(where)
    command = getattr(command, "commands", {}).get(name, command)
    text = (CHECKOUT / page).read_text(encoding="utf-8")
    options = [[it for it in (*each.opts, *each.secondary_opts) if it.startswith("--")] for each in command.params]
    assert len(options) > 7
    missing = [names for names in options if names and not any(re.search(rf"{it}(?![\w-])", text) for it in names)]
    assert missing in ([], [["--help"]])
