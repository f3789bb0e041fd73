"""Runs tests in processes that fork from one that has everything imported; one process per mutant.

In the child the changed file, and every module that imports it, is loaded again. What ends a child is told by one line
on a pipe; a child that says nothing was ended by its limits or crashed.
"""

import importlib.abc
import importlib.machinery
import json
import os
import resource
import selectors
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Generic, TypeVar

import pytest
from choosing import Recording, Test, stages
from hypothesis import settings
from imports import Imports
from mutants import Mutant

Job = TypeVar("Job")

LEAST_SECONDS = 20
"""Of the processor, for a child that has next to nothing to do."""
QUICK = ("-x", "--tb=no", "-p", "no:unraisableexception", "-p", "no:threadexception")
"""Options of pytest's for a mutant: it ends at the first failure, which is shown to nobody, and collects no garbage."""
TIMES = 5
"""How many times longer than without a mutant tests may take."""
WALL = 8
"""How many times its processor time a child may take: others use the machine."""
MEMORY = 6 << 30
NICE = 5


class End(StrEnum):
    """How a mutant ended."""

    KILLED = "killed by a test"
    NOT_LOADED = "failed at import"
    OUT_OF_TIME = "stopped by the limit of time"
    CRASHED = "ended its process"
    SURVIVED = "survived"
    NOT_CALLED = "survived: no test uses its file"


SURVIVORS = (End.SURVIVED, End.NOT_CALLED)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    mutant: Mutant
    end: End
    by: str = ""
    """The test, or the error."""
    seconds: float = 0.0
    """Of the processor."""
    tests: int = 0
    """How many were chosen."""


@dataclass(frozen=True)
class Ended(Generic[Job]):
    """A child that ended."""

    job: Job
    said: Any
    """What it told; None when it could not."""
    signal: int
    seconds: float
    """Of the processor."""


