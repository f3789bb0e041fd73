"""The matrix: its classes of sources, what is expected of them, what decides, and how it is told."""

import json
import re
from typing import Any

import pytest
import yaml
from engine_doubles import UNKNOWN_TEXT, analyze_stack
from pulumi.runtime.proto import analyzer_pb2 as proto

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POOLER
from seawall.policy.estate.model import Estate
from seawall.policy.estate.values import WrongTypeError
from seawall.policy.reachability import needs
from seawall.policy.reachability.matrix import Matrix, Row, matrix
from seawall.policy.reachability.matrix_text import describe, to_data
from seawall.policy.reachability.parties import Endpoint

CACHE = """
apiVersion: dragonflydb.io/v1alpha1
kind: Dragonfly
metadata:
  name: cache
  namespace: data
  annotations:
    seawall.dev/clients: '{"apps":["gitlab"],"this":["harbor"]}'
    seawall.dev/operator: '{"namespace":"operators","version":"1.6.1"}'
    seawall.dev/platform: '{"cluster":"infra","cni":"cilium","cni_version":"1.18"}'
    seawall.dev/scraper: '{"labels":{"app":"vmagent"},"namespace":"observability"}'
spec: {replicas: 3, networkPolicyEnabled: false}
"""
POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: cache, namespace: data}
spec:
  endpointSelector: {matchLabels: {app: cache}}
  ingress:
    - fromEndpoints:
        - matchLabels: {k8s:io.kubernetes.pod.namespace: harbor, k8s:io.cilium.k8s.policy.cluster: infra}
      toPorts: [{ports: [{port: "6379", protocol: TCP}]}]
    - fromEndpoints:
        - matchLabels:
            k8s:io.kubernetes.pod.namespace: operators
            k8s:io.cilium.k8s.policy.cluster: infra
            control-plane: controller-manager
            app.kubernetes.io/name: dragonfly-operator
        - matchLabels: {app: cache, k8s:io.cilium.k8s.policy.cluster: infra}
      toPorts: [{ports: [{port: "9999", protocol: TCP}]}]
    - fromEndpoints:
        - matchLabels:
            {k8s:io.kubernetes.pod.namespace: observability, k8s:io.cilium.k8s.policy.cluster: infra, app: vmagent}
      toPorts: [{ports: [{port: "9999", protocol: TCP}], rules: {http: [{method: GET, path: /metrics}]}}]
    - fromCIDR: [192.0.2.0/24]
      toPorts: [{ports: [{port: "6379", protocol: TCP}]}]
"""


def estate(*texts: str) -> Estate:
    reading = read_text("---\n".join(texts), "main.yaml")
    assert not reading.unreadable
    return build(reading.objects)


def of_cache(*texts: str) -> Matrix:
    made = estate(*texts)
    return matrix(made.of(DRAGONFLY)[0], made)


def row(found: Matrix, source: str, port: int) -> Row:
    (one,) = [row for row in found.rows if row.source.title == source and row.port == port]
    return one


CELLS = [
    ("the operator", 9999, True, True),
    ("the operator", 6379, False, False),
    ("its own 3 pods", 9999, True, True),
    ("its own 3 pods", 6379, False, None),
    ("the scraper", 9999, True, None),
    ("every pod of namespace harbor", 6379, True, True),
    ("every pod of namespace harbor", 9999, False, False),
    ("the declared client gitlab", 6379, False, True),
    ("addresses 192.0.2.0/24", 6379, True, False),
    ("addresses 192.0.2.0/24", 9999, False, False),
    ("other pods of namespace data", 6379, False, False),
    ("pods of any other namespace", 6379, False, False),
    ("pods of mesh cluster apps", 6379, False, False),
    ("pods of any other mesh cluster", 6379, False, False),
    ("pods of namespace data in any other mesh cluster", 9999, False, False),
    ("its own node", 9999, True, None),
    ("other nodes", 9999, False, False),
    ("the API server", 9999, False, False),
    ("the world", 9999, False, False),
]


@pytest.mark.parametrize(("source", "port", "opened", "expected"), CELLS)
def test_cells(source: str, port: int, opened: bool, expected: bool | None) -> None:
    one = row(of_cache(CACHE, POLICY), source, port)
    assert (one.open, one.expected) == (opened, expected)


def test_part_of_the_world_is_open_by_an_address() -> None:
    assert row(of_cache(CACHE, POLICY), "the world", 6379).open is None


@pytest.mark.parametrize(
    ("source", "port", "_open", "expected"), [it for it in CELLS if it[0].startswith(("the ", "its "))]
)
def test_what_is_expected_never_comes_from_policies(source: str, port: int, _open: bool, expected: bool | None) -> None:
    one = row(of_cache(CACHE), source, port)
    assert (one.open, one.expected) == (True, expected)


def test_a_cell_names_what_decided() -> None:
    found = of_cache(CACHE, POLICY)
    (ground,) = row(found, "the scraper", 9999).into.by
    assert ground.text == "CiliumNetworkPolicy data/cache, ingress rule 3 allows"
    assert row(found, "the scraper", 9999).into.requests == "HTTP GET /metrics"
    (ground,) = row(found, "other nodes", 9999).into.by
    assert ground.text == "CiliumNetworkPolicy data/cache isolates"


def test_a_peer_without_a_cluster_is_a_class_of_other_clusters_as_well() -> None:
    unnamed = POLICY.replace("harbor, k8s:io.cilium.k8s.policy.cluster: infra", "harbor")
    found = of_cache(CACHE, unnamed)
    assert row(found, "every pod of namespace harbor in cluster (any other)", 6379).open is True
    local = CACHE.replace('"1.18"', '"1.19"')
    assert "every pod of namespace harbor in cluster (any other)" not in {
        it.title for it in of_cache(local, unnamed).sources
    }


def test_an_edge_needs_the_sources_side_too() -> None:
    deny = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: harbor}
spec: {endpointSelector: {}, egress: [{}]}
"""
    one = row(of_cache(CACHE, POLICY, deny), "every pod of namespace harbor", 6379)
    assert (one.open, one.into.open) == (False, True)
    assert one.deciding.by[0].policy.name == "deny"


