"""Work on two cores: a forked copy of this process takes some of the tasks, and what it found comes back by a pipe.

Only where that is safe: on Linux, with a second core, and no other thread in the process. Otherwise, and for whatever
the copy could not do or say, the tasks are done here; so the results are the same.
"""

import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NoReturn, TypeVar

_Result = TypeVar("_Result")
_HEAD = struct.Struct("II")
_MOST = 32_768
"""Tasks: a byte for each fits into a pipe."""


def available() -> bool:
    """Whether a copy is safe here and has a core of its own."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def spread(
    count: int, do: Callable[[int], _Result], *, pack: Callable[[_Result], bytes], unpack: Callable[[bytes], _Result]
) -> list[_Result]:
    """The results of the tasks 0 to `count` - 1, in their order, worked out by this process and a copy of it.

    This process begins with the first task and the copy with the last, so that neighbours share what is cached on the
    way. `pack` and `unpack` carry a result from the copy to here. What `do` raises here is raised.
    """
    if not available() or not 1 < count <= _MOST:
        return [do(number) for number in range(count)]
    left, leaving = os.pipe()
    os.write(leaving, bytes(count))
    os.close(leaving)
    said, saying = os.pipe()
    try:
        copy = os.fork()
    except OSError:  # no further process is allowed
        for end in (left, said, saying):
            os.close(end)
        return [do(number) for number in range(count)]
    if copy == 0:
        _be_the_copy(_taken(left, reversed(range(count))), saying, do, pack)
    os.close(saying)
    try:
        done = {number: do(number) for number in _taken(left, range(count))}
        with os.fdopen(said, "rb", closefd=False) as stream:
            done |= {number: unpack(content) for number, content in _heard(stream.read())}
    except BaseException:
        os.kill(copy, signal.SIGKILL)
        raise
    finally:
        os.close(left)
        os.close(said)
        os.waitpid(copy, 0)
    return [done[number] if number in done else do(number) for number in range(count)]


def _taken(left: int, numbers: Iterable[int]) -> Iterator[int]:
    """The next numbers, as long as there are tasks: each takes a byte out of the pipe that both processes read."""
    for number in numbers:
        if not os.read(left, 1):
            return
        yield number


def _be_the_copy(
    numbers: Iterable[int], saying: int, do: Callable[[int], _Result], pack: Callable[[_Result], bytes]
) -> NoReturn:
    """Never returns: neither what the parent has yet to print nor its cleaning up is the copy's business."""
    with suppress(BaseException):
        found: list[bytes] = []
        for number in numbers:
            with suppress(Exception):  # left to the parent, where it is raised again
                content = pack(do(number))
                found += [_HEAD.pack(number, len(content)), content]
        with os.fdopen(saying, "wb") as stream:
            stream.writelines(found)
    os._exit(0)


def _heard(said: bytes) -> Iterator[tuple[int, bytes]]:
    """The results that came whole, each with its number."""
    place = 0
    while place + _HEAD.size <= len(said):
        number, length = _HEAD.unpack_from(said, place)
        place += _HEAD.size
        if place + length > len(said):
            return
        yield number, said[place : place + length]
        place += length
