"""Who can open caches and databases: what people get wrong in policies and in what they declare."""

from collections.abc import Callable
from typing import Any

from kill import Change, Kill, Properties, add, both, drop, edit

CACHE, DATABASE = "DFLY-SEC-001", "CNPG-SW-001"
CNP = "CiliumNetworkPolicy"
CACHE_POLICY = "dragonfly-system/dragonfly-traffic"
INSTANCES, COMMON = "databases/shared-postgres-instances", "databases/shared-postgres-common"
POOLER = "databases/harbor-pooler"
CLUSTER_LABEL = "k8s:io.cilium.k8s.policy.cluster"


def _rule(policy: Properties, place: int, section: str = "ingress") -> Properties:
    found: Properties = policy["spec"][section][place]
    return found


def _policy(called: str, change: Callable[[Properties], object]) -> Change:
    return edit(CNP, called, change)


def _port(place: int, number: str, section: str = "ingress") -> Callable[[Properties], object]:
    return lambda p: _rule(p, place, section)["toPorts"][0].update(ports=[{"port": number, "protocol": "TCP"}])


def _labels(place: int, change: Callable[[dict[str, Any]], object], peer: int = 0) -> Callable[[Properties], object]:
    return lambda p: change(_rule(p, place)["fromEndpoints"][peer]["matchLabels"])


def _without(place: int, section: str = "ingress") -> Callable[[Properties], object]:
    return lambda p: p["spec"][section].pop(place)


def _only(place: int, **peers: Any) -> Callable[[Properties], object]:
    """Other peers in the place of a rule's endpoints."""

    def change(policy: Properties) -> None:
        rule = _rule(policy, place)
        rule.pop("fromEndpoints")
        rule.update(peers)

    return change


def _more(rule: dict[str, Any], section: str = "ingress") -> Callable[[Properties], object]:
    return lambda p: p["spec"][section].append(rule)


def _declared(kind: str, called: str, annotation: str, value: str) -> Change:
    return edit(kind, called, lambda p: p["metadata"]["annotations"].update({f"seawall.dev/{annotation}": value}))


def _registry(policy: Properties) -> None:
    """One more client of the cache, rightly admitted."""
    peers = _rule(policy, 0)["fromEndpoints"]
    peers.append({"matchLabels": {**peers[0]["matchLabels"], "k8s:io.kubernetes.pod.namespace": "registry"}})


def _network_policy(name: str, namespace: str, spec: dict[str, Any]) -> Change:
    return add(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": spec,
        }
    )


_REFUSED = "whether the scraper gets in cannot be said of a policy that Cilium does not accept"
_TCP_5432 = [{"ports": [{"port": "5432", "protocol": "TCP"}]}]
_EVERYBODY = {"matchExpressions": [{"key": "k8s:io.kubernetes.pod.namespace", "operator": "Exists"}]}


def _cache(what: str, change: Change, **also: str) -> Kill:
    return Kill("infra", CACHE, what, change, {rule.replace("_", "-"): why for rule, why in also.items()})


def _database(what: str, change: Change, **also: str) -> Kill:
    return Kill("infra", DATABASE, what, change, {rule.replace("_", "-"): why for rule, why in also.items()})


