"""Placement: one pod per node as a guarantee, and an even spread over zones where there are zones."""

from collections.abc import Mapping, Sequence

from seawall.components.kubernetes.metadata import Manifest
from seawall.operators.labels import HOSTNAME, ZONE


def required_anti_affinity(labels: Mapping[str, str], *, topology_key: str = HOSTNAME) -> Manifest:
    """An affinity by which no two pods with these labels share a node: a pod without a free node stays Pending."""
    term = {"labelSelector": {"matchLabels": dict(labels)}, "topologyKey": topology_key}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


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
