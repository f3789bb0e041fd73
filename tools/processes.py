"""Run a child in a process group of its own, watch it line by line, and never leave it behind."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

_GRACE_SECONDS = 3.0


def run(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, hand every line of its output (both streams) to `on_line`, and return all of it.

    Whatever interrupts the wait (^C, SIGTERM, an error in `on_line`) ends the command and all that it started first.
    Raises `OSError` when the command cannot be started.
    """
    child = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: list[str] = []
    try:
        assert child.stdout is not None  # noqa: S101 - Popen was asked for a pipe
        with terminable(), child.stdout:
            for line in child.stdout:
                lines.append(line.rstrip("\n"))
                on_line(lines[-1])
            code = child.wait()
    except BaseException:
        _end(child)
        raise
    return subprocess.CompletedProcess(list(command), code, stdout="\n".join(lines))


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM interrupt like ^C, so that what a block started is ended before this process is."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers; it has set its own, or wants none
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _end(child: "subprocess.Popen[str]") -> None:
    """End a child's whole process group: asked first, killed after a few seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
        except ProcessLookupError:
            break
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
