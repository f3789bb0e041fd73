"""One build at a time: the lock that two `make up` at once share, and what the second says while it waits."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import filelock
from rich.console import Console

from seawall.tools import layout
from seawall.tools.progress import HEARTBEAT_SECONDS, duration, say

_POLL_SECONDS = 0.2

Announce = Callable[[str], None]


@contextmanager
def held(console: Console, what: str) -> Iterator[Announce]:
    """Hold the lock; wait for it, visibly, while another process holds it.

    The yielded function tells those who wait what is done now. The operating system lets go of the lock when its holder
    ends, however that happens. Raises `OSError` when the cache cannot be written.
    """
    layout.tools().mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(layout.lock())
    _acquire(lock, console)
    try:
        _announce(what)
        yield _announce
    finally:
        with contextlib.suppress(OSError):
            layout.holder().unlink(missing_ok=True)
        lock.release()


def _acquire(lock: filelock.BaseFileLock, console: Console) -> None:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        pass
    else:
        return
    started = time.monotonic()
    said = ""
    last = started
    while True:
        now = time.monotonic()
        holder = _holder()
        if holder != said:
            say(console, f"waiting for {holder}")
            said, last = holder, now
        elif now - last >= HEARTBEAT_SECONDS:
            say(console, f"still waiting for {holder}: {duration(now - started)}")
            last = now
        try:
            lock.acquire(timeout=_POLL_SECONDS, poll_interval=_POLL_SECONDS)
        except filelock.Timeout:
            continue
        return


def _announce(what: str) -> None:
    fresh = layout.holder().with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps({"pid": os.getpid(), "what": what}))
    fresh.replace(layout.holder())


def _holder() -> str:
    try:
        known = json.loads(layout.holder().read_text())
        return f"process {int(known['pid'])}, which is {known['what']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which uses the same cache"
