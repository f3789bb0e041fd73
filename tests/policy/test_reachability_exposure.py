"""What the two rules over the matrix say to do, by the port, by what is declared and by the CNI."""

from typing import Any

import pytest
from reach_samples import network_policy, platform, pod
from test_reachability_matrix import CACHE, DATABASE, POLICY, estate

from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.reachability.decision import Port, decide
from seawall.policy.rules import load

RULES = [rule for rule in load() if rule.id in ("DFLY-SEC-001", "CNPG-SW-001")]
UNDECLARED = CACHE.replace("seawall.dev/clients", "else").replace("seawall.dev/scraper", "other")


def found(*texts: str) -> list[Finding]:
    return judge(estate(*texts), RULES)


def one(part: str, findings: list[Finding]) -> Finding:
    [it] = [finding for finding in findings if part in finding.message]
    return it


def opened(ports: str, peer: str) -> str:
    """One more policy that admits a peer to ports of the cache."""
    return f"""
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {{name: more, namespace: data}}
spec:
  endpointSelector: {{matchLabels: {{app: cache}}}}
  ingress: [{{{peer}, toPorts: [{{ports: [{ports}]}}]}}]
"""


CLIENT, ADMIN = '{port: "6379", protocol: TCP}', '{port: "9999", protocol: TCP}'
SHOP = (
    "fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: shop, k8s:io.cilium.k8s.policy.cluster: infra}}]"
)


def test_mends_name_those_who_are_declared() -> None:
    finding = one("not among the declared clients: shop of cluster infra", found(CACHE, POLICY, opened(CLIENT, SHOP)))
    assert finding.mend == "Admit only the declared clients by name: harbor (this), gitlab (apps)."
    assert finding.path[:2] == ("spec", "ingress")
    assert finding.about is not None
    assert finding.about.name == "more"
    assert finding.facts == {"ports": "6379", "admitted": "every pod of namespace shop in cluster infra"}


def test_mends_of_the_admin_port_name_the_roles() -> None:
    finding = one("that is a whole namespace", found(CACHE, POLICY, opened(ADMIN, SHOP)))
    assert finding.mend == (
        "Admit to 9999 only the operator, its own 3 pods, the scraper, each with namespace and pod labels in one peer."
    )
    finding = one("that is a whole namespace", found(UNDECLARED, POLICY, opened(ADMIN, SHOP)))
    assert "exact scraper pods" in finding.mend


def test_nobody_declared_clients() -> None:
    everybody = opened(CLIENT, "fromEntities: [cluster]")
    assert one("that is everybody", found(UNDECLARED, POLICY, everybody)).mend == (
        "Name the client namespaces (kubernetes.io/metadata.name), one peer each."
    )
    assert not [it for it in found(UNDECLARED, POLICY, opened(CLIENT, SHOP)) if "shop" in it.message]
    assert not [it for it in found(UNDECLARED, POLICY) if "192.0.2.0" in it.message]


def test_nobody_is_declared_to_be_a_client() -> None:
    nobody = CACHE.replace('{"apps":["gitlab"],"this":["harbor"]}', "{}")
    finding = one("not among the declared clients: shop", found(nobody, POLICY, opened(CLIENT, SHOP)))
    assert finding.mend == "Admit only the declared clients by name: none are declared."


def test_a_version_that_is_not_declared_may_match_every_cluster() -> None:
    unnamed = opened(CLIENT, "fromEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: harbor}}]")
    versionless = CACHE.replace(',"cni_version":"1.18"', "")
    assert one("no cluster is named, and Cilium (version not declared) lets", found(versionless, POLICY, unnamed))
    local = CACHE.replace('"1.18"', '"1.19"')
    assert not [it for it in found(local, POLICY, unnamed) if "no cluster is named" in it.message]


def test_those_shut_out_are_said_with_what_to_admit() -> None:
    findings = found(CACHE, POLICY)
    finding = one("the declared client gitlab (cluster apps) to 6379", findings)
    assert finding.mend == "Admit namespace gitlab to 6379, or take it out of the declared clients."
    moved = POLICY.replace("operators", "operator")
    finding = one(
        "no policy (CiliumNetworkPolicy data/cache) admits the operator (namespace operators)", found(CACHE, moved)
    )
    assert finding.mend == "Admit pods with control-plane=controller-manager of namespace operators to 9999."


def test_a_wider_rule_that_is_denied_opens_nothing() -> None:
    denied = POLICY + "  ingressDeny: [{fromCIDR: [192.0.2.0/24]}]\n"
    assert not [it for it in found(CACHE, denied) if "192.0.2.0" in it.message]
    assert [it for it in found(CACHE, POLICY) if "192.0.2.0" in it.message]


