"""What several checks look at in the same way."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from seawall.qa import register
from seawall.qa.checks.context import Cluster
from seawall.qa.checks.model import UndecidedError, seen
from seawall.qa.checks.stacks import differences
from seawall.qa.evidence.model import Observation

Manifest = Mapping[str, Any]

_ALERT = re.compile(r"rules\[alert=(\w+)\]")


def named(manifest: Manifest) -> str:
    """Kind, namespace and name."""
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{manifest['kind']} {place}{metadata['name']}"


def kubectl(cluster: Cluster, *words: str) -> str:
    """A command with which a person sees the same."""
    return " ".join(("kubectl", f"--context={cluster.context}", *words))


def condition(manifest: Manifest, name: str) -> str:
    """The status of a condition: `True`, `False`, `Unknown`, or that it is not told."""
    for it in (manifest.get("status") or {}).get("conditions") or []:
        if it.get("type") == name:
            return str(it.get("status"))
    return "not told"


def ready(pod: Manifest) -> bool:
    """Whether a pod is Ready and not on its way out."""
    return condition(pod, "Ready") == "True" and "deletionTimestamp" not in pod["metadata"]


def node(pod: Manifest) -> str:
    """The node that a pod is on."""
    return str(pod.get("spec", {}).get("nodeName", ""))


def as_declared(cluster: Cluster, manifests: Iterable[Manifest]) -> Iterator[Observation]:
    """One observation for each declared object: that it is there, and says what the stack says."""
    for manifest in manifests:
        metadata = manifest["metadata"]
        place = metadata.get("namespace")
        live = cluster.find(str(manifest["apiVersion"]), str(manifest["kind"]), metadata["name"], place)
        how = kubectl(cluster, "get", *(("-n", place) if place else ()), manifest["kind"], metadata["name"], "-o yaml")
        if live is None:
            yield seen(named(manifest), "is there", "is not there", False, how)
            continue
        found = differences(manifest.get("spec", {}), live.get("spec") or {}, "spec")
        told = "; ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        yield seen(named(manifest), "is there, as the stack declares it", told or "as declared", not found, how)


def some(manifests: Sequence[Manifest], what: str) -> Sequence[Manifest]:
    """The same. Raises `UndecidedError` when there is nothing to look at: that is no success."""
    if not manifests:
        raise UndecidedError(f"the stack declares no {what}")
    return manifests


def alerts_of(test: str) -> list[str]:
    """The alerts that the register names for a test."""
    traces = register.load().tests[test].trace
    return sorted({match[1] for trace in traces if trace.field and (match := _ALERT.search(trace.field))})


def rules(manifests: Iterable[Manifest]) -> Iterator[Manifest]:
    """Every rule in PrometheusRules."""
    for manifest in manifests:
        for group in manifest.get("spec", {}).get("groups") or []:
            yield from group.get("rules") or []


def spread(pods: Sequence[Manifest]) -> str:
    """Which pods share a node, empty when none do."""
    on: dict[str, list[str]] = {}
    for pod in pods:
        on.setdefault(node(pod), []).append(pod["metadata"]["name"])
    shared = {where: sorted(names) for where, names in on.items() if len(names) > 1}
    return "; ".join(f"{', '.join(names)} on {where or 'no node'}" for where, names in shared.items())
