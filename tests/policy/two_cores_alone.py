"""The tests of the copy that takes some of the work: `test_two_cores.py` runs them in a process of their own.

They fork, which only a process with one thread may do, and other tests leave gRPC's threads behind.
"""

import marshal
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from two_cores_folder import folder

from seawall.cli.check import judge_source
from seawall.policy import judging, second_core
from seawall.policy.checking import Asked
from seawall.policy.estate.doors import ahead
from seawall.policy.report import machine
from seawall.policy.second_core import spread

TWICE = [0, 2, 4, 6, 8, 10, 12, 14]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores whatever the machine has, and nothing is too small for them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(ahead, "LEAST_BYTES", 0)
    monkeypatch.setattr(judging, "LARGE", 0)


@pytest.fixture(autouse=True)
def nothing_is_left(two_cores: None) -> Iterator[None]:
    """No process, no open file and no signal held back, however the work ended."""
    files, held = open_files(), signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    assert open_files() == files
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == held
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def open_files() -> list[str]:
    return sorted(entry.name for entry in Path("/proc/self/fd").iterdir())


class Work:
    """Doubles a number, and knows which ones this process has done."""

    def __init__(self) -> None:
        self.here = os.getpid()
        self.done_here: list[int] = []

    @property
    def copied(self) -> bool:
        return os.getpid() != self.here

    def __call__(self, number: int) -> int:
        if not self.copied:
            self.done_here.append(number)
        return 2 * number


class Both(Work):
    """The same; neither process goes on before the other has begun, so that each has its share."""

    def __init__(self) -> None:
        super().__init__()
        self._begun = os.eventfd(0), os.eventfd(0)

    def __call__(self, number: int) -> int:
        mine, other = self._begun if self.copied else reversed(self._begun)
        os.eventfd_write(mine, len(TWICE))
        os.eventfd_read(other)
        os.eventfd_write(other, len(TWICE))
        return self.in_copy(number) if self.copied else super().__call__(number)

    def in_copy(self, number: int) -> int:
        return 2 * number

    def __del__(self) -> None:
        for file in self._begun:
            os.close(file)


def doubled(work: Work) -> list[int]:
    return spread(len(TWICE), work, pack=marshal.dumps, unpack=marshal.loads)


def test_both_take_tasks_and_the_results_are_in_order() -> None:
    work = Both()
    assert doubled(work) == TWICE
    assert 0 < len(work.done_here) < len(TWICE), "the copy did the others"
    assert work.done_here == list(range(len(work.done_here))), "this process begins with the first task"


class Ends(Both):
    def in_copy(self, number: int) -> int:
        os._exit(1)


class IsKilled(Both):
    """As for want of memory."""

    def in_copy(self, number: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return number


class Fails(Both):
    def in_copy(self, number: int) -> int:
        raise MemoryError


class Unsayable(Both):
    def in_copy(self, number: int) -> int:
        return object()  # type: ignore[return-value]


class Hangs(Both):
    def in_copy(self, number: int) -> int:
        threading.Event().wait()
        return number


@pytest.mark.parametrize("kind", [Ends, IsKilled, Fails, Unsayable, Hangs])
def test_what_the_copy_could_not_do_is_done_here(kind: type[Both], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_core, "PATIENCE_S", 0.1)
    work = kind()
    assert doubled(work) == TWICE
    assert sorted(work.done_here) == list(range(len(TWICE)))


def test_one_task_that_the_copy_could_not_do_loses_no_other() -> None:
    class FailsOnce(Both):
        def in_copy(self, number: int) -> int:
            if number == len(TWICE) - 1:
                os.eventfd_read(self._begun[0])
                raise MemoryError
            if number == 1:
                os.eventfd_write(self._begun[1], 1)
            return 2 * number

        def __call__(self, number: int) -> int:
            if not self.copied and number == 0:  # nobody else does this one, until the copy has done all the others
                os.eventfd_write(self._begun[0], 1)
                os.eventfd_read(self._begun[1])
            return self.in_copy(number) if self.copied else Work.__call__(self, number)

    work = FailsOnce()
    assert doubled(work) == TWICE
    assert work.done_here == [0, len(TWICE) - 1]


def test_more_than_a_pipe_holds_comes_back_whole() -> None:
    def much(number: int) -> bytes:
        return bytes([number]) * 300_000

    assert spread(6, much, pack=bytes, unpack=bytes) == [much(number) for number in range(6)]


def test_what_fails_in_both_is_raised_here() -> None:
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    with pytest.raises(ValueError, match="five"):
        doubled(work)  # type: ignore[arg-type]


def test_a_copy_is_not_left_behind_when_this_process_is_interrupted() -> None:
    class Interrupted(Hangs):
        def __call__(self, number: int) -> int:
            super().__call__(number)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        doubled(Interrupted())


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_of_both_is_told_once(stop: signal.Signals) -> None:
    program = """
        import os, sys, threading
        from seawall.cli.failures import guarded
        from seawall.policy.second_core import spread

        os.sched_getaffinity = lambda _: {0, 1}

        def work(number):
            os.write(1, b"at work\\n")
            threading.Event().wait()

        guarded(lambda: spread(2, work, pack=bytes, unpack=bytes))
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["at work\n"] * 2
        os.killpg(process.pid, stop)  # as a terminal does
        rest, said = process.communicate()
    assert (process.returncode, rest) == (130, "")
    assert said.splitlines() == ["interrupted"]
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_where_no_further_process_is_allowed_all_is_done_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: int) -> int:
        raise BlockingIOError

    for name in ("fork", "pipe", "eventfd"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, refused)
            work = Work()
            assert doubled(work) == TWICE
            assert work.done_here == list(range(len(TWICE)))


def test_where_the_system_ends_children_by_itself_the_results_are_the_same() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert doubled(Work()) == TWICE
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_with_another_thread_or_one_core_there_is_no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait)
    thread.start()
    try:
        work = Work()
        assert doubled(work) == TWICE
        assert work.done_here == list(range(len(TWICE)))
    finally:
        ended.set()
        thread.join()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    work = Work()
    assert doubled(work) == TWICE
    assert work.done_here == list(range(len(TWICE)))


def test_a_check_says_the_same_with_one_core_and_with_two(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, forks = folder(tmp_path), []
    fork = os.fork

    def counted() -> int:
        forks.append(1)
        return fork()

    def said() -> str:
        result = judge_source(str(source), Asked(matrices=True), day=date(2026, 1, 31))
        # When a schedule fires next is another moment each time, for one that fires every second.
        return re.sub(r"next: [^)]*|(?<=\"next\": )\"[^\"]*\"", "", machine.to_json(replace(result, seconds=0.0)))

    monkeypatch.setattr(os, "fork", counted)
    with_two = said()
    assert len(forks) == 2, "to parse, and to judge"
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})
    assert with_two == said()
    assert len(forks) == 2
    assert '"outcome": "violated"' in with_two
    assert '"outcome": "not evaluated"' in with_two