EGRESS: list[tuple[str, str, str]] = [
    ("cilium", "the API server", "Allow egress with toEntities: [kube-apiserver]."),
    ("generic", "the API server", "by ipBlock."),
    ("cilium", "DNS", "k8s-app=kube-dns"),
    ("cilium", "its object store (store.example.org, port 9000)", "with toFQDNs, and let DNS pass the proxy"),
    ("generic", "its object store (store.example.org, port 9000)", "by ipBlock."),
]
STORE = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg, namespace: data}
spec:
  instances: 1
  storage: {size: 1Gi}
  backup:
    barmanObjectStore:
      destinationPath: s3://backups/pg
      endpointURL: https://store.example.org:9000
      s3Credentials: {inheritFromIAMRole: true}
"""
CLOSED = {
    "cilium": """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: out, namespace: data}
spec: {endpointSelector: {}, egress: [{}]}
""",
    "generic": """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: data}
spec: {podSelector: {}, policyTypes: [Egress]}
""",
}


@pytest.mark.parametrize(("cni", "what", "mend"), EGRESS)
def test_what_cannot_be_reached(cni: str, what: str, mend: str) -> None:
    finding = one(f"its pods cannot reach {what}", found(STORE, CLOSED[cni]))
    assert mend in finding.mend
    assert finding.about is not None
    assert finding.about.name == "out"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://store.example.org:9000", "store.example.org, port 9000"),
        ("http://store.example.org", "store.example.org, port 80"),
        ("https://STORE.example.org/x", "store.example.org, port 443"),
        ("https://minio.storage.svc:9000", None),
        ("http://minio.storage.svc.cluster.local:9000", None),
        ("http://minio:9000", None),
    ],
)
def test_stores(url: str, told: str | None) -> None:
    """One inside the cluster is a Service, whose pods nobody knows by its name."""
    findings = found(STORE.replace("https://store.example.org:9000", url), CLOSED["generic"])
    stores = [it.message for it in findings if "object store (" in it.message]
    assert [told in message if told else message for message in stores] == ([True] if told else [])


ALLOWED: list[tuple[str, str]] = [
    ("toEntities: [kube-apiserver]", "the API server"),
    ("toEntities: [all]", "the API server"),
    ("toCIDR: [10.0.0.1/32]", "the API server"),
    ("toEntities: [host]", "the API server"),
    ("toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: kube-system, k8s-app: kube-dns}}]", "DNS"),
    ("toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: openshift-dns}}]", "DNS"),
    ("toEntities: [host]", "DNS"),
    ("toCIDR: [169.254.20.10/32]", "DNS"),
    ("toFQDNs: [{matchName: store.example.org}]", "its object store"),
    ("toCIDR: [192.0.2.0/24]", "its object store"),
    ("toEntities: [world]", "its object store"),
]


@pytest.mark.parametrize(("rule", "what"), ALLOWED)
def test_what_may_be_reached_is_no_finding(rule: str, what: str) -> None:
    policy = CLOSED["cilium"].replace("egress: [{}]", f"egress: [{{{rule}}}]")
    assert not [it for it in found(STORE, policy) if f"cannot reach {what}" in it.message]


def test_without_isolation_for_egress_everything_is_reached() -> None:
    assert not [it for it in found(STORE) if "cannot reach" in it.message]
    some = CLOSED["generic"].replace("podSelector: {}", "podSelector: {matchLabels: {cnpg.io/instanceRole: primary}}")
    assert not [it for it in found(STORE, some) if "cannot reach" in it.message]


def test_the_own_side_may_deny() -> None:
    deny = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: deny, namespace: shop}
spec:
  endpointSelector: {}
  enableDefaultDeny: {egress: false}
  egressDeny: [{toEndpoints: [{matchLabels: {k8s:io.kubernetes.pod.namespace: data}}]}]
"""
    finding = one("cannot reach 5432 from its own side", found(DATABASE, deny))
    assert "CiliumNetworkPolicy shop/deny denies it" in finding.message
    assert finding.mend == "Allow egress to 5432 of these pods for the declared client shop (cluster this)."
    assert finding.path[:2] == ("spec", "egressDeny")


def test_somebody_elses_pods_are_not_judged_by_a_policy_that_is_not_read() -> None:
    unread = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: unread, namespace: data}
spec: {podSelector: {}, ingress: [{from: [{}]}]}
"""
    findings = found(STORE, unread)
    [blamed] = [it for it in findings if it.outcome is Outcome.NOT_EVALUATED]
    assert blamed.about is not None
    assert blamed.about.name == "unread"


def test_an_edge_says_what_could_not_be_read() -> None:
    unknown: dict[str, Any] = {"podSelector": {}, "ingress": [{"from": UNKNOWN}]}
    closed = network_policy({"podSelector": {}, "policyTypes": ["Egress"]}, namespace="other", name="out")
    policy = network_policy(unknown)
    edge = decide(platform(policy), pod("other"), pod(), Port(80))
    assert edge.open is None
    assert edge.unread is not None
    assert edge.unread.subject is policy
    shut = decide(platform(policy, closed), pod("other"), pod(), Port(80))
    assert shut.open is False
    assert shut.unread is None
