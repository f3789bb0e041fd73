"""Predicates of safety: who may reach whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from safety_estate import Estate, Labels, Manifest, Pods, maps, place, predicate, told

ADMIN, CLIENTS, POSTGRES = 9999, 6379, 5432
WEBHOOK = 9443
_NODES = frozenset({"host", "remote-node"})
_OF_THE_CLUSTER = _NODES | {"kube-apiserver"}
"""Entities of Cilium that no pod of anybody is."""
PASSWORDLESS = frozenset({ADMIN, 8000, 8080, 9090, 9127, 9180, 9187})
"""Ports on which a stranger could read or do something without a password."""


@dataclass(frozen=True)
class Peer:
    """One end of a rule, read from either dialect. What is None is not restricted."""

    namespace: str | None = None
    cluster: str | None = None
    labels: Labels | None = None
    everybody: bool = False
    """An address block, an empty selector, or an entity that many share."""
    entity: str = ""


@dataclass(frozen=True)
class Rule:
    """One rule of a policy, in one direction."""

    policy: Manifest
    inward: bool
    peers: tuple[Peer, ...]
    ports: frozenset[int] | None
    """None: every port."""
    only_get: str | None = None


def selector(policy: Manifest) -> Manifest:
    """What chooses the pods that a policy is for."""
    spec = policy["spec"]
    chosen: Manifest = spec["endpointSelector"] if "endpointSelector" in spec else spec["podSelector"]
    return chosen


def rules(policy: Manifest) -> Iterator[Rule]:
    """The rules of a policy, in both directions; Cilium's rule that allows nothing is none."""
    spec = policy["spec"]
    for key, inward in (("ingress", True), ("egress", False)):
        for rule in spec.get(key) or []:
            if policy["kind"] == "CiliumNetworkPolicy":
                if rule:
                    yield _cilium(policy, rule, inward)
            else:
                yield _generic(policy, rule, inward)


def _cilium(policy: Manifest, rule: Manifest, inward: bool) -> Rule:
    way = "from" if inward else "to"
    peers = [_endpoint(it.get("matchLabels") or {}) for it in rule.get(f"{way}Endpoints", [])]
    peers += [Peer(entity=it, everybody=it not in _OF_THE_CLUSTER) for it in rule.get(f"{way}Entities", [])]
    peers += [Peer(entity=it.get("matchName", "*"), everybody="matchName" not in it) for it in rule.get("toFQDNs", [])]
    peers += [Peer(everybody=True) for key in rule if "CIDR" in key]
    listed = [port for group in rule.get("toPorts", []) for port in group["ports"]]
    http = [it for group in rule.get("toPorts", []) for it in group.get("rules", {}).get("http", [])]
    get = http[0]["path"] if len(http) == 1 and http[0].get("method") == "GET" else None
    return Rule(policy, inward, tuple(peers), frozenset(int(it["port"]) for it in listed) or None, get)


def _endpoint(labels: dict[str, str]) -> Peer:
    plain = {key.removeprefix("k8s:"): value for key, value in labels.items()}
    cluster = plain.pop("io.cilium.k8s.policy.cluster", None)
    namespace = plain.pop("io.kubernetes.pod.namespace", None)
    return Peer(namespace, cluster, plain or None, everybody=namespace is None or cluster is None)


def _generic(policy: Manifest, rule: Manifest, inward: bool) -> Rule:
    peers = []
    for it in rule.get("from" if inward else "to") or []:
        named = ((it.get("namespaceSelector") or {}).get("matchLabels") or {}).get("kubernetes.io/metadata.name")
        labels = (it.get("podSelector") or {}).get("matchLabels") or None
        own = "namespaceSelector" not in it and labels is not None
        peers.append(Peer(place(policy) if own else named, None, labels, everybody=named is None and not own))
    ports = frozenset(int(it["port"]) for it in rule.get("ports") or [])
    return Rule(policy, inward, tuple(peers) or (Peer(everybody=True),), ports or None)


def _policies(estate: Estate) -> list[Manifest]:
    return estate.of("NetworkPolicy", "CiliumNetworkPolicy")


@predicate
def the_dialect_is_that_of_the_cni(estate: Estate) -> Iterator[str]:
    wanted = "CiliumNetworkPolicy" if estate.platform["cni"] == "cilium" else "NetworkPolicy"
    for policy in _policies(estate):
        if policy["kind"] != wanted:
            yield f"{told(policy)}: nobody enforces it"


@predicate
def every_pod_is_denied_by_default_both_ways(estate: Estate) -> Iterator[str]:
    for pods in estate.pods:
        mine = [it for it in _policies(estate) if place(it) == pods.namespace and pods.chosen(selector(it))]
        for way in ("ingress", "egress"):
            if not any(_isolates(it, way) for it in mine):
                yield f"{pods.told}: {way} is open"


