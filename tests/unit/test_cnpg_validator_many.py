"""However much is wrong with an archive: it is counted, the first is named, and memory does not grow with it."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from seawall.components.cnpg.validator import bases, wals
from seawall.components.cnpg.validator.findings import SHOWN, Findings, Names
from seawall.components.cnpg.validator.store import Entry

MANY = 100_000


def entries(folder: str) -> Iterator[Entry]:
    return (Entry(f"{folder}{number:06}", 1, datetime.now(UTC)) for number in range(MANY))


@pytest.mark.parametrize(
    "read", [lambda: wals.scan(entries("wals/"), None).foreign, lambda: bases.scan(entries("base/")).foreign]
)
def test_foreign_objects_are_counted_and_not_kept(read: Callable[[], Names]) -> None:
    tracemalloc.start()
    try:
        found = read()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.count == MANY
    assert [name[-1] for name in found.first] == ["0", "1", "2", "3", "4"]
    assert found.told().endswith(f"000004, and {MANY - SHOWN} more")
    assert peak < 1 << 20


def test_problems_are_counted_and_not_kept() -> None:
    findings = Findings()
    tracemalloc.start()
    try:
        findings.judged("encryption-sample", (f"object {number}: wrong" for number in range(MANY)), "all right")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (told,) = (result.message for result in findings.results() if result.check == "encryption-sample")
    assert told == "; ".join(f"object {number}: wrong" for number in range(SHOWN)) + f"; and {MANY - SHOWN} more"
    assert peak < 1 << 20


def test_one_long_problem_does_not_fill_the_report() -> None:
    findings = Findings()
    findings.failed("encryption-sample", "x" * 1_000_000)
    (told,) = (result.message for result in findings.results() if result.check == "encryption-sample")
    assert len(told) < 2000
    assert told.endswith("…")
