"""A real PostgreSQL on loopback, run as an unprivileged user in a folder of its own."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg
import unprivileged
from data_tools import Tools

from seawall.sandbox import ports

SUPERUSER = "postgres"
TRUST = ("local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust")
"""What pg_hba.conf says unless a test says otherwise."""

_SMALL = {
    "shared_buffers": "32MB",
    "checkpoint_completion_target": "0",  # a base backup waits for a checkpoint, which is otherwise spread over minutes
    "max_connections": "50",
    "log_min_messages": "warning",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
_CONTROL = {"max_prepared_xacts": "max_prepared_transactions", "max_locks_per_xact": "max_locks_per_transaction"}
"""What pg_controldata calls settings by another name."""
_STOPS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}
_WAIT_SECONDS = 120.0


class Postgres:
    """One server: its data directory, its socket, its log. Make one with `create`, or `adopt` a restored directory."""

    def __init__(
        self, home: Path, tools: Tools, settings: Mapping[str, str], hba: Sequence[str], ident: Sequence[str]
    ) -> None:
        self.home = home
        """Its folder; the socket is in it."""
        self.data = home / "data"
        """Its data directory (PGDATA)."""
        self.log = home / "postgres.log"
        self.port = ports.choose(["postgres"])["postgres"]
        self._tools = tools
        self._settings = {**_SMALL, **settings}
        self._hba = tuple(hba)
        self._ident = tuple(ident)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def create(
        cls,
        home: Path,
        tools: Tools,
        settings: Mapping[str, str] | None = None,
        *,
        hba: Sequence[str] = TRUST,
        ident: Sequence[str] = (),
        checksums: bool = True,
        segment_mib: int = 16,
    ) -> Self:
        """A new cluster of databases, not started. `settings` are those of postgresql.conf, as text.

        `segment_mib` is the size of its WAL segments, a power of two from 1 to 1024.
        `home` is a new or empty folder with a short path: see `unprivileged.folder`.
        """
        home.mkdir(exist_ok=True)
        unprivileged.own(home)
        made = cls(home, tools, settings or {}, hba, ident)
        options: tuple[str, ...] = (
            "--username",
            SUPERUSER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        )
        options += ("--data-checksums",) if checksums else ()
        made.run("initdb", *options, f"--wal-segsize={segment_mib}", "--pgdata", made.data)
        made.configure()
        return made

    @classmethod
    def adopt(
        cls,
        home: Path,
        tools: Tools,
        settings: Mapping[str, str] | None = None,
        *,
        hba: Sequence[str] = TRUST,
        ident: Sequence[str] = (),
    ) -> Self:
        """A server on the data directory that is in `home` already (restored, say), not started.

        The settings that its source ran with and that a recovery may not lower are taken from its control file, as the
        operator does; everything else is new.
        """
        made = cls(home, tools, settings or {}, hba, ident)
        unprivileged.own(home)
        made._settings |= {key: value for key, value in made._needed().items() if key not in (settings or {})}
        made.configure()
        return made

    def _needed(self) -> dict[str, str]:
        said = self.run("pg_controldata", self.data).stdout
        return {_CONTROL.get(key, key): value for key, value in re.findall(r"^(max_\w+) setting: +(\d+)$", said, re.M)}

    def configure(
        self,
        changes: Mapping[str, str] | None = None,
        *,
        hba: Sequence[str] | None = None,
        ident: Sequence[str] | None = None,
    ) -> None:
        """Write postgresql.conf, pg_hba.conf and pg_ident.conf with these changes; `reload` or a start reads them."""
        self._settings |= changes or {}
        self._hba = tuple(hba) if hba is not None else self._hba
        self._ident = tuple(ident) if ident is not None else self._ident
        ours = {"listen_addresses": ports.LOOPBACK, "port": str(self.port), "unix_socket_directories": str(self.home)}
        lines = [f"{key} = '{value.replace(chr(39), chr(39) * 2)}'" for key, value in (self._settings | ours).items()]
        for name, content in (("postgresql.conf", lines), ("pg_hba.conf", self._hba), ("pg_ident.conf", self._ident)):
            path = self.data / name
            path.write_text("\n".join([*content, ""]))
            path.chmod(0o600)
            unprivileged.own(path)

    def start(self, *, wait: bool = True) -> None:
        """Start it; with `wait` until it takes connections. Raises `AssertionError` with its log when it ends."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        program = self._tools.postgres.path("postgres")
        command = (program, "-D", self.data)
        self._process = unprivileged.start(command, self.log, env=self._tools.postgres.environment, cwd=self.home)
        if wait:
            self.wait()

    def wait(self, *, primary: bool = False) -> None:
        """Wait until it takes connections; with `primary` until its recovery has ended and it can be written to."""
        end = time.monotonic() + _WAIT_SECONDS
        while True:
            assert self.running, f"PostgreSQL ended: {self.log_tail()}"
            try:
                ((in_recovery,),) = self.sql("select pg_is_in_recovery()")
                if not (primary and in_recovery):
                    return
            except psycopg.OperationalError:
                pass
            assert time.monotonic() < end, f"PostgreSQL is not ready: {self.log_tail()}"
            time.sleep(0.1)

    @property
    def running(self) -> bool:
        """Whether its first process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The id of its first process (the postmaster)."""
        assert self._process is not None, "it was never started"
        return self._process.pid

    def stop(self, mode: str = "fast") -> None:
        """End it in order: `smart`, `fast` (with a last checkpoint) or `immediate` (without), unless it has ended."""
        if self.running:
            os.kill(self.pid, _STOPS[mode])
            assert self._process is not None
            self._process.wait(_WAIT_SECONDS)

    def kill(self, *, alone: bool = False) -> list[psutil.Process]:
        """End all of its processes with SIGKILL at once, what it started (an archive_command) as well.

        With `alone` that goes on, as what runs in another container would, and is returned.
        """
        if not self.running:
            return []
        first = psutil.Process(self.pid)
        ours: list[psutil.Process] = []
        # They are held first, and looked for again until there is no new one: else one that was just started escapes.
        while new := [it for it in (first, *first.children(recursive=True)) if it not in ours]:
            ours += new
            for process in new:
                with contextlib.suppress(psutil.NoSuchProcess):
                    if not alone or process.name() == "postgres":
                        process.suspend()
        others = [it for it in ours if alone and runs(it) and not _is_postgres(it)]
        ended = [it for it in ours if it not in others]
        for process in ended:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for process in others:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()  # one that became another program while it was looked at
        assert self._process is not None
        self._process.wait(_WAIT_SECONDS)
        end = time.monotonic() + _WAIT_SECONDS
        while any(map(runs, ended)):  # a new start fails while one of them has the shared memory
            assert time.monotonic() < end, "a killed process goes on"
            time.sleep(0.01)
        return others

    def reload(self) -> None:
        """Have it read its files of settings again, and wait until it has."""
        before = self.sql("select pg_conf_load_time()")
        os.kill(self.pid, signal.SIGHUP)
        while self.sql("select pg_conf_load_time()") == before:
            time.sleep(0.01)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection, by default over the socket (TCP: `host=ports.LOOPBACK`) as superuser to `postgres`."""
        given = {"host": str(self.home), "port": self.port, "user": SUPERUSER, "dbname": "postgres", **options}
        return psycopg.connect(connect_timeout=10, **given)

    def sql(self, query: str, *parameters: Any, **options: Any) -> list[tuple[Any, ...]]:
        """Run one statement in autocommit; its rows, none for a statement without. Options are those of `connect`."""
        with self.connect(autocommit=True, **options) as connection:
            cursor = connection.execute(query, parameters or None)
            return list(cursor.fetchall()) if cursor.description else []

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which libpq finds it over its socket, as a local program in its pod would."""
        return {"PGHOST": str(self.home), "PGPORT": str(self.port), "PGUSER": SUPERUSER}

    def run(self, program: str, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's own programs (`pg_checksums`, `pg_waldump`, …) as its user."""
        environment = {**self._tools.postgres.environment, **self.environment}
        return unprivileged.run([self._tools.postgres.path(program), *arguments], env=environment, check=check)

    def switch_wal(self) -> str:
        """Have a new WAL file begun; the name of the one that was ended, which will be archived."""
        ((name,),) = self.sql("select pg_walfile_name(pg_switch_wal())")
        return str(name)

    def wait_archived(self, wal: str, seconds: float = _WAIT_SECONDS) -> None:
        """Wait until this WAL file is archived. Raises `AssertionError` with the archiver's state and the log."""
        end = time.monotonic() + seconds
        while True:
            ((last, failed),) = self.sql("select last_archived_wal, last_failed_wal from pg_stat_archiver")
            if last is not None and str(last)[8:24] >= wal[8:24] and str(last)[:8] >= wal[:8]:
                return
            assert time.monotonic() < end, f"{wal} is not archived, last {last}, failed {failed}: {self.log_tail()}"
            time.sleep(0.05)

    def log_tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.is_file() else ""

    def remove(self) -> None:
        """End it and remove its folder."""
        self.kill()
        shutil.rmtree(self.home, ignore_errors=True)


def _is_postgres(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.name() == "postgres"
    return False


def runs(process: psutil.Process) -> bool:
    """Whether a process goes on: it is neither gone nor dead and not yet reaped."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def script(path: Path, command: Sequence[str], environment: Mapping[str, str]) -> Path:
    """A shell script that runs a command with this environment and its own arguments added; only its owner reads it.

    For `archive_command` and `restore_command`, whose environment is otherwise PostgreSQL's.
    """
    exports = [f"export {key}={shlex.quote(value)}" for key, value in environment.items()]
    lines = ["#!/bin/sh", "unset LD_LIBRARY_PATH", *exports, f'exec {shlex.join(command)} "$@"', ""]
    path.write_text("\n".join(lines))
    path.chmod(0o700)
    return unprivileged.own(path)
