"""Generated clusters with NetworkPolicies: small, and made so that several policies meet at the same pods."""

from collections.abc import Mapping, Sequence
from typing import Any

import vocabulary as words
from cases import Case, Policy
from drawing import chance, count, pick, some
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from seawall.operators.labels import NAMESPACE_NAME

Json = dict[str, Any]
_COUNTS = (1, 2, 3, 4, 5, 6, 5, 6)
_BOTH = ["Ingress", "Egress"]
_FORMS = ("everything", "labels", "labels", "labels", "labels", "expressions", "both", "both", "empty lists")
_TYPES: tuple[list[str] | None, ...] = (
    None,
    None,
    ["Ingress"],
    ["Egress"],
    _BOTH,
    _BOTH,
    _BOTH,
    _BOTH,
    ["Egress", "Ingress"],
    [],
)
_SECTIONS = (("ingress", "from"), ("egress", "to"))


@st.composite
def kubernetes_cases(draw: DrawFn) -> Case:
    """A cluster with 1 to 6 NetworkPolicies."""
    namespaces = words.namespaces(draw)
    pods = words.pods(draw, tuple(namespaces))
    case = Case(
        pods=pods,
        policies=(),
        ports=words.tested_ports(draw, pods),
        namespaces=namespaces,
        addresses=tuple(some(draw, words.ADDRESSES, 1, 3)),
    )
    return case.with_policies(tuple(network_policy(draw, case, f"policy-{it}") for it in range(pick(draw, _COUNTS))))


def network_policy(draw: DrawFn, case: Case, name: str) -> Policy:
    """One NetworkPolicy, mostly about pods that are there."""
    pod = pick(draw, case.pods)
    spec: Json = {"podSelector": selector(draw, pod.labels, words.LABELS) if chance(draw, 2, 5) else {}}
    types = pick(draw, _TYPES)
    if types is not None:
        spec["policyTypes"] = list(types)
    for section, peers in _SECTIONS:
        form = pick(draw, ("absent", "empty", "rules", "rules", "rules", "rules", "rules", "rules"))
        if form != "absent":
            wanted = count(draw, 1, 2) if form == "rules" else 0
            spec[section] = [_rule(draw, case, peers) for _ in range(wanted)]
    metadata = {"name": name, "namespace": pod.namespace}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec}


def _rule(draw: DrawFn, case: Case, peers: str) -> Json:
    """One rule: peers and ports, each absent, empty or some."""
    made: Json = {}
    form = pick(draw, ("absent", "empty", *("some",) * 14))
    if form != "absent":
        made[peers] = [_peer(draw, case) for _ in range(count(draw, 1, 2) if form == "some" else 0)]
    form = pick(draw, ("absent", "empty", *("some",) * 5))
    if form != "absent":
        made["ports"] = [_port(draw, case) for _ in range(count(draw, 1, 3) if form == "some" else 0)]
    return made


def _peer(draw: DrawFn, case: Case) -> Json:
    """One peer: an address range, or pods, namespaces, or both."""
    kind = pick(draw, ("pods", "pods", "namespaces", "both", "both", "block", "block"))
    if kind == "block":
        return {"ipBlock": words.network(draw)}
    pod = pick(draw, case.pods)
    made: Json = {}
    if kind != "namespaces":
        made["podSelector"] = selector(draw, pod.labels, words.LABELS)
    if kind != "pods":
        known = {**words.NAMESPACE_LABELS, NAMESPACE_NAME: words.NAMESPACES}
        made["namespaceSelector"] = selector(draw, case.namespace_labels(pod.namespace), known)
    return made


def selector(draw: DrawFn, wanted: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> Json:
    """A label selector that often, but not always, matches `wanted`."""
    form = pick(draw, _FORMS)
    made: Json = {}
    if form in ("labels", "both"):
        fitting = chance(draw, 8, 10)
        made["matchLabels"] = words.subset(draw, wanted, 1, 2) if fitting else words.labels(draw, known, likely="")
    if form in ("expressions", "both"):
        made["matchExpressions"] = [_expression(draw, wanted, known) for _ in range(count(draw, 1, 2))]
    if form == "empty lists":
        return dict(pick(draw, ({"matchLabels": {}}, {"matchExpressions": []})))
    return made


def _expression(draw: DrawFn, wanted: Mapping[str, str], known: Mapping[str, Sequence[str]]) -> Json:
    """One condition on a label, with every operator."""
    key = pick(draw, sorted(known))
    operator = pick(draw, ("In", "In", "NotIn", "NotIn", "Exists", "DoesNotExist"))
    made: Json = {"key": key, "operator": operator}
    if operator in ("In", "NotIn"):
        made["values"] = some(draw, known[key], 1, 2)
        if operator == "In" and key in wanted and wanted[key] not in made["values"] and chance(draw, 1, 2):
            made["values"].append(wanted[key])
    return made


def _port(draw: DrawFn, case: Case) -> Json:
    """One port of a rule: a number, a range, a name, or a protocol alone."""
    made: Json = {}
    protocol = pick(draw, (None, "TCP", "TCP", "UDP", "SCTP"))
    kind = pick(draw, ("number", "number", "name", "name", "range", "any"))
    if kind == "number":
        made["port"] = pick(draw, [*(port.number for port in case.ports), *words.NUMBERS])
    elif kind == "range":
        made["port"], made["endPort"] = pick(draw, words.RANGES)
    elif kind == "name":
        made["port"], protocol = port_name(draw, case, protocol)
    if protocol is not None:
        made["protocol"] = protocol
    return made


def port_name(draw: DrawFn, case: Case, protocol: str | None) -> tuple[str, str | None]:
    """The name of a port, half the time one that a pod declares, then with its protocol."""
    declared = [(port.name, port.protocol) for pod in case.pods for port in pod.ports]
    if declared and chance(draw, 1, 2):
        return pick(draw, declared)
    return pick(draw, words.NAMES), protocol
