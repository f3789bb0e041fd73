"""The decision, case by case: real files in a folder, read, weighed, decided."""

from pathlib import Path

import pytest
from gate_table import CASES, Case
from gate_world import green

from seawall.errors import UserError
from seawall.qa.gate.model import Outcome

_LETTERS = {"PASS": "P", "CONCERNS": "C", "FAIL": "F"}


def test_there_are_enough_cases_each_said_in_words() -> None:
    assert len(CASES) >= 60
    assert len({case.words for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.words for case in CASES])
def test_the_gate_says(case: Case, tmp_path: Path) -> None:
    world = green()
    case.do(world)
    if case.refused:
        with pytest.raises(UserError) as refusal:
            world.outcome(tmp_path / "evidence")
        assert case.refused in str(refusal.value)
        return
    outcome = world.outcome(tmp_path / "evidence")
    said = "".join(_LETTERS[step.gate.name] for step in outcome.steps)
    assert (outcome.gate, said) == (case.gate, case.steps or said), _told(outcome)
    about, text = case.reason
    assert not about or any(it.about == about and text in it.text for step in outcome.steps for it in step.reasons), (
        _told(outcome)
    )
    aside = [*outcome.set_aside, *(it for test in outcome.tests for it in test.set_aside)]
    assert not case.aside or any(case.aside in it.why for it in aside), aside
    if case.aside and case.gate == "CONCERNS":
        assert any(step.gate.name == "CONCERNS" for step in outcome.steps)


def _told(outcome: Outcome) -> str:
    reasons = [f"{step.number} {it.gate.name} {it.about}: {it.text}" for step in outcome.steps for it in step.reasons]
    return "\n".join([outcome.status_reason, *reasons])
