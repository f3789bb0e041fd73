"""The sandbox's processes: started, recognised, watched and ended. Only processes that we started are ever ended.

A process is ours when its recorded id, its start time and the marker in its environment agree: a recycled id belongs
to somebody else. The marker is also the second net: a process whose record was lost (a `kill -9` of us between start
and record) is found by it.
"""

import contextlib
import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psutil

from seawall.errors import EnvironmentFailure
from seawall.sandbox.record import ProcessRecord, Store

MARKER = "SEAWALL_SANDBOX_PART"
"""Environment variable of every process of a sandbox: `<state folder>#<part>`. Nobody else sets it."""

_CLOCK_SLACK_S = 3.0  # start times are derived from the boot time, which moves a little when the clock is corrected
_UNDECIDED_MAX_S = 10.0
_POLL_S = 0.04
_TAIL_LINES = 12
_LOG_MAX_BYTES = 32 * 1024 * 1024  # a larger one is put aside by the next start of its part
_SPAWNED: dict[int, subprocess.Popen[bytes]] = {}  # children of this very process: they are reaped through these


@dataclass(frozen=True)
class Part:
    """One process of the sandbox."""

    name: str
    argv: tuple[str, ...]
    probe: Callable[[], str | None]  # None when healthy, else why not, in a few words
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[str, ...] = ()  # names in `Record.ports` that it listens on
    depends: tuple[str, ...] = ()  # anything else whose change means: start it anew

    def fingerprint(self) -> str:
        """Changes with everything that the process was started with."""
        told = "\0".join([*self.argv, *(f"{k}={v}" for k, v in sorted(self.env.items())), *self.depends])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


class PartFailedError(EnvironmentFailure):
    """A part did not start or did not get healthy; the text has its last log lines."""

    def __init__(self, part: Part, text: str, *, port_taken: bool) -> None:
        super().__init__(text)
        self.part = part
        self.port_taken = port_taken


class Supervisor:
    """Starts and ends the parts of one state folder. Its processes outlive it: a later one finds them by record."""

    def __init__(self, state: Path, store: Store) -> None:
        self.state = state
        self.store = store
        self.logs = state / "logs"

    def log(self, name: str) -> Path:
        """The log file of a part (appended to by every start)."""
        return self.logs / f"{name}.log"

    def find(self, name: str) -> psutil.Process | None:
        """The running process of a part, by record; None when it has ended or its id now belongs to somebody else."""
        record = self.store.record.processes.get(name)
        return _identify(record, f"{self.state}#{name}") if record else None

    def launch(self, part: Part) -> bool:
        """Make sure that the part runs with exactly these arguments; True when it had to be started."""
        running = self.find(part.name)
        if running is not None:
            if self.store.record.processes[part.name].fingerprint == part.fingerprint():
                return False
            end([running])
        self.logs.mkdir(exist_ok=True)
        home = self.state / "home"
        home.mkdir(exist_ok=True)
        # Nothing ambient: no proxy, no credentials, no kubeconfig of the user reaches a part.
        env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(home),
            "TMPDIR": str(home),
            "LANG": "C.UTF-8",
            MARKER: f"{self.state}#{part.name}",
            **part.env,
        }
        log_file = self.log(part.name)
        if log_file.is_file() and log_file.stat().st_size > _LOG_MAX_BYTES:
            log_file.replace(log_file.with_suffix(".log.old"))
        with log_file.open("ab") as log, _interrupts_deferred():
            log.write(f"--- seawall starts {part.name} at {time.strftime('%Y-%m-%dT%H:%M:%S%z')}\n".encode())
            log.flush()
            try:
                child = subprocess.Popen(
                    part.argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=part.cwd,
                    env=env,
                    start_new_session=True,  # the user's ^C ends us, not the sandbox's parts at random
                )
            except OSError as error:
                raise PartFailedError(
                    part, f"{part.name} cannot be started: {part.argv[0]}: {error.strerror}", port_taken=False
                ) from error
            _SPAWNED[child.pid] = child
            started = psutil.Process(child.pid).create_time()
            self.store.remember(
                part.name, ProcessRecord(pid=child.pid, started=started, fingerprint=part.fingerprint())
            )
        return True

    def wait(self, part: Part, timeout_s: float) -> None:
        """Wait until the part is healthy. Raises `PartFailedError` when it ends or the time is up."""
        deadline = time.monotonic() + timeout_s
        while True:
            if self.find(part.name) is None:  # looked at first: somebody else may answer on a port that it did not get
                raise self._failed(part, "ended right after its start")
            reason = part.probe()
            if reason is None:
                return
            if time.monotonic() > deadline:
                raise self._failed(part, f"was not healthy after {timeout_s:.0f} s ({reason})")
            time.sleep(_POLL_S)

    def _failed(self, part: Part, what: str) -> PartFailedError:
        lines = tail(self.log(part.name))
        taken = any("address already in use" in line.lower() for line in lines)
        told = "".join(f"\n  {line[:300]}" for line in lines) or " (the log is empty)"
        return PartFailedError(
            part, f"{part.name} {what}; log {self.log(part.name)}, its last lines:{told}", port_taken=taken
        )

    def strays(self, names: Iterable[str] | None = None) -> list[psutil.Process]:
        """Marked processes of this state folder that no record knows (all, or those of the named parts)."""
        known = {process.pid for name in self.store.record.processes if (process := self.find(name))}
        wanted = None if names is None else {f"{self.state}#{name}" for name in names}
        return [
            process
            for process, marker in marked(self.state)
            if process.pid not in known and (wanted is None or marker in wanted)
        ]


