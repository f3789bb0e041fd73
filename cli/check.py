"""`seawall check`: the rules over a folder of Kubernetes YAML. Needs no cluster, no Go and no Pulumi."""

import gc
import io
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seawall.errors import UserError

if TYPE_CHECKING:
    from seawall.policy.estate.folder import Reading
    from seawall.policy.estate.model import Note
    from seawall.policy.report.result import Result


class Format(StrEnum):
    """How the result is printed."""

    TERMINAL = "terminal"
    JSON = "json"


class FailOn(StrEnum):
    """From which severity on a finding makes the command fail."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def check(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="A folder of YAML or JSON, one file, or - for standard input.")
    ],
    output: Annotated[Format, typer.Option("--format", help="For a person, or for a machine.")] = Format.TERMINAL,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least severity that makes the command fail (exit code 1).")
    ] = FailOn.HIGH,
) -> None:
    """Judge Kubernetes YAML: what is declared, plus what the operators will make of it.

    Exit code 0: nothing found; 1: something at least as severe as --fail-on, or a rule that could not be evaluated;
    2: a file that could not be read (the rest is judged all the same).
    """
    from seawall.policy.findings import Severity

    result = judge_source(folder)
    limit = None if fail_on is FailOn.NEVER else Severity(fail_on.value)
    if output is Format.JSON:
        from seawall.policy.report.machine import to_json

        typer.echo(to_json(result, fail_on=limit))
    else:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # ✓ and ✗ where the terminal has no UTF-8
        from rich.console import Console

        from seawall.policy.report.terminal import show

        show(result, Console(highlight=False, soft_wrap=False), fail_on=limit)
    raise typer.Exit(result.exit_code(limit))


def judge_source(source: str) -> "Result":
    """Reads a folder, a file or standard input (`-`) and judges what it holds.

    Raises `UserError` when there is no such thing, or nothing in it to judge.
    """
    from seawall.policy.estate.building import build
    from seawall.policy.judging import judge
    from seawall.policy.report.result import Result, judged
    from seawall.policy.rules import load

    start = time.perf_counter()
    gc.disable()  # many small objects, none of them in cycles, all kept to the end: a fifth of the time for nothing
    try:
        reading = _read(source)
    finally:
        gc.enable()
    if not reading.objects and not reading.unreadable:
        raise UserError(_nothing(source, reading))
    estate = build(reading.objects, notes=_unseen())
    findings = judge(estate)
    declared = len(estate.declared)
    return Result(
        source=source,
        findings=tuple(findings),
        judged=judged(estate, load()),
        objects=declared,
        projected=sum(1 for _ in estate.objects()) - declared,
        files=reading.files,
        not_kubernetes=reading.not_kubernetes,
        unreadable=tuple(reading.unreadable),
        notes=estate.notes,
        seconds=time.perf_counter() - start,
    )


def _read(source: str) -> "Reading":
    from seawall.policy.estate.folder import MAX_BYTES, read_file, read_folder, read_text

    if source == "-":
        return read_text(typer.get_binary_stream("stdin").read(MAX_BYTES + 1), "<stdin>")
    path = Path(source)
    try:
        if source and path.is_dir():
            return read_folder(path)
        if path.is_fifo():  # `check <(helm template …)`
            with path.open("rb") as stream:
                return read_text(stream.read(MAX_BYTES + 1), source)
        if source and path.exists():
            return read_file(path)
    except OSError as problem:
        raise UserError(f"{source[:80]}: {problem.strerror or type(problem).__name__}") from None
    raise UserError(
        f"{source}: no such folder or file. Give a folder of Kubernetes YAML, one file, or - for standard input."
    )


def _nothing(source: str, reading: "Reading") -> str:
    from seawall.policy.estate.folder import SUFFIXES

    source = "standard input" if source == "-" else source
    if not reading.files:
        return f"{source} holds no {', '.join(SUFFIXES)} files: there is nothing to check."
    return (
        f"{source} holds no Kubernetes objects ({reading.files} files read, {reading.not_kubernetes} documents without "
        "apiVersion and kind). Render charts and kustomizations first."
    )


def _unseen() -> "list[Note]":
    from seawall.policy.estate.model import Note

    return [
        Note("buckets, keys and identities: a folder of YAML does not hold them"),
        Note("whatever is in the cluster and not in this folder; policies and budgets there add to these"),
    ]
