"""Fingerprints: the same for the same finding on another day, at another place, behind another door; never shared."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from check_samples import BAD
from rule_fixtures import Fixture, fixtures

from seawall.policy.estate.building import build
from seawall.policy.estate.doors import engine
from seawall.policy.estate.doors.folder import read_file, read_text
from seawall.policy.estate.model import KubeObject, Origin
from seawall.policy.findings import Finding, Outcome, Violation
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}
FAILURES = [fixture for fixture in fixtures() if not fixture.passes and not fixture.is_stack]


def judged(path: Path) -> list[Finding]:
    return judge(build(read_file(path).objects))


@contextmanager
def later(days: int) -> Iterator[None]:
    """Another day, for every module of the pack that asks for the time."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz or UTC) + timedelta(days=days, hours=7)

    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            ours = name.startswith(("seawall.policy", "seawall.operators"))
            if ours and getattr(module, "datetime", None) is datetime:
                patch.setattr(module, "datetime", Later)
        yield


@pytest.mark.parametrize("days", [1, 45, 400])
def test_another_day(days: int) -> None:
    today = {str(fixture): judged(fixture.path) for fixture in FAILURES}
    with later(days):
        then = {str(fixture): judged(fixture.path) for fixture in FAILURES}
    for name, findings in today.items():
        assert sorted(f.fingerprint for f in then[name]) == sorted(f.fingerprint for f in findings), name
    said = [[f.message for findings in day.values() for f in findings] for day in (today, then)]
    assert said[0] != said[1], "some messages say when a schedule fires next, else this would prove nothing"


@pytest.mark.parametrize("fixture", FAILURES, ids=str)
def test_another_place_and_another_door(fixture: Fixture, tmp_path: Path) -> None:
    here = judged(fixture.path)
    (tmp_path / "moved.yaml").write_text("# pushed down\n\n" + fixture.path.read_text())
    assert [f.fingerprint for f in judged(tmp_path / "moved.yaml")] == [f.fingerprint for f in here]
    resources = [
        engine.Resource(f"kubernetes:{_version(thing)}:{thing.kind}", f"urn:{place}", thing.name, thing.manifest)
        for place, thing in enumerate(read_file(fixture.path).objects)
    ]
    through = judge(engine.estate(resources), [RULES[fixture.rule]])
    mine = [f.fingerprint for f in here if f.rule.id == fixture.rule]
    assert [f.fingerprint for f in through] == mine


def _version(thing: KubeObject) -> str:
    return str(thing.manifest["apiVersion"])


@pytest.mark.parametrize("fixture", FAILURES, ids=str)
def test_no_two_findings_share_one(fixture: Fixture) -> None:
    found = Counter(finding.fingerprint for finding in judged(fixture.path))
    assert all(count == 1 for count in found.values())


def finding(message: str, *, key: str = "", path: tuple[str, ...] = ("spec",), ordinal: int = 0) -> Finding:
    thing = KubeObject("postgresql.cnpg.io", "ScheduledBackup", "databases", "daily", {}, Origin())
    return Finding(RULES["CNPG-DATA-001"], Outcome.VIOLATED, thing, message, "", path, key=key, ordinal=ordinal)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (finding("fires (next: Mon 23 Nov 07:02:00)"), finding("fires (next: Tue 1 Dec 08:02:00)"), True),
        (finding("up to 8 days between two"), finding("up to 31 days between two"), True),
        (finding("namespace evil reaches it"), finding("namespace bad reaches it"), False),
        (finding("one"), finding("one", path=("spec", "schedule")), False),
        (finding("one"), finding("one", ordinal=1), False),
        (finding("one", key="a"), finding("two", key="a"), True),
        (finding("one", key="a"), finding("one", key="b"), False),
    ],
)
def test_what_makes_two_the_same(first: Finding, second: Finding, same: bool) -> None:
    assert (first.fingerprint == second.fingerprint) is same


def test_those_that_differ_in_numbers_only_are_counted() -> None:
    def several(_: KubeObject) -> Any:
        for port in (6379, 9999, 11211):
            yield Violation(f"port {port} is open", "Close it.", ("spec",))

    rule = RULES["CNPG-DATA-001"]
    twin = type(rule)("X-1", (), "x", 6, "", "", rule.kinds, alone=(several,))
    found = judge(build(read_text(BAD, "x").objects), [twin])
    assert [f.ordinal for f in found] == [0, 1, 2]
    assert len({f.fingerprint for f in found}) == 3