def marked(state: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Every live process with the marker of this state folder, and its marker; never this process or its parents."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        marker = (_environment(process) or {}).get(MARKER)
        if marker and marker.startswith(f"{state}#") and _alive(process):
            yield process, marker


def end(processes: Iterable[psutil.Process], grace_s: float = 0.0) -> int:
    """End processes: asked first when they get a grace period, killed after it. Returns how many were alive."""
    alive = [process for process in processes if _alive(process)]
    if grace_s:
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        _gone(alive, grace_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    if left := _gone(alive, 10):
        told = ", ".join(f"{process.pid}" for process in left)
        raise EnvironmentFailure(f"these processes of the sandbox do not end: {told}; end them by hand and repeat")
    return len(alive)


def tail(path: Path) -> list[str]:
    """The last lines of a log since the latest start of its part."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 16_384))
            lines = log.read().decode("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for index in range(len(lines) - 1, -1, -1):
        if lines[index].startswith("--- seawall starts "):
            lines = lines[index + 1 :]
            break
    return [line for line in lines if line.strip()][-_TAIL_LINES:]


def _identify(record: ProcessRecord, marker: str) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        if abs(process.create_time() - record.started) > _CLOCK_SLACK_S:
            return None
    except psutil.NoSuchProcess:
        return None
    # Without environment it is being loaded, or killed and about to end: a moment later we know which.
    deadline = time.monotonic() + _UNDECIDED_MAX_S
    while _alive(process) and (environment := _environment(process)) == {} and time.monotonic() < deadline:
        time.sleep(0.01)
    if not _alive(process):
        return None
    return process if not environment or environment.get(MARKER) == marker else None


def _environment(process: psutil.Process) -> dict[str, str] | None:
    """The environment; empty while the program is being loaded or torn down; None when it may not be read."""
    try:
        return process.environ()
    except psutil.AccessDenied:
        return None
    except (psutil.Error, OSError):
        return {}


def _alive(process: psutil.Process) -> bool:
    child = _SPAWNED.get(process.pid)
    if child is not None:
        if child.poll() is None:
            return True
        del _SPAWNED[process.pid]  # reaped by `poll`: the id may be somebody else's from now on
        return False
    try:
        if not process.is_running():
            return False
        # A zombie whose other threads are still ending holds its sockets until they have.
        return process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def _gone(processes: list[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until all have ended; those that have not."""
    deadline = time.monotonic() + timeout_s
    while (left := [process for process in processes if _alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[None]:
    """Hold back ^C until a started process is recorded."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[tuple[int, FrameType | None]] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: caught.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if caught and callable(previous):
            previous(*caught[-1])
