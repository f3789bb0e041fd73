"""The checks of the two rules about the operators themselves, for one service's operators each."""

from collections.abc import Callable, Iterator

from seawall.policy.estate.kinds import DEPLOYMENT, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.releases import RELEASES
from seawall.policy.findings import Together, Violation
from seawall.policy.surroundings import operators
from seawall.policy.surroundings.operators import Families

KINDS: tuple[GroupKind, ...] = (DEPLOYMENT, *RELEASES)
"""What an operator is installed by."""
_CHECKS: tuple[Callable[[KubeObject, Estate, Families], Iterator[Violation]], ...] = (
    operators.replicas,
    operators.election,
    operators.budgets,
    operators.called,
    operators.calls,
    operators.certificates,
)


def checks(families: Families) -> tuple[Together, ...]:
    """What is judged of these operators."""

    def of(check: Callable[[KubeObject, Estate, Families], Iterator[Violation]]) -> Together:
        return lambda thing, estate: check(thing, estate, families)

    return tuple(of(check) for check in _CHECKS)
