"""`seawall check`: the rules over a folder of Kubernetes YAML. Needs no cluster, no Go and no Pulumi."""

import time
from dataclasses import replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seawall.cli import outputs
from seawall.cli.outputs import Format
from seawall.errors import UserError

if TYPE_CHECKING:
    from seawall.policy.checking import Asked, Opened
    from seawall.policy.estate.folder import Reading
    from seawall.policy.estate.model import Note
    from seawall.policy.report.result import Result


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
    form: Annotated[
        Format, typer.Option("--format", help="For a person, a machine, code scanning or CI.")
    ] = Format.TERMINAL,
    output: Annotated[
        list[str] | None,
        typer.Option("--output", metavar="[FORMAT=]FILE", help="Write into a file; may be given several times."),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="The least severity that makes the command fail (exit code 1).")
    ] = FailOn.HIGH,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule, or the rules of this risk.")
    ] = None,
    waivers: Annotated[Path | None, typer.Option("--waivers", metavar="FILE", help="Accepted findings (YAML).")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A stack's levels and waivers (policy.STACK.json).")
    ] = None,
    matrix: Annotated[
        bool, typer.Option("--matrix", help="Also show who can open what, and which role enters which database.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="Fail on findings only that are not in it.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", metavar="FILE", help="Write today's findings as the baseline.")
    ] = None,
) -> None:
    """Judge Kubernetes YAML: what is declared, plus what the operators will make of it.

    Exit code 0: nothing that fails; 1: something at least as severe as --fail-on, a rule that could not be evaluated,
    or a waiver that is not in order; 2: a mistake in the arguments, or a file that could not be read (the rest is
    judged all the same). docs/policy-pack.md tells about formats, levels, waivers and baselines.
    """
    from seawall.policy.checking import Asked
    from seawall.policy.findings import Severity

    files, on_screen = outputs.targets(output or [], form)
    asked = Asked(
        fail_on=None if fail_on is FailOn.NEVER else Severity(fail_on.value),
        rules=tuple(rule or ()),
        waivers=waivers,
        config=config,
        baseline=baseline,
        matrices=matrix,
    )
    result = judge_source(folder, asked)
    if write_baseline is not None:
        result = _with_new_baseline(result, write_baseline)
    outputs.put(result, files, form if on_screen else None)
    raise typer.Exit(result.exit_code)


def judge_source(source: str, asked: "Asked | None" = None, *, day: date | None = None) -> "Result":
    """Reads a folder, a file or standard input (`-`) and judges what it holds, on a day (today, in UTC, by default).

    Raises `UserError` when there is no such thing, nothing in it to judge, or a mistake in what was asked for.
    """
    from seawall.policy import checking
    from seawall.policy.collector import collector_off

    asked = asked or checking.Asked()
    start = time.perf_counter()
    prepared = checking.prepare(asked)
    with collector_off():
        result = checking.check(opened(source), asked, prepared, day=day or checking.today())
    return replace(result, seconds=time.perf_counter() - start)


def opened(source: str) -> "Opened":
    """What a folder, a file or standard input (`-`) holds. Raises `UserError` when there is nothing to judge."""
    from seawall.policy.checking import Opened
    from seawall.policy.estate.building import build

    reading = _read(source)
    if not reading.objects and not reading.unreadable:
        raise UserError(_nothing(source, reading))
    estate = build(reading.objects, notes=_unseen())
    return Opened(source, estate, reading.files, reading.not_kubernetes, tuple(reading.unreadable))


def _with_new_baseline(result: "Result", file: Path) -> "Result":
    from seawall.policy import baseline

    written = baseline.write(file, result.findings)
    typer.echo(f"{written} findings written to {file}: from now on `--baseline {file}` fails on others only", err=True)
    return replace(result, findings=tuple(baseline.mark(result.findings, baseline.read(file))), baseline=True)


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
