"""A check of twice as many tenants costs twice as much: counted in lines of Python, so that no clock decides.

Counted for each function by itself, so that what grows faster shows while it is still small beside the rest.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import CodeType, FrameType

import pytest

from seawall.bench import tenants
from seawall.cli.check import judge_source
from seawall.policy import checking, judging
from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_folder
from seawall.policy.estate.kinds import POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Violation
from seawall.policy.reachability.matrix import policy_sets
from seawall.policy.report import machine
from seawall.policy.report.result import Result
from seawall.policy.rules import load

FEW, MANY = 10, 20
MOST = 2.3
"""How many times the lines that `FEW` tenants cost `MANY` may cost."""
NOTABLE = 300
"""Lines; less is not looked at."""
_NUMBERS = count(0, 50 * MANY)
"""Of the first tenant of each folder: names that were there before are in some cache, and cost less."""
WITH_MATRICES = checking.Asked(matrices=True)


def lines(work: Callable[[], object]) -> Counter[str]:
    """How many lines each function of ours runs: each turn of a loop counts, also of one without calls."""
    counted: Counter[CodeType] = Counter()

    def line(frame: FrameType, event: str, _arg: object) -> object:
        if event == "line":
            counted[frame.f_code] += 1
        return line

    def call(frame: FrameType, _event: str, _arg: object) -> object:
        return line if str(frame.f_globals.get("__name__")).startswith(("seawall.", __name__)) else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    found: Counter[str] = Counter()
    for code, number in counted.items():
        found[f"{code.co_filename}:{code.co_firstlineno} {code.co_name}"] += number
    return found


def judged(folder: Path) -> Result:
    result = judge_source(str(folder), WITH_MATRICES)
    assert machine.to_json(result)
    return result


def growing(root: Path) -> list[str]:
    """The functions that grow faster than the tenants."""

    def cost(number: int) -> Counter[str]:
        folder = root / str(number)
        tenants.write(folder, number, first=next(_NUMBERS))
        return lines(lambda: judged(folder))

    cost(1)  # what is done once in a process
    few, many = cost(FEW), cost(MANY)
    assert sum(few.values()) > NOTABLE * FEW
    return sorted(name for name, run in many.items() if run > NOTABLE and run > MOST * few[name])


def test_the_measured_folder_has_no_finding(tmp_path: Path) -> None:
    tenants.write(tmp_path, tenants.TENANTS_PER_CLUSTER + 1)
    result = judged(tmp_path)
    assert [f"{finding.rule.id}: {finding.message}" for finding in result.findings] == []
    assert result.unreadable == ()


@pytest.mark.parametrize("together", [FEW, MANY], ids=["several clusters", "one cluster"])
def test_the_whole_check_is_linear(together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "TENANTS_PER_CLUSTER", together)
    assert growing(tmp_path) == []


def test_a_loop_over_all_objects_for_each_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "TENANTS_PER_CLUSTER", FEW)

    def namesakes(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
        for other in estate.declared:
            if other.name == subject.name and other.group == "nobody's":
                yield Violation("never", "never")

    one = next(rule for rule in load() if POOLER in rule.kinds)
    planted = replace(one, alone=(), together=(namesakes,))
    monkeypatch.setattr(checking, "load", lambda: (*load(), planted))
    assert [name.rpartition(" ")[2] for name in growing(tmp_path)] == ["namesakes"]


LOOKUPS = ("of", "every", "find", "made_of", "operator_of", "pods_of", "pods_in", "selected", "memo")


def work(root: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What judging so many tenants asks for: checks of rules, lookups in the estate, steps of reachability."""
    folder = root / str(number)
    tenants.write(folder, number)
    estate = build(read_folder(folder).objects)
    done: Counter[str] = Counter()

    def counting(what: str, function: Callable[..., object]) -> Callable[..., object]:
        def counted(*given: object, **named: object) -> object:
            done[what] += 1
            return function(*given, **named)

        return counted

    with monkeypatch.context() as patch:
        for name in LOOKUPS:
            patch.setattr(Estate, name, counting(f"lookups: {name}", getattr(Estate, name)))
        patch.setattr(judging, "_contained", counting("checks", judging._contained))
        judging.judge(estate)
    done["steps"] = sum(policies.reader.steps for policies in estate.memo(policy_sets).values())
    return done


@pytest.mark.parametrize("together", [25, 100], ids=["several clusters", "one cluster"])
def test_what_judging_asks_for_is_linear(together: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tenants, "TENANTS_PER_CLUSTER", together)
    half, whole = work(tmp_path, 50, monkeypatch), work(tmp_path, 100, monkeypatch)
    assert {"checks", "steps", *(f"lookups: {name}" for name in LOOKUPS)} <= {what for what in half if half[what]}
    assert [what for what, times in whole.items() if times > 2 * half[what]] == []
