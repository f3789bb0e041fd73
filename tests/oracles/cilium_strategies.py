"""Generated clusters with Cilium's policies: every construct that its engine decides without the outside world.

Not generated, because what they mean is elsewhere: `toFQDNs`, `toServices`, `fromNodes`, `fromGroups`, CIDR groups.
"""

from typing import Any

import strategies as kubernetes
import vocabulary as words
from cases import Case, Policy
from drawing import chance, count, pick, some
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from seawall.operators.labels import (
    CILIUM_CLUSTER,
    CILIUM_NAMESPACE,
    CILIUM_NAMESPACE_LABELS,
    CILIUM_SERVICE_ACCOUNT,
)

Json = dict[str, Any]
ENTITIES = ("host", "remote-node", "kube-apiserver", "world", "health", "init", "ingress", "unmanaged")
"""Entities that cells are about."""
_NAMED = (*ENTITIES, "cluster", "cluster", "all", "none", "world")
_COUNTS = (1, 2, 3, 3, 4, 4, 5, 6)
_SECTIONS = (("ingress", "from"), ("egress", "to"), ("ingressDeny", "from"), ("egressDeny", "to"))
_HTTP = {"http": [{"method": "GET", "path": "/metrics"}]}
_DNS = {"dns": [{"matchPattern": "*.example.org"}]}
_ANY_NAMESPACE = {"key": CILIUM_NAMESPACE, "operator": "Exists"}


@st.composite
def cilium_cases(draw: DrawFn) -> Case:
    """One cluster of a mesh with 1 to 6 policies: CiliumNetworkPolicies, clusterwide ones and some of Kubernetes."""
    namespaces = words.namespaces(draw)
    pods = words.pods(draw, tuple(namespaces), ("east", "east", "west"))
    case = Case(
        pods=pods,
        policies=(),
        ports=words.tested_ports(draw, pods),
        namespaces=namespaces,
        addresses=tuple(some(draw, words.ADDRESSES, 1, 2)),
        entities=tuple(some(draw, ENTITIES, 1, 3)),
        local_selectors=chance(draw, 1, 3),
        dual_stack=chance(draw, 1, 3),
    )
    return case.with_policies(tuple(_any_policy(draw, case, f"policy-{it}") for it in range(pick(draw, _COUNTS))))


def _any_policy(draw: DrawFn, case: Case, name: str) -> Policy:
    """One policy of any kind."""
    kind = pick(draw, ("cilium", "cilium", "cilium", "cilium", "cilium", "wide", "wide", "kubernetes"))
    if kind == "kubernetes":
        return kubernetes.network_policy(draw, case, name)
    pod = pick(draw, case.pods)
    wide = kind == "wide"
    made: Policy = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy" if wide else "CiliumNetworkPolicy",
        "metadata": {"name": name} if wide else {"name": name, "namespace": pod.namespace},
    }
    form = pick(draw, ("spec", "spec", "spec", "specs", "both"))
    if form != "specs":
        made["spec"] = _spec(draw, case, wide)
    if form != "spec":
        made["specs"] = [_spec(draw, case, wide) for _ in range(count(draw, 1, 2))]
    return made


def _spec(draw: DrawFn, case: Case, wide: bool) -> Json:
    """One specification: whom it is about, and one to three sections of rules."""
    pod = pick(draw, case.pods)
    if wide and chance(draw, 1, 20):
        made: Json = {"nodeSelector": {}}
    else:
        chosen = _endpoints(draw, case, pod.namespace, subject=True) if chance(draw, 1, 2) else {}
        made = {"endpointSelector": chosen}
    for section, peers in dict.fromkeys(some(draw, _SECTIONS + _SECTIONS[:2], 1, 3)):
        deny = section.endswith("Deny")
        made[section] = [_rule(draw, case, pod.namespace, peers, deny) for _ in range(count(draw, 1, 2))]
    if chance(draw, 1, 4):
        made["enableDefaultDeny"] = {side: chance(draw, 1, 2) for side in some(draw, ("ingress", "egress"), 1, 2)}
    return made


def _rule(draw: DrawFn, case: Case, namespace: str, peers: str, deny: bool) -> Json:
    """One rule: one kind of peers or none, and ports, echo requests, or neither."""
    made: Json = {}
    kind = pick(draw, ("Endpoints",) * 5 + ("Entities",) * 2 + ("CIDR", "CIDRSet", "CIDRSet", "CIDRSet", "", ""))
    if kind:
        wanted = 0 if chance(draw, 1, 12) else count(draw, 1, 2)
        made[peers + kind] = [_peer(draw, case, kind, namespace) for _ in range(wanted)]
    if not case.local_selectors and chance(draw, 1, 12):  # Cilium 1.19 refuses them
        made[peers + "Requires"] = [_endpoints(draw, case, namespace, subject=False)]
    form = pick(draw, ("absent", "absent", "ports", "ports", "ports", "ports", "empty", "icmp"))
    if form == "ports":
        groups = range(count(draw, 1, 2))
        made["toPorts"] = [_port_group(draw, case, deny=deny, egress=peers == "to") for _ in groups]
    elif form == "empty":
        made["toPorts"] = pick(draw, ([], [{}], [{"ports": []}]))
    elif form == "icmp":
        made["icmps"] = [{"fields": [{"family": "IPv4", "type": 8}]}]
    return made


