"""What the gate says to do: which test has to run, by a command that is one, with what that test asks for."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main
from gate_table import HIGH, P0, P0_OF_HIGH, P1_OF_HIGH
from gate_world import REGISTER, World, finding, green

from seawall.cli import gate as gate_command
from seawall.cli import verify as verify_command
from seawall.policy.findings import Severity
from seawall.qa.checks import Creates, all_checks
from seawall.qa.gate import model
from seawall.qa.gate.mending import again, run

APPS = {"gate": gate_command.app, "verify": verify_command.app}
REPOSITORY = "DFLY-UNIT-001"


def standing(test: str) -> model.TestStanding:
    known = REGISTER.tests[test]
    return model.TestStanding(test, known.priority, known.needs, known.expect, (), model.State.NOT_RUN, "not run")


def given(mend: str) -> dict[str, object]:
    """What the command of a mend gives the command line, which reads it without running it."""
    found = re.search(r"`seawall (\w+) ([^`]*)`", mend)
    assert found, mend
    command = typer.main.get_command(APPS[found[1]])
    with command.make_context(found[1], shlex.split(found[2])) as context:
        return dict(context.params)


def mends(world: World, tmp_path: Path) -> dict[tuple[int, str], str]:
    outcome = world.outcome(tmp_path / "evidence")
    return {(step.number, it.about): it.mend for step in outcome.steps for it in step.reasons}


@pytest.mark.parametrize("test", REGISTER.tests)
def test_the_command_runs_just_this_test_with_all_that_it_asks_for(test: str) -> None:
    known, check = standing(test), all_checks()[test]
    for mend in (again(known), run([known])[test]):
        assert test in mend
        told = given(mend)
        assert told["sign_with"] == Path("KEY"), "evidence that nobody signed does not count"
        if known.needs == ("repo",):
            assert "no_run" in told, "it is the gate that runs tests of the repository"
            continue
        assert (told["context"], told["test"]) == ("NAME", [test])
        assert told["probe"] == (check.creates is Creates.PROBES)
        assert told["disruptive"] == (check.creates is Creates.DISRUPTIVE)
        assert (told["peer"] is not None) == check.peer
        assert (told["metrics"] is not None) == ("scrape" in known.needs)


def test_many_are_run_by_as_many_commands_as_differ_in_what_they_change() -> None:
    found = run([standing(test) for test in REGISTER.tests])
    assert list(found) == list(REGISTER.tests)
    assert {test for test in found if given(found[test]).get("disruptive")} == {
        test for test, check in all_checks().items() if check.creates is Creates.DISRUPTIVE
    }
    assert len(set(found.values())) == 4, "of the repository, read only, with probes, disruptive"
    assert not any(given(mend).get("test") for mend in found.values()), "a line with twenty ids is no help"
    assert {mend.partition(":")[0] for mend in found.values()} == {
        "Run the tests of the repository on a clean checkout",
        "Run every test that only reads on the real cluster",
        "Run every test that makes no more than probe pods on the real cluster",
        "Run every test that changes what runs on the real cluster",
    }, "what the command runs, wherever the sentence stands"


def test_what_fails_names_itself_wherever_it_is_told(tmp_path: Path) -> None:
    world = green()
    world.instead(P0, ok=False)
    told = mends(world, tmp_path)
    assert given(told[1, P0])["test"] == given(told[3, P0])["test"] == [P0]
    issue = next(it for it in world.outcome(tmp_path / "evidence").issues if it.id == P0)
    assert issue.suggested_action == told[1, P0]


def test_what_was_not_run_is_named_in_the_command(tmp_path: Path) -> None:
    world = green()
    world.take(P0, "DFLY-INT-005", REPOSITORY)
    told = mends(world, tmp_path)
    assert given(told[2, P0])["test"] == [P0, "DFLY-INT-005"]
    assert told[2, P0] == told[2, "DFLY-INT-005"] != told[2, REPOSITORY]
    assert REPOSITORY in told[2, REPOSITORY]


def test_a_risk_names_the_tests_that_are_open(tmp_path: Path) -> None:
    world = green()
    world.take(P0_OF_HIGH)
    assert mends(world, tmp_path)[1, HIGH] == f"Let {P0_OF_HIGH} pass with evidence that counts."
    world.take(P1_OF_HIGH)
    told = mends(world, tmp_path / "another")
    assert told[1, HIGH] == told[1, "DFLY-OPS-001"], "said once of all risks"
    assert re.findall(r"DFLY-\S+-\d+", told[1, HIGH]) == [P1_OF_HIGH, P0_OF_HIGH]


def test_a_risk_is_not_told_as_if_it_were_so(tmp_path: Path) -> None:
    world = green()
    world.take(P0_OF_HIGH)
    [reason] = [it for it in world.outcome(tmp_path / "evidence").steps[0].reasons if it.about == HIGH]
    assert reason.text.startswith("the risk that no policy isolates the cache")


def test_a_risk_that_only_the_pack_finds_asks_for_no_test(tmp_path: Path) -> None:
    world = green()
    world.findings.append(finding(HIGH, Severity.LOW))
    assert mends(world, tmp_path)[1, HIGH] == "Mend what the policy pack finds of it."


def test_a_risk_without_a_test_asks_for_one(tmp_path: Path) -> None:
    world = green()
    world.risk(HIGH, tests=())
    told = mends(world, tmp_path)
    assert told[1, HIGH] == told[2, HIGH] == "Write a test, and name it in qa/register.yaml."
