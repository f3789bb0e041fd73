"""Where the findings about Dragonfly point to: each at the field that decides, in whatever object it is."""

from pathlib import Path

import pytest
import yaml
from rule_fixtures import DATA, fixtures

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_file
from seawall.policy.judging import judge
from seawall.policy.rules import load

PLACES = DATA.parent / "dragonfly_places.yaml"
HEADER = "# Per failing fixture of the rules about Dragonfly: the object and the field that each finding blames.\n"
SCORES = {
    "DFLY-OPS-001": (6, ("DFLY-OPS-001",)),
    "DFLY-PERF-001": (4, ("DFLY-PERF-001",)),
    "DFLY-SEC-002": (2, ("DFLY-SEC-002",)),
    "DFLY-SW-001": (4, ()),
    "DFLY-SW-002": (6, ("DFLY-SEC-001",)),
    "DFLY-SW-003": (4, ()),
    "DFLY-SW-004": (4, ("DFLY-OPS-001",)),
    "DFLY-SW-005": (6, ("DFLY-OPS-001", "DFLY-SEC-001")),
    "DFLY-TECH-001": (4, ("DFLY-TECH-001",)),
}
RULES = {rule.id: rule for rule in load() if rule.id in SCORES}


def places() -> dict[str, list[str]]:
    """Fixture → blamed object and path of each finding, sorted."""
    found = {}
    for fixture in fixtures():
        if fixture.rule in RULES and not fixture.passes:
            findings = judge(build(read_file(fixture.path).objects), [RULES[fixture.rule]])
            found[str(fixture)] = sorted(f"{it.blamed.kind} {it.blamed.name} {'.'.join(it.path)}" for it in findings)
    return found


def test_every_finding_is_where_it_belongs() -> None:
    assert places() == yaml.safe_load(PLACES.read_text())


@pytest.mark.parametrize("rule", SCORES)
def test_scores_and_risks(rule: str) -> None:
    assert (RULES[rule].score, RULES[rule].risks) == SCORES[rule]
    assert RULES[rule].page == f"docs/rules/{rule}.md"


def test_the_pages_say_the_severity() -> None:
    root = Path(__file__).resolve().parents[2]
    for rule in RULES.values():
        second = (root / rule.page).read_text().splitlines()[1]
        assert second.startswith(f"Severity {rule.severity} ("), rule.id
        assert f"score {rule.score}" in second, rule.id
