"""One command at a time on a sandbox: a lock in the cache that names its holder."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from seawall import paths
from seawall.errors import EnvironmentFailure, UserError


@contextmanager
def exclusive(state: Path, say: Callable[[str], None], *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of the sandbox in `state` while the block runs; it may be taken again inside.

    Another holder is waited for, after one sentence that names its process; with `wait=False` that sentence is an
    `EnvironmentFailure`. The lock lives beside the states and not in one, since `seawall down` removes the state while
    it holds the lock. The operating system frees it when its holder dies, however that happens.

    Raises `UserError` when the cache cannot be written.
    """
    folder = paths.cache() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"the cache {paths.cache()} cannot be written ({error.strerror}): set SEAWALL_CACHE to one that can"
        ) from error
    name = hashlib.sha256(str(state).encode()).hexdigest()[:12]
    holder = folder / f"{name}.pid"
    lock = FileLock(folder / f"{name}.lock", is_singleton=True)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        sentence = f"another seawall command (process {_read(holder)}) is working on this sandbox"
        if not wait:
            raise EnvironmentFailure(f"{sentence}: wait until it has ended") from error
        say(f"{sentence}: waiting until it has ended")
        lock.acquire(poll_interval=0.2)
    try:
        holder.write_text(str(os.getpid()), encoding="utf-8")
        yield
    finally:
        lock.release()


def _read(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8") or "unknown"
    except FileNotFoundError:
        return "unknown"