def _isolates(policy: Manifest, way: str) -> bool:
    spec = policy["spec"]
    if policy["kind"] == "NetworkPolicy":
        return way.capitalize() in spec.get("policyTypes", [])
    return bool(spec.get(way)) and spec.get("enableDefaultDeny", {}).get(way, True)


@predicate
def nobody_is_admitted_who_is_not_named(estate: Estate) -> Iterator[str]:
    for policy in _policies(estate):
        for rule in rules(policy):
            if not rule.inward:
                continue
            if rule.ports is None:
                yield f"{told(policy)}: a rule admits to every port"
            if not rule.peers:
                yield f"{told(policy)}: a rule names nobody, which is everybody"
            for peer in rule.peers:
                # Only the API server calls a webhook, and the generic dialect cannot name it; a tunnel makes its calls
                # come from a node.
                if peer.entity in _NODES and rule.ports != {WEBHOOK}:
                    yield f"{told(policy)}: a rule admits nodes to {sorted(rule.ports or [])}"
                if peer.everybody and not (policy["kind"] == "NetworkPolicy" and rule.ports == {WEBHOOK}):
                    yield f"{told(policy)}: a rule admits everybody to {sorted(rule.ports or [])}"


@predicate
def clusters_are_named_where_there_is_a_mesh(estate: Estate) -> Iterator[str]:
    known = {estate.platform["cluster"], *estate.platform.get("peers", [])}
    for policy in _policies(estate):
        for rule in rules(policy) if policy["kind"] == "CiliumNetworkPolicy" else ():
            for peer in rule.peers:
                if not peer.entity and peer.cluster not in known:
                    yield f"{told(policy)}: a peer in cluster {peer.cluster}"


@predicate
def the_world_is_reached_only_where_the_settings_say_so(estate: Estate) -> Iterator[str]:
    open_wide = estate.platform["cni"] == "generic" or any(it.get("egress") == "world" for it in maps(estate.config))
    for policy in _policies(estate):
        for rule in rules(policy):
            if rule.inward:
                continue
            if rule.ports is None and not all(peer.entity == "kube-apiserver" for peer in rule.peers):
                yield f"{told(policy)}: every port of somebody is open"
            if not rule.peers or any(peer.everybody for peer in rule.peers):
                if not open_wide:
                    yield f"{told(policy)}: egress to everybody"
                if rule.ports is not None and rule.ports & {53, ADMIN, CLIENTS, POSTGRES}:
                    yield f"{told(policy)}: egress to everybody's {sorted(rule.ports)}"


@predicate
def ports_without_a_password_admit_exactly_who_needs_them(estate: Estate) -> Iterator[str]:
    scraper = estate.platform["observability"]
    for policy in _policies(estate):
        for rule in rules(policy):
            if not rule.inward or rule.ports is None or not rule.ports & PASSWORDLESS:
                continue
            for peer in rule.peers:
                if peer.entity:
                    continue
                if not peer.labels:
                    yield f"{told(policy)}: all of {peer.namespace} on {sorted(rule.ports)}"
                elif peer.namespace == scraper["namespace"]:
                    if peer.labels != scraper["scraper_labels"]:
                        yield f"{told(policy)}: more than the scraper on {sorted(rule.ports)}"
                    if policy["kind"] == "CiliumNetworkPolicy" and rule.ports & {ADMIN} and rule.only_get != "/metrics":
                        yield f"{told(policy)}: the scraper may do more than GET /metrics"
                elif not _is_of_ours(estate, peer):
                    yield f"{told(policy)}: {peer.namespace} {dict(peer.labels)} on {sorted(rule.ports)}"


@predicate
def the_admin_port_admits_the_operator_and_the_instance_itself(estate: Estate) -> Iterator[str]:
    operator = _operators(estate)["dragonfly"]
    for it in estate.of("Dragonfly"):
        name, admitted = it["metadata"]["name"], []
        pods = next(pods for pods in estate.pods if pods.owner == ("Dragonfly", name))
        for policy in _policies(estate):
            if place(policy) == pods.namespace and pods.chosen(selector(policy)):
                admitted += [
                    peer for rule in rules(policy) if rule.inward and ADMIN in (rule.ports or ()) for peer in rule.peers
                ]
        ends = {_end(estate, peer) for peer in admitted}
        if ends != {f"operator in {operator}", "scraper", f"data of Dragonfly {name}"}:
            yield f"Dragonfly {name}: {ADMIN} admits {sorted(ends)}"


def _end(estate: Estate, peer: Peer) -> str:
    scraper = estate.platform["observability"]
    if peer.namespace == scraper["namespace"] and peer.labels == scraper["scraper_labels"]:
        return "scraper"
    if peer.labels == {"control-plane": "controller-manager"} and peer.cluster in (None, estate.platform["cluster"]):
        return f"operator in {peer.namespace}"
    ends = {
        pods.told
        for pods in estate.pods
        if pods.namespace == peer.namespace and pods.chosen({"matchLabels": peer.labels or {}})
    }
    return ends.pop() if len(ends) == 1 else f"{sorted(ends)} {peer}"


