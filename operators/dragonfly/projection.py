"""What the Dragonfly operator makes of one Dragonfly resource.

Held against the objects that operator 1.6.1 really made; older versions are known from their source. Values that no
policy reads (probes, defaults of the API server) are left out.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import dragonfly
from seawall.operators.labels import NAMESPACE_NAME
from seawall.operators.reading import boolean, integer, mapping, name, sequence, text
from seawall.operators.versions import (
    DragonflyBehaviour,
    OwnBudget,
    OwnPolicy,
    dragonfly_combination,
)

Manifest = dict[str, Any]

_OPERATOR_ARGS = (
    "--alsologtostderr",
    "--break_replication_on_master_restart=true",
    "--primary_port_http_enabled=false",
    f"--admin_port={dragonfly.ADMIN_PORT}",
    "--admin_nopass",
)
_POD_FIELDS = (
    "affinity",
    "nodeSelector",
    "tolerations",
    "topologySpreadConstraints",
    "priorityClassName",
    "serviceAccountName",
    "imagePullSecrets",
    "initContainers",
)


def project(
    resource: Mapping[str, Any],
    behaviour: DragonflyBehaviour,
    *,
    operator_version: str,
    operator_namespace: str = dragonfly.OPERATOR_NAMESPACE,
) -> list[Manifest]:
    """The objects that the operator makes of a Dragonfly resource: StatefulSet, Service, budget, NetworkPolicy.

    Raises `UnprojectableError` when a field that decides something is not usable.
    """
    made = [_stateful_set(resource, operator_version), _service(resource)]
    budget = own_budget(resource, behaviour)
    if budget is not None:
        made.append(budget)
    policy = own_network_policy(resource, behaviour, operator_namespace)
    if policy is not None:
        made.append(policy)
    return made


def replicas(resource: Mapping[str, Any]) -> int:
    """`spec.replicas`: all pods, the master included. Absent means none."""
    return integer(resource, "spec", "replicas", default=0)


def memcached_port(resource: Mapping[str, Any]) -> int | None:
    """`spec.memcachedPort`, None when memcached's protocol is off."""
    return integer(resource, "spec", "memcachedPort", default=0) or None


def own_budget(resource: Mapping[str, Any], behaviour: DragonflyBehaviour) -> Manifest | None:
    """The PodDisruptionBudget that the operator makes, None when it makes none."""
    if behaviour.budget is OwnBudget.NONE or replicas(resource) <= 1:
        return None
    spec: Manifest = {"selector": {"matchLabels": dragonfly.pod_labels(name(resource))}}
    wanted = mapping(resource, "spec", "pdb") if behaviour.budget is OwnBudget.FIELD else {}
    if wanted.get("maxUnavailable") is not None:  # the operator looks at this one first
        spec["maxUnavailable"] = wanted["maxUnavailable"]
    elif wanted.get("minAvailable") is not None:
        spec["minAvailable"] = wanted["minAvailable"]
    else:
        spec["maxUnavailable"] = 1
    return _object(resource, "policy/v1", "PodDisruptionBudget", spec)


def own_network_policy(
    resource: Mapping[str, Any], behaviour: DragonflyBehaviour, operator_namespace: str
) -> Manifest | None:
    """The NetworkPolicy that the operator makes, None when it makes none."""
    if behaviour.network_policy is OwnPolicy.NONE:
        return None
    if behaviour.network_policy_field and not boolean(resource, "spec", "networkPolicyEnabled", default=True):
        return None
    every_pod = behaviour.network_policy is OwnPolicy.EVERY_POD
    pods = {"podSelector": {"matchLabels": dragonfly.pod_labels(name(resource))}}
    operator_pods = {
        "podSelector": {"matchLabels": dict(dragonfly.OPERATOR_POD_LABELS)},
        "namespaceSelector": {} if every_pod else {"matchLabels": {NAMESPACE_NAME: operator_namespace}},
    }

    def client_rule(port: int) -> Manifest:
        rule: Manifest = {"ports": [{"port": port, "protocol": "TCP"}]}
        return rule if every_pod else {**rule, "from": [{"podSelector": {}}]}

    ingress = [
        client_rule(dragonfly.CLIENT_PORT),
        {"from": [operator_pods, pods], "ports": [{"port": dragonfly.ADMIN_PORT, "protocol": "TCP"}]},
    ]
    memcached = memcached_port(resource)
    if memcached is not None:
        ingress.append(client_rule(memcached))
    return _object(
        resource, "networking.k8s.io/v1", "NetworkPolicy", {**pods, "ingress": ingress, "policyTypes": ["Ingress"]}
    )


def _service(resource: Mapping[str, Any]) -> Manifest:
    ports: list[Manifest] = [{"name": dragonfly.CLIENT_PORT_NAME, "port": dragonfly.CLIENT_PORT, "protocol": "TCP"}]
    memcached = memcached_port(resource)
    if memcached is not None:
        ports.append({"name": dragonfly.MEMCACHED_PORT_NAME, "port": memcached, "protocol": "TCP"})
    selector = {
        "app": name(resource),
        "app.kubernetes.io/name": "dragonfly",
        dragonfly.ROLE_LABEL: "master",
    }
    made = _object(
        resource,
        "v1",
        "Service",
        {
            "type": text(resource, "spec", "serviceSpec", "type") or "ClusterIP",
            "selector": selector,
            "ports": ports,
        },
    )
    made["metadata"]["name"] = text(resource, "spec", "serviceSpec", "name") or name(resource)
    made["metadata"]["labels"].update(mapping(resource, "spec", "serviceSpec", "labels"))
    made["metadata"]["annotations"] = dict(mapping(resource, "spec", "serviceSpec", "annotations"))
    return made