def _peer(draw: DrawFn, case: Case, kind: str, namespace: str) -> object:
    if kind == "Endpoints":
        return _endpoints(draw, case, namespace, subject=False)
    if kind == "Entities":
        return pick(draw, _NAMED)
    return words.cidr(draw) if kind == "CIDR" else words.network(draw)


def _endpoints(draw: DrawFn, case: Case, namespace: str, *, subject: bool) -> Json:
    """An endpoint selector, with prefixes, and with labels of the namespace, the cluster and the account."""
    if not subject and chance(draw, 1, 20):
        return {"matchLabels": {f"reserved:{pick(draw, ENTITIES)}": ""}}
    pod = pick(draw, case.pods)
    made = kubernetes.selector(draw, pod.labels, words.LABELS)
    extra: dict[str, str] = {}
    if chance(draw, 2 if subject else 6, 10):
        extra[CILIUM_NAMESPACE] = namespace if subject and chance(draw, 1, 2) else pod.namespace
    if chance(draw, 1 if subject else 3, 10):
        extra[CILIUM_CLUSTER] = pick(draw, ("east", "west", pod.cluster))
    if chance(draw, 2, 10):
        labels = case.namespace_labels(pod.namespace)
        key = pick(draw, sorted(labels))
        extra[f"{CILIUM_NAMESPACE_LABELS}.{key}"] = labels[key]
    if chance(draw, 1, 20):
        extra[CILIUM_SERVICE_ACCOUNT] = pick(draw, ("default", "reader"))
    if extra and chance(draw, 3, 4):
        made["matchLabels"] = {**made.get("matchLabels", {}), **extra}
    elif extra:
        asked = [_expression(draw, key, value) for key, value in extra.items()]
        made["matchExpressions"] = [*made.get("matchExpressions", []), *asked]
    elif not subject and chance(draw, 1, 10):
        made["matchExpressions"] = [*made.get("matchExpressions", []), _ANY_NAMESPACE]
    return _prefixed(made, pick(draw, ("", "", "k8s:", "any:")))


def _expression(draw: DrawFn, key: str, value: str) -> Json:
    operator = pick(draw, ("In", "In", "NotIn", "Exists", "DoesNotExist"))
    made: Json = {"key": key, "operator": operator}
    return {**made, "values": [value]} if operator in ("In", "NotIn") else made


def _prefixed(selector: Json, prefix: str) -> Json:
    """The selector with the source of its labels in front of each key."""
    made = dict(selector)
    if "matchLabels" in selector:
        made["matchLabels"] = {prefix + name: value for name, value in selector["matchLabels"].items()}
    if "matchExpressions" in selector:
        made["matchExpressions"] = [{**it, "key": prefix + it["key"]} for it in selector["matchExpressions"]]
    return made


def _port_group(draw: DrawFn, case: Case, *, deny: bool, egress: bool) -> Json:
    """One entry of `toPorts`: ports, and sometimes what a request must be."""
    layer7 = not deny and chance(draw, 1, 5)
    if layer7 and egress and chance(draw, 1, 3):
        return {"ports": [{"port": "53", "protocol": pick(draw, ("ANY", "UDP", "TCP"))}], "rules": _DNS}
    made: Json = {"ports": [_port(draw, case, plain=layer7) for _ in range(count(draw, 1, 2))]}
    if layer7:
        made["rules"] = _HTTP
    elif not deny and chance(draw, 1, 15):
        made["rules"] = {"http": []}
    return made


def _port(draw: DrawFn, case: Case, *, plain: bool) -> Json:
    """One port: a number, a name, a range, 0 for all. `plain`: TCP, and not 0, as layer 7 rules need it."""
    protocol = "TCP" if plain else pick(draw, (None, "ANY", "TCP", "TCP", "UDP", "SCTP"))
    kind = pick(draw, ("number", "number", "number", "name", "name", "range", "zero"))
    made: Json = {}
    if kind == "name":
        made["port"], found = kubernetes.port_name(draw, case, protocol)
        protocol = protocol if plain else found
    elif kind == "range":
        first, made["endPort"] = pick(draw, words.RANGES)
        made["port"] = str(first)
    elif kind == "zero" and not plain:
        made["port"] = "0"
    else:
        made["port"] = str(pick(draw, [*(port.number for port in case.ports), *words.NUMBERS]))
    if protocol is not None:
        made["protocol"] = protocol
    return made
