"""The runs: which oracle is asked about which generated cases."""

from collections.abc import Callable
from dataclasses import dataclass

import programs
from cases import Case
from cilium_strategies import cilium_cases
from comparing import Oracle, Tally
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy
from programs import Program
from rich.console import Console
from strategies import kubernetes_cases

SEED = 20261122
"""What the cases are generated from; the same number gives the same cases with the same version of hypothesis."""


@dataclass(frozen=True)
class Run:
    """One oracle, asked about cases of one kind."""

    name: str
    about: str
    """For the page: which policies, decided as by what."""
    program: Callable[[Console], Program]
    cases: Callable[[], SearchStrategy[Case]]
    cilium: bool

    def hold(self, sets: int, console: Console, *, start: int = SEED, on_set: Callable[[], object] = int) -> Tally:
        """Compare our decision with the oracle's on so many cases, and say what was compared.

        Raises `AssertionError` with the smallest case found that differs and that no known defect explains;
        `EnvironmentFailure` when the oracle cannot be had.
        """
        tally = Tally()
        with self.program(console) as program:
            oracle = Oracle(program, self.cilium)

            @seed(start)
            @settings(
                max_examples=sets,
                deadline=None,
                database=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
                report_multiple_bugs=False,
            )
            @given(self.cases())
            def compare(case: Case) -> None:
                complaint = oracle.compare(case, tally)
                on_set()
                assert complaint is None, complaint

            compare()
        return tally


RUNS: tuple[Run, ...] = (
    Run(
        "network-config-analyzer",
        "NetworkPolicy, as Kubernetes documents it",
        programs.analyzer,
        kubernetes_cases,
        cilium=False,
    ),
    Run("cyclonus", "NetworkPolicy, as Kubernetes documents it", programs.cyclonus, kubernetes_cases, cilium=False),
    Run("cilium, Kubernetes", "NetworkPolicy, as Cilium reads it", programs.cilium, kubernetes_cases, cilium=True),
    Run(
        "cilium",
        "CiliumNetworkPolicy, CiliumClusterwideNetworkPolicy and NetworkPolicy together, in a mesh of two clusters",
        programs.cilium,
        cilium_cases,
        cilium=True,
    ),
)