DATABASE = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg, namespace: data}
spec: {instances: 2, storage: {size: 1Gi}}
---
apiVersion: postgresql.cnpg.io/v1
kind: Pooler
metadata: {name: pooler, namespace: data, annotations: {seawall.dev/clients: '{"this":["shop"]}'}}
spec: {cluster: {name: pg}, instances: 1, pgbouncer: {poolMode: session}}
"""


def test_instances_and_poolers_have_a_matrix_each() -> None:
    made = estate(DATABASE)
    (cluster,), (pooler,) = made.of(CLUSTER), made.of(POOLER)
    instances, poolers = matrix(cluster, made), matrix(pooler, made)
    assert matrix(cluster, made) is instances, "worked out once"
    assert {row.port for row in instances.rows} == {5432, 8000, 9187}
    assert {row.port for row in poolers.rows} == {5432, 9127}
    assert row(instances, "Pooler pooler", 5432).expected is True
    assert row(instances, "pods of any other namespace", 5432).expected is False, "its poolers declare the clients"
    assert row(poolers, "the declared client shop", 5432).expected is True
    nobody = estate(DATABASE.partition("---")[0])
    alone = matrix(nobody.of(CLUSTER)[0], nobody)
    assert row(alone, "pods of any other namespace", 5432).expected is None, "nobody declared anything"


@pytest.mark.parametrize(
    ("rule", "unread"),
    [("{toEntities: [all]}", False), ("{toEntities: 3}", True), ("{toEntities: [all]}, {toEntities: 3}", False)],
)
def test_egress_that_cannot_be_read_is_no_pass(rule: str, unread: bool) -> None:
    policy = f"""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {{name: egress, namespace: data}}
