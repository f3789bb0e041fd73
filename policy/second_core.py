"""Work on two cores: a forked copy of this process takes some of the tasks, and what it found comes back by a pipe.

Only where that is safe and pays: on Linux, with a second core, and no other thread in the process. Otherwise, and for
whatever the copy could not do or say, the tasks are done here; so the results are the same.
"""

import os
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TypeVar

_Result = TypeVar("_Result")
_TASK = struct.Struct("H")
_HEAD = struct.Struct("HI")
_MOST = 16_384
"""Tasks: their numbers fit into a pipe, where both processes take the next one."""


def available() -> bool:
    """Whether a forked copy is safe here and has a core of its own."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1 and threading.active_count() == 1


def spread(
    count: int, do: Callable[[int], _Result], *, pack: Callable[[_Result], bytes], unpack: Callable[[bytes], _Result]
) -> list[_Result]:
    """The results of the tasks 0 to `count` - 1, in their order, worked out by this process and a copy of it.

    `pack` and `unpack` carry a result from the copy to here. What `do` raises here is raised.
    """
    if not available() or not 1 < count <= _MOST:
        return [do(number) for number in range(count)]
    tasks, more = os.pipe()
    os.write(more, b"".join(_TASK.pack(number) for number in range(count)))
    os.close(more)
    said, saying = os.pipe()
    copy = os.fork()
    if copy == 0:
        _be_the_copy(tasks, saying, do, pack)
    os.close(saying)
    try:
        done = {number: do(number) for number in _taken(tasks)}
        heard = _heard(said)
    except BaseException:
        os.kill(copy, signal.SIGKILL)
        raise
    finally:
        os.close(tasks)
        os.close(said)
        os.waitpid(copy, 0)
    for number, content in heard.items():
        done[number] = unpack(content)
    return [done[number] if number in done else do(number) for number in range(count)]


def _taken(tasks: int) -> Iterator[int]:
    while token := os.read(tasks, _TASK.size):
        yield _TASK.unpack(token)[0]


def _be_the_copy(tasks: int, saying: int, do: Callable[[int], _Result], pack: Callable[[_Result], bytes]) -> None:
    """Never returns: neither the parent's output nor its cleaning up is the copy's business."""
    with suppress(BaseException):
        found: list[bytes] = []
        for number in _taken(tasks):
            with suppress(Exception):  # left to the parent, where it raises again
                content = pack(do(number))
                found += [_HEAD.pack(number, len(content)), content]
        with os.fdopen(saying, "wb") as stream:
            stream.writelines(found)
    os._exit(0)


def _heard(said: int) -> dict[int, bytes]:
    """Results by task, those that came whole."""
    with os.fdopen(said, "rb", closefd=False) as stream:
        content = stream.read()
    found: dict[int, bytes] = {}
    place = 0
    while place + _HEAD.size <= len(content):
        number, length = _HEAD.unpack_from(content, place)
        place += _HEAD.size
        if place + length <= len(content):
            found[number] = content[place : place + length]
        place += length
    return found
