"""Every test of the register that can honestly run without a real cluster, by its id; evidence of each is kept."""

from pathlib import Path

import pytest
from stack_samples import CHECKOUT
from verify_clusters import Clusters

from seawall.qa import register
from seawall.qa.checks import all_checks
from seawall.qa.evidence import files
from seawall.qa.evidence.model import Environment, Evidence, NotRun, Verdict
from seawall.qa.verify import here

COMMAND = "make test"
REPOSITORY = ("DFLY-UNIT-001", "DFLY-UNIT-002", "DFLY-UNIT-003", "DFLY-INT-011", "DB.CNPG.SHARED-UNIT-001")
SANDBOX = (
    "DFLY-INT-002",
    "DFLY-INT-008",
    "DFLY-INT-009",
    "DFLY-INT-010",
    "DB.CNPG.SHARED-INT-003",
    "DB.CNPG.SHARED-INT-004",
    "DB.CNPG.SHARED-INT-006",
    "DB.CNPG.SHARED-INT-008",
    "DB.CNPG.SHARED-INT-010",
    "SW-CNPG-002",
)
RESTORE = "DB.CNPG.SHARED-E2E-002"
"""Needs an archive and a restore, both real: tests/data/test_verify_restore.py runs it by its id."""
MET = {"repo", "api", "cnpg-operator", "object-store"}
"""Needs that are met here; `cnpg-operator` by the real operator, `object-store` by moto."""


@pytest.fixture(scope="module")
def repository() -> dict[str, Evidence | NotRun]:
    return here(CHECKOUT, command=COMMAND, tests=REPOSITORY)


@pytest.fixture(scope="module")
def sandbox_outcomes(clusters: Clusters) -> dict[str, Evidence | NotRun]:
    return here(CHECKOUT, clusters.place(), peer=clusters.peer(), command=COMMAND)


def passed(outcome: Evidence | NotRun, folder: Path) -> Evidence:
    assert isinstance(outcome, Evidence), outcome.reason
    assert [it for it in outcome.observed if not it.ok] == []
    assert outcome.verdict is Verdict.PASSED
    kept = files.read(files.write(folder, outcome))
    assert kept.evidence is not None, kept.problem
    return kept.evidence


@pytest.mark.parametrize("test", REPOSITORY)
def test_repository(test: str, repository: dict[str, Evidence | NotRun], tmp_path: Path) -> None:
    evidence = passed(repository[test], tmp_path)

    assert (evidence.test, evidence.environment, evidence.cluster) == (test, Environment.REPOSITORY, None)


@pytest.mark.parametrize("test", SANDBOX)
def test_sandbox(test: str, sandbox_outcomes: dict[str, Evidence | NotRun], clusters: Clusters, tmp_path: Path) -> None:
    evidence = passed(sandbox_outcomes[test], tmp_path)

    assert (evidence.test, evidence.environment) == (test, Environment.SIMULATED)
    assert evidence.cluster is not None
    assert evidence.cluster.simulated_nodes == evidence.cluster.nodes > 0
    assert evidence.versions["kubernetes"] == evidence.cluster.version
    if all_checks()[test].peer:
        assert evidence.peer is not None
        assert evidence.peer.uid != evidence.cluster.uid


def test_nothing_is_left_out_in_silence(sandbox_outcomes: dict[str, Evidence | NotRun]) -> None:
    """What runs here is exactly what has its needs met; everything else says what it lacks."""
    met = {test for test, it in register.load().tests.items() if set(it.needs) <= MET}
    ran = {test for test, it in sandbox_outcomes.items() if isinstance(it, Evidence)}

    assert met == {*REPOSITORY, *SANDBOX, RESTORE}
    assert ran == met - {RESTORE}
    for test, it in sandbox_outcomes.items():
        if isinstance(it, NotRun) and test != RESTORE:
            lacks = set(register.load().tests[test].needs) - MET
            assert any(it.reason.startswith(f"needs {need}: ") for need in lacks), it
    rest = sandbox_outcomes[RESTORE]
    assert isinstance(rest, NotRun)
    assert "no restore drill of shared-postgres has reported" in rest.reason


def test_without_a_sandbox_only_the_repository_is_judged() -> None:
    found = here(CHECKOUT, command=COMMAND, tests=["DFLY-UNIT-002", "DFLY-INT-002", "DFLY-E2E-005"])

    assert isinstance(found["DFLY-UNIT-002"], Evidence)
    assert found["DFLY-INT-002"] == NotRun(test="DFLY-INT-002", reason="needs api: give --context")
    assert found["DFLY-E2E-005"] == NotRun(
        test="DFLY-E2E-005", reason="needs dragonfly-operator, kubelet: give --context"
    )