@predicate
def client_ports_admit_exactly_the_declared_clients(estate: Estate) -> Iterator[str]:
    for port, kind, services in (
        (CLIENTS, "Dragonfly", _declared_dragonflies(estate)),
        (POSTGRES, "Pooler", _declared_poolers(estate)),
    ):
        for name, declared in services.items():
            found = next((pods for pods in estate.pods if _is_called(pods, kind, name)), None)
            if found is None:
                yield f"{kind} {name} is declared, and not there"
                continue
            admitted: list[Peer] = []
            for policy in _policies(estate):
                if place(policy) == found.namespace and found.chosen(selector(policy)):
                    for rule in rules(policy):
                        if rule.inward and port in (rule.ports or ()):
                            admitted += rule.peers
            whole = {(it.cluster or estate.platform["cluster"], it.namespace) for it in admitted if not it.labels}
            if whole != declared:
                yield f"{kind} {name}: {port} admits {sorted(map(str, whole))}, declared {sorted(map(str, declared))}"
            for peer in admitted:
                if peer.labels and not _is_of_ours(estate, peer):
                    yield f"{kind} {name}: {port} admits {peer.namespace} {dict(peer.labels)}"


def _is_called(pods: Pods, kind: str, name: str) -> bool:
    return pods.owner == (kind, name) if kind == "Dragonfly" else pods.workload == name


def _clients(estate: Estate, declared: dict[str, list[str]]) -> set[tuple[str, str]]:
    own = estate.platform["cluster"]
    return {(own if cluster == "this" else cluster, name) for cluster, names in declared.items() for name in names}


def _declared_dragonflies(estate: Estate) -> dict[str, set[tuple[str, str]]]:
    clusters = estate.config.get("seawall:dragonfly", {}).get("clusters", {})
    return {name: _clients(estate, it["clients"]) for name, it in clusters.items()}


def _declared_poolers(estate: Estate) -> dict[str, set[tuple[str, str]]]:
    made = {}
    for cluster in estate.config.get("seawall:cnpg", {}).get("clusters", {}).values():
        template = cluster.get("names", {}).get("pooler", "{app}-pooler")
        for name, it in cluster["applications"].items():
            made[template.replace("{app}", name)] = _clients(estate, it["clients"])
    return made


def _operators(estate: Estate) -> dict[str, str]:
    given = estate.config.get("seawall:operators", {})
    default = {"dragonfly": "dragonfly-operator-system", "cnpg": "cnpg-system"}
    return {name: given.get(name, {}).get("namespace", there) for name, there in default.items()}


def _is_of_ours(estate: Estate, peer: Peer) -> bool:
    """Whether a peer is some pods that this stack leads to, or an operator's."""
    if peer.cluster not in (None, estate.platform["cluster"]):
        return False
    operators = _operators(estate)
    known: dict[str, list[Any]] = {
        operators["dragonfly"]: [{"control-plane": "controller-manager"}],
        operators["cnpg"]: [{"app.kubernetes.io/name": it} for it in ("cloudnative-pg", "plugin-barman-cloud")],
    }
    if peer.labels in known.get(peer.namespace or "", []):
        return True
    ours = [
        pods
        for pods in estate.pods
        if pods.namespace == peer.namespace and pods.chosen({"matchLabels": peer.labels or {}})
    ]
    return len({pods.owner for pods in ours}) == 1


@predicate
def every_policy_is_for_pods_of_one_service(estate: Estate) -> Iterator[str]:
    operators = set(_operators(estate).values())
    for policy in _policies(estate):
        if place(policy) in operators or _only_widens(policy):
            continue
        owners = {
            pods.owner for pods in estate.pods if place(policy) == pods.namespace and pods.chosen(selector(policy))
        }
        if len(owners) != 1:
            yield f"{told(policy)}: is for {sorted(owners) or 'nobody'}"


def _only_widens(policy: Manifest) -> bool:
    """Whether a policy lets the pods of others out, and takes nothing from them."""
    deny = policy["spec"].get("enableDefaultDeny", {})
    return deny == {"ingress": False, "egress": False} and not policy["spec"].get("ingress")


@predicate
def global_services_are_for_remote_clients_of_a_mesh(estate: Estate) -> Iterator[str]:
    for service in [*estate.of("Service"), *estate.projected("Service")]:
        shared = (service["metadata"].get("annotations") or {}).get("service.cilium.io/global")
        if shared == "true" and estate.platform["cni"] != "cilium":
            yield f"{told(service)}: is global without a mesh"
        if service["spec"].get("type") in ("NodePort", "LoadBalancer"):
            yield f"{told(service)}: is reached from outside"