def forked(
    jobs: Sequence[Job], work: Callable[[Job], object], limit: Callable[[Job], float], workers: int
) -> Iterator[Ended[Job]]:
    """Runs each job in a process of its own, so many at a time; `limit` in seconds of the processor."""
    waiting = list(reversed(jobs))
    with selectors.DefaultSelector() as pipes:
        running: dict[int, tuple[Job, int, float, bytearray]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < workers:
                    job = waiting.pop()
                    pid, pipe = _fork(job, work, limit(job))
                    running[pid] = job, pipe, time.monotonic() + WALL * limit(job), bytearray()
                    pipes.register(pipe, selectors.EVENT_READ, pid)
                for key, _ in pipes.select(1):
                    pid = key.data
                    job, pipe, _, heard = running[pid]
                    if part := os.read(pipe, 65536):
                        heard += part
                        continue
                    pipes.unregister(pipe)
                    os.close(pipe)
                    yield _ended(pid, *running.pop(pid))
                for pid, (_, _, end, _) in running.items():
                    if time.monotonic() > end:
                        os.kill(pid, signal.SIGKILL)
        finally:
            for pid in running:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


def _ended(pid: int, job: Job, pipe: int, end: float, heard: bytearray) -> Ended[Job]:
    _, status, used = os.wait4(pid, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    said = json.loads(heard) if heard and not number else None
    return Ended(job, said, number, used.ru_utime + used.ru_stime)


def _fork(job: Job, work: Callable[[Job], object], limit: float) -> tuple[int, int]:
    ours, theirs = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(theirs)
        return pid, ours
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.nice(NICE)
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        null = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(null, number)
        sys.stdout = sys.stderr = os.fdopen(null, "w")
        said = json.dumps(work(job)).encode()
        while said:
            said = said[os.write(theirs, said) :]
        code = 0
    finally:
        os._exit(code)


class Suite:
    """The tests of a repository, run in this process; meant for children."""

    def __init__(self, root: Path, package: Path, imports: Imports, scratch: Path, recorded: Path) -> None:
        """`package`: where the modules that may be changed are imported from; `recorded`: for what tests call."""
        self._root = root
        self._package = package
        self._imports = imports
        self._scratch = scratch
        self._recorded = recorded

    def recording(self, file: str) -> Path:
        """Where it is written what the tests of a file call."""
        return self._recorded / f"{file.replace('/', '-')}.jsonl"

    def record(self, file: str) -> str:
        """Runs a file of tests and writes down what they call; the path of what was written."""
        out = self.recording(file)
        part = out.with_suffix(f".{os.getpid()}")
        part.touch()
        self._pytest([file], Recording(self._package, self._root, part))
        part.rename(out)
        return str(out)

    def judge(self, mutant: Mutant, chosen: Sequence[Test]) -> tuple[str, str]:
        """How a mutant ends under these tests: an `End` and what ended it."""
        name = self._imports.module(mutant.place.file)
        for stale in self._imports.stale(name):
            _forget(stale)
        sys.meta_path.insert(0, _Changed(name, mutant.source))
        try:
            importlib.import_module(name)
        except Exception as error:
            return End.NOT_LOADED, type(error).__name__
        for tests in stages(chosen):
            names = [test.name for test in tests]
            only = Only(names)
            code = self._pytest(sorted({name.partition("::")[0] for name in names}), only, *QUICK)
            if only.failed:
                return End.KILLED, only.failed
            if code != 0:
                return End.KILLED, "collection"
        return End.SURVIVED, ""

    def _pytest(self, files: list[str], plugin: object, *options: str) -> int:
        folder = self._scratch / f"pytest-{os.getpid()}"
        given = ["-q", "-p", "no:cacheprovider", f"--rootdir={self._root}", f"--basetemp={folder}", *options]
        # random examples would make a mutant live today and die tomorrow
        settings.register_profile("mutation", derandomize=True, database=None, deadline=None)
        settings.load_profile("mutation")
        try:
            return int(pytest.main([*given, *(str(self._root / file) for file in files)], plugins=[plugin]))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


class Only:
    """Plugin of pytest: these tests, in this order."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self.failed = ""
        """The first test that failed, or was not there."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        found = {item.nodeid: item for item in items}
        items[:] = [found[name] for name in self._names if name in found]
        self.failed = next((f"{name} (not found)" for name in self._names if name not in found), "")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = self.failed or report.nodeid


class _Changed(importlib.abc.MetaPathFinder):
    """Finds one module with another source."""

    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._source)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, source: str) -> None:
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


def _forget(name: str) -> None:
    """Takes a module out, and out of its package: `from package import module` would find it there."""
    module = sys.modules.pop(name, None)
    package, _, last = name.rpartition(".")
    if module is not None and getattr(sys.modules.get(package), last, None) is module:
        delattr(sys.modules[package], last)


def verdict(ended: Ended[tuple[Mutant, list[Test]]]) -> Verdict:
    """The verdict that the end of a child means."""
    mutant, chosen = ended.job
    if ended.said is not None:
        end, by = ended.said
        return Verdict(mutant, End(end), by, ended.seconds, len(chosen))
    if ended.signal in (signal.SIGXCPU, signal.SIGKILL):
        return Verdict(mutant, End.OUT_OF_TIME, "", ended.seconds, len(chosen))
    return Verdict(mutant, End.CRASHED, f"signal {ended.signal}", ended.seconds, len(chosen))


def verdicts(
    tests: Suite,
    chosen: Callable[[Mutant], list[Test]],
    mutants: Sequence[Mutant],
    workers: int,
    least: float = LEAST_SECONDS,
) -> Iterator[Verdict]:
    """Every mutant's verdict, as they come; each may use `least` seconds of the processor."""
    jobs = [(mutant, chosen(mutant)) for mutant in mutants]
    yield from (Verdict(mutant, End.NOT_CALLED) for mutant, found in jobs if not found)
    yield from (
        verdict(ended)
        for ended in forked(
            [job for job in jobs if job[1]],
            lambda job: tests.judge(*job),
            lambda job: least + TIMES * sum(test.seconds for test in job[1]),
            workers,
        )
    )
