"""Checks of the Dragonfly instances: resource, pods, claims, nodes."""

from collections.abc import Iterator

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.operators.dragonfly import API_VERSION, KIND, ROLE_LABEL, SNAPSHOT_VOLUME
from seawall.qa.checks.context import Context, Manifest
from seawall.qa.checks.looking import kubectl, node, ready, spread
from seawall.qa.checks.model import Check, UndecidedError, seen
from seawall.qa.evidence.model import Observation

READY = "ready"
"""`status.phase` of a resource whose master and replicas are up, in small letters: operators write it both ways."""
MASTER = "master"


def pods_of(context: Context, cache: DragonflyClusterArgs) -> list[Manifest]:
    """The data pods of an instance."""
    return context.api.every("v1", "Pod", cache.namespace, cache.pods)


def masters(pods: list[Manifest]) -> list[Manifest]:
    """Those that the operator calls master."""
    return [it for it in pods if (it["metadata"].get("labels") or {}).get(ROLE_LABEL) == MASTER]


def _resource(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        where = f"{cache.namespace}/{cache.name}"
        how = kubectl(context.api, "get", "-n", cache.namespace, KIND, cache.name)
        resource = context.api.find(API_VERSION, KIND, cache.name, cache.namespace)
        phase = str(((resource or {}).get("status") or {}).get("phase", "no resource" if resource is None else "none"))
        yield seen(f"Dragonfly {where}: phase", "Ready", phase, phase.lower() == READY, how)
        made = context.api.find("apps/v1", "StatefulSet", cache.name, cache.namespace)
        count = ((made or {}).get("status") or {}).get("readyReplicas") or 0
        wanted = cache.settings.replicas
        yield seen(f"StatefulSet {where}: ready replicas", wanted, count, count == wanted, how)


def _pods(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        where = f"{cache.namespace}/{cache.name}"
        how = kubectl(context.api, "get", "-n", cache.namespace, "pods", "-l", f"app={cache.name}", "-L", ROLE_LABEL)
        pods = pods_of(context, cache)
        good, wanted = sum(map(ready, pods)), cache.settings.replicas
        yield seen(f"data pods of {where} that are Ready", wanted, f"{good} of {len(pods)}", good == wanted, how)
        roles = len(masters(pods))
        yield seen(f"data pods of {where} that are master", 1, roles, roles == 1, how)


def _claims(context: Context) -> Iterator[Observation]:
    looked = False
    for cache in context.stack.caches:
        snapshot = cache.settings.snapshot
        if snapshot is None or snapshot.bucket is not None:
            continue
        looked = True
        for number in range(cache.settings.replicas):
            name = f"{SNAPSHOT_VOLUME}-{cache.name}-{number}"
            claim = context.api.find("v1", "PersistentVolumeClaim", name, cache.namespace)
            phase = str(((claim or {}).get("status") or {}).get("phase", "not there"))
            how = kubectl(context.api, "get", "-n", cache.namespace, "pvc", name)
            yield seen(f"claim {cache.namespace}/{name}", "Bound", phase, phase == "Bound", how)
            storage = ((claim or {}).get("spec") or {}).get("storageClassName", "none")
            wanted = snapshot.storage_class
            yield seen(f"claim {cache.namespace}/{name}: class", wanted, storage, storage == wanted, how)
    if not looked:
        raise UndecidedError(f"no Dragonfly instance of stack {context.stack.name} has volumes")


def _nodes(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        pods = pods_of(context, cache)
        how = kubectl(context.api, "get", "-n", cache.namespace, "pods", "-l", f"app={cache.name}", "-o wide")
        placed = [pod for pod in pods if node(pod)]
        where = f"{cache.namespace}/{cache.name}"
        wanted = cache.settings.replicas
        yield seen(f"data pods of {where} on a node", wanted, len(placed), len(placed) == wanted, how)
        shared = spread(placed)
        yield seen(f"nodes of the data pods of {where}", "one each", shared or "one each", not shared, how)


CHECKS = (
    Check("DFLY-INT-004", "reads the Dragonfly resources and their StatefulSets", _resource),
    Check("DFLY-INT-005", "reads the data pods and their roles", _pods),
    Check("DFLY-INT-006", "reads the claims of the data pods", _claims),
    Check("DFLY-INT-007", "reads on which nodes the data pods are", _nodes),
)
