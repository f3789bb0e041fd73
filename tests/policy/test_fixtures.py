"""Every rule over its fixtures, through the folder and through the engine's own protocol."""

from pathlib import Path

import pytest
from engine_doubles import analyze_stack, vendor_messages
from rule_fixtures import Fixture, fixtures, unmet

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_file
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}


@pytest.mark.parametrize("fixture", [fixture for fixture in fixtures() if not fixture.is_stack], ids=str)
def test_folder(fixture: Fixture) -> None:
    reading = read_file(fixture.path)
    assert not reading.unreadable
    findings = judge(build(reading.objects), [RULES[fixture.rule]])
    assert {finding.outcome for finding in findings} <= {Outcome.VIOLATED}
    assert unmet(fixture.expected, [finding.message for finding in findings]) == []
    assert bool(findings) is not fixture.passes
    for finding in findings:
        assert finding.place.startswith(f"{fixture.path}:"), "a finding says where to look"
        assert finding.mend


@pytest.mark.parametrize("fixture", fixtures(), ids=str)
def test_engine(fixture: Fixture) -> None:
    """The same findings when the objects come as a stack's resources, with numbers as floats."""
    diagnostics = [d for d in analyze_stack(fixture.resources) if d.policyName == fixture.rule]
    assert unmet(fixture.expected, [d.message for d in diagnostics]) == []
    assert all(d.urn for d in diagnostics)


@pytest.mark.parametrize("fixture", fixtures(), ids=str)
def test_vendor_servicer(fixture: Fixture) -> None:
    """The same findings from one policy on its own, in the vendor's servicer and behind its proxies."""
    assert unmet(fixture.expected, vendor_messages(fixture.rule, fixture.resources)) == []


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_fixtures(rule: str) -> None:
    mine = [fixture for fixture in fixtures() if fixture.rule == rule]
    assert any(fixture.passes for fixture in mine), f"{rule} has no success.*.yaml"
    assert any(not fixture.passes for fixture in mine), f"{rule} has no failure.*.yaml"
    assert all(fixture.expected for fixture in mine if not fixture.passes), "a failure says what it expects"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_page(rule: str) -> None:
    page = Path(__file__).resolve().parents[2] / RULES[rule].page
    assert page.read_text().startswith(f"# {rule}: ")


def test_every_fixture_has_a_rule() -> None:
    assert {fixture.rule for fixture in fixtures()} == set(RULES)
