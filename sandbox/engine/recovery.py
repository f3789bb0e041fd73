"""What a killed run leaves behind, and how the next run mends it.

After `kill -9` of the driver or of the Pulumi CLI the file backend keeps the stack's lock, provider plugins go on
running, and the state may hold operations that were begun and never recorded as done. All of this is mended only while
we hold the sandbox's own lock (`lock.exclusive`), so nothing that is found can belong to a run that is still wanted.
"""

import contextlib
import datetime
import gzip
import json
import socket
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from seawall.errors import EnvironmentFailure
from seawall.sandbox.engine import environment, layout

Objects = dict[str, Any]

_ROUNDS = 10
_LOADING_S = 0.5


@dataclass(frozen=True)
class Leftovers:
    """What was found and removed."""

    locks: int
    """Stale locks of the backend."""
    processes: tuple[int, ...]
    """Ids of processes of an earlier run that were still there, and were ended."""

    def __bool__(self) -> bool:
        return bool(self.locks or self.processes)

    def sentence(self) -> str:
        """What to tell the user, in one sentence."""
        parts = []
        if self.processes:
            parts.append(f"ended {len(self.processes)} of its processes ({', '.join(map(str, self.processes))})")
        if self.locks:
            parts.append("removed its lock")
        return f"an earlier run on this sandbox was killed: {' and '.join(parts)}"


def clean(state: Path) -> Leftovers:
    """End the engine processes of a killed run on the sandbox in `state`, and remove the locks that it left.

    Raises `EnvironmentFailure` for a lock whose owner is alive after that, or is on another machine.
    """
    processes = end_survivors(state)
    locks = 0
    for unfinished in layout.backend(state).rglob("*.tmp"):  # the backend writes a file beside, and renames it
        unfinished.unlink(missing_ok=True)
    for file in sorted((layout.backend(state) / ".pulumi" / "locks").rglob("*.json")):
        owner = _alive_owner(file)
        if owner:
            raise EnvironmentFailure(f"the stack is locked by {owner}: wait for it, or remove {file} if it is gone")
        file.unlink(missing_ok=True)
        locks += 1
    return Leftovers(locks, processes)


def pending_operations(state: Path, project: str, stack: str) -> list[str]:
    """The URNs of operations that the stack's state says were begun and not finished."""
    found = _checkpoint(state, project, stack).get("pending_operations") or []
    return [str(operation["resource"]["urn"]) for operation in found]


def without_pending_operations(deployment: Objects) -> Objects:
    """The exported deployment without its pending operations; what they made is adopted by the next update."""
    return {key: value for key, value in deployment.items() if key != "pending_operations"}


def deployed(state: Path, project: str, stack: str) -> int:
    """How many resources the stack's state holds; 0 when it was never deployed."""
    return len(_checkpoint(state, project, stack).get("resources") or [])


def contexts(state: Path, project: str, stack: str) -> list[str]:
    """The kubeconfig contexts of the stack's recorded providers: a refresh asks by them, whatever the settings say."""
    recorded = _checkpoint(state, project, stack).get("resources") or []
    providers = [resource for resource in recorded if resource.get("type") == "pulumi:providers:kubernetes"]
    named = [(provider.get("inputs") or {}).get("context") for provider in providers]
    return [context for context in dict.fromkeys(named) if isinstance(context, str)]


def _checkpoint(state: Path, project: str, stack: str) -> Objects:
    folder = layout.backend(state) / ".pulumi" / "stacks" / project
    for file, read in ((folder / f"{stack}.json", Path.read_bytes), (folder / f"{stack}.json.gz", _gunzip)):
        if file.is_file():
            try:
                latest = json.loads(read(file)).get("checkpoint", {}).get("latest")
            except (AttributeError, EOFError, OSError, ValueError, zlib.error) as error:
                raise EnvironmentFailure(
                    f"{file}, the engine's state of stack {stack}, is damaged: `seawall down` removes the sandbox with "
                    "all that it holds, and the next `seawall up` makes a new one"
                ) from error
            return latest if isinstance(latest, dict) else {}
    return {}


def _gunzip(file: Path) -> bytes:
    return gzip.decompress(file.read_bytes())


def end_survivors(state: Path) -> tuple[int, ...]:
    """End the engine processes on the sandbox in `state`, and say which; only for the holder of its lock."""
    ended: dict[int, None] = {}
    # Again and again: what was being started while we looked is found in the next round.
    for _ in range(_ROUNDS):
        found = list(_survivors(state))
        if not found:
            break
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(found, timeout=10)
        ended.update(dict.fromkeys(process.pid for process in found))
    return tuple(ended)


def _survivors(state: Path) -> Iterator[psutil.Process]:
    """Processes whose environment carries our marker with this state: the engine, its plugins, its policy pack."""
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    for process in psutil.process_iter():
        try:
            if process.pid not in own and _environment(process).get(environment.MARKER) == str(state):
                yield process
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError):
            continue  # gone, or another user's: not ours


def _environment(process: psutil.Process) -> dict[str, str]:
    """The environment. It is empty for a moment while a program is being loaded, which is waited for."""
    while not (found := process.environ()) and time.time() - process.create_time() < _LOADING_S:
        time.sleep(0.01)
    return found


def _alive_owner(file: Path) -> str | None:
    """Who owns a lock of the file backend, if it may still be alive."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        pid, host, since = int(content["pid"]), str(content["hostname"]), str(content["timestamp"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return None  # half written by a process that was killed
    if host != socket.gethostname():
        return f"process {pid} on {host}"
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return None
    # A process that started after the lock was written only inherited the number.
    taken = datetime.datetime.fromisoformat(since).timestamp()
    return f"process {pid}" if started <= taken + 1 else None
