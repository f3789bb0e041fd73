"""Work on two cores: a forked copy of this process takes some of the tasks, and what it found comes back by a pipe.

Only where that is safe: on Linux, with a second core, and with one thread in the process, those of C libraries counted.
Otherwise, and for whatever the copy could not do or say, the tasks are done here; so the results are the same.
"""

import os
import select
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

PATIENCE_S = 60.0
"""Seconds that the copy may take longer than this process takes for its own share; then it is taken to hang."""
_Result = TypeVar("_Result")
_HEAD = struct.Struct("II")
_STOPS = (signal.SIGINT, signal.SIGTERM)


def available() -> bool:
    """Whether a copy is safe here and has a core of its own."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir()) == 1  # `threading` does not count gRPC's
    except OSError:
        return False


def spread(
    count: int, do: Callable[[int], _Result], *, pack: Callable[[_Result], bytes], unpack: Callable[[bytes], _Result]
) -> list[_Result]:
    """The results of the tasks 0 to `count` - 1, in their order, worked out by this process and a copy of it.

    This process begins with the first task and the copy with the last, so that neighbours share what is cached on the
    way. `pack` and `unpack` carry a result from the copy to here. What `do` raises here is raised.
    """
    done: dict[int, _Result] = {}
    if count > 1 and available():
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until each process knows which one it is
        try:
            copy = _begun(count, do, pack, heard)
            if copy is not None:
                try:
                    signal.pthread_sigmask(signal.SIG_SETMASK, heard)
                    began = time.monotonic()
                    done |= {number: do(number) for number in _taken(copy.left, range(count))}
                    said = _said(copy.pipe, PATIENCE_S + time.monotonic() - began)
                    done |= {number: unpack(content) for number, content in _parts(said)}
                finally:
                    copy.end()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
    return [done[number] if number in done else do(number) for number in range(count)]


@dataclass(frozen=True)
class _Copy:
    """The other process."""

    pid: int
    left: int
    """A counter of the tasks that nobody has taken, which both processes read."""
    pipe: int
    """What it says."""

    def end(self) -> None:
        """Nothing of it is left after this, whatever it was doing."""
        os.close(self.left)
        os.close(self.pipe)
        with suppress(ProcessLookupError, ChildProcessError):  # where nobody waits for children, none is left to end
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def _begun(
    count: int, do: Callable[[int], _Result], pack: Callable[[_Result], bytes], heard: Iterable[int]
) -> _Copy | None:
    """A copy at work, None where no further file or process is allowed. `heard`: the signals that are held back."""
    files: list[int] = []
    try:
        files.append(os.eventfd(count, os.EFD_SEMAPHORE | os.EFD_NONBLOCK | os.EFD_CLOEXEC))
        files.extend(os.pipe())
        pid = os.fork()
    except OSError:
        for file in files:
            os.close(file)
        return None
    left, pipe, saying = files
    if pid == 0:
        _be_the_copy(_taken(left, reversed(range(count))), saying, do, pack, heard)
    os.close(saying)
    return _Copy(pid, left, pipe)


def _taken(left: int, numbers: Iterable[int]) -> Iterator[int]:
    """The next numbers, as long as there are tasks."""
    for number in numbers:
        try:
            os.eventfd_read(left)
        except BlockingIOError:  # all are taken
            return
        yield number


def _be_the_copy(
    numbers: Iterable[int],
    saying: int,
    do: Callable[[int], _Result],
    pack: Callable[[_Result], bytes],
    heard: Iterable[int],
) -> NoReturn:
    """Never returns: neither what the parent has yet to print nor its cleaning up is the copy's business."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)
        found: list[bytes] = []
        for number in numbers:
            with suppress(Exception):  # left to the parent, where it is raised again
                content = pack(do(number))
                found += [_HEAD.pack(number, len(content)), content]
        with os.fdopen(saying, "wb") as stream:
            stream.writelines(found)
    finally:
        os._exit(0)


def _said(pipe: int, patience_s: float) -> bytes:
    """What comes by a pipe, to its end; what has come when nothing follows for so long."""
    said = bytearray()
    more = select.poll()
    more.register(pipe, select.POLLIN)
    while more.poll(patience_s * 1000):
        part = os.read(pipe, 1 << 20)
        if not part:
            break
        said += part
    return bytes(said)


def _parts(said: bytes) -> Iterator[tuple[int, bytes]]:
    """The results that came whole, each with its number."""
    place = 0
    while place + _HEAD.size <= len(said):
        number, length = _HEAD.unpack_from(said, place)
        place += _HEAD.size
        if place + length > len(said):
            return
        yield number, said[place : place + length]
        place += length
