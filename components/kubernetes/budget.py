"""Disruption budgets of our own, for pods to which no operator gives one."""

from collections.abc import Mapping

from seawall.components.kubernetes.metadata import Manifest, metadata


def disruption_budget(
    name: str,
    namespace: str,
    *,
    pods: Mapping[str, str],
    min_available: int | None = None,
    max_unavailable: int | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """A PodDisruptionBudget over the pods with these labels; exactly one of the two numbers is given.

    Never for pods that already have a budget: the eviction API refuses to evict a pod that has two, and a node drain
    never ends.
    """
    if (min_available is None) == (max_unavailable is None):
        raise ValueError("give min_available or max_unavailable, and not both")
    limit = {"minAvailable": min_available} if min_available is not None else {"maxUnavailable": max_unavailable}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {**limit, "selector": {"matchLabels": dict(pods)}},
    }
