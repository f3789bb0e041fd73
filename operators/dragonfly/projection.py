"""What the Dragonfly operator makes of one Dragonfly resource.

Held against the objects that operator 1.6.1 really made; older versions are known from their source. Values that no
policy reads (probes, defaults of the API server) are left out.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import dragonfly
from seawall.operators.dragonfly.projection_pods import (
    memcached_port,
    owned_labels,
    probe_scripts,
    replicas,
    stateful_set_spec,
)
from seawall.operators.labels import NAMESPACE_NAME
from seawall.operators.reading import boolean, mapping, name, text
from seawall.operators.versions import DragonflyBehaviour, OwnBudget, OwnPolicy, Version, parse

__all__ = ["memcached_port", "own_budget", "own_network_policy", "project", "replicas"]

Manifest = dict[str, Any]


def project(
    resource: Mapping[str, Any],
    behaviour: DragonflyBehaviour,
    *,
    operator_version: str,
    operator_namespace: str = dragonfly.OPERATOR_NAMESPACE,
) -> list[Manifest]:
    """The objects that the operator makes of a Dragonfly resource: StatefulSet, Service, budget, NetworkPolicy.

    And a ConfigMap for each probe whose script the user does not give, when the user gives one for another.

    Raises `UnprojectableError` when a field that decides something is not usable.
    """
    operator = parse(operator_version) or behaviour.last
    spec = stateful_set_spec(resource, operator)
    made = [_object(resource, operator, "apps/v1", "StatefulSet", name(resource), spec=spec)]
    made.append(_service(resource, operator))
    budget = own_budget(resource, behaviour, operator)
    if budget is not None:
        made.append(budget)
    policy = own_network_policy(resource, behaviour, operator_namespace, operator)
    if policy is not None:
        made.append(policy)
    for script in probe_scripts(resource, operator):
        key = f"{script.rpartition('-probe')[0].rpartition('-')[2]}-check.sh"
        made.append(_object(resource, operator, "v1", "ConfigMap", script, data={key: None}))
    return made


def own_budget(
    resource: Mapping[str, Any], behaviour: DragonflyBehaviour, operator: Version | None = None
) -> Manifest | None:
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
    return _object(resource, operator or behaviour.last, "policy/v1", "PodDisruptionBudget", name(resource), spec=spec)


def own_network_policy(
    resource: Mapping[str, Any],
    behaviour: DragonflyBehaviour,
    operator_namespace: str,
    operator: Version | None = None,
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
    spec = {**pods, "ingress": ingress, "policyTypes": ["Ingress"]}
    return _object(
        resource, operator or behaviour.last, "networking.k8s.io/v1", "NetworkPolicy", name(resource), spec=spec
    )


def _service(resource: Mapping[str, Any], operator: Version) -> Manifest:
    given = mapping(resource, "spec", "serviceSpec")
    ports: list[Manifest] = [{"name": dragonfly.CLIENT_PORT_NAME, "port": dragonfly.CLIENT_PORT, "protocol": "TCP"}]
    if given.get("nodePort"):
        ports[0]["nodePort"] = given["nodePort"]
    memcached = memcached_port(resource)
    if memcached is not None:
        ports.append({"name": dragonfly.MEMCACHED_PORT_NAME, "port": memcached, "protocol": "TCP"})
    spec = {
        "type": text(resource, "spec", "serviceSpec", "type") or "ClusterIP",
        "selector": {
            "app": name(resource),
            "app.kubernetes.io/name": "dragonfly",
            dragonfly.ROLE_LABEL: "master",
        },
        "ports": [{**port, "targetPort": port["port"]} for port in ports],
    }
    called = text(resource, "spec", "serviceSpec", "name") or name(resource)
    made = _object(resource, operator, "v1", "Service", called, spec=spec)
    made["metadata"]["labels"].update(mapping(resource, "spec", "serviceSpec", "labels"))
    made["metadata"]["annotations"].update(mapping(resource, "spec", "serviceSpec", "annotations"))
    return made


def _object(
    resource: Mapping[str, Any], operator: Version, api_version: str, kind: str, called: str, **content: Any
) -> Manifest:
    metadata: Manifest = {
        "name": called,
        "labels": owned_labels(resource, operator),
        "annotations": dict(mapping(resource, "spec", "ownedObjectsMetadata", "annotations")),
    }
    namespace = text(resource, "metadata", "namespace")
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
