"""What CloudNativePG makes of a Cluster and of a Pooler. Known from the source of operator 1.30.0.

The operator makes bare Pods for instances and a Deployment for a pooler. A role label (`cnpg.io/instanceRole`) is put
on an instance only once it runs, and the operator's own budgets select on it.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import cnpg
from seawall.operators.reading import UnprojectableError, boolean, integer, mapping, name, sequence, text

Manifest = dict[str, Any]

MAX_INSTANCES = 200

_UNPRIVILEGED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
}


def instances(cluster: Mapping[str, Any]) -> int:
    """`spec.instances` of a Cluster, 1 when absent. More than `MAX_INSTANCES` is taken for a mistake."""
    count = integer(cluster, "spec", "instances", default=1)
    if not 1 <= count <= MAX_INSTANCES:
        raise UnprojectableError(("spec", "instances"), f"a number from 1 to {MAX_INSTANCES}")
    return count


def project_cluster(cluster: Mapping[str, Any]) -> list[Manifest]:
    """The objects that the operator makes of a Cluster: one Pod an instance, Services, budgets.

    Raises `UnprojectableError` when a field that decides something is not usable.
    """
    return [*_instances(cluster), *_services(cluster), *own_budgets(cluster)]


def own_budgets(cluster: Mapping[str, Any]) -> list[Manifest]:
    """The PodDisruptionBudgets that the operator makes for a Cluster."""
    count = instances(cluster)
    made = cnpg.budget_names(name(cluster), count, enable_pdb=boolean(cluster, "spec", "enablePDB", default=True))
    budgets = []
    for budget in made:
        primary = budget != name(cluster)
        role = "primary" if primary else "replica"
        spec = {
            "minAvailable": 1 if primary else count - 2,
            "selector": {"matchLabels": {cnpg.CLUSTER_LABEL: name(cluster), cnpg.INSTANCE_ROLE_LABEL: role}},
        }
        budgets.append(_object(cluster, "policy/v1", "PodDisruptionBudget", budget, spec))
    return budgets


def _instances(cluster: Mapping[str, Any]) -> list[Manifest]:
    spec = mapping(cluster, "spec")
    owner = name(cluster)
    container: Manifest = {
        "name": "postgres",
        "image": spec.get("imageName"),
        "resources": spec.get("resources") or {},
        "ports": [
            {"name": "postgresql", "containerPort": cnpg.POSTGRES_PORT, "protocol": "TCP"},
            {"name": cnpg.METRICS_PORT_NAME, "containerPort": cnpg.INSTANCE_METRICS_PORT, "protocol": "TCP"},
            {"name": "status", "containerPort": cnpg.STATUS_PORT, "protocol": "TCP"},
        ],
        "securityContext": dict(_UNPRIVILEGED),
    }
    user = integer(cluster, "spec", "postgresUID", default=cnpg.UID)
    group = integer(cluster, "spec", "postgresGID", default=cnpg.UID)
    pod_spec: Manifest = {
        "containers": [container],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": group,
            "fsGroup": group,
            "seccompProfile": spec.get("seccompProfile") or {"type": "RuntimeDefault"},
        },
        "serviceAccountName": owner,
    }
    if spec.get("topologySpreadConstraints") is not None:
        pod_spec["topologySpreadConstraints"] = spec["topologySpreadConstraints"]
    made = []
    for serial in range(1, instances(cluster) + 1):
        pod = _object(cluster, "v1", "Pod", f"{owner}-{serial}", pod_spec)
        pod["metadata"]["labels"] = {
            **mapping(cluster, "spec", "inheritedMetadata", "labels"),
            **pod["metadata"]["labels"],
            **cnpg.instance_labels(owner),
            cnpg.INSTANCE_LABEL: f"{owner}-{serial}",
        }
        made.append(pod)
    return made


def _services(cluster: Mapping[str, Any]) -> list[Manifest]:
    owner = name(cluster)
    disabled = sequence(cluster, "spec", "managed", "services", "disabledDefaultServices")
    selectors = {
        "rw": {cnpg.CLUSTER_LABEL: owner, cnpg.INSTANCE_ROLE_LABEL: "primary"},
        "ro": {cnpg.CLUSTER_LABEL: owner, cnpg.INSTANCE_ROLE_LABEL: "replica"},
        "r": cnpg.instance_labels(owner),
    }
    port = {"name": "postgres", "port": cnpg.POSTGRES_PORT, "targetPort": cnpg.POSTGRES_PORT, "protocol": "TCP"}
    made = []
    for access, service in cnpg.service_names(owner).items():
        if access in disabled:
            continue
        spec = {"type": "ClusterIP", "selector": selectors[access], "ports": [port]}
        projected = _object(cluster, "v1", "Service", service, spec)
        projected["metadata"]["labels"][cnpg.CLUSTER_LABEL] = owner
        made.append(projected)
    return made


def project_pooler(pooler: Mapping[str, Any]) -> list[Manifest]:
    """The objects that the operator makes of a Pooler: a Deployment and a Service; no budget, no spread, no resources.

    Raises `UnprojectableError` when a field that decides something is not usable.
    """
    owner = name(pooler)
    cluster = text(pooler, "spec", "cluster", "name") or ""
    labels = {
        **_app_labels(cluster, "pooler"),
        **cnpg.pooler_labels(owner),
        cnpg.CLUSTER_LABEL: cluster,
        cnpg.POD_ROLE_LABEL: "pooler",
    }
    pod_labels = {**mapping(pooler, "spec", "template", "metadata", "labels"), **labels}
    container: Manifest = {
        "name": "pgbouncer",
        "ports": [
            {"name": "pgbouncer", "containerPort": cnpg.POOLER_PORT, "protocol": "TCP"},
            {"name": cnpg.METRICS_PORT_NAME, "containerPort": cnpg.POOLER_METRICS_PORT, "protocol": "TCP"},
        ],
        "securityContext": dict(_UNPRIVILEGED),
    }
    given = sequence(pooler, "spec", "template", "spec", "containers")
    for own in given:
        if isinstance(own, Mapping) and own.get("name") == "pgbouncer":
            container = {**container, **own, "ports": container["ports"]}
    others = [own for own in given if not (isinstance(own, Mapping) and own.get("name") == "pgbouncer")]
    pod_spec: Manifest = {
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 998,
            "runAsGroup": 996,
            "fsGroup": 996,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **mapping(pooler, "spec", "template", "spec"),
        "containers": [container, *others],
    }
    deployment = _object(
        pooler,
        "apps/v1",
        "Deployment",
        owner,
        {
            "replicas": integer(pooler, "spec", "instances", default=1),
            "selector": {"matchLabels": cnpg.pooler_labels(owner)},
            "strategy": mapping(pooler, "spec", "deploymentStrategy"),
            "template": {"metadata": {"labels": pod_labels}, "spec": pod_spec},
        },
    )
    deployment["metadata"]["labels"] = labels
    service = _object(pooler, "v1", "Service", owner, _pooler_service(pooler))
    service["metadata"]["labels"] = {**mapping(pooler, "spec", "serviceTemplate", "metadata", "labels"), **labels}
    service["metadata"]["annotations"] = dict(mapping(pooler, "spec", "serviceTemplate", "metadata", "annotations"))
    return [deployment, service]


def _pooler_service(pooler: Mapping[str, Any]) -> Manifest:
    """The spec of a pooler's Service: as `spec.serviceTemplate` says, but always with PgBouncer's port and pods."""
    ports = sequence(pooler, "spec", "serviceTemplate", "spec", "ports")
    taken = [port for port in ports if isinstance(port, Mapping)]
    if not any(port.get("name") == "pgbouncer" or port.get("port") == cnpg.POOLER_PORT for port in taken):
        ports.append({"name": "pgbouncer", "port": cnpg.POOLER_PORT, "targetPort": "pgbouncer", "protocol": "TCP"})
    return {
        **mapping(pooler, "spec", "serviceTemplate", "spec"),
        "type": text(pooler, "spec", "serviceTemplate", "spec", "type") or "ClusterIP",
        "selector": cnpg.pooler_labels(name(pooler)),
        "ports": ports,
    }


def _app_labels(instance: str, component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "cloudnative-pg",
    }


def _object(owner: Mapping[str, Any], api_version: str, kind: str, called: str, spec: Mapping[str, Any]) -> Manifest:
    metadata: Manifest = {"name": called, "labels": _app_labels(name(owner), "database")}
    namespace = text(owner, "metadata", "namespace")
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
