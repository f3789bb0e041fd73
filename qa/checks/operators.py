"""Checks of the operators on the cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.operators.dragonfly import API_VERSION, KIND, OPERATOR_POD_LABELS
from seawall.qa.checks.context import Context
from seawall.qa.checks.looking import condition, kubectl, named
from seawall.qa.checks.model import Check, seen
from seawall.qa.evidence.model import Observation

LEAST = 2
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")


def _of_the_operator(labels: Mapping[str, str] | None) -> bool:
    return OPERATOR_POD_LABELS.items() <= (labels or {}).items()


def _replicas(context: Context) -> Iterator[Observation]:
    place = context.stack.settings.operators.dragonfly.namespace
    found = [
        it
        for it in context.api.every("apps/v1", "Deployment", place)
        if _of_the_operator(it["spec"]["template"]["metadata"].get("labels"))
    ]
    how = kubectl(context.api, "get", "-n", place, "deployments")
    yield seen(f"Deployments of the operator in {place}", 1, len(found), len(found) == 1, how)
    for deployment in found:
        available = (deployment.get("status") or {}).get("availableReplicas") or 0
        what = f"{named(deployment)}: available replicas"
        yield seen(what, f"{LEAST} or more", available, available >= LEAST, how)


def _crds(context: Context) -> Iterator[Observation]:
    group, _, version = API_VERSION.partition("/")
    found = [it for it in context.api.every(*CRD) if it["spec"]["group"] == group]
    how = kubectl(context.api, "get", "crd")
    kinds = {it["spec"]["names"]["kind"] for it in found}
    yield seen(f"CRDs of {group}", KIND, ", ".join(sorted(kinds)) or "none", KIND in kinds, how)
    for crd in found:
        established = condition(crd, "Established")
        yield seen(f"{named(crd)}: Established", "True", established, established == "True", how)
        served = sorted(it["name"] for it in crd["spec"]["versions"] if it["served"])
        yield seen(f"{named(crd)}: served versions", version, ", ".join(served), version in served, how)


def _budget(context: Context) -> Iterator[Observation]:
    place = context.stack.settings.operators.dragonfly.namespace
    pods = [it for it in context.api.every("v1", "Pod", place) if _of_the_operator(it["metadata"].get("labels"))]
    labels: list[Mapping[str, Any]] = [it["metadata"].get("labels") or {} for it in pods]
    how = kubectl(context.api, "get", "-n", place, "pdb")
    over = [
        it
        for it in context.api.every("policy/v1", "PodDisruptionBudget", place)
        if (wanted := (it["spec"].get("selector") or {}).get("matchLabels"))
        and any(wanted.items() <= mine.items() for mine in labels)
    ]
    yield seen(f"budgets over the operator's {len(pods)} pods in {place}", 1, len(over), len(over) == 1, how)
    for budget in over:
        kept = (budget.get("status") or {}).get("desiredHealthy") or 0
        yield seen(f"{named(budget)}: pods that must stay", "1 or more", kept, kept >= 1, how)


CHECKS = (
    Check("DFLY-INT-001", "reads the Deployment of the Dragonfly operator", _replicas),
    Check("DFLY-INT-002", "reads the CustomResourceDefinitions of Dragonfly", _crds),
    Check("DFLY-INT-003", "reads the budgets over the Dragonfly operator's pods", _budget),
)
