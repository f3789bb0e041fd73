"""The result as GitHub's workflow commands: an annotation at the line of each finding, and the step's summary.

The forms and their escaping are those of the runner's `@actions/core`.
"""

from collections.abc import Iterator
from pathlib import Path

from seawall.errors import UserError
from seawall.policy.findings import Finding
from seawall.policy.report.markdown import to_markdown
from seawall.policy.report.result import Result, Standing
from seawall.policy.report.text import labelled, marked, plain

SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of the step's summary."""
MAX_SUMMARY = 1024 * 1024
"""Bytes that a step's summary may have; the runner refuses a larger one whole."""
_COMMANDS = {Standing.FAILS: "error", Standing.TOLD: "warning"}
"""How a finding is shown; whatever is waived, known or deferred is a notice."""


def to_annotations(result: Result) -> str:
    """The annotations, a line each, and a last line with the tally, which is no command."""
    return "\n".join([*_lines(result), f"seawall check: {result.counted(Standing.FAILS)} findings that fail"])


def append_summary(result: Result, file: Path) -> None:
    """Adds the result to the step's summary. Raises `UserError` when that file cannot be written."""
    text = to_markdown(result).encode()
    if len(text) > MAX_SUMMARY // 2:  # other steps' lines are in the same file
        text = text[: MAX_SUMMARY // 2].rpartition(b"\n")[0] + b"\n\nCut here: too long for a summary.\n"
    try:
        with file.open("ab") as stream:
            stream.write(text + b"\n")
    except OSError as problem:
        raise UserError(f"{file}, which {SUMMARY} names, cannot be written: {problem.strerror}") from None


def _lines(result: Result) -> Iterator[str]:
    for problem in result.unreadable:
        yield _command("error", f"cannot be read: {plain(problem.why)}", problem.file, problem.line, "unreadable")
    for finding in result.findings:
        origin = finding.blamed.origin
        command = _COMMANDS.get(result.standing(finding), "notice")
        title = f"{finding.rule.id}: {finding.rule.title}"
        yield _command(command, _message(finding), origin.file, origin.line_of(finding.path), title)


def _message(finding: Finding) -> str:
    after = marked(finding) or f"Mend: {plain(finding.mend)}"
    return f"{plain(finding.subject.title)}: {labelled(finding)}\n{after}"


def _command(name: str, message: str, file: str | None, line: int | None, title: str) -> str:
    given = {"file": file, "line": str(line) if line and file else None, "title": plain(title)}
    properties = ",".join(f"{key}={_property(value)}" for key, value in given.items() if value)
    return f"::{name} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
