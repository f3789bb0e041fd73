"""DFLY-TECH-001: replicas of a Dragonfly that may share a node."""

from collections.abc import Iterator

from seawall.policy.checks.dragonfly_process import field_of
from seawall.policy.checks.placement import attraction, placement
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation


def check(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly of several pods whose affinity and spread constraints do not keep two of them from one node."""
    for pods in estate.pods_of(dragonfly):
        for path, message, mend in placement(pods, estate, {"app": dragonfly.name}):
            yield Violation(message, mend, field_of(pods, path), facts={"pods": str(pods.count)})


def check_attraction(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly whose pods must stand on the node of another one of them."""
    for pods in estate.pods_of(dragonfly):
        for path, message, mend in attraction(pods, estate):
            yield Violation(message, mend, field_of(pods, path))


RULE = Rule(
    id="DFLY-TECH-001",
    risks=("DFLY-TECH-001",),
    title="No two replicas on a node",
    score=4,
    why=(
        "The scheduler puts replicas on one node unless a rule over the pods' own labels forbids it, and pods are "
        "placed once and replaced in place: a bad start stays. One node's failure then takes the master and the "
        "replica that should take over."
    ),
    mend=(
        "Require podAntiAffinity on app=<name> over kubernetes.io/hostname; or spread over it with maxSkew 1, "
        "DoNotSchedule and minDomains at the number of replicas."
    ),
    kinds=(DRAGONFLY,),
    together=(check, check_attraction),
)
