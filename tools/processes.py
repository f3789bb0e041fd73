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
    child = _start(command, cwd, env, subprocess.PIPE)
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
def beside(commands: Sequence[tuple[Sequence[str], Path]], *, env: Mapping[str, str]) -> Iterator[None]:
    """Run commands (each with its folder), one after the other, while the block runs; how they end is not looked at.

    What still runs when the block ends, or is interrupted, is ended with all that it started.
    """
    started: list[subprocess.Popen[str]] = []
    change = threading.Lock()
    over = False

    def one_after_the_other() -> None:
        for command, folder in commands:
            with change:
                if over:
                    return
                try:
                    child = _start(command, folder, env, subprocess.DEVNULL)
                except OSError:
                    return
                started.append(child)
            child.wait()

    thread = threading.Thread(target=one_after_the_other, daemon=True)
    thread.start()
    try:
        yield
    finally:
        with change:
            over = True
        if started:
            _end(started[-1])
        thread.join()


def _start(command: Sequence[str], cwd: Path, env: Mapping[str, str], output: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )


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
