"""The rules as a person meets them: each page says what the rule says, and no two rules go by the same name."""

import re
from pathlib import Path

import pytest

from seawall.pages.traceability import answering
from seawall.policy.acceptance.waivers import RULE as WAIVERS
from seawall.policy.findings import Rule
from seawall.policy.rules import load
from seawall.qa.register import load as register

ROOT = Path(__file__).resolve().parents[2]
RULES = (*load(), WAIVERS)
RISKS = register().risks


def by_id(rule: Rule) -> str:
    return rule.id


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_the_page_is_the_rules(rule: Rule) -> None:
    title, severity, *rest = (ROOT / rule.page).read_text().splitlines()
    assert title.partition(": ")[0] == f"# {rule.id}"
    assert title.partition(": ")[2].lower() == rule.title.lower()
    assert severity.startswith(f"Severity {rule.severity} (")
    assert f"score {rule.score}" in severity or rule is WAIVERS
    headings = [line.removeprefix("## ") for line in rest if line.startswith("## ")]
    assert [it for it in headings if not it.startswith("What is not ")] == ["What goes wrong", "What is found", "Mend"]


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_the_page_names_no_other_risk_as_near(rule: Rule) -> None:
    near = re.findall(r"[Nn]ea(?:r to the|rest) risks?:? ([^.]*)", (ROOT / rule.page).read_text())
    assert {risk for said in near for risk in re.findall(r"[A-Z]+-[A-Z]+-[0-9]+", said)} <= set(rule.risks)


def test_no_two_rules_have_one_title() -> None:
    assert len({rule.title for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=by_id)
def test_a_rule_answers_risks_of_its_own_service(rule: Rule) -> None:
    assert set(rule.risks) <= RISKS.keys()
    assert all(risk.partition("-")[0] == rule.id.partition("-")[0] for risk in rule.risks)


@pytest.mark.parametrize("risk", RISKS)
def test_every_risk_has_a_rule_of_its_own_with_its_score(risk: str) -> None:
    first = answering(risk, load())[0]
    assert (first.id, first.score) == (risk, RISKS[risk].score)
