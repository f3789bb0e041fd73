"""The ingress side of `networking.k8s.io/v1` NetworkPolicy."""

import re
from collections.abc import Iterator
from functools import lru_cache

from seawall.policy.estate.model import KubeObject, PodSet
from seawall.policy.estate.values import View
from seawall.policy.reachability.peers import Peer, PortRange, Selected, selected, split_namespaces
from seawall.policy.reachability.selectors import Selector, read

Rule = tuple[int, View, tuple[Peer, ...], tuple[PortRange, ...] | None]


def selects(policy: KubeObject, pods: PodSet) -> Selected:
    """Whether the policy is about ingress of the pods. Without `policyTypes` a policy is about ingress."""
    selector = _ingress_selector(policy) if policy.namespace == pods.namespace else None
    return Selected.NEVER if selector is None else selected(selector, pods)


@lru_cache(maxsize=16_384)
def _ingress_selector(policy: KubeObject) -> Selector | None:
    """The pods that a policy about ingress selects, None when it is not about ingress; read once for many pods."""
    types = [kind.text() for kind in policy.at("spec", "policyTypes").items()]
    return None if types and "Ingress" not in types else read(policy.at("spec", "podSelector"))


def rules(policy: KubeObject) -> Iterator[Rule]:
    """The ingress rules: place, view, peers, ports (None for every port)."""
    for index, rule in enumerate(policy.at("spec", "ingress").items()):
        peers = rule.at("from").items()
        admitted = tuple(_peer(policy, peer) for peer in peers) or (_anybody(rule),)
        ports = tuple(_port(port) for port in rule.at("ports").items())
        yield index, rule, admitted, ports or None


def _anybody(rule: View) -> Peer:
    return Peer("everybody (no `from`)", rule.path, everyone=True)


def _peer(policy: KubeObject, peer: View) -> Peer:
    block = peer.at("ipBlock")
    if block.present:
        cidr = block.at("cidr").text() or ""
        return Peer(f"ipBlock {cidr}", peer.path, everyone=cidr in ("0.0.0.0/0", "::/0"), address=cidr)
    pods = read(peer.at("podSelector"))
    if not peer.at("namespaceSelector").present:
        if not peer.at("podSelector").present:
            return Peer("an empty peer", peer.path, everyone=True)  # the API server refuses it; read as the widest
        return _pods_peer(peer, pods, frozenset({policy.namespace}), Selector())
    names, rest = split_namespaces(read(peer.at("namespaceSelector")))
    return _pods_peer(peer, pods, names, rest)


def _pods_peer(peer: View, pods: Selector, names: frozenset[str] | None, rest: Selector) -> Peer:
    return Peer(
        describe(pods, names, rest, None),
        peer.path,
        everyone=names is None and rest.everything and pods.everything,
        namespaces=names,
        namespace_selector=rest,
        pods=pods,
    )


def describe(pods: Selector, names: frozenset[str] | None, rest: Selector, clusters: frozenset[str] | None) -> str:
    """Pods that a peer selects, for a person."""
    which = "every pod" if pods.everything else f"pods with {pods.text}"
    if names is not None:
        where = f"of namespace {' or '.join(sorted(names)) or '(none)'}"
        where += "" if rest.everything else f" with {rest.text}"
    else:
        where = "of every namespace" if rest.everything else f"of namespaces with {rest.text}"
    return f"{which} {where}" + (f" in cluster {' or '.join(sorted(clusters))}" if clusters is not None else "")


def port_of(port: View) -> int | str | None:
    """The number or the name of a port; a number in quotes is a number (Kubernetes' own policies refuse it)."""
    given = port.at("port").number_or_text()
    return int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,5}", given) else given


def _port(port: View) -> PortRange:
    return PortRange(port.at("protocol").text() or "TCP", port_of(port), port.at("endPort").integer())