def _stateful_set(resource: Mapping[str, Any], operator_version: str) -> Manifest:
    labels = dragonfly.pod_labels(name(resource))
    spec = mapping(resource, "spec")
    pod_spec: Manifest = {field: spec[field] for field in _POD_FIELDS if spec.get(field) is not None}
    pod_spec["containers"] = [
        _container(resource, operator_version),
        *sequence(resource, "spec", "additionalContainers"),
    ]
    if boolean(resource, "spec", "enableReplicationReadinessGate", default=False):
        pod_spec["readinessGates"] = [{"conditionType": "dragonflydb.io/replication-ready"}]
    if spec.get("podSecurityContext") is not None:
        pod_spec["securityContext"] = spec["podSecurityContext"]
    elif not boolean(resource, "spec", "skipFSGroup", default=False):
        pod_spec["securityContext"] = {"fsGroup": dragonfly.UID}
    made = _object(
        resource,
        "apps/v1",
        "StatefulSet",
        {
            "replicas": replicas(resource),
            "serviceName": name(resource),
            "selector": {"matchLabels": labels},
            "updateStrategy": {"type": "OnDelete"},
            "template": {
                "metadata": {
                    # the operator refuses a resource whose own labels collide with these
                    "labels": {
                        **mapping(resource, "spec", "labels"),
                        **mapping(resource, "spec", "podMetadata", "labels"),
                        **labels,
                    },
                    "annotations": {
                        **mapping(resource, "spec", "annotations"),
                        **mapping(resource, "spec", "podMetadata", "annotations"),
                    },
                },
                "spec": pod_spec,
            },
        },
    )
    claim = mapping(resource, "spec", "snapshot").get("persistentVolumeClaimSpec")
    if claim is not None:
        made["spec"]["volumeClaimTemplates"] = [
            {"metadata": {"name": dragonfly.SNAPSHOT_VOLUME, "labels": labels}, "spec": claim}
        ]
    return made


def _container(resource: Mapping[str, Any], operator_version: str) -> Manifest:
    spec = mapping(resource, "spec")
    combination = dragonfly_combination(operator_version)
    ports: list[Manifest] = [
        {"name": dragonfly.CLIENT_PORT_NAME, "containerPort": dragonfly.CLIENT_PORT, "protocol": "TCP"},
        {"name": dragonfly.ADMIN_PORT_NAME, "containerPort": dragonfly.ADMIN_PORT, "protocol": "TCP"},
    ]
    args = [*_OPERATOR_ARGS, *sequence(resource, "spec", "args")]
    memcached = memcached_port(resource)
    if memcached is not None:
        args.append(f"--memcached_port={memcached}")
        ports.append({"name": dragonfly.MEMCACHED_PORT_NAME, "containerPort": memcached, "protocol": "TCP"})
    if mapping(resource, "spec", "aclFromSecret"):
        args.append("--aclfile=/var/lib/dragonfly/dragonfly.acl")
    if mapping(resource, "spec", "snapshot"):
        args.append(f"--dir={text(resource, 'spec', 'snapshot', 'dir') or dragonfly.SNAPSHOT_DIR}")
        cron = text(resource, "spec", "snapshot", "cron")
        if cron:
            args.append(f"--snapshot_cron={cron}")
    args += _tls_args(resource)
    env = [*sequence(resource, "spec", "env"), {"name": "HEALTHCHECK_PORT", "value": str(dragonfly.ADMIN_PORT)}]
    password = mapping(resource, "spec", "authentication").get("passwordFromSecret")
    if password is not None:
        env.append({"name": "DFLY_requirepass", "valueFrom": {"secretKeyRef": password}})
    container: Manifest = {
        "name": dragonfly.CONTAINER_NAME,
        "image": spec.get("image") or (combination.default_image if combination else None),
        "args": args,
        "env": env,
        "ports": ports,
        "resources": spec.get("resources") or {},
    }
    if spec.get("containerSecurityContext") is not None:
        container["securityContext"] = spec["containerSecurityContext"]
    return container


def _tls_args(resource: Mapping[str, Any]) -> list[str]:
    """Server TLS leaves the admin port alone; the clients' authority is passed on whether or not there is TLS."""
    args = []
    if mapping(resource, "spec", "tlsSecretRef"):
        folder = "/etc/dragonfly-tls"
        args += [
            "--no_tls_on_admin_port",
            "--tls",
            f"--tls_cert_file={folder}/{dragonfly.TLS_CERTIFICATE}",
            f"--tls_key_file={folder}/{dragonfly.TLS_PRIVATE_KEY}",
        ]
    if mapping(resource, "spec", "authentication").get("clientCaCertSecret") is not None:
        args.append("--tls_ca_cert_file=/etc/dragonfly/tls/ca.crt")
    return args


def _object(resource: Mapping[str, Any], api_version: str, kind: str, spec: Manifest) -> Manifest:
    owner = name(resource)
    metadata: Manifest = {
        "name": owner,
        "labels": {
            **dragonfly.pod_labels(owner),
            "app.kubernetes.io/component": "dragonfly",
            "app.kubernetes.io/instance": owner,
            "app.kubernetes.io/managed-by": "dragonfly-operator",
        },
    }
    namespace = text(resource, "metadata", "namespace")
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
