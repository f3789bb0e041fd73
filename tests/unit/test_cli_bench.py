"""`seawall bench-start`."""

import datetime
import subprocess
from pathlib import Path
from typing import Any

import pytest

from seawall.cli import bench
from seawall.errors import EnvironmentFailure


def test_the_table_says_what_was_measured_where_and_when() -> None:
    steps = bench.steps(Path("out"))
    seconds = [59.94, 12, 25.5, 7, 2.9]
    measured = [bench.Measured(step, took) for step, took in zip(steps, seconds, strict=True)]
    page = bench.markdown(measured, datetime.date(2026, 1, 31), "2 cores")
    assert "on 2026-01-31" in page
    assert "2 cores" in page
    assert page.splitlines()[-5:] == [
        "| `make up`, tools built, sandbox not running | 59.9 | < 60 | yes |",
        "| `make up` again | 12.0 | < 60 | yes |",
        "| `make preview STACK=infra` | 25.5 | < 25 | no |",
        "| `make render STACK=infra` | 7.0 | – | – |",
        "| `make check` of its output | 2.9 | < 3 | yes |",
    ]


def test_the_sandbox_is_stopped_before_and_after(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[str] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command[3])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(bench.subprocess, "run", run)
    bench.start(tmp_path / "docs" / "bench.md")
    assert ran == ["down", "up", "up", "preview", "render", "check", "down"]
    assert (tmp_path / "docs" / "bench.md").read_text().startswith("# What a newcomer waits for\n")


def test_a_step_that_fails_is_not_a_measurement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[str] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        ran.append(command[3])
        return subprocess.CompletedProcess(command, 3 if command[3] == "preview" else 0, "", "noise\nerror: no port\n")

    monkeypatch.setattr(bench.subprocess, "run", run)
    with pytest.raises(EnvironmentFailure, match=r"preview --stack infra ended with 3: error: no port"):
        bench.start(tmp_path / "bench.md")
    assert ran[-1] == "down"
    assert not (tmp_path / "bench.md").exists()
