"""`seawall bench-policy`: what the policy pack costs, in the engine and on a folder."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import seawall
from seawall import paths
from seawall.bench import engine as bench_engine
from seawall.bench import folders
from seawall.bench.engine import Cost
from seawall.bench.folders import Row, Shares
from seawall.cli import bench, bench_folders
from seawall.errors import UserError

RESOURCES = 1000
"""In the measured previews."""
_HEAD = ("preview", "seconds", "CPU seconds of engine and pack")


def start(
    out: Path | None,
    *,
    resources: int = RESOURCES,
    sizes: Sequence[int] = folders.SIZES,
    programs: Sequence[str] = (),
    policies: Path | None = None,
) -> None:
    """Measures, prints the tables and writes them as Markdown. `programs` are other tools as `NAME=PATH`.

    Raises `EnvironmentFailure` when the engine or a tool fails, `UserError` for what is no `NAME=PATH`.
    """
    found, missing = folders.others(_named(programs), policies)
    tools = [folders.ours(), *found]
    console = Console()
    console.print(f"previewing {resources} resources, {2 * bench_engine.ROUNDS + 1} times", markup=False)
    cost = bench_engine.measure(resources)
    measured = folders.measure(tools, sizes, told=lambda what: console.print(f"measuring {what}", markup=False))
    _show(console, _HEAD, rows(cost))
    _show(console, bench_folders.HEAD, bench_folders.cells(measured[0], missing))
    for verdict in bench_folders.verdicts(*measured):
        console.print(verdict, markup=False)
    file = out or paths.checkout() / "docs" / "bench-policy.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now(datetime.UTC).date()
    file.write_text(markdown(cost, measured, missing, today, bench.machine()), encoding="utf-8")
    console.print(f"written to {file}", soft_wrap=True, markup=False)


def _named(programs: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for program in programs:
        name, equals, path = program.partition("=")
        if not equals or name not in folders.KNOWN:
            raise UserError(f"--tool {program}: give NAME=PATH, NAME one of {', '.join(folders.KNOWN)}")
        found[name] = path
    return found


def _show(console: Console, head: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    table = Table(*head)
    for row in body:
        table.add_row(*row)
    console.print(table)


def rows(cost: Cost) -> list[tuple[str, str, str]]:
    """The table's rows."""
    return [
        ("one empty rule", f"{cost.empty_s:.1f}", f"{cost.empty_cpu_s:.1f}"),
        ("the whole pack", f"{cost.whole_s:.1f}", f"{cost.whole_cpu_s:.1f}"),
        (
            f"factor (target: at most {bench_engine.TARGET:g})",
            f"{cost.factor:.2f}",
            f"{cost.whole_cpu_s / cost.empty_cpu_s:.2f}",
        ),
    ]


def markdown(
    cost: Cost, measured: tuple[Sequence[Row], Shares], missing: Mapping[str, str], day: datetime.date, where: str
) -> str:
    """The tables as a Markdown page."""
    return "\n".join(
        [
            "# What the policy pack costs",
            "",
            f"Measured by `make bench-policy` on {day.isoformat()}, seawall {seawall.__version__}, {where}.",
            "",
            "## In the engine",
            f"A preview of {cost.resources} resources on the real engine: tenants with a Dragonfly of their own and a "
            "shared PostgreSQL, as components that need no provider, so that the pack's share is the largest that can "
            f"be. The fastest of {bench_engine.ROUNDS} counts.",
            "",
            f"| {' | '.join(_HEAD)} |",
            "|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in rows(cost)),
            "",
            *bench_folders.markdown(*measured, missing),
        ]
    )
