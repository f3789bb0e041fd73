"""Calls `seawall verify` against the two clusters: in this process, or as one that can be interrupted."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import verify_entry
from stack_samples import CHECKOUT
from typer.testing import CliRunner
from verify_clusters import APPS, INFRA, SESSION, Clusters
from verify_entry import How
from verify_world import declared

from seawall.cli.verify import app
from seawall.errors import SeawallError
from seawall.qa.evidence import files
from seawall.qa.evidence.model import Evidence

ENTRY = Path(verify_entry.__file__)
PLANNED = "evidence will be marked"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": SESSION["aws_access_key_id"],
    "AWS_SECRET_ACCESS_KEY": SESSION["aws_secret_access_key"],
    "COLUMNS": "200",
}


def _words(clusters: Clusters, words: Sequence[str]) -> list[str]:
    kept = [] if "--kubeconfig" in words else ["--kubeconfig", str(clusters.kubeconfig)]
    if "--evidence" not in words and "--cleanup" not in words:  # never into this checkout's own
        kept += ["--evidence", str(clusters.kubeconfig.with_name("evidence"))]
    return ["--context", INFRA, *kept, *words]


def call(clusters: Clusters, *words: str, how: How = "plain") -> tuple[int, str]:
    """Runs it here to its end: exit code, and what it said."""
    with pytest.MonkeyPatch.context() as patch:
        verify_entry.given({name: declared(name) for name in (INFRA, APPS)}, patch.setattr)
        verify_entry.force(how, patch.setattr)
        done = CliRunner().invoke(app, _words(clusters, words), env=ENVIRONMENT)
    if isinstance(done.exception, SeawallError):
        return done.exception.exit_code, f"{done.output}error: {done.exception}"
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


@dataclass
class Verify:
    """A process, and what it has said so far."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    planned: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if PLANNED in line:
                self.planned.set()

    def ended(self, seconds: float = 240) -> int:
        """Waits for its end; the exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    @property
    def said(self) -> str:
        """Everything that it has said."""
        return "".join(self.lines)


def start(clusters: Clusters, *words: str, how: How | None = None) -> Verify:
    """Starts it as a process; without `how`, exactly as a user does."""
    command: Sequence[str] = [sys.executable, "-m", "seawall.cli"]
    if how is not None:
        stacks = clusters.kubeconfig.with_name("stacks")
        if not stacks.exists():
            stacks.write_bytes(pickle.dumps({name: declared(name) for name in (INFRA, APPS)}))
        command = [sys.executable, str(ENTRY), str(stacks), how]
    return Verify(
        subprocess.Popen(
            [*command, "verify", *_words(clusters, words)],
            cwd=CHECKOUT,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": str(CHECKOUT), "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )


def evidence(folder: Path) -> dict[str, Evidence]:
    """Test id → the evidence that a run has kept; every file is whole."""
    found = {}
    for it in files.read_all(folder):
        assert it.evidence is not None, it.problem
        found[it.evidence.test] = it.evidence
    return found
