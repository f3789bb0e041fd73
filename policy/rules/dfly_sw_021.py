"""DFLY-SW-021: a Dragonfly operator that a drain or a policy stops."""

from seawall.policy.findings import Rule
from seawall.policy.surroundings.operator_checks import KINDS, checks

RULE = Rule(
    id="DFLY-SW-021",
    risks=("DFLY-TECH-002", "DFLY-OPS-001"),
    title="The Dragonfly operator is always there",
    score=4,
    why=(
        "Only the operator makes another pod the master. Its chart runs one replica and makes no budget, and a policy "
        "around it that forgets 9999 or the API server stops it: the next lost master is then an outage."
    ),
    mend="2 replicas, one budget with minAvailable: 1, and egress to the API server and to 9999 of the data pods.",
    kinds=KINDS,
    together=checks(frozenset({"dragonfly"})),
)
