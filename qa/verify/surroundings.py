"""What is really there: which needs of the register a run meets, whether anything is simulated, and which versions."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.components.kubernetes.external_secret import API_VERSION as EXTERNAL_SECRETS
from seawall.operators import cnpg, dragonfly
from seawall.operators.versions import image_tag
from seawall.qa.checks.model import UndecidedError, line
from seawall.qa.checks.stacks import Declared
from seawall.qa.register import Need
from seawall.qa.verify.api import KubeCluster, RefusedError

Manifest = dict[str, Any]

_OPERATORS: Mapping[Need, tuple[tuple[str, str], ...]] = {
    "dragonfly-operator": ((dragonfly.API_VERSION, dragonfly.KIND),),
    "cnpg-operator": ((cnpg.API_VERSION, "Cluster"),),
}
"""Need → what an operator writes a status into."""


def unreal(stack: Declared, cluster: KubeCluster, peer: KubeCluster | None) -> str | None:
    """Why what is seen is no real run; None when no node is simulated and kubelets answer."""
    return simulated(cluster) or (simulated(peer) if peer is not None else None) or silent(stack, cluster)


def unmet(
    stack: Declared, cluster: KubeCluster, *, metrics: bool, store: str | None, unreal: str | None
) -> dict[Need, str]:
    """Need → why it is not met. `store`: why there is no object store to ask; `unreal` as above; None when all is well.

    On a cluster that runs containers an operator that is missing is no reason to leave a test out: it is what the test
    finds. Where nodes are simulated an operator counts as there when it has written a status.
    """
    found: dict[Need, str] = {}
    if not metrics:
        found["scrape"] = "no metrics store, give --metrics"
    if store is not None:
        found["object-store"] = store
    if unreal is not None:
        found["kubelet"] = found["dns"] = unreal
    if cluster.simulated:
        for need, kinds in _OPERATORS.items():
            if not any(_acts(cluster, stack, *kind) for kind in kinds):
                found[need] = f"no {kinds[0][1]} of stack {stack.name} has a status: the operator is not there"
    secrets = cluster.every(EXTERNAL_SECRETS, "ExternalSecret")
    if not any((it.get("status") or {}).get("conditions") for it in secrets):
        found["eso"] = f"none of {len(secrets)} ExternalSecrets has a status"
    return found


def deployed(stack: Declared, cluster: KubeCluster) -> bool:
    """Whether any Dragonfly or PostgreSQL cluster that the stack declares is there; also when it declares none."""
    kinds = [kind for several in _OPERATORS.values() for kind in several]
    wanted = [(api_version, kind, it["metadata"]) for api_version, kind in kinds for it in stack.objects(kind)]
    found = (cluster.find(api_version, kind, it["name"], it["namespace"]) for api_version, kind, it in wanted)
    return not wanted or any(it is not None for it in found)


def simulated(cluster: KubeCluster) -> str | None:
    """Why nothing really runs on a cluster; None when all its nodes are real."""
    seen = cluster.seen
    if seen.simulated_nodes:
        return f"{seen.simulated_nodes} of {seen.nodes} nodes of context {cluster.context} are simulated"
    return None if seen.nodes else f"context {cluster.context} has no nodes"


def silent(stack: Declared, cluster: KubeCluster) -> str | None:
    """Why it is not known that kubelets answer; None when each does that has a pod of the stack.

    A log comes from the kubelet, through the API server: nothing else that is read here does.
    """
    asked: dict[str, str | None] = {}
    for namespace in sorted(_namespaces(stack)):
        for pod in cluster.every("v1", "Pod", namespace):
            on, metadata = pod.get("spec", {}).get("nodeName"), pod["metadata"]
            if on is None or asked.get(on, "") is None or (pod.get("status") or {}).get("phase") != "Running":
                continue
            try:
                cluster.log(namespace, metadata["name"], pod["spec"]["containers"][0]["name"], most=1)
                asked[on] = None
            except RefusedError as error:
                asked[on] = f"the kubelet of {on} gives no log of {namespace}/{metadata['name']}: {error}"
    if not asked:
        return f"no pod of stack {stack.name} runs on context {cluster.context}, of which a kubelet could tell"
    return next((why for why in asked.values() if why is not None), None)


def _namespaces(stack: Declared) -> set[str]:
    return {it.namespace for it in stack.resources if it.kind != "Namespace" and it.namespace is not None}


def _acts(cluster: KubeCluster, stack: Declared, api_version: str, kind: str) -> bool:
    """Whether an operator has written a status into a resource that the stack declares."""
    return any(
        (cluster.find(api_version, kind, it["metadata"]["name"], it["metadata"]["namespace"]) or {}).get("status")
        for it in stack.objects(kind)
    )


def versions(stack: Declared, cluster: KubeCluster) -> dict[str, str]:
    """Program → version, by the images that run; those that cannot be seen are left out."""
    found: dict[str, str] = {"kubernetes": cluster.seen.version}
    for name, image in _images(stack, cluster):
        tag = image_tag(image)
        if tag is not None:
            found.setdefault(name, line(tag))
    return found


def _images(stack: Declared, cluster: KubeCluster) -> Iterator[tuple[str, str]]:
    operators = stack.settings.operators
    places = (
        ("dragonfly-operator", operators.dragonfly.namespace, dragonfly.OPERATOR_POD_LABELS),
        ("cloudnative-pg", operators.cnpg.namespace, cnpg.OPERATOR_POD_LABELS),
    )
    try:
        for name, namespace, labels in places:
            yield from ((name, it) for it in _running(cluster, namespace, labels))
        if stack.settings.dragonfly is not None:
            for cache in stack.caches:
                yield from (("dragonfly", it) for it in _running(cluster, cache.namespace, cache.pods))
        if stack.settings.cnpg is not None:
            for postgres in stack.databases:
                yield from (("postgresql", it) for it in _running(cluster, postgres.namespace, postgres.instances))
    except UndecidedError:
        return


def _running(cluster: KubeCluster, namespace: str, labels: Mapping[str, str]) -> Iterator[str]:
    for pod in cluster.every("v1", "Pod", namespace, labels):
        yield from (str(it["image"]) for it in pod.get("spec", {}).get("containers") or [])
