"""Predicates of safety: pods, their hardening, their placement, their budgets; and the names of everything."""

import re
from collections.abc import Iterator
from typing import Any

from safety_estate import Estate, Manifest, Pods, maps, place, predicate, told

_VOLUMES = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
)
_ENDS_AT_ONCE = "bootstrap-controller"
"""The operator's init container: it copies one file and ends, and the operator gives it no limits of its own."""
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SERVICE_LIKE = frozenset({"Service", "Cluster", "Pooler", "Dragonfly"})
_LONGEST = {
    "Service": 63,
    "Namespace": 63,
    "CronJob": 52,
    "Job": 63,
    "Cluster": 50,
    "Pooler": 63,
    "Dragonfly": 52,
    "StatefulSet": 52,
}
"""Longest names: labels and names of pods are made from them. Everything else may have 253 characters."""


@predicate
def every_container_is_hardened(estate: Estate) -> Iterator[str]:
    for pods in estate.pods:
        for text in weaknesses(pods.spec):
            yield f"{pods.told}: {text}"


def weaknesses(spec: Manifest) -> Iterator[str]:
    """What Pod Security's level `restricted` has against a pod, and what we add: no writable root, limits."""
    pod = spec.get("securityContext") or {}
    for field in ("hostNetwork", "hostPID", "hostIPC", "hostUsers"):
        if spec.get(field):
            yield field
    for volume in spec.get("volumes") or []:
        if not (set(volume) - {"name"} <= _VOLUMES):
            yield f"volume {volume}"
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        own = container.get("securityContext") or {}
        name, both = container["name"], {**pod, **own}
        if own.get("privileged"):
            yield f"{name} is privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{name} may escalate"
        if own.get("readOnlyRootFilesystem") is not True:
            yield f"{name} may write its root"
        if (own.get("capabilities") or {}).get("drop") != ["ALL"] or (own.get("capabilities") or {}).get("add"):
            yield f"{name} has capabilities"
        if both.get("runAsNonRoot") is not True or both.get("runAsUser") == 0:
            yield f"{name} may be root"
        if (both.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{name} has no seccomp profile"
        if any(port.get("hostPort") for port in container.get("ports") or []):
            yield f"{name} has a host port"
        limits = (container.get("resources") or {}).get("limits") or {}
        if name != _ENDS_AT_ONCE and not {"cpu", "memory"} <= limits.keys():
            yield f"{name} has no limits"


@predicate
def namespaces_enforce_restricted(estate: Estate) -> Iterator[str]:
    made = {it["metadata"]["name"]: it["metadata"]["labels"] for it in estate.of("Namespace")}
    for name, labels in made.items():
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"namespace {name}"
    for it in estate.of("Dragonfly", "Cluster"):
        if place(it) not in made:
            yield f"{told(it)}: its namespace is not made here"


@predicate
def every_pod_that_stands_in_for_another_has_one_budget(estate: Estate) -> Iterator[str]:
    for pods in estate.pods:
        over = [it for it in estate.budgets if place(it) == pods.namespace and pods.chosen(_chosen(it))]
        if len(over) > 1:
            yield f"{pods.told}: {len(over)} budgets, so no drain ever ends"
        alone = pods.count == 1
        if alone and over and pods.workload != "instances":
            yield f"{pods.told}: a budget over a single pod"
        # A new instance has no role yet; the operator's budgets are over roles.
        role = pods.labels.get("cnpg.io/instanceRole")
        needs = not alone and not (pods.workload == "instances" and (role is None or pods.count == 2 != role))
        if needs and not over and not (role == "replica" and pods.count == 2):
            yield f"{pods.told} {dict(pods.labels)}: no budget"


@predicate
def budgets_leave_room(estate: Estate) -> Iterator[str]:
    for budget in estate.budgets:
        spec = budget["spec"]
        limits = {key: spec[key] for key in ("minAvailable", "maxUnavailable") if key in spec}
        under = [it for it in estate.pods if place(budget) == it.namespace and it.chosen(_chosen(budget))]
        most = max((it.count for it in under), default=2)
        if len(limits) != 1 or not all(isinstance(it, int) for it in limits.values()):
            yield f"{told(budget)}: {limits}"
        elif limits.get("maxUnavailable", 1) < 1 or limits.get("minAvailable", 0) >= most:
            yield f"{told(budget)}: {limits} of {most}, so no drain ever ends"
        elif limits.get("maxUnavailable", 0) > 1 or limits.get("minAvailable", 1) < 1:
            yield f"{told(budget)}: {limits} lets several go at once"


@predicate
def a_single_instance_can_be_drained(estate: Estate) -> Iterator[str]:
    for it in estate.of("Cluster"):
        if it["spec"].get("enablePDB", True) != (it["spec"]["instances"] > 1):
            yield f"{told(it)}: enablePDB is wrong for {it['spec']['instances']} instances"


@predicate
def every_selector_chooses_one_workload_whole(estate: Estate) -> Iterator[str]:
    for what, namespace, selector, group in _selectors(estate):
        chosen = [it for it in estate.pods if it.namespace == namespace and it.chosen(selector)]
        workloads = {(it.owner, _group(it) if group else it.workload) for it in chosen}
        if len(workloads) != 1:
            yield f"{what} {selector}: chooses {sorted(map(str, workloads)) or 'nothing'}"
            continue
        [(owner, workload)] = workloads
        missed = [
            it
            for it in estate.pods
            if it.owner == owner and (_group(it) if group else it.workload) == workload and it not in chosen
        ]
        if missed:
            yield f"{what} {selector}: misses {missed[0].told} {dict(missed[0].labels)}"


def _group(pods: Pods) -> str:
    return "poolers" if "cnpg.io/poolerName" in pods.labels else pods.workload


def _selectors(estate: Estate) -> Iterator[tuple[str, str, Manifest, bool]]:
    """Every selector of ours over pods of ours; the last value: whether it is over all poolers of a cluster."""
    for it in estate.of("PodDisruptionBudget"):
        if any(place(it) == pods.namespace for pods in estate.pods):  # not those of the operators
            yield told(it), place(it), _chosen(it), False
    for it in estate.of("PodMonitor"):
        [namespace] = it["spec"]["namespaceSelector"]["matchNames"]
        yield told(it), namespace, _chosen(it), True
    for pods in estate.pods:
        if pods.owner[0] == "Cluster" and pods.workload in ("instances", "jobs"):
            continue  # the operator writes these; ours says only how
        for term in maps(pods.spec.get("affinity") or {}):
            if "labelSelector" in term:
                yield f"affinity of {pods.told}", pods.namespace, term["labelSelector"], False
        for constraint in pods.spec.get("topologySpreadConstraints") or []:
            yield f"spread of {pods.told}", pods.namespace, constraint["labelSelector"], False
    for it in estate.of("Cluster"):
        for constraint in it["spec"].get("topologySpreadConstraints") or []:
            yield f"spread of {told(it)}", place(it), constraint["labelSelector"], False


def _chosen(manifest: Manifest) -> Manifest:
    selector: Manifest = manifest["spec"]["selector"]
    return selector


@predicate
def pods_that_stand_in_for_each_other_are_apart(estate: Estate) -> Iterator[str]:
    softer = {
        name
        for name, it in estate.config.get("seawall:dragonfly", {}).get("clusters", {}).items()
        if it.get("placement", {}).get("strategy", "required_anti_affinity") != "required_anti_affinity"
    }
    for pods in estate.pods:
        if pods.count < 2 or pods.workload == "instances" or (pods.owner[0] == "Dragonfly" and pods.owner[1] in softer):
            continue
        terms = ((pods.spec.get("affinity") or {}).get("podAntiAffinity") or {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution", []
        )
        if not any(it["topologyKey"] == "kubernetes.io/hostname" for it in terms):
            yield f"{pods.told}: may share a node"
    for it in estate.of("Cluster"):
        given = it["spec"].get("affinity") or {}
        if (given.get("podAntiAffinityType"), given.get("topologyKey")) != ("required", "kubernetes.io/hostname"):
            yield f"{told(it)}: instances may share a node"


@predicate
def spread_over_zones_only_where_there_are_zones(estate: Estate) -> Iterator[str]:
    zones = bool(estate.platform["nodes"].get("zones"))
    for it in estate.of("Dragonfly", "Cluster", "Pooler"):
        spread = any(constraint.get("topologyKey") == "topology.kubernetes.io/zone" for constraint in maps(it["spec"]))
        if spread and not zones:
            yield f"{told(it)}: stays Pending on nodes without zones"
        if zones and not spread:
            yield f"{told(it)}: may be in one zone"


@predicate
def rollouts_need_no_further_node(estate: Estate) -> Iterator[str]:
    for it in estate.of("Pooler"):
        rolling = (it["spec"].get("deploymentStrategy") or {}).get("rollingUpdate") or {}
        if rolling.get("maxSurge") != 0 or rolling.get("maxUnavailable") != 1:
            yield f"{told(it)}: {rolling}"


@predicate
def names_are_within_kubernetes_limits(estate: Estate) -> Iterator[str]:
    for it in [*estate.objects, *estate.projected("StatefulSet"), *estate.projected("Service")]:
        name, kind = it["metadata"]["name"], it["kind"]
        pattern = r"[a-z]([-a-z0-9]*[a-z0-9])?" if kind in _SERVICE_LIKE else rf"{_LABEL}(\.{_LABEL})*"
        if len(name) > _LONGEST.get(kind, 253) or not re.fullmatch(pattern, name):
            yield f"{told(it)}: no name of a {kind}"
        # Contents of files and labels of time series are not Kubernetes' own.
        own = {
            key: value for key, value in it.items() if key == "metadata" or kind not in ("ConfigMap", "PrometheusRule")
        }
        for part in maps(own):
            yield from (f"{told(it)}: {text}" for text in _wrong_names(part))


def _wrong_names(part: Manifest) -> Iterator[str]:
    for field in ("labels", "matchLabels"):
        for key, value in (part.get(field) or {}).items() if isinstance(part.get(field), dict) else ():
            plain = key.removeprefix("k8s:").rpartition("/")[2]
            if (
                len(plain) > 63
                or len(str(value)) > 63
                or not re.fullmatch(r"([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?", value)
            ):
                yield f"label {key}: {value}"
    for container in _named(part, "containers", "initContainers", "volumes"):
        if len(container["name"]) > 63 or not re.fullmatch(_LABEL, container["name"]):
            yield f"name {container['name']}"
    for port in _named(part, "ports"):
        if len(port["name"]) > 15 or not re.fullmatch(_LABEL, port["name"]):
            yield f"port {port['name']}"


def _named(part: Manifest, *fields: str) -> Iterator[dict[str, Any]]:
    for field in fields:
        for item in part.get(field) or [] if isinstance(part.get(field), list) else []:
            if isinstance(item, dict) and "name" in item:
                yield item
