"""What CloudNativePG makes of a Pooler. Known from the source of operator 1.30.0 and held against the real one.

The pod's template is the user's, and the operator writes into it: security contexts, service account, labels and ports
are always its own, so that a template cannot weaken PgBouncer's container; other containers are the user's alone.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import cnpg, versions
from seawall.operators.cnpg.projection_metadata import Manifest, app_labels
from seawall.operators.cnpg.projection_pods import BOOTSTRAP_CONTAINER, seccomp_profile, security_context
from seawall.operators.cnpg.projection_services import endpoint
from seawall.operators.reading import boolean, integer, mapping, name, sequence, text

CONTAINER = "pgbouncer"
DEFAULT_IMAGE = "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"
"""What operator 1.30.0 runs when nothing names an image."""
_USER, _GROUP = 998, 996


def project_pooler(
    pooler: Mapping[str, Any],
    cluster: Mapping[str, Any] | None = None,
    *,
    version: str = versions.CNPG_OPERATOR,
    operator_image: str | None = None,
    unknown: Any = None,
) -> list[Manifest]:
    """The objects that the operator makes of a Pooler: Deployment, Service, service account, role, monitor.

    No budget, no spread, no resources. `cluster` is the Cluster that it belongs to, None when it is not known: then its
    defaults are taken. Raises `UnprojectableError` when a field that decides something is not usable.
    """
    belongs = cluster if cluster is not None else {}
    image = operator_image or f"{versions.CNPG_OPERATOR_IMAGE}:{version}"
    made = [_deployment(pooler, belongs, version, image, unknown), _service(pooler, version)]
    owner = name(pooler)
    if not text(pooler, "spec", "serviceAccountName"):
        made.append(_object(pooler, "v1", "ServiceAccount", owner, {}))
    api = "rbac.authorization.k8s.io/v1"
    made.append(_object(pooler, api, "Role", owner, {}))
    subject = {"kind": "ServiceAccount", "name": _account(pooler), **_namespace(pooler)}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": owner}
    made.append(
        _object(
            pooler,
            api,
            "RoleBinding",
            owner,
            {"app.kubernetes.io/managed-by": "cloudnative-pg"},
            subjects=[subject],
            roleRef=role,
        )
    )
    if boolean(pooler, "spec", "monitoring", "enablePodMonitor", default=False):
        made.append(_monitor(pooler, belongs, version))
    return made


def _labels(pooler: Mapping[str, Any], operator: str) -> Manifest:
    cluster = text(pooler, "spec", "cluster", "name") or ""
    return {
        **app_labels(cluster, "pooler", operator),
        **cnpg.pooler_labels(name(pooler)),
        cnpg.CLUSTER_LABEL: cluster,
        cnpg.POD_ROLE_LABEL: "pooler",
    }


def _account(pooler: Mapping[str, Any]) -> str:
    return text(pooler, "spec", "serviceAccountName") or name(pooler)


def _namespace(pooler: Mapping[str, Any]) -> Manifest:
    namespace = text(pooler, "metadata", "namespace")
    return {"namespace": namespace} if namespace else {}


def _deployment(
    pooler: Mapping[str, Any], cluster: Mapping[str, Any], operator: str, operator_image: str, unknown: Any
) -> Manifest:
    labels = _labels(pooler, operator)
    template = mapping(pooler, "spec", "template", "spec")
    certificates = mapping(cluster, "spec", "certificates")
    owner = text(pooler, "spec", "cluster", "name") or ""
    held: dict[str, Manifest] = {
        "ca": {"secret": {"secretName": certificates.get("serverCASecret") or cnpg.authority_secret(owner)}},
        "server-tls": {"secret": {"secretName": certificates.get("serverTLSSecret") or f"{owner}-server"}},
        "scratch-data": {"emptyDir": {}},
    }
    pod_spec: Manifest = {
        **template,
        "containers": _written(
            sequence(pooler, "spec", "template", "spec", "containers"),
            CONTAINER,
            lambda given: _pgbouncer(pooler, cluster, given, unknown),
        ),
        "initContainers": _written(
            sequence(pooler, "spec", "template", "spec", "initContainers"),
            BOOTSTRAP_CONTAINER,
            lambda given: _bootstrap(cluster, given, operator_image, template.get("resources")),
        ),
        "volumes": sequence(pooler, "spec", "template", "spec", "volumes"),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _GROUP,
            "fsGroup": _GROUP,
            "seccompProfile": seccomp_profile(cluster),
        },
        "serviceAccountName": _account(pooler),
    }
    for volume, source in held.items():
        entry = {"name": volume, **source}
        pod_spec["volumes"] = _written(pod_spec["volumes"], volume, lambda _, entry=entry: entry)
    metadata = {
        "labels": {**mapping(pooler, "spec", "template", "metadata", "labels"), **labels},
        "annotations": dict(mapping(pooler, "spec", "template", "metadata", "annotations")),
    }
    spec = {
        "replicas": integer(pooler, "spec", "instances", default=1),
        "selector": {"matchLabels": cnpg.pooler_labels(name(pooler))},
        "strategy": mapping(pooler, "spec", "deploymentStrategy"),
        "template": {"metadata": metadata, "spec": pod_spec},
    }
    return _object(pooler, "apps/v1", "Deployment", name(pooler), labels, spec=spec)


def _written(given: list[Any], called: str, write: Any) -> list[Any]:
    """A list with the entry of this name as the operator writes it: in its place, else at the end."""
    if any(isinstance(it, Mapping) and it.get("name") == called for it in given):
        return [write(it) if isinstance(it, Mapping) and it.get("name") == called else it for it in given]
    return [*given, write({"name": called})]


def _pgbouncer(
    pooler: Mapping[str, Any], cluster: Mapping[str, Any], given: Mapping[str, Any], unknown: Any
) -> Manifest:
    settings = mapping(pooler, "spec", "pgbouncer")
    image = given.get("image") or settings.get("image")
    if image is None:
        image = DEFAULT_IMAGE if settings.get("imageCatalogRef") is None else unknown
    ports = {"pgbouncer": cnpg.POOLER_PORT, cnpg.METRICS_PORT_NAME: cnpg.POOLER_METRICS_PORT}
    own: Manifest = {
        **given,
        "image": image,
        "command": given.get("command") or ["/controller/manager", "pgbouncer", "run"],
        "securityContext": security_context(cluster),
    }
    listed = sequence(given, "ports")
    for called, number in ports.items():
        entry = {"name": called, "containerPort": number, "protocol": "TCP"}
        listed = _written(listed, called, lambda _, entry=entry: entry)
    own["ports"] = listed
    mount = {"name": "scratch-data", "mountPath": "/controller"}
    own["volumeMounts"] = _written(sequence(given, "volumeMounts"), "scratch-data", lambda _: mount)
    own["env"] = _environment(pooler, sequence(given, "env"))
    return own


def _environment(pooler: Mapping[str, Any], given: list[Any]) -> list[Any]:
    tls = boolean(pooler, "spec", "monitoring", "tls", "enabled", default=False)
    always = {"NAMESPACE": text(pooler, "metadata", "namespace") or "default", "POOLER_NAME": name(pooler)}
    once = {
        "PGUSER": "pgbouncer",
        "PGDATABASE": "pgbouncer",
        "PGHOST": "/controller/run",
        "PSQL_HISTORY": "/controller/tmp/.psql_history",
    }
    env = list(given)
    for key, value in {**always, **once, "METRICS_PORT_TLS": "true" if tls else "false"}.items():
        entry = {"name": key, "value": value}
        env = _written(env, key, lambda found, key=key, entry=entry: found if key in once and len(found) > 1 else entry)
    return env


def _bootstrap(cluster: Mapping[str, Any], given: Mapping[str, Any], image: str, resources: Any) -> Manifest:
    mount = {"name": "scratch-data", "mountPath": "/controller"}
    return {
        **given,
        "image": image,
        "command": ["/manager", "bootstrap", "/controller/manager"],
        "resources": given.get("resources") or resources or {},
        "securityContext": security_context(cluster),
        "volumeMounts": _written(sequence(given, "volumeMounts"), "scratch-data", lambda _: mount),
    }


def _service(pooler: Mapping[str, Any], operator: str) -> Manifest:
    """A pooler's Service: as `spec.serviceTemplate` says, but always with PgBouncer's port and pods, and its name."""
    template = ("spec", "serviceTemplate")
    ports = sequence(pooler, *template, "spec", "ports")
    taken = [port for port in ports if isinstance(port, Mapping)]
    if not any(port.get("name") == "pgbouncer" or port.get("port") == cnpg.POOLER_PORT for port in taken):
        ports.append({"name": "pgbouncer", "port": cnpg.POOLER_PORT, "targetPort": "pgbouncer", "protocol": "TCP"})
    spec = {
        **mapping(pooler, *template, "spec"),
        "type": text(pooler, *template, "spec", "type") or "ClusterIP",
        "selector": cnpg.pooler_labels(name(pooler)),
        "ports": ports,
    }
    labels = {**mapping(pooler, *template, "metadata", "labels"), **_labels(pooler, operator)}
    made = _object(pooler, "v1", "Service", name(pooler), labels, spec=spec)
    made["metadata"]["annotations"] = dict(mapping(pooler, *template, "metadata", "annotations"))
    return made


def _monitor(pooler: Mapping[str, Any], cluster: Mapping[str, Any], operator: str) -> Manifest:
    owner = name(pooler)
    authority = text(pooler, "spec", "pgbouncer", "clientCASecret", "name") or text(
        cluster, "spec", "certificates", "clientCASecret"
    )
    labels = {**app_labels(owner, "pooler", operator), **cnpg.pooler_labels(owner), cnpg.POD_ROLE_LABEL: "pooler"}
    spec = {
        "selector": {"matchLabels": {**cnpg.pooler_labels(owner), cnpg.POD_ROLE_LABEL: "pooler"}},
        "podMetricsEndpoints": [
            endpoint(
                pooler,
                authority or cnpg.authority_secret(text(pooler, "spec", "cluster", "name") or ""),
                owner,
            )
        ],
    }
    return _object(pooler, "monitoring.coreos.com/v1", "PodMonitor", owner, labels, spec=spec)


def _object(
    pooler: Mapping[str, Any], api_version: str, kind: str, called: str, labels: Mapping[str, Any], **content: Any
) -> Manifest:
    metadata: Manifest = {"name": called, "labels": dict(labels), **_namespace(pooler)}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
