"""What a check of a folder costs, beside other tools' checks of the same folder: seconds and memory, by tenants."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import linear_regression, median
from typing import IO

from seawall import paths
from seawall.bench import tenants
from seawall.errors import EnvironmentFailure
from seawall.policy.report.text import count

SIZES = (100, 200, 500, 1000)
"""Tenants in the measured folders."""
ROUNDS = 5
"""Runs of each tool on each folder. The tools take turns, so that what else the machine does hits all of them."""
SLOW_ROUNDS = 1
"""Of the tools that take minutes, which are measured on the largest folder only."""
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
    checks: str = ""
    """What it checks, for a person."""
    shown: str = ""
    """The command, for a person."""
    slow: bool = False


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
    runs: tuple[Run, ...]

    @property
    def fastest_s(self) -> float:
        """Seconds of the fastest run."""
        return min(run.seconds for run in self.runs)

    @property
    def run(self) -> Run:
        """The medians."""
        return Run(
            median(run.seconds for run in self.runs),
            median(run.cpu_s for run in self.runs),
            median(run.peak_mib for run in self.runs),
        )


@dataclass(frozen=True)
class Line:
    """A straight line through what was measured, by tenants."""

    base: float
    """At no tenants."""
    per_tenant: float
    furthest: float
    """How far the measured value that is furthest from the line is off, as a share of it."""


def line(points: Mapping[int, float]) -> Line:
    """The line with the least squares through values by tenants, at least two of them."""
    fitted = linear_regression(list(points), list(points.values()))
    off = (abs(fitted.intercept + fitted.slope * size - value) / value for size, value in points.items())
    return Line(fitted.intercept, fitted.slope, max(off))


@dataclass(frozen=True)
class Shares:
    """Where the seconds of our own check go, at one size."""

    reading: float
    building: float
    judging: float


def ours() -> Tool:
    """Our own check, as a process of its own, as `make check` starts it."""
    from seawall import __version__
    from seawall.policy.rules import load

    command = [sys.executable, "-m", "seawall.cli", "check"]
    checks = f"{len(load())} rules on Dragonfly, CloudNativePG and what surrounds them, reachability included"
    shown = "seawall check FOLDER"
    return Tool(OURS, __version__, lambda folder: [*command, str(folder)], fails_from=2, checks=checks, shown=shown)


def others(named: Mapping[str, str], policies: Path | None = None) -> tuple[list[Tool], dict[str, str]]:
    """The other tools that are there, by a path in `named` or on PATH, and why each of the rest is not measured.

    `policies` is what Kyverno is to apply. Raises `EnvironmentFailure` for a path that leads to no program.
    """
    found: list[Tool] = []
    missing: dict[str, str] = {}
    for name in KNOWN:
        program = shutil.which(named.get(name, name))
        if program is None and name in named:
            raise EnvironmentFailure(f"{name}: {named[name]} is no program")
        if program is None:
            missing[name] = "not installed"
        elif name == "kyverno" and policies is None:
            missing[name] = "no policies given (--kyverno-policies)"
        else:
            found.append(_other(name, program, policies))
    return found, missing


def _other(name: str, program: str, policies: Path | None) -> Tool:
    def tool(version: str, checks: str, shown: str, command: Callable[[Path], list[str]]) -> Tool:
        slow = name != RIVAL
        return Tool(name, _version(program, version), command, 2, checks, f"{name} {shown}", slow=slow)

    if name == RIVAL:
        return tool(
            "version",
            "its default checks, of workloads, Services, budgets and policies",
            "score FOLDER/*",
            lambda folder: [program, "score", *map(str, sorted(folder.iterdir()))],
        )
    if name == "checkov":
        arguments = ["--framework", "kubernetes", "--compact", "--quiet", "--skip-download"]
        return tool(
            "--version",
            "its built-in checks of Kubernetes objects",
            f"-d FOLDER {' '.join(arguments)}",
            lambda folder: [program, "-d", str(folder), *arguments],
        )
    given = policies or Path()
    return tool(
        "version",
        f"{count(sum(1 for _ in given.rglob('*.y*ml')), 'file')} of policies ({given.name})",
        "apply POLICIES --resource FOLDER",
        lambda folder: [program, "apply", str(given), "--resource", str(folder)],
    )


def measure(
    tools: Sequence[Tool],
    sizes: Sequence[int] = SIZES,
    *,
    rounds: int = ROUNDS,
    slow_rounds: int = SLOW_ROUNDS,
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
            runs: dict[Tool, list[Run]] = {tool: [] for tool in tools if not tool.slow or size == max(sizes)}
            for number in range(max(rounds, slow_rounds)):
                for tool, done in runs.items():
                    most = slow_rounds if tool.slow else rounds
                    if number < most:
                        told(f"{tool.name}, {size} tenants, {number + 1} of {most}")
                        done.append(_run(tool, folder))
            rows += [Row(tool, size, objects, tuple(done)) for tool, done in runs.items()]
        told(f"shares of {OURS}")
        shares = _shares(Path(scratch) / str(max(sizes)))
    return rows, shares


_LAUNCHER = """
import os, sys, time
began = time.monotonic()
nowhere = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=nowhere, setsigmask=())
_, status, used = os.wait4(pid, 0)
print(time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss, os.waitstatus_to_exitcode(status))
"""
"""Starts a program and says what it took. It is small, because what its parent holds counts as a program's memory."""


def _run(tool: Tool, folder: Path) -> Run:
    with tempfile.TemporaryFile() as said:
        seconds, cpu_s, peak, code = _ended(tool.command(folder), said)
        if code < 0 or code >= tool.fails_from:
            said.seek(0)
            last = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
            raise EnvironmentFailure(f"{tool.name} ended with {code:.0f}: {' '.join(last)}")
    return Run(seconds, cpu_s, peak * _UNIT / 2**20)


def _ended(command: Sequence[str], said: IO[bytes]) -> tuple[float, float, float, float]:
    """Seconds, CPU seconds, peak memory and exit code of a program, whose errors go to `said`.

    With ^C, whatever it has started ends as well.
    """
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))  # until it is known whom to end
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, *command],
            cwd=paths.checkout(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            start_new_session=True,
        )
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            told, _ = process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    seconds, cpu_s, peak, code = map(float, told.split())
    return seconds, cpu_s, peak, code


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
    """The first number in what a program says of its version, else what the Go toolchain has noted in it."""
    done = subprocess.run([program, asking], capture_output=True, text=True, check=False)
    words = (word.strip(",:v") for word in f"{done.stdout} {done.stderr}".split())
    said = next((word for word in words if word[:1].isdigit() and "." in word), None)
    noted = None if said else _NOTED_BY_GO.search(Path(program).read_bytes())
    return said or (noted[1].decode() if noted else "(unnumbered build)")


_NOTED_BY_GO = re.compile(rb"\nmod\t[!-~]+\tv([0-9][!-~]*)")
