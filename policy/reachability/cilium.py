"""The ingress side of CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy.

Read in Cilium's documentation and source (1.18): a rule without any `from…` but with ports admits everybody; an empty
rule admits nobody; a selector without a namespace means the policy's own namespace (in a clusterwide policy: every
one); a section of rules, even `- {}`, isolates, unless `enableDefaultDeny` says otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seawall.operators.labels import (
    CILIUM_CLUSTER,
    CILIUM_NAMESPACE,
    CILIUM_NAMESPACE_LABELS,
    CILIUM_RESERVED,
    CILIUM_SERVICE_ACCOUNT,
    NAMESPACE_NAME,
)
from seawall.policy.estate.kinds import CILIUM_CLUSTERWIDE_POLICY
from seawall.policy.estate.model import KubeObject, PodSet
from seawall.policy.estate.values import View
from seawall.policy.reachability.kubernetes import Rule, describe, port_of
from seawall.policy.reachability.peers import Peer, PortRange, Selected, selected, split_namespaces
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


def selects(policy: KubeObject, spec: View, pods: PodSet, namespace_labels: Mapping[str, str] | None) -> Selected:
    """Whether the endpoint selector selects the pods. A policy for nodes selects none.

    Without the labels of the pods' namespace, a selector that asks for more than its name may select them or not.
    """
    if spec.at("nodeSelector").present:
        return Selected.NEVER
    selector = _selector(spec.at("endpointSelector"))
    peer = _endpoints(policy, selector, spec.path)
    if peer.address is not None or (peer.namespaces is not None and pods.namespace not in peer.namespaces):
        return Selected.NEVER
    known = {NAMESPACE_NAME: pods.namespace} if namespace_labels is None else namespace_labels
    asked = peer.namespace_selector.requirements
    certain = [r for r in asked if namespace_labels is not None or r.key == NAMESPACE_NAME]
    if not all(requirement.holds(known) for requirement in certain):
        return Selected.NEVER
    account = pods.spec.at("serviceAccountName").text() or "default"
    chosen = selected(peer.pods, replace(pods, labels={**pods.labels, CILIUM_SERVICE_ACCOUNT: account}))
    if chosen is Selected.ALWAYS and len(certain) < len(asked):
        return Selected.SOMETIMES
    return chosen


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
            yield _entity(name, entity.path)
    for cidr in rule.at("fromCIDR").items():
        yield _cidr(cidr.text() or "", cidr.path)
    for block in rule.at("fromCIDRSet").items():
        yield _cidr(block.at("cidr").text() or "a named set of addresses", block.path)
    for field in ("fromNodes", "fromGroups"):
        for other in rule.at(field).items():
            yield Peer(f"an entry of {field}", other.path, address=field)


def _entity(name: str, path: tuple[str, ...]) -> Peer:
    return Peer(f"entity {name}", path, everyone=name in EVERYBODY, address=f"entity {name}")


def _cidr(cidr: str, path: tuple[str, ...]) -> Peer:
    return Peer(f"addresses {cidr}", path, everyone=cidr in ("0.0.0.0/0", "::/0"), address=cidr)


def _endpoints(policy: KubeObject, selector: Selector, path: tuple[str, ...]) -> Peer:
    pods: list[Requirement] = []
    spaces: list[Requirement] = []
    clusters: frozenset[str] | None = None
    every_cluster = False
    reserved = [r for r in selector.requirements if r.key.startswith(CILIUM_RESERVED)]
    named = [r for r in reserved if r.operator in ("In", "Exists")]
    if named:
        return _entity(named[0].key.removeprefix(CILIUM_RESERVED), path)
    for requirement in selector.requirements:
        key = requirement.key
        if key == CILIUM_NAMESPACE:
            spaces.append(Requirement(NAMESPACE_NAME, requirement.operator, requirement.values))
        elif key.startswith(f"{CILIUM_NAMESPACE_LABELS}."):
            label = key.removeprefix(f"{CILIUM_NAMESPACE_LABELS}.")
            spaces.append(Requirement(label, requirement.operator, requirement.values))
        elif key == CILIUM_CLUSTER and requirement.operator == "In":
            clusters = requirement.values if clusters is None else clusters & requirement.values
        elif key == CILIUM_CLUSTER:
            every_cluster = True
        elif requirement in reserved:
            continue  # `reserved:host does not exist`: every pod meets it
        else:
            pods.append(requirement)
    if not spaces and not reserved and policy.group_kind != CILIUM_CLUSTERWIDE_POLICY:
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
        every_cluster=every_cluster and clusters is None,
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
    number = port_of(port)
    protocol = port.at("protocol").text()
    return PortRange(
        None if protocol in (None, "", "ANY") else protocol,
        None if number == 0 else number,
        port.at("endPort").integer(),
    )
