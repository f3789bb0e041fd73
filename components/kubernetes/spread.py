"""Placement: one pod per node, as a guarantee or a wish, and an even spread over zones where there are zones."""

from collections.abc import Mapping, Sequence

from seawall.components.kubernetes.metadata import Manifest
from seawall.operators.labels import HOSTNAME, ZONE


def required_anti_affinity(labels: Mapping[str, str], *, topology_key: str = HOSTNAME) -> Manifest:
    """An affinity by which no two pods with these labels share a node: a pod without a free node stays Pending."""
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": topology_key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def preferred_anti_affinity(labels: Mapping[str, str], *, topology_key: str = HOSTNAME) -> Manifest:
    """An affinity by which pods with these labels share a node only when there is no other."""
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": topology_key}
    weighted = {"weight": 100, "podAffinityTerm": term}
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighted]}}


def host_spread(labels: Mapping[str, str], pods: int) -> list[Manifest]:
    """A topology spread constraint by which none of `pods` pods with these labels share a node.

    `maxSkew: 1` alone accepts two pods on one node when only two nodes are eligible; with `minDomains` at the number
    of pods, fewer nodes count as if one of them were empty, and a second pod on a node stays Pending.
    """
    return [
        {
            "maxSkew": 1,
            "minDomains": pods,
            "topologyKey": HOSTNAME,
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": {"matchLabels": dict(labels)},
        }
    ]


def zone_spread(labels: Mapping[str, str], zones: Sequence[str]) -> list[Manifest]:
    """Topology spread constraints over the zones; none when the settings name none.

    Without the zone label on the nodes such a constraint would leave every pod Pending, so it is never written on the
    off chance. Cordoned nodes do not count as a domain: a pod may move to another zone while its own is drained.
    """
    if not zones:
        return []
    return [
        {
            "maxSkew": 1,
            "topologyKey": ZONE,
            "whenUnsatisfiable": "DoNotSchedule",
            "nodeTaintsPolicy": "Honor",
            "labelSelector": {"matchLabels": dict(labels)},
        }
    ]
