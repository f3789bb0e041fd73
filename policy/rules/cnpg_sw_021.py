"""CNPG-SW-021: a CloudNativePG operator, or a barman plugin, that a drain or a policy stops."""

from seawall.policy.findings import Rule
from seawall.policy.surroundings.operator_checks import KINDS, checks

RULE = Rule(
    id="CNPG-SW-021",
    risks=(),
    title="The CloudNativePG operator and its plugin are always there",
    score=4,
    why=(
        "Only the operator fails a Cluster over, and no Cluster can be changed while its webhook does not answer. Its "
        "chart runs one replica and makes no budget. Of the plugin only the pod that leads listens, so there a second "
        "replica refuses every other call."
    ),
    mend=(
        "2 replicas of the operator with one budget, 1 of the plugin; admit the API server to 9443 and let them reach "
        "the API server, the instances (8000) and the plugin (9090)."
    ),
    kinds=KINDS,
    together=checks(frozenset({"cnpg", "barman"})),
)
