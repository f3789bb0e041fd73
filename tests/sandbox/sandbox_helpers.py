"""What the tests of the sandbox share."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.processes import marked

ROOT = Path(__file__).parents[2]


def processes(sandbox: Sandbox) -> dict[str, list[psutil.Process]]:
    """The live processes of a sandbox by part, found by their marker and not by its records."""
    found: dict[str, list[psutil.Process]] = {}
    for process, marker in marked(sandbox.state):
        found.setdefault(marker.rpartition("#")[2], []).append(process)
    return found


def pids(sandbox: Sandbox) -> dict[str, int]:
    """The process ids of a sandbox's parts; fails when a part has more than one process."""
    found = processes(sandbox)
    assert all(len(several) == 1 for several in found.values()), found
    return {name: several[0].pid for name, several in found.items()}


def until(holds: Callable[[], Any], what: str, within_s: float = 60) -> Any:
    """Wait for something; its first true value."""
    deadline = time.monotonic() + within_s
    while not (value := holds()):
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.1)
    return value


def start_elsewhere(sandbox: Sandbox) -> subprocess.Popen[str]:
    """Start a sandbox from another process, as a second terminal would."""
    program = (
        "import sys; from pathlib import Path; from rich.console import Console\n"
        "from seawall.sandbox.cluster import Sandbox\n"
        "print(Sandbox(Path(sys.argv[1])).start(Console(stderr=True)).endpoints)\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", program, str(sandbox.state)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
