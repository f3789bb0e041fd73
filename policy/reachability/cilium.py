"""The ingress side of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

Read in Cilium's documentation and source (1.18): a rule without any `from…` but with ports admits everybody; an empty
rule admits nobody; a selector without a namespace means the policy's own namespace (in a clusterwide policy: every
one); a section of rules, even `- {}`, isolates, unless `enableDefaultDeny` says otherwise.
"""

import re
from collections.abc import Iterator

from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE, CILIUM_NAMESPACE_LABELS, NAMESPACE_NAME
from seawall.policy.estate.model import CILIUM_CLUSTERWIDE_POLICY, KubeObject, PodSet
from seawall.policy.estate.values import View
from seawall.policy.reachability.kubernetes import Rule, describe
from seawall.policy.reachability.peers import Peer, PortRange, split_namespaces
from seawall.policy.reachability.selectors import Requirement, Selector, read

EVERYBODY = ("all", "world", "world-ipv4", "world-ipv6", "cluster")
"""Entities that mean any pod, or the world."""

_FROM = (
    "fromEndpoints",
    "fromCIDR",
    "fromCIDRSet",
    "fromEntities",
    "fromNodes",
    "fromGroups",
    "fromRequires",
)


def specs(policy: KubeObject) -> list[View]:
    """The policy's specifications: `spec`, and each of `specs`."""
    spec = policy.at("spec")
    return ([spec] if spec.present else []) + policy.at("specs").items()


def selects(policy: KubeObject, spec: View, pods: PodSet) -> bool:
    """Whether the endpoint selector selects the pods. A policy for nodes selects none."""
    if spec.at("nodeSelector").present:
        return False
    selector = _selector(spec.at("endpointSelector"))
    peer = _endpoints(policy, selector, spec.path)
    if peer.namespaces is not None and pods.namespace not in peer.namespaces:
        return False
    return peer.pods.matches(pods.labels)


def default_deny(spec: View) -> bool:
    """Whether the rules isolate for ingress."""
    given = spec.at("ingress").items() or spec.at("ingressDeny").items()
    return spec.at("enableDefaultDeny", "ingress").boolean(default=bool(given))


def rules(policy: KubeObject, spec: View) -> Iterator[Rule]:
    """The ingress rules: place, view, peers, ports (None for every port)."""
    for index, rule in enumerate(spec.at("ingress").items()):
        if not rule.keys():
            continue  # `- {}` admits nobody
        peers = tuple(_peers(policy, rule))
        ports = _ports(rule)
        if peers and ports != ():
            yield index, rule, peers, ports


def _peers(policy: KubeObject, rule: View) -> Iterator[Peer]:
    if not any(rule.at(field).present for field in _FROM):
        yield Peer("everybody (no `from…`)", rule.path, everyone=True)
        return
    for endpoints in rule.at("fromEndpoints").items():
        yield _endpoints(policy, _selector(endpoints), endpoints.path)
    for entity in rule.at("fromEntities").items():
        name = entity.text() or ""
        if name != "none":
            yield Peer(f"entity {name}", entity.path, everyone=name in EVERYBODY, address=f"entity {name}")
    for cidr in rule.at("fromCIDR").items():
        yield _cidr(cidr.text() or "", cidr.path)
    for block in rule.at("fromCIDRSet").items():
        yield _cidr(block.at("cidr").text() or "a named set of addresses", block.path)
    for field in ("fromNodes", "fromGroups"):
        for other in rule.at(field).items():
            yield Peer(f"an entry of {field}", other.path, address=field)


def _cidr(cidr: str, path: tuple[str, ...]) -> Peer:
    return Peer(f"addresses {cidr}", path, everyone=cidr in ("0.0.0.0/0", "::/0"), address=cidr)


def _endpoints(policy: KubeObject, selector: Selector, path: tuple[str, ...]) -> Peer:
    pods: list[Requirement] = []
    spaces: list[Requirement] = []
    clusters: frozenset[str] | None = None
    for requirement in selector.requirements:
        key = requirement.key
        if key == CILIUM_NAMESPACE:
            spaces.append(Requirement(NAMESPACE_NAME, requirement.operator, requirement.values))
        elif key.startswith(f"{CILIUM_NAMESPACE_LABELS}."):
            label = key.removeprefix(f"{CILIUM_NAMESPACE_LABELS}.")
            spaces.append(Requirement(label, requirement.operator, requirement.values))
        elif key == CILIUM_CLUSTER and requirement.operator == "In":
            clusters = requirement.values if clusters is None else clusters & requirement.values
        else:
            pods.append(requirement)
    if not spaces and policy.group_kind != CILIUM_CLUSTERWIDE_POLICY:
        spaces.append(Requirement(NAMESPACE_NAME, "In", frozenset({policy.namespace})))
    names, rest = split_namespaces(Selector(tuple(r for r in spaces if not _any_namespace(r))))
    chosen = Selector(tuple(pods))
    return Peer(
        describe(chosen, names, rest, clusters),
        path,
        everyone=names is None and rest.everything and chosen.everything,
        namespaces=names,
        namespace_selector=rest,
        pods=chosen,
        clusters=clusters,
    )


def _any_namespace(requirement: Requirement) -> bool:
    return requirement.key == NAMESPACE_NAME and requirement.operator == "Exists"


def _selector(view: View) -> Selector:
    return read(view, key=_key)


def _key(key: str) -> str:
    """A label key without the source prefix that Cilium takes for granted."""
    return key.removeprefix("k8s:").removeprefix("any:")


def _ports(rule: View) -> tuple[PortRange, ...] | None:
    """The ports of a rule, None for every port, empty when the rule is about none."""
    groups = rule.at("toPorts").items()
    if not groups:
        return () if rule.at("icmps").present else None
    spans: list[PortRange] = []
    for group in groups:
        ports = group.at("ports").items()
        if not ports:
            return None
        spans += [_port(port) for port in ports]
    return tuple(spans)


def _port(port: View) -> PortRange:
    given = port.at("port").number_or_text()
    number = int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,5}", given) else given
    protocol = port.at("protocol").text()
    return PortRange(
        None if protocol in (None, "ANY") else protocol,
        None if number == 0 else number,
        port.at("endPort").integer(),
    )
