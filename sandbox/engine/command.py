"""The Pulumi CLI as the Automation API calls it, with a clean environment and with interruption done properly."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import psutil
from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from seawall.errors import EnvironmentFailure

Say = Callable[[str], None]
Line = Callable[[str], Any]


class Interrupted(KeyboardInterrupt):
    """The user interrupted a running engine command; the engine has been cancelled and has ended."""


class EngineCommand(PulumiCommand):
    """Runs the Pulumi CLI in a session of its own.

    The Automation API leaves the CLI in our process group, so a ^C in a terminal reaches it by accident, and
    a signal to us alone not at all. Here the CLI gets SIGINT exactly once, which makes it cancel: it lets operations
    that are under way finish and writes its state; a second ^C ends it at once.
    """

    def __init__(self, pulumi: Path, variables: Mapping[str, str], say: Say) -> None:
        """Take the CLI at `pulumi`; `variables` is its whole environment; `say` tells about an interruption."""
        self.command = str(pulumi)
        self._variables = dict(variables)
        self._say = say
        self.pid: int | None = None  # of the command that is running
        self.version = self._read_version()

    def _read_version(self) -> VersionInfo:
        try:
            out = subprocess.run(
                [self.command, "version"], env=self._variables, capture_output=True, text=True, check=True, timeout=60
            )
            return VersionInfo.parse(out.stdout.strip().removeprefix("v"))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            raise EnvironmentFailure(
                f"{self.command} is not a working Pulumi CLI ({error}): remove it, `seawall tools get pulumi` builds it"
            ) from error

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Line | None = None,
        on_error: Line | None = None,
    ) -> CommandResult:
        """Run `pulumi` with these arguments; see the base class.

        Raises `Interrupted` after an interruption, `EnvironmentFailure` when the CLI was ended by a signal.
        """
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**self._variables, **additional_env},
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self.pid = process.pid
        out, err = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)
        interrupted = False
        while True:
            try:
                process.wait()
                break
            except KeyboardInterrupt:
                if interrupted:
                    self._say("ending the engine now; the next run mends what it left behind")
                    end_tree(process.pid)
                else:
                    interrupted = True
                    self._say("interrupted: the engine finishes what it has begun, then stops (^C again ends it now)")
                    _signal(process.pid, signal.SIGINT)
        self.pid = None
        result = CommandResult(stdout=out.text(), stderr=err.text(), code=process.returncode)
        if interrupted:
            raise Interrupted
        if process.returncode < 0:
            name = signal.Signals(-process.returncode).name
            raise EnvironmentFailure(
                f"the Pulumi engine was ended by {name}: the same command again mends what it left"
            )
        if process.returncode != 0:
            raise create_command_error(result)
        return result


class _Reader:
    """Collects a stream in a thread of its own, line by line."""

    def __init__(self, stream: IO[str] | None, each: Line | None) -> None:
        assert stream is not None  # noqa: S101 - opened as a pipe
        self._stream, self._each = stream, each
        self._lines: list[str] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        with self._stream:
            for line in self._stream:
                stripped = line.rstrip()
                self._lines.append(stripped)
                if self._each:
                    self._each(stripped)

    def text(self) -> str:
        # A plugin that outlives the CLI may hold the pipe open: what the CLI itself wrote is there by now.
        self._thread.join(timeout=5)
        return "\n".join(self._lines)


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def end_tree(pid: int) -> None:
    """Kill a process and everything below it; what is already gone is fine."""
    try:
        root = psutil.Process(pid)
        family = [*root.children(recursive=True), root]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=10)