CASES: list[Kill] = [
    _cache(
        "the operator's own policy beside ours",
        edit("Dragonfly", "dragonfly-system/dragonfly", lambda p: p["spec"].pop("networkPolicyEnabled")),
    ),
    _cache("no policy of the cache", drop(CNP, CACHE_POLICY)),
    _cache(
        "the cache's policy selects nothing",
        _policy(CACHE_POLICY, lambda p: p["spec"].update(endpointSelector={"matchLabels": {"app": "cache"}})),
    ),
    _cache(
        "the cache's policy selects the master only",
        _policy(CACHE_POLICY, lambda p: p["spec"]["endpointSelector"]["matchLabels"].update(role="master")),
    ),
    _cache(
        "the cache's policy selects a label that Cilium leaves out",
        _policy(
            CACHE_POLICY,
            lambda p: p["spec"]["endpointSelector"]["matchLabels"].update(
                {"statefulset.kubernetes.io/pod-name": "dragonfly-0"}
            ),
        ),
    ),
    _cache(
        "default deny turned off",
        _policy(CACHE_POLICY, lambda p: p["spec"].update(enableDefaultDeny={"ingress": False})),
    ),
    _cache("clients to every port", _policy(CACHE_POLICY, lambda p: _rule(p, 0).pop("toPorts"))),
    _cache(
        "clients to the admin port as well",
        _policy(CACHE_POLICY, lambda p: _rule(p, 0)["toPorts"][0]["ports"].append({"port": "9999", "protocol": "TCP"})),
    ),
    _cache("from removed for clients", _policy(CACHE_POLICY, lambda p: _rule(p, 0).pop("fromEndpoints"))),
    _cache("clients by entity cluster", _policy(CACHE_POLICY, _only(0, fromEntities=["cluster"]))),
    _cache("clients by entity all", _policy(CACHE_POLICY, _only(0, fromEntities=["all"]))),
    _cache("clients by private addresses", _policy(CACHE_POLICY, _only(0, fromCIDR=["10.0.0.0/8"]))),
    _cache(
        "world added",
        _policy(CACHE_POLICY, _more({"fromEntities": ["world"], "toPorts": [{"ports": [{"port": "6379"}]}]})),
    ),
    _cache(
        "a typo in a client's namespace",
        _policy(CACHE_POLICY, _labels(0, lambda m: m.update({"k8s:io.kubernetes.pod.namespace": "habor"}))),
    ),
    _cache("the cluster label missing for a client", _policy(CACHE_POLICY, _labels(0, lambda m: m.pop(CLUSTER_LABEL)))),
    _cache(
        "another mesh cluster for a client",
        _policy(CACHE_POLICY, _labels(0, lambda m: m.update({CLUSTER_LABEL: "apps"}))),
    ),
    _cache("clients of any namespace", _policy(CACHE_POLICY, lambda p: _rule(p, 0).update(fromEndpoints=[_EVERYBODY]))),
    _cache(
        "clients by a label of their namespace",
        _policy(
            CACHE_POLICY,
            _labels(
                0,
                lambda m: m.update(
                    {"k8s:io.cilium.k8s.namespace.labels.cache": m.pop("k8s:io.kubernetes.pod.namespace")}
                ),
            ),
        ),
    ),
    _cache("clients removed", _policy(CACHE_POLICY, _without(0))),
    _cache(
        "a declared client denied",
        _policy(
            CACHE_POLICY,
            lambda p: p["spec"].update(
                ingressDeny=[{"fromEndpoints": [{"matchLabels": {"k8s:io.kubernetes.pod.namespace": "harbor"}}]}]
            ),
        ),
    ),
    _cache("the operator forgotten", _policy(CACHE_POLICY, lambda p: _rule(p, 1)["fromEndpoints"].pop(0))),
    _cache(
        "a typo in the operator's label",
        _policy(CACHE_POLICY, _labels(1, lambda m: m.update({"k8s:control-plane": "controller"}))),
    ),
    _cache("the operator on 6379 instead of 9999", _policy(CACHE_POLICY, _port(1, "6379"))),
    _cache("the admin port moved to 9998", _policy(CACHE_POLICY, _port(1, "9998"))),
    _cache("replicas of the cache forgotten", _policy(CACHE_POLICY, lambda p: _rule(p, 1)["fromEndpoints"].pop(1))),
    _cache("replicas of the cache may not leave", _policy(CACHE_POLICY, _without(1, "egress"))),
    _cache(
        "the scraper widened to its namespace",
        _policy(CACHE_POLICY, _labels(2, lambda m: m.pop("k8s:app.kubernetes.io/name"))),
    ),
    _cache(
        "the scraper of any namespace",
        _policy(
            CACHE_POLICY,
            lambda p: _rule(p, 2).update(
                fromEndpoints=[{"matchLabels": {"app.kubernetes.io/name": "vmagent"}, **_EVERYBODY}]
            ),
        ),
    ),
    _cache(
        "two kinds of peers in one rule",
        _policy(CACHE_POLICY, lambda p: _rule(p, 0).update(fromEntities=["host"])),
        DFLY_MON_001=_REFUSED,
    ),
    _cache("a misspelt entity", _policy(CACHE_POLICY, _only(0, fromEntities=["clusters"])), DFLY_MON_001=_REFUSED),
    _cache(
        "a declared client that no policy knows",
        _declared(
            "Dragonfly",
            "dragonfly-system/dragonfly",
            "clients",
            '{"apps":["gitlab-system"],"this":["harbor","registry"]}',
        ),
    ),
    _cache(
        "a client that nobody declares any more",
        _declared("Dragonfly", "dragonfly-system/dragonfly", "clients", '{"apps":["gitlab-system"]}'),
    ),
    _cache(
        "a second policy for everybody",
        _network_policy("open", "dragonfly-system", {"podSelector": {}, "ingress": [{}]}),
    ),
    _cache(
        "a second policy for the world by ipBlock",
        _network_policy(
            "open",
            "dragonfly-system",
            {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 6379}]}]},
        ),
    ),
    _cache(
        "a client locked out by its own namespace",
        both(
            _declared(
                "Dragonfly",
                "dragonfly-system/dragonfly",
                "clients",
                '{"apps":["gitlab-system"],"this":["harbor","registry"]}',
            ),
            _policy(CACHE_POLICY, _registry),
            _network_policy("deny", "registry", {"podSelector": {}, "policyTypes": ["Egress"]}),
        ),
    ),
    _database("no policy of the instances", both(drop(CNP, INSTANCES), drop(CNP, COMMON))),
    _database(
        "the instances' policy selects nothing",
        both(
            drop(CNP, COMMON),
            _policy(
                INSTANCES, lambda p: p["spec"].update(endpointSelector={"matchLabels": {"cnpg.io/cluster": "postgres"}})
            ),
        ),
    ),
    _database(
        "the instances' policy selects the primary only",
        both(
            drop(CNP, COMMON),
            _policy(
                INSTANCES,
                lambda p: p["spec"]["endpointSelector"]["matchLabels"].update({"cnpg.io/instanceRole": "primary"}),
            ),
        ),
    ),
    _database(
        "the instances' default deny turned off",
        both(
            drop(CNP, COMMON),
            _policy(INSTANCES, lambda p: p["spec"].update(enableDefaultDeny={"ingress": False, "egress": True})),
        ),
    ),
    _database("the operator forgotten at the instances", _policy(INSTANCES, _without(0))),
    _database("the operator without the status port", _policy(INSTANCES, _port(0, "5432"))),
    _database(
        "the operator in another namespace",
        _policy(INSTANCES, _labels(0, lambda m: m.update({"k8s:io.kubernetes.pod.namespace": "cnpg"}))),
    ),
    _database("peers forgotten", _policy(INSTANCES, _without(1))),
    _database(
        "poolers forgotten at the instances",
        _policy(INSTANCES, _labels(2, lambda m: m.update({"k8s:cnpg.io/podRole": "instance"}))),
    ),
    _database(
        "an application directly at the instances",
        _policy(
            INSTANCES,
            _more(
                {
                    "fromEndpoints": [
                        {"matchLabels": {CLUSTER_LABEL: "infra", "k8s:io.kubernetes.pod.namespace": "harbor"}}
                    ],
                    "toPorts": _TCP_5432,
                }
            ),
        ),
    ),
    _database(
        "every pod of the namespace at the instances",
        _policy(INSTANCES, _labels(2, lambda m: m.pop("k8s:cnpg.io/cluster"))),
    ),
    _database(
        "entity cluster at the instances",
        _policy(INSTANCES, _more({"fromEntities": ["cluster"], "toPorts": _TCP_5432})),
    ),
    _database(
        "any mesh cluster's operator at the instances", _policy(INSTANCES, _labels(0, lambda m: m.pop(CLUSTER_LABEL)))
    ),
    _database(
        "the instances' scraper widened to its namespace",
        _policy(INSTANCES, _labels(4, lambda m: m.pop("k8s:app.kubernetes.io/name"))),
    ),
    _database(
        "the scraper on PostgreSQL's port",
        _policy(INSTANCES, lambda p: _rule(p, 4).update(toPorts=_TCP_5432)),
        CNPG_MON_001="the metrics' own port is then closed to it",
    ),
    _database("the API server removed from egress", _policy(COMMON, _without(1, "egress"))),
    _database(
        "DNS removed from egress",
        both(_policy(COMMON, _without(0, "egress")), _policy(INSTANCES, _without(0, "egress"))),
    ),
    _database("the object store removed from egress", _policy(INSTANCES, _without(2, "egress"))),
    _database("the instances' status port removed from egress", _policy(INSTANCES, _without(1, "egress"))),
    _database("PostgreSQL removed from egress of all pods", _policy(COMMON, _without(2, "egress"))),
    _database("no policy of a pooler", both(drop(CNP, POOLER), drop(CNP, COMMON))),
    _database(
        "a pooler open to every namespace", _policy(POOLER, lambda p: _rule(p, 0).update(fromEndpoints=[_EVERYBODY]))
    ),
    _database(
        "another tenant at a pooler",
        _policy(POOLER, _labels(0, lambda m: m.update({"k8s:io.kubernetes.pod.namespace": "keycloak"}))),
    ),
    _database(
        "a pooler's client in another mesh cluster",
        _policy(POOLER, _labels(0, lambda m: m.update({CLUSTER_LABEL: "apps"}))),
    ),
    _database("a pooler's from removed", _policy(POOLER, lambda p: _rule(p, 0).pop("fromEndpoints"))),
    _database("a pooler's port by PgBouncer's default", _policy(POOLER, _port(0, "6432"))),
    _database("a pooler's metrics for everybody", _policy(POOLER, lambda p: _rule(p, 2).pop("fromEndpoints"))),
    _database(
        "a pooler's client locked out by its own namespace",
        _network_policy("deny", "keycloak", {"podSelector": {}, "policyTypes": ["Egress"]}),
    ),
]
"""The stack `apps` has no protected pods, so nothing there is judged by these two rules."""
