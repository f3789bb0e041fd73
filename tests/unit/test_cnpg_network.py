"""Who reaches whom around a Postgres cluster: the table of edges, in both dialects."""

from dataclasses import replace
from typing import Any

import pytest
from cnpg_samples import AWS_TARGET, ROLES, args, generic, on_own_store

from seawall.components.cnpg import certificates, network
from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.kubernetes.network import Entity, Hosts, Pods, Policy
from seawall.errors import UserError

INSTANCE = {"cnpg.io/cluster": "main", "cnpg.io/podRole": "instance"}
POOLER = {"cnpg.io/cluster": "main", "cnpg.io/podRole": "pooler", "cnpg.io/poolerName": "shop-pooler"}
OTHER_POOLER = POOLER | {"cnpg.io/poolerName": "single-sign-on-pooler"}
JOB = {"cnpg.io/cluster": "main", "cnpg.io/jobRole": "join"}
SQL_JOB = args().isolation_pods
CERTIFICATES = certificates.probing_pods(args()).labels
BUCKET = "backups.s3.eu-central-1.amazonaws.com"
WORLD = (("backup.egress", "world"), ("backup.egress_reason", "the store's names change"))
OPERATOR = ("cnpg-system", {"app.kubernetes.io/name": "cloudnative-pg"}, None)
SCRAPER = ("observability", {"app.kubernetes.io/name": "vmagent"}, None)


def allowed(made: CnpgSharedClusterArgs, pod: dict[str, str], other: Any, port: int, *, ingress: bool) -> bool:
    """Whether the policies let the other end (namespace, labels, cluster; or an entity) meet the pod on a port."""
    selecting = [policy for policy in network.policies(made) if policy.pods.items() <= pod.items()]
    assert selecting, "no policy selects the pod: it would be open"
    return any(_matches(policy, other, port, ingress=ingress) for policy in selecting)


def _matches(policy: Policy, other: Any, port: int, *, ingress: bool) -> bool:
    """`other` is a host name when it is text."""
    for rule in policy.ingress if ingress else policy.egress:
        open_port = port in rule.tcp or port in rule.udp or rule.peers == (Entity.API_SERVER,)
        for peer in rule.peers:
            if isinstance(peer, Pods) and isinstance(other, tuple):
                namespace, labels, cluster = other
                same = (peer.namespace, peer.cluster) == (namespace, cluster) and peer.labels.items() <= labels.items()
            elif isinstance(peer, Hosts):
                same = other in peer.names
            else:
                same = peer is other
            if same and open_port:
                return True
    return False


def pods(labels: dict[str, str]) -> tuple[str, dict[str, str], None]:
    return ("databases", labels, None)


@pytest.mark.parametrize(
    ("who", "whom", "port", "expected"),
    [
        (OPERATOR, INSTANCE, 8000, True),
        (OPERATOR, INSTANCE, 5432, True),
        (pods(INSTANCE), INSTANCE, 5432, True),
        (pods(INSTANCE), INSTANCE, 8000, True),  # the isolation check of a primary
        (pods(POOLER), INSTANCE, 5432, True),
        (pods(JOB), INSTANCE, 5432, True),  # a new replica copies the primary
        (pods(SQL_JOB), INSTANCE, 5432, True),
        (pods(SQL_JOB), INSTANCE, 8000, False),
        (pods(SQL_JOB), POOLER, 5432, False),
        (pods(CERTIFICATES), INSTANCE, 5432, True),
        (pods(CERTIFICATES), POOLER, 5432, True),
        (pods(CERTIFICATES), INSTANCE, 8000, False),
        (("elsewhere", SQL_JOB, None), INSTANCE, 5432, False),
        (pods(INSTANCE), SQL_JOB, 5432, False),
        (SCRAPER, INSTANCE, 9187, True),
        (pods(POOLER), INSTANCE, 8000, False),
        (("shop", {}, None), INSTANCE, 5432, False),  # applications only through their pooler
        (("web", {}, "apps"), INSTANCE, 5432, False),
        (SCRAPER, INSTANCE, 5432, False),
        (SCRAPER, INSTANCE, 8000, False),
        (("observability", {"app": "grafana"}, None), INSTANCE, 9187, False),
        (("cnpg-system", {"app": "other"}, None), INSTANCE, 8000, False),
        (("databases", {"app": "other"}, None), INSTANCE, 5432, False),
        (("shop", {}, None), POOLER, 5432, True),
        (("web", {}, "apps"), POOLER, 5432, True),
        (SCRAPER, POOLER, 9127, True),
        (("web", {}, None), POOLER, 5432, False),  # the same namespace of this cluster is somebody else
        (("shop", {}, "apps"), POOLER, 5432, False),
        (("shop", {}, None), OTHER_POOLER, 5432, False),
        (("sso", {}, None), OTHER_POOLER, 5432, True),
        (("sso", {}, None), POOLER, 5432, False),
        (("shop", {}, None), POOLER, 9127, False),
        (OPERATOR, JOB, 8000, False),
        (pods(INSTANCE), JOB, 5432, False),
    ],
)
def test_ingress(who: Any, whom: dict[str, str], port: int, expected: bool) -> None:
    assert allowed(args(), whom, who, port, ingress=True) is expected


