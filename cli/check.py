"""`seawall check`: the rules over what comes through a door. For a folder it needs no cluster, no Go and no Pulumi."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seawall.cli import outputs
from seawall.cli.application import application
from seawall.cli.doors import door
from seawall.cli.outputs import Format

if TYPE_CHECKING:
    from seawall.policy.checking import Asked, Opened
    from seawall.policy.report.result import Result


class FailOn(StrEnum):
    """From which severity on a finding makes the command fail."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    NEVER = "never"


app = application()


@app.command(
    epilog=(
        "Exit codes: 0 nothing that fails, 1 something at least as severe as --fail-on, a rule that could not be "
        "evaluated, or a waiver that is not in order, 2 a mistake in the arguments, or something that could not be "
        "read (the rest is judged all the same), 3 the cluster does not answer, 130 interrupted."
    )
)
def check(
    folder: Annotated[
        str | None, typer.Argument(metavar="[DIR]", help="A folder of YAML or JSON, one file, or - for standard input.")
    ] = None,
    state: Annotated[
        str | None,
        typer.Option(
            "--state", metavar="FILE", help="Instead: what `pulumi stack export` wrote, - for standard input."
        ),
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", help="Instead: a running cluster, which is only read.")
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Where the context is, if not in the usual file."),
    ] = None,
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
    """Judge a folder of Kubernetes YAML, a stack's exported state or a running cluster.

    What is declared is judged, plus what the operators will make of it.

    docs/policy-pack.md tells about formats, levels, waivers and baselines.
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
    opening = door(folder, state=state, context=context, kubeconfig=kubeconfig)
    result = judge_opened(opening, asked)
    if write_baseline is not None:
        result = _with_new_baseline(result, write_baseline)
    outputs.put(result, files, form if on_screen else None)
    raise typer.Exit(result.exit_code)


def judge_source(source: str, asked: "Asked | None" = None, *, day: date | None = None) -> "Result":
    """Reads a folder, a file or standard input (`-`) and judges what it holds, on a day (today, in UTC, by default).

    Raises `UserError` when there is no such thing, nothing in it to judge, or a mistake in what was asked for.
    """
    return judge_opened(door(source), asked, day=day)


def judge_opened(opening: "Callable[[], Opened]", asked: "Asked | None" = None, *, day: date | None = None) -> "Result":
    """Opens a door and judges what comes through it; what was asked for is read, and refused, before that."""
    from seawall.policy import checking
    from seawall.policy.acceptance.waivers import today
    from seawall.policy.collector import collector_off

    asked = asked or checking.Asked()
    start = time.perf_counter()
    prepared = checking.prepare(asked)
    with collector_off():
        result = checking.check(opening(), asked, prepared, day=day or today())
    return replace(result, seconds=time.perf_counter() - start)


def _with_new_baseline(result: "Result", file: Path) -> "Result":
    from seawall.policy.acceptance import baseline

    written = baseline.write(file, result.findings)
    typer.echo(f"{written} findings written to {file}: from now on `--baseline {file}` fails on others only", err=True)
    return replace(result, findings=tuple(baseline.mark(result.findings, baseline.read(file))), baseline=True)
