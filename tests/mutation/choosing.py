"""Which tests are run against a mutant: those that call the function that it is in, learnt from one run of all.

A plugin of pytest records the functions that each test calls. Results that are kept between tests would hide calls, so
that caches are emptied before each.
"""

import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from imports import Imports
from left_out import Source
from mutants import Mutant

FIRST = "tests/policy/test_fixtures.py::test_folder"
"""The tests that are run first: most mutants end here."""
MOST_SECONDS = 30.0
"""How much of the processor the chosen tests needed when they were recorded; the most specific are kept."""
FEW_CALLS = 4
"""Tests that call no more than so many functions look at values that were made when their file was imported."""

Called = tuple[str, int]
"""A file from the root of the repository, and the line where a function begins."""


@dataclass(frozen=True)
class Test:
    """One test as it went without a mutant."""

    name: str
    """pytest's node id."""
    passed: bool
    seconds: float
    """Of the processor."""
    called: frozenset[Called]


class Recording:
    """Plugin of pytest: writes one line of JSON per test, with what it called below a folder."""

    def __init__(self, folder: Path, root: Path, out: Path) -> None:
        self._below = str(folder)
        self._root = root
        self._out = out
        self._codes: set[CodeType] = set()
        self._failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        for empty in _caches():
            empty()
        self._codes = set()
        began = time.process_time()
        sys.settrace(self._trace)
        threading.settrace(self._trace)
        try:
            result = yield
        finally:
            sys.settrace(None)
            threading.settrace(None)
        spent = time.process_time() - began
        called = [
            (str(Path(code.co_filename).relative_to(self._root)), code.co_firstlineno)
            for code in self._codes
            if code.co_filename.startswith(self._below)
        ]
        passed = item.nodeid not in self._failed
        with self._out.open("a") as out:
            out.write(json.dumps([item.nodeid, passed, spent, called]) + "\n")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._failed.add(report.nodeid)  # one that is skipped tells nothing either

    def _trace(self, frame: FrameType, event: str, argument: object) -> None:
        self._codes.add(frame.f_code)  # None comes back: no event inside of the function


def _caches() -> Iterable[Callable[[], None]]:
    for name, module in list(sys.modules.items()):
        if name.startswith(("seawall.policy", "seawall.operators")) and name != "seawall.policy.rules":
            for value in list(vars(module).values()):
                empty = getattr(value, "cache_clear", None)
                if callable(empty) and not isinstance(value, type):
                    yield empty


def read(out: Path, link: Callable[[str], str] = str) -> list[Test]:
    """What a recording wrote; `link` turns the paths of files into those below the root of the repository."""
    found = []
    for line in out.read_text().splitlines():
        name, passed, seconds, called = json.loads(line)
        found.append(Test(name, passed, seconds, frozenset((link(file), number) for file, number in called)))
    return found


class Choice:
    """The tests for each mutant."""

    def __init__(self, root: Path, tests: Sequence[Test], imports: Imports) -> None:
        self._root = root
        self._imports = imports
        self._functions: dict[tuple[str, str], list[Test]] = defaultdict(list)
        self._files: dict[str, dict[str, Test]] = defaultdict(dict)
        self._of_values = {test.name: test for test in tests if test.passed and len(test.called) <= FEW_CALLS}
        sources: dict[str, Source] = {}
        for test in (test for test in tests if test.passed):
            at: set[tuple[str, str]] = set()
            for file, number in test.called:
                if file not in sources:
                    sources[file] = Source((root / file).read_text())
                at.add((file, sources[file].function(number)))
            for function in at:
                self._functions[function].append(test)
                self._files[function[0]][test.name] = test

    def of(self, mutant: Mutant) -> list[Test]:
        """In the order in which they should run; empty when nothing calls what was changed."""
        file, function = mutant.place.file, mutant.place.function
        found = {test.name: test for test in self._functions.get((file, function), ())}
        if not found:  # at the top of the file, or in the body of a class: whatever uses it, here or by importing it
            for user in (file, *(self._imports.users(file) if not function else ())):
                found.update(self._files[user])
            found.update(self._of_values if found else {})
        return _ordered(found.values())


def _ordered(tests: Iterable[Test]) -> list[Test]:
    left = MOST_SECONDS
    chosen = []
    for test in sorted(tests, key=lambda test: (test.seconds > 1, len(test.called), test.name)):
        if left - test.seconds >= 0:
            left -= test.seconds
            chosen.append(test)
    return sorted(chosen, key=lambda test: (len(test.called), test.name))


def stages(tests: Sequence[Test]) -> list[list[Test]]:
    """The tests of each round: fixtures, then all others; no round is empty."""
    fixtures = [test for test in tests if test.name.startswith(FIRST)]
    others = [test for test in tests if not test.name.startswith(FIRST)]
    return [chosen for chosen in (fixtures, others) if chosen]
