"""The register is whole: ids, scores and needs as QA has them, every test with a risk or a reason."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from stack_samples import CHECKOUT

from seawall.errors import UserError
from seawall.qa import register
from seawall.qa.register import FILE, Register, load, parse

SOURCE = CHECKOUT.parent / "shared" / "qa" / "register.yaml"
READ: dict[str, Any] = yaml.safe_load(FILE.read_text())


@pytest.fixture
def source() -> dict[str, Any]:
    if not SOURCE.is_file():
        pytest.skip(f"{SOURCE.parent.parent.name}/qa/register.yaml is not there: nothing to compare the register with")
    content: dict[str, Any] = yaml.safe_load(SOURCE.read_text())
    return content


def test_the_numbers() -> None:
    totals = load().totals
    assert (totals.risks, totals.decisions, totals.tests) == (20, 10, 44)
    assert sum(totals.by_severity.values()) == totals.risks
    assert sum(totals.by_priority.values()) == totals.tests
    assert totals.score == sum(entry["score"] for entry in READ["risks"].values())


def test_no_decision_is_approved_by_us() -> None:
    assert {name: decision.approved for name, decision in load().decisions.items() if decision.approved} == {}
    assert all("approved" in decision for decision in READ["decisions"].values()), "said, not left out"


def test_risks_are_those_of_the_source(source: dict[str, Any]) -> None:
    theirs = {name: risk for group in source["risks"].values() for name, risk in group.items()}
    ours = load().risks
    assert {name: (risk.score, list(risk.tests)) for name, risk in ours.items()} == {
        name: (risk["score"], risk["tests"]) for name, risk in theirs.items()
    }
    assert {name for name, risk in ours.items() if risk.instead} == {
        name for name, risk in theirs.items() if "instead" in risk
    }
    assert {name: risk.slo.model_dump() for name, risk in ours.items() if risk.slo} == {
        name: risk["slo"] for name, risk in theirs.items() if "slo" in risk
    }


def test_tests_are_those_of_the_source(source: dict[str, Any]) -> None:
    def needs(test: dict[str, Any]) -> list[str]:
        return [test["needs"]] if isinstance(test["needs"], str) else test["needs"]

    assert {name: (test.priority, list(test.needs)) for name, test in load().tests.items()} == {
        name: (test["priority"], needs(test)) for name, test in source["tests"].items()
    }


def test_decisions_are_those_of_the_source(source: dict[str, Any]) -> None:
    ours = load().decisions
    assert list(ours) == list(source["decisions"])
    for name, theirs in source["decisions"].items():
        assert list(ours[name].asked_also) == theirs.get("asked_also", []), name
        assert len(ours[name].selectable) == len(theirs.get("selectable", [])), name
        assert ours[name].approved == theirs["approved"], name
        if isinstance(theirs["chosen"], list):
            assert list(ours[name].chosen) == theirs["chosen"], name


def changed(*path: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(READ)
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed("risks", "DFLY-SEC-001", "tests", value=["DFLY-INT-099"]), "must be one of the tests below"),
        (
            changed("risks", "CNPG-SEC-002", "tests", value=["SW-CNPG-001"]),
            "tests.DB.CNPG.SHARED-E2E-005: must be among",
        ),
        (changed("tests", "DFLY-INT-010", "without_risk", value="no"), "contradicts: it belongs to DFLY-SEC-001"),
        (changed("risks", "DFLY-SEC-001", "score", value=10), "risks.DFLY-SEC-001.score = 10: must be at most 9"),
        (changed("risks", "DFLY-SEC-001", "trace", value=[]), "must not be empty"),
        (changed("risks", "DFLY-SEC-001", "instead", value="x"), "goes with `why_instead`"),
        (changed("risks", "SEC-001", value=READ["risks"]["DFLY-SEC-002"]), "risks.SEC-001: must start with"),
        (changed("decisions", "dragonfly-pdb", "approve", value=None), "did you mean `approved`?"),
        (changed("tests", "DFLY-INT-001", "needs", value=["repos"]), "tests.DFLY-INT-001.needs[0]"),
    ],
)
def test_a_mistake_in_the_register_is_named(content: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=r"^register\.yaml:") as refused:
        parse(content, "register.yaml")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ({"object": "Cluster/a"}, "must say exactly one of"),
        ({"object": "Cluster/a", "field": "spec", "equals": 1, "present": True}, "must say exactly one of"),
        ({"object": "Cluster/a", "present": False}, "must be true, or left out"),
        ({"object": "Cluster/a", "equals": 1}, "`equals` asks something of a field"),
        ({"object": "Cluster/a", "field": "spec", "as_setting": True}, "must be one setting"),
        (
            {"object": "Cluster/a", "field": "spec", "as_setting": True, "settings": ["cnpg.clusters.*"]},
            "must be one setting",
        ),
        ({"object": "Cluster", "present": True}, "must be <kind>/<name>"),
        ({"object": "Cluster/a", "field": "spec..x", "present": True}, "must be a path"),
    ],
)
def test_a_trace_asks_one_thing(trace: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as refused:
        parse(changed("tests", "DFLY-INT-001", "trace", value=[trace]), "register.yaml")
    assert said in str(refused.value)


def test_a_false_or_null_value_can_be_asked_for() -> None:
    for value in (False, None, 0):
        trace = register.Trace.model_validate({"object": "Cluster/a", "field": "spec.on", "equals": value})
        assert trace.predicate == "equals"


def test_an_approval_closes_a_decision() -> None:
    content = changed("decisions", "dragonfly-pdb", "approved", value="the owner, in the meeting of the board")
    assert parse(content, "register.yaml").totals.open_decisions == 9


def test_the_file_is_found_without_a_checkout() -> None:
    assert Path(register.__file__).parent == FILE.parent
    assert isinstance(load(), Register)
