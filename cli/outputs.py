"""Where a check's result goes: each format's text, to standard output or into files."""

import io
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from seawall.errors import UserError

if TYPE_CHECKING:
    from seawall.policy.report.result import Result


class Format(StrEnum):
    """How a result is written."""

    TERMINAL = "terminal"
    JSON = "json"
    SARIF = "sarif"
    JUNIT = "junit"
    GITHUB = "github"
    MARKDOWN = "markdown"


_WIDTH_IN_A_FILE = 120
"""Columns of the terminal's report when it is written into a file."""


def targets(outputs: list[str], chosen: Format) -> tuple[dict[Path, Format], bool]:
    """File → format, and whether the chosen format still goes to standard output.

    `x.sarif` takes the chosen format away from standard output; `sarif=x.sarif` is written beside it. Raises
    `UserError` for a format that there is not.
    """
    files: dict[Path, Format] = {}
    on_screen = True
    for given in outputs:
        before, equals, after = given.partition("=")
        if equals and before in list(Format):
            name, form = after, Format(before)
        elif equals and before.isalpha():
            raise UserError(f"--output {given}: {before} is no format; there are {', '.join(Format)}")
        else:
            name, form, on_screen = given, chosen, False
        if not name:
            raise UserError(f"--output {given}: names no file")
        if Path(name) in files:
            raise UserError(f"--output {given}: this file is written twice")
        files[Path(name)] = form
    return files, on_screen


def put(result: "Result", files: dict[Path, Format], on_screen: Format | None) -> None:
    """Writes a result. Raises `UserError` when a file cannot be written."""
    for file, form in files.items():
        try:
            file.write_text(text(result, form), encoding="utf-8")
        except OSError as problem:
            raise UserError(f"{file} cannot be written: {problem.strerror or type(problem).__name__}") from None
    if on_screen is None:
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # ✓ and ✗ where the terminal has no UTF-8
    if on_screen is Format.TERMINAL:
        from rich.console import Console

        from seawall.policy.report.terminal import show

        show(result, Console(highlight=False, soft_wrap=False))
        return
    typer.echo(text(result, on_screen))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if on_screen is Format.GITHUB and summary:
        from seawall.policy.report.github import append_summary

        append_summary(result, Path(summary))


def text(result: "Result", form: Format) -> str:
    """The result in a format."""
    if form is Format.JSON:
        from seawall.policy.report.machine import to_json

        return to_json(result)
    if form is Format.SARIF:
        from seawall.policy.report.sarif import to_sarif

        return to_sarif(result)
    if form is Format.JUNIT:
        from seawall.policy.report.junit import to_junit

        return to_junit(result)
    if form is Format.MARKDOWN:
        from seawall.policy.report.markdown import to_markdown

        return to_markdown(result)
    if form is Format.GITHUB:
        from seawall.policy.report.github import to_annotations

        return to_annotations(result)
    from rich.console import Console

    from seawall.policy.report.terminal import show

    page = io.StringIO()
    show(result, Console(file=page, highlight=False, width=_WIDTH_IN_A_FILE))
    return page.getvalue()
