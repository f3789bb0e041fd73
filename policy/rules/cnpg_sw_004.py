"""CNPG-SW-004: instances or pooler pods that may share a node, or that find none."""

from collections.abc import Iterator

from seawall.operators.cnpg import instance_labels, pooler_labels
from seawall.policy.checks.hardening import Path
from seawall.policy.checks.placement import attraction, placement
from seawall.policy.estate.kinds import CLUSTER, NODE, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_AFFINITY = ("spec", "affinity")
_TEMPLATE = ("spec", "template", "spec")
_OWN_TERM = "podAntiAffinity"


def apart(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods that nothing keeps on different nodes, and rules that hold for other pods than they are meant for."""
    pods = next(iter(estate.pods_of(subject)))
    cluster = subject.group_kind == CLUSTER
    own = instance_labels(subject.name) if cluster else pooler_labels(subject.name)
    for path, message, mend in placement(pods, estate, own):
        if cluster and path[:1] == ("affinity",):
            yield Violation(
                message,
                "Set spec.affinity: {podAntiAffinityType: required, topologyKey: kubernetes.io/hostname}.",
                _AFFINITY,
                facts={"pods": str(pods.count)},
            )
        else:
            yield Violation(message, mend, _place(subject, path), facts={"pods": str(pods.count)})


def together(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods that must stand on the node of another one of them."""
    for path, message, mend in attraction(next(iter(estate.pods_of(subject))), estate):
        yield Violation(message, mend, _place(subject, path))


def nodes(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A hard spread over a label that some node lacks: no pod is ever placed there."""
    pods = next(iter(estate.pods_of(subject)))
    for index, term in enumerate(pods.spec.at("topologySpreadConstraints").items()):
        key = term.at("topologyKey").text()
        if not key or term.at("whenUnsatisfiable").text() == "ScheduleAnyway":
            continue
        without = [node.name for node in estate.of(NODE) if key not in node.label_view().texts()]
        if without:
            told = ", ".join(without[:3]) + (f" and {len(without) - 3} more" if len(without) > 3 else "")
            yield Violation(
                f"the spread over {key} with DoNotSchedule places no pod on nodes without that label: {told}",
                "Label these nodes, or set whenUnsatisfiable: ScheduleAnyway.",
                _place(subject, ("topologySpreadConstraints", f"[{index}]")),
            )


def _place(subject: KubeObject, path: Path) -> Path:
    if subject.group_kind == CLUSTER:
        return ("spec", *path) if path[0] == "topologySpreadConstraints" else _AFFINITY
    return (*_TEMPLATE, *path)


RULE = Rule(
    id="CNPG-SW-004",
    risks=(),
    title="No two instances, and no two pods of a pooler, on a node",
    score=4,
    why=(
        "The operator only prefers different nodes for instances, and says nothing for poolers. Pods that were placed "
        "stay where they are, so one bad start leaves primary and replica on one node. A selector on cnpg.io/cluster "
        "alone is about poolers and jobs as well."
    ),
    mend=(
        "podAntiAffinityType: required on the Cluster; on each Pooler a required podAntiAffinity over its own "
        "cnpg.io/poolerName."
    ),
    kinds=(CLUSTER, POOLER),
    together=(apart, together, nodes),
)
