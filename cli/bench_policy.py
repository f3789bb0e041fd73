"""`seawall bench-policy`: what the policy pack costs."""

import datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

import seawall
from seawall import paths
from seawall.bench import engine as bench_engine
from seawall.bench.engine import Cost
from seawall.cli import bench

RESOURCES = 1000
"""In the measured previews."""
_HEAD = ("preview", "seconds", "CPU seconds of engine and pack")


def start(out: Path | None, *, resources: int = RESOURCES) -> None:
    """Measures, prints the table and writes it as Markdown. Raises `EnvironmentFailure` when the engine fails."""
    console = Console()
    console.print(f"previewing {resources} resources, {2 * bench_engine.ROUNDS + 1} times", markup=False)
    cost = bench_engine.measure(resources)
    table = Table(*_HEAD)
    for row in rows(cost):
        table.add_row(*row)
    console.print(table)
    file = out or paths.checkout() / "docs" / "bench-policy.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now(datetime.UTC).date()
    file.write_text(markdown(cost, today, bench.machine()), encoding="utf-8")
    console.print(f"written to {file}", soft_wrap=True, markup=False)


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


def markdown(cost: Cost, day: datetime.date, where: str) -> str:
    """The table as a Markdown page."""
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
        ]
    )
