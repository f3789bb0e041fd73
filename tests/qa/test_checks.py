"""Every check passes where all is well, and notices what is not: one for each test of the register."""

from pathlib import Path

import pytest
from stack_samples import CHECKOUT
from verify_breaking import FAILS, UNDECIDED, Break
from verify_breaks import BREAKS
from verify_world import World

from seawall.components.dragonfly import example
from seawall.qa import register
from seawall.qa.checks import Creates, UndecidedError, all_checks
from seawall.qa.checks.catalogue import CHECKS
from seawall.qa.checks.model import LONGEST, line

TESTS = list(register.load().tests)
EXAMPLE = "DFLY-INT-011"
"""Its subject is a file: see below."""


def test_there_is_exactly_one_check_for_each_test() -> None:
    assert sorted(check.id for check in CHECKS) == sorted(TESTS)
    assert list(all_checks()) == TESTS


@pytest.mark.parametrize("test", TESTS)
def test_a_check_passes_where_all_is_well(test: str) -> None:
    world = World()

    found = world.run_check(test)

    assert found
    assert [it for it in found if not it.ok] == []
    assert world.cordoned_nodes == []


@pytest.mark.parametrize("it", BREAKS, ids=str)
def test_a_check_notices(it: Break) -> None:
    world = World()
    it.change(world)

    if it.comes_to == UNDECIDED:
        with pytest.raises(UndecidedError):
            world.run_check(it.test)
    else:
        assert [seen for seen in world.run_check(it.test) if not seen.ok]
    assert world.cordoned_nodes == []


def test_every_check_was_seen_to_fail() -> None:
    assert sorted({it.test for it in BREAKS if it.comes_to == FAILS} | {EXAMPLE, "DFLY-INT-012"}) == sorted(TESTS)


def test_a_secret_that_does_not_fail_with_a_wrong_path_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    change = world.changed

    def unnoticed(*given: object) -> object:
        return change(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(world, "changed", unnoticed)
    monkeypatch.setattr("seawall.qa.checks.secrets._state", lambda *_: ("True", "SecretSynced"))

    assert [it.ok for it in world.run_check("DFLY-INT-012")] == [False, True]


def test_a_stale_example_fails_its_check(tmp_path: Path) -> None:
    assert [it.ok for it in World().run_check(EXAMPLE, checkout=tmp_path)] == [False]
    file = tmp_path / example.PATH
    file.parent.mkdir(parents=True)
    documents = (CHECKOUT / example.PATH).read_text().split("---\n")
    file.write_text("---\n".join(it for it in documents if "kind: CiliumNetworkPolicy" not in it))

    found = World().run_check(EXAMPLE, checkout=tmp_path)

    assert [it.ok for it in found] == [True, False, True, False]
    assert "DFLY-SEC-001" in found[-1].found


@pytest.mark.parametrize("test", TESTS)
def test_a_check_that_needs_what_is_not_there_is_undecided(test: str) -> None:
    """Without a cluster, a metrics store or leave to make anything it has no verdict, and above all no success."""
    check = all_checks()[test]
    lacking = {"cluster": None, "peer": None, "prober": None, "metrics": None, "store": None, "disruption": None}
    if check.needs == ("repo",):
        assert World().run_check(test, **lacking)
    else:
        with pytest.raises(UndecidedError):
            World().run_check(test, **lacking)


@pytest.mark.parametrize("test", [it.id for it in CHECKS if it.creates is not Creates.NOTHING])
def test_what_makes_something_says_so(test: str) -> None:
    """A check that only reads passes without probes and disruptions; one that does not must not be called so."""
    with pytest.raises(UndecidedError):
        World().run_check(test, prober=None, disruption=None)


@pytest.mark.parametrize("test", [it.id for it in CHECKS if it.creates is Creates.NOTHING])
def test_what_only_reads_needs_no_leave(test: str) -> None:
    assert World().run_check(test, prober=None, disruption=None)


def test_what_is_disruptive_says_so() -> None:
    for check in CHECKS:
        if check.creates is Creates.PROBES:
            assert World().run_check(check.id, disruption=None)


def test_names_come_from_the_stack() -> None:
    """No name of `infra` is in a check: the same ones work for the sandbox's stack."""
    names = {"gitlab-system", "harbor", "shared-postgres", "dragonfly-global", "monosense", "keycloak", "databases/"}
    for file in (CHECKOUT / "qa" / "checks").glob("*.py"):
        text = file.read_text()
        assert not [name for name in names if name in text], file.name


def test_texts_of_evidence_are_one_short_line() -> None:
    assert line("a\n b\tc\x00") == "a b c"
    assert line("") == "nothing"
    assert len(line("x" * 5000)) == LONGEST
