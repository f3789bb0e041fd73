"""Risk ↔ setting ↔ rule ↔ test ↔ check ↔ evidence: nothing hangs in the air."""

from pathlib import Path

import pytest
from evidence_samples import CHECKOUT
from pages_samples import all_pages, rendered

from seawall.pages.traceability import answering
from seawall.policy.rules import load as load_rules
from seawall.qa import register as registers
from seawall.qa.checks import all_checks
from seawall.qa.evidence import document, files
from seawall.qa.gate import qualities
from seawall.qa.gate.standings import NEEDS
from seawall.qa.gate.stories import STORIES
from seawall.qa.trace import wrong

REGISTER = registers.load()
PAGE = all_pages()["docs/traceability.md"]


@pytest.mark.parametrize("risk", REGISTER.risks)
def test_a_risk_has_a_setting_a_rule_a_test_and_a_quality(risk: str) -> None:
    it = REGISTER.risks[risk]
    assert [wrong(trace, rendered()) for trace in it.trace] == [None] * len(it.trace)
    rules = answering(risk, load_rules())
    assert rules, "no rule of the pack finds it"
    assert all((CHECKOUT / rule.page).is_file() for rule in rules)
    assert it.tests
    assert qualities.of_risk(risk) in qualities.WORDS
    row = next(line for line in PAGE.splitlines() if f"</a>{risk} |" in line)
    assert all(f"[{rule.id}](rules/{rule.id}.md)" in row for rule in rules)
    assert all(f"[{test}]" in row for test in it.tests)


def test_a_rule_answers_risks_of_the_register_or_is_our_own() -> None:
    for rule in load_rules():
        assert all(risk in REGISTER.risks for risk in rule.risks), rule.id


@pytest.mark.parametrize("test", REGISTER.tests)
def test_a_test_has_a_check_a_story_and_a_name_for_its_evidence(test: str) -> None:
    check = all_checks()[test]
    assert check.id == test
    assert check.plan
    assert registers.service(test) in STORIES
    assert all(need in NEEDS for need in REGISTER.tests[test].needs)
    row = next(line for line in PAGE.splitlines() if f"</a>{test} |" in line)
    assert check.plan.split("|")[0] in row


def test_no_check_is_of_no_test() -> None:
    assert list(all_checks()) == list(REGISTER.tests)


def test_the_page_says_where_evidence_is() -> None:
    assert f"`{files.FOLDER}/<TEST-ID>-*.md`" in PAGE


def test_no_tests_evidence_is_taken_for_anothers() -> None:
    """Names of files begin with the test's id: none may be the beginning of another one's."""
    for one in REGISTER.tests:
        assert not [other for other in REGISTER.tests if other.startswith(f"{one}-")]


def test_evidence_that_is_kept_here_is_readable() -> None:
    kept = files.read_all(CHECKOUT / files.FOLDER)
    assert {found.file: found.problem for found in kept if found.problem} == {}
    assert all(found.evidence and document.name(found.evidence) == found.file for found in kept)


def test_the_stories_are_those_of_the_documents() -> None:
    there = {file.stem for file in (Path(CHECKOUT) / "docs" / "stories").glob("*.md")}
    assert {story.id for story in STORIES.values()} == there
