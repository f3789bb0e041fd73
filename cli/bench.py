"""`seawall bench-start`: what a newcomer waits for."""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

import seawall
from seawall import paths
from seawall.errors import EnvironmentFailure


@dataclass(frozen=True)
class Step:
    """One measured command."""

    name: str
    arguments: tuple[str, ...]
    target_s: float | None
    """Seconds that it should stay under, on 2 cores with built tools; None where none is promised."""


@dataclass(frozen=True)
class Measured:
    """A step and how long it took."""

    step: Step
    seconds: float

    @property
    def met(self) -> str:
        """Whether the target was met, as a word."""
        if self.step.target_s is None:
            return "–"
        return "yes" if self.seconds < self.step.target_s else "no"


def steps(rendered: Path) -> list[Step]:
    """What is measured, in order; `rendered` is a scratch folder for the manifests."""
    return [
        Step("`make up`, tools built, sandbox not running", ("up", "--stack", "sandbox"), 60),
        Step("`make up` again", ("up", "--stack", "sandbox"), 60),
        Step("`make preview STACK=infra`", ("preview", "--stack", "infra"), 25),
        Step("`make render STACK=infra`", ("render", "--stack", "infra", "--out", str(rendered)), None),
        Step("`make check` of its output", ("check", str(rendered)), 3),
    ]


def start(out: Path | None) -> None:
    """Measure, print the table and write it as Markdown. Raises `EnvironmentFailure` when a step fails."""
    console = Console()
    _run(Step("down", ("down",), None))
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as scratch:
        try:
            measured = [_measure(step, console) for step in steps(Path(scratch) / "rendered")]
        finally:
            _run(Step("down", ("down",), None))
    table = Table("step", "seconds", "target", "met")
    for result in measured:
        table.add_row(result.step.name, f"{result.seconds:.1f}", _target(result.step), result.met)
    console.print(table)
    file = out or paths.checkout() / "docs" / "bench-start.md"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(markdown(measured, datetime.datetime.now(datetime.UTC).date(), machine()), encoding="utf-8")
    console.print(f"written to {file}", soft_wrap=True, markup=False)


def markdown(measured: list[Measured], day: datetime.date, where: str) -> str:
    """The table as a Markdown page."""
    rows = [f"| {m.step.name} | {m.seconds:.1f} | {_target(m.step)} | {m.met} |" for m in measured]
    return "\n".join(
        [
            "# What a newcomer waits for",
            "",
            f"Measured by `make bench-start` on {day.isoformat()}, seawall {seawall.__version__}, {where}.",
            "Tools were built and packages installed. Each command is a process of its own, timed from start to end.",
            "",
            "| step | seconds | target | met |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )


def machine() -> str:
    """The machine in a few words."""
    memory = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )


def _target(step: Step) -> str:
    return f"< {step.target_s:g}" if step.target_s is not None else "–"


def _measure(step: Step, console: Console) -> Measured:
    console.print(f"measuring {step.name}", soft_wrap=True, markup=False)
    began = time.monotonic()
    _run(step)
    return Measured(step, time.monotonic() - began)


def _run(step: Step) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "seawall.cli", *step.arguments],
        cwd=paths.checkout(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise EnvironmentFailure(
            f"{step.name}: seawall {' '.join(step.arguments)} ended with {done.returncode}: {' '.join(last)}"
        )