spec: {{endpointSelector: {{matchLabels: {{cnpg.io/cluster: pg}}}}, egress: [{rule}]}}
"""
    made = estate(DATABASE.partition("---")[0], policy)
    needed = needs.missing(matrix(made.of(CLUSTER)[0], made), made)
    if unread:
        with pytest.raises(WrongTypeError, match="toEntities must be a list"):
            list(needed)
    else:
        assert list(needed) == []


def test_one_pod_is_not_called_several() -> None:
    made = estate(DATABASE.replace("instances: 2", "instances: 1"))
    assert {"its own pod"} == {it.title for it in matrix(made.of(CLUSTER)[0], made).sources if "own pod" in it.title}


def test_declared_clients_stand_in_the_order_of_their_clusters() -> None:
    clients = [it.title for it in of_cache(CACHE).sources if "declared client" in it.title]
    assert clients == ["the declared client harbor", "the declared client gitlab"], "this cluster's first"


def test_data() -> None:
    told = to_data(estate(CACHE, POLICY, DATABASE))
    assert [one["resource"] for one in told] == ["Dragonfly data/cache", "Cluster data/pg", "Pooler data/pooler"]
    assert json.loads(json.dumps(told)) == told
    (cell,) = [it for it in told[0]["cells"] if it["source"] == "the scraper" and it["port"] == 9999]
    assert cell == {
        "source": "the scraper",
        "declared": True,
        "port": 9999,
        "open": True,
        "requests": "HTTP GET /metrics",
        "expected": None,
        "by": [
            {
                "policy": "CiliumNetworkPolicy data/cache",
                "rule": "CiliumNetworkPolicy data/cache, ingress rule 3",
                "direction": "ingress",
                "effect": "allows",
                "path": ["spec", "ingress", "[2]", "fromEndpoints", "[0]"],
            }
        ],
        "why": "CiliumNetworkPolicy data/cache, ingress rule 3 allows it",
    }
    assert (told[0]["isolated"], told[1]["isolated"]) == (True, False)


def test_what_cannot_be_read_is_said_and_the_rest_is_told() -> None:
    broken = CACHE.replace("{replicas: 3, networkPolicyEnabled: false}", "{replicas: three}")
    told = to_data(estate(broken, DATABASE))
    assert told[0].keys() == {"resource", "unreadable"}
    assert "isolated" in told[1]
    assert "cannot be said" in describe(estate(broken))


def test_text() -> None:
    lines = describe(estate(CACHE, POLICY)).splitlines()
    assert lines[0] == "Dragonfly data/cache: pods of Dragonfly data/cache, isolated"
    assert lines[1].split() == ["6379", "9999"]
    said = {source: cells for source, *cells in (re.split(" {2,}", line.strip()) for line in lines[2:])}
    assert said["the scraper"] == ["closed", "some requests", "CiliumNetworkPolicy data/cache, ingress rule 3"]
    assert said["the declared client gitlab"] == ["closed!", "closed"]
    assert said["addresses 192.0.2.0/24"] == ["open!", "closed", "CiliumNetworkPolicy data/cache, ingress rule 4"]
    assert said["the world"] == ["undecided!", "closed", "CiliumNetworkPolicy data/cache, ingress rule 4"]
    assert describe(build([])) == "nothing here holds data: no Dragonfly, no Cluster and no Pooler"


@pytest.mark.parametrize("preview", [True, False])
def test_a_value_that_is_not_known_yet_is_no_pass(preview: bool) -> None:
    manifests: list[dict[str, Any]] = list(yaml.safe_load_all(f"{CACHE}---{POLICY}"))
    manifests[1]["spec"]["ingress"][0]["fromEndpoints"][0]["matchLabels"]["tier"] = UNKNOWN_TEXT
    found = [it for it in analyze_stack(manifests, preview=preview) if it.policyName == "SEAWALL-NOT-EVALUATED"]
    assert any("DFLY-SEC-001" in it.message and "is not known yet" in it.message for it in found)
    assert {it.enforcementLevel for it in found} == {proto.MANDATORY}


def test_a_policy_of_other_pods_may_be_unreadable() -> None:
    manifests: list[dict[str, Any]] = list(yaml.safe_load_all(f"{CACHE}---{POLICY}"))
    other = {"matchLabels": {"app": "other"}}
    policy = {"endpointSelector": other, "ingress": [{"fromEndpoints": UNKNOWN_TEXT}]}
    metadata = {"name": "other", "namespace": "data"}
    manifests.append({**manifests[1], "metadata": metadata, "spec": policy})
    assert not [it for it in analyze_stack(manifests) if "DFLY-SEC-001" in it.message and "not known" in it.message]


def _deployment(name: str, image: str, label: str, port: int) -> str:
    return f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: cnpg-system}}
spec:
  template:
    metadata: {{labels: {{app.kubernetes.io/name: {label}}}}}
    spec: {{containers: [{{name: manager, image: "{image}", ports: [{{containerPort: {port}}}]}}]}}
"""


def test_the_operators_own_ports_are_shown() -> None:
    operator = _deployment("op", "ghcr.io/cloudnative-pg/cloudnative-pg:1.30.0", "cloudnative-pg", 9443)
    plugin = _deployment("barman", "ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.13.0", "plugin-barman-cloud", 9090)
    closed = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: cnpg-system}
spec: {podSelector: {}}
"""
    told = to_data(estate(operator, plugin, closed))
    cells = {(one["resource"], cell["source"], cell["port"]): cell for one in told for cell in one["cells"]}
    webhook = cells["Deployment cnpg-system/op", "the API server", 9443]
    assert (webhook["open"], webhook["expected"]) == (False, None)
    calls = cells["Deployment cnpg-system/barman", "the CloudNativePG operator", 9090]
    assert (calls["open"], calls["expected"]) == (False, True)
    text = describe(estate(operator, plugin, closed))
    assert "closed!" in text
    assert text.count("closed!") == 1


def test_only_rules_about_ingress_name_sources() -> None:
    egress = "  egress: [{toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system}}]}]\n"
    assert not [it.title for it in of_cache(CACHE, POLICY + egress).sources if "kube-system" in it.title]


@pytest.mark.parametrize(
    ("condition", "labels"),
    [
        ("{key: tier, operator: In, values: [b, a]}", {"tier": "a"}),
        ("{key: tier, operator: NotIn, values: [a]}", {}),
        ("{key: tier, operator: Exists}", {"tier": "any"}),
        ("{key: tier, operator: DoesNotExist}", {}),
    ],
)
def test_a_class_stands_for_pods_that_the_rule_means(condition: str, labels: dict[str, str]) -> None:
    space = "{k8s:io.kubernetes.pod.namespace: shop, k8s:io.cilium.k8s.policy.cluster: infra}"
    rule = f"    - fromEndpoints: [{{matchLabels: {space}, matchExpressions: [{condition}]}}]\n"
    found = of_cache(CACHE, POLICY + rule)
    (source,) = [it for it in found.sources if "namespace shop" in it.title]
    assert isinstance(source.party, Endpoint)
    assert source.party.labels == labels
    assert row(found, source.title, 6379).open is True
