"""What a finding is made of."""

import pytest

from seawall.policy.findings import Severity


@pytest.mark.parametrize(
    ("score", "severity"),
    [(12, "critical"), (9, "critical"), (8, "high"), (6, "high"), (5, "medium"), (4, "medium"), (3, "low"), (1, "low")],
)
def test_the_severity_of_a_score(score: int, severity: str) -> None:
    assert Severity.of_score(score) == severity


def test_the_worst_comes_first() -> None:
    assert sorted(Severity, key=lambda it: it.rank) == ["critical", "high", "medium", "low"]
    assert Severity.CRITICAL.rank == 0