@pytest.mark.parametrize("pod", [INSTANCE, POOLER, JOB], ids=["instance", "pooler", "job"])
def test_everything_of_the_cluster_finds_names_the_api_server_and_postgres(pod: dict[str, str]) -> None:
    dns = ("kube-system", {"k8s-app": "kube-dns"}, None)
    assert allowed(args(), pod, dns, 53, ingress=False)
    assert allowed(args(), pod, Entity.API_SERVER, 6443, ingress=False)
    assert allowed(args(), pod, pods(INSTANCE), 5432, ingress=False)


def test_only_instances_and_the_validator_reach_the_object_store() -> None:
    validator = args().validation_pods
    for pod, expected in ((INSTANCE, True), (POOLER, False), (JOB, False), (SQL_JOB, False), (validator, True)):
        assert allowed(args(), pod, BUCKET, 443, ingress=False) is expected
        assert allowed(args(*WORLD), pod, Entity.INTERNET, 443, ingress=False) is expected
        assert not allowed(args(), pod, Entity.INTERNET, 443, ingress=False)
    assert allowed(on_own_store(), INSTANCE, "minio.example.org", 9000, ingress=False)
    assert not allowed(on_own_store(), INSTANCE, "minio.example.org", 443, ingress=False)


@pytest.mark.parametrize(
    ("made", "hosts"),
    [
        (args(), ["s3.eu-central-1.amazonaws.com", BUCKET]),
        (
            args(target=ROLES),
            ["s3.eu-central-1.amazonaws.com", BUCKET, "sts.eu-central-1.amazonaws.com", "sts.amazonaws.com"],
        ),
        (
            args(target=replace(AWS_TARGET, region="us-east-1")),
            [
                "s3.us-east-1.amazonaws.com",
                "backups.s3.us-east-1.amazonaws.com",
                "s3.amazonaws.com",
                "backups.s3.amazonaws.com",
            ],
        ),
        (
            args(target=replace(AWS_TARGET, region="cn-north-1")),
            ["s3.cn-north-1.amazonaws.com.cn", "backups.s3.cn-north-1.amazonaws.com.cn"],
        ),
        (on_own_store(), ["minio.example.org", "backups.minio.example.org"]),
    ],
    ids=["keys", "roles", "us-east-1", "cn-north-1", "own store"],
)
def test_the_object_store_is_reached_by_its_exact_names(made: CnpgSharedClusterArgs, hosts: list[str]) -> None:
    assert list(network.object_store_hosts(made)) == hosts
    for policy in ("main-instances", "main-validation"):
        egress = network.network_policies(made)[policy]["spec"]["egress"]
        [named] = [rule for rule in egress if "toFQDNs" in rule]
        assert named["toFQDNs"] == [{"matchName": host} for host in hosts]


@pytest.mark.parametrize("policy", ["main-instances", "main-validation"])
def test_look_ups_are_seen_where_hosts_are_named_and_only_there(policy: str) -> None:
    def seen(made: CnpgSharedClusterArgs, name: str) -> bool:
        egress = network.network_policies(made)[name]["spec"]["egress"]
        return any("dns" in ports.get("rules", {}) for rule in egress for ports in rule.get("toPorts", ()))

    assert seen(args(), policy)
    assert not seen(args(*WORLD), policy)
    assert not seen(args(), "main-common")


def test_the_sql_jobs_reach_names_and_postgres_and_nothing_else() -> None:
    assert allowed(args(), SQL_JOB, ("kube-system", {"k8s-app": "kube-dns"}, None), 53, ingress=False)
    assert allowed(args(), SQL_JOB, pods(INSTANCE), 5432, ingress=False)
    assert not allowed(args(), SQL_JOB, pods(POOLER), 5432, ingress=False)
    assert not allowed(args(), SQL_JOB, Entity.API_SERVER, 443, ingress=False)


def test_the_validator_reaches_nothing_else() -> None:
    validator = args().validation_pods
    assert not allowed(args(), validator, pods(INSTANCE), 5432, ingress=False)
    assert not allowed(args(), validator, Entity.API_SERVER, 443, ingress=False)
    assert not allowed(args(), INSTANCE, pods(validator), 5432, ingress=True)


def test_the_dialect_follows_the_cni() -> None:
    assert {made["kind"] for made in network.network_policies(args()).values()} == {"CiliumNetworkPolicy"}
    plain = network.network_policies(generic()).values()
    assert {made["kind"] for made in plain} == {"NetworkPolicy"}
    assert all(made["spec"]["policyTypes"] == ["Ingress", "Egress"] for made in plain)


def test_a_remote_client_is_refused_without_a_mesh() -> None:
    with pytest.raises(UserError, match="cni: generic"):
        network.network_policies(args(platform={"cni": "generic", "peers": []}))
