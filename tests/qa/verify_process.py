"""Starts `seawall verify` against the two clusters, as a process, and waits for what it says."""

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from stack_samples import CHECKOUT
from verify_clusters import APPS, INFRA, SESSION, Clusters
from verify_world import declared

ENTRY = Path(__file__).with_name("verify_entry.py")
How = Literal["whole", "plain", "forced", "running"]
"""`whole`: exactly as a user runs it; the others as in `verify_entry`."""
PLANNED = "evidence will be marked"


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


def start(clusters: Clusters, *words: str, how: How = "plain") -> Verify:
    """Starts `seawall verify --context infra`, with the kubeconfig of both."""
    command: Sequence[str] = [sys.executable, "-m", "seawall.cli"]
    if "--evidence" not in words and "--cleanup" not in words:  # never into this checkout's own
        words = (*words, "--evidence", str(clusters.kubeconfig.with_name("evidence")))
    if how != "whole":
        stacks = clusters.kubeconfig.with_name("stacks")
        if not stacks.exists():
            stacks.write_bytes(pickle.dumps({name: declared(name) for name in (INFRA, APPS)}))
        command = [sys.executable, str(ENTRY), str(stacks), how]
    return Verify(
        subprocess.Popen(
            [*command, "verify", "--context", INFRA, "--kubeconfig", str(clusters.kubeconfig), *words],
            cwd=CHECKOUT,
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": SESSION["aws_access_key_id"],
                "AWS_SECRET_ACCESS_KEY": SESSION["aws_secret_access_key"],
                "PYTHONPATH": str(CHECKOUT),
                "COLUMNS": "200",
                "PYTHONUNBUFFERED": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    )


def run(clusters: Clusters, *words: str, how: How = "plain") -> tuple[int, str]:
    """Runs it to its end: exit code, and what it said."""
    made = start(clusters, *words, how=how)
    code = made.ended()
    return code, made.said
