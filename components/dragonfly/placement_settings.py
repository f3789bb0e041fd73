"""Settings of where the pods of a Dragonfly instance may be placed."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Text

Strategy = Literal["required_anti_affinity", "preferred_anti_affinity", "topology_spread"]

WHY_SOFTER: dict[Strategy, str] = {
    "preferred_anti_affinity": "two pods may share a node, and a failure of that node then takes both",
    "topology_spread": "it is as strict only while the scheduler honours `minDomains`",
}
"""What each softer strategy gives up."""


class Placement(Settings):
    """How the pods are kept apart; pods are placed once and replaced in place, so a bad start stays."""

    strategy: Strategy = Field(
        default="required_anti_affinity",
        description="`required_anti_affinity`: no two pods on a node, ever; a pod without a free node stays Pending. "
        "`preferred_anti_affinity`: apart while there are nodes; there may be more replicas than nodes. "
        "`topology_spread`: maxSkew 1 over hostnames, DoNotSchedule, minDomains = replicas",
    )
    reason: Text | None = Field(
        default=None, description="Needed for, and only for, a strategy other than the default: why it is enough"
    )

    RISKS: ClassVar[dict[str, str]] = {"strategy": "DFLY-TECH-001", "reason": "DFLY-TECH-001"}

    @property
    def one_per_node(self) -> bool:
        """Whether every pod needs a node of its own."""
        return self.strategy != "preferred_anti_affinity"

    @rule
    def _only_a_softer_one_has_a_reason(self) -> Iterator[Problem]:
        if self.strategy in WHY_SOFTER and self.reason is None:
            yield Problem(
                ("reason",),
                f"is missing: `{self.strategy}` is weaker than `required_anti_affinity` "
                f"({WHY_SOFTER[self.strategy]}); say why that is enough",
                risk="DFLY-TECH-001",
            )
        if self.strategy not in WHY_SOFTER and self.reason is not None:
            yield Problem(
                ("reason",), "is read only with a strategy softer than the default; remove it", risk="DFLY-TECH-001"
            )
