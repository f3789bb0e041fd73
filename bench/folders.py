"""What a check of a folder costs, beside other tools' checks of the same folder: seconds and memory, by tenants."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from seawall import paths
from seawall.bench import tenants
from seawall.errors import EnvironmentFailure

SIZES = (100, 300, 1000)
"""Tenants in the measured folders."""
ROUNDS = 3
"""The median of so many counts. The tools take turns, so that what else the machine does hits all of them."""
OURS = "seawall check"
RIVAL = "kube-score"
"""The tool that the targets name."""
KNOWN = (RIVAL, "kyverno", "checkov")
"""The other tools that are measured where they are there."""
MOST, TARGET = 3.0, 1.0
"""How many times the rival's seconds a check may take, and should take, at the largest size."""
_UNIT = 1024 if sys.platform != "darwin" else 1
"""Bytes in the unit in which the system counts peak memory."""


@dataclass(frozen=True)
class Tool:
    """A program that checks a folder."""

    name: str
    version: str
    command: Callable[[Path], list[str]]
    """What is run for a folder."""
    fails_from: int
    """The lowest exit code that is no verdict."""


@dataclass(frozen=True)
class Run:
    """One check of one folder."""

    seconds: float
    """From start to end."""
    cpu_s: float
    """CPU seconds of all its processes."""
    peak_mib: float
    """The most memory that one of its processes held."""


@dataclass(frozen=True)
class Row:
    """One tool at one size."""

    tool: Tool
    tenants: int
    objects: int
    run: Run
    """The medians."""


@dataclass(frozen=True)
class Shares:
    """Where the seconds of our own check go, at one size."""

    reading: float
    building: float
    judging: float


def ours() -> Tool:
    """Our own check, as a process of its own."""
    from seawall import __version__

    command = [sys.executable, "-m", "seawall.cli", "check"]
    return Tool(OURS, __version__, lambda folder: [*command, str(folder), "--format", "json"], fails_from=2)


def others(named: Mapping[str, str], policies: Path | None = None) -> list[Tool]:
    """The other tools that are there: by a path in `named`, or on PATH. `policies` is what Kyverno is to apply.

    Raises `EnvironmentFailure` for a path that leads to no program.
    """
    arguments: dict[str, Callable[[Path], list[str]]] = {
        RIVAL: lambda folder: ["score", *map(str, sorted(folder.iterdir()))],
        "kyverno": lambda folder: ["apply", str(policies), "--resource", str(folder)],
        "checkov": lambda folder: ["-d", str(folder), "--framework", "kubernetes", "--compact", "--quiet"],
    }
    found: list[Tool] = []
    for name in KNOWN:
        program = shutil.which(named.get(name, name))
        if program is None and name in named:
            raise EnvironmentFailure(f"{name}: {named[name]} is no program")
        if program is not None and (name != "kyverno" or policies is not None):
            version = _version(program, "--version" if name == "checkov" else "version")
            found.append(Tool(name, version, _command(program, arguments[name]), fails_from=2))
    return found


def _command(program: str, arguments: Callable[[Path], list[str]]) -> Callable[[Path], list[str]]:
    return lambda folder: [program, *arguments(folder)]


def measure(
    tools: Sequence[Tool],
    sizes: Sequence[int] = SIZES,
    *,
    rounds: int = ROUNDS,
    told: Callable[[str], None] = lambda _: None,
) -> tuple[list[Row], Shares]:
    """Every tool at every size, and our own shares at the largest.

    Raises `EnvironmentFailure` when a tool comes to no verdict. `told` hears what is measured next.
    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="seawall-bench-") as scratch:
        for size in sizes:
            folder = Path(scratch) / str(size)
            objects = tenants.write(folder, size)
            runs: dict[str, list[Run]] = {tool.name: [] for tool in tools}
            for number in range(rounds):
                for tool in tools:
                    told(f"{tool.name}, {size} tenants, {number + 1} of {rounds}")
                    runs[tool.name].append(_run(tool, folder))
            rows += [Row(tool, size, objects, _median(runs[tool.name])) for tool in tools]
        told(f"shares of {OURS}")
        shares = _shares(Path(scratch) / str(max(sizes)))
    return rows, shares


def _run(tool: Tool, folder: Path) -> Run:
    with tempfile.TemporaryFile() as said:
        began = time.monotonic()
        process = subprocess.Popen(
            tool.command(folder), cwd=paths.checkout(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - began
        process.returncode = code = os.waitstatus_to_exitcode(status)
        if code < 0 or code >= tool.fails_from:
            said.seek(0)
            last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise EnvironmentFailure(f"{tool.name} ended with {code}: {' '.join(last)}")
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * _UNIT / 2**20)


def _median(runs: Sequence[Run]) -> Run:
    return Run(
        median(run.seconds for run in runs), median(run.cpu_s for run in runs), median(run.peak_mib for run in runs)
    )


def _shares(folder: Path) -> Shares:
    """Measured in this process, so without its start."""
    from seawall.policy.collector import collector_off
    from seawall.policy.estate.building import build
    from seawall.policy.estate.doors.folder import read_folder
    from seawall.policy.judging import judge
    from seawall.policy.rules import load

    load()
    with collector_off():
        times = [time.perf_counter()]
        reading = read_folder(folder)
        times.append(time.perf_counter())
        estate = build(reading.objects, notes=reading.notes)
        times.append(time.perf_counter())
        judge(estate)
        times.append(time.perf_counter())
    return Shares(*(after - before for before, after in pairwise(times)))


def _version(program: str, asking: str) -> str:
    """The first number in what a program says of its version."""
    done = subprocess.run([program, asking], capture_output=True, text=True, check=False)
    words = (word.strip(",:v") for word in f"{done.stdout} {done.stderr}".split())
    return next((word for word in words if word[:1].isdigit() and "." in word), "(unnumbered build)")
