"""The connection contract: what each client namespace is told, and that it names places and never a secret."""

import json
from typing import Any

import cnpg_samples as postgres
import dragonfly_samples as dragonfly
import pytest
from stack_samples import changed

from seawall.components.cnpg.contract import connections, postgres_connections
from seawall.components.cnpg.contract import contract as postgres_contract
from seawall.components.contract import Authority, Connection, clients_of, hosts_of
from seawall.components.dragonfly.contract import contract as dragonfly_contract
from seawall.components.dragonfly.contract import dragonfly_connections
from seawall.components.settings import load


def databases(*changes: tuple[str, Any]) -> dict[tuple[str, str, str], Connection]:
    found = postgres_connections(postgres.args(("secrets.ca", "db/ca"), *changes))
    return {(it.name, it.cluster, it.namespace): it for it in found}


def test_there_is_one_for_each_client_namespace_of_each_cluster() -> None:
    assert databases().keys() == {
        ("shop", "infra", "shop"),
        ("shop", "apps", "web"),
        ("single-sign-on", "infra", "sso"),
    }
    caches = dragonfly_connections(dragonfly.args(clients={"this": ["a", "b"], "apps": ["c"]}))
    assert {(it.cluster, it.namespace, it.remote) for it in caches} == {
        ("infra", "a", False),
        ("infra", "b", False),
        ("apps", "c", True),
    }


def test_the_clusters_name_stands_for_this() -> None:
    assert [it.cluster for it in clients_of({"this": ("x",)}, "blue")] == ["blue"]


def test_host_names_are_those_that_work_in_the_clients_namespace() -> None:
    assert hosts_of("cache", "data", "shop") == (
        "cache.data",
        "cache.data.svc",
        "cache.data.svc.cluster.local",
    )
    assert hosts_of("cache", "data", "data")[0] == "cache"


def test_the_certificate_has_every_host_name_that_a_client_is_told() -> None:
    args = postgres.args(("secrets.ca", "db/ca"))
    for connection in postgres_connections(args):
        assert set(connection.hosts) <= set(args.server_names)


def test_a_database_is_described_whole() -> None:
    shop = databases()["shop", "apps", "web"]
    assert shop.to_dict() == {
        "service": "postgresql",
        "name": "shop",
        "cluster": "apps",
        "namespace": "web",
        "host": "shop-pooler.databases.svc.cluster.local",
        "hosts": [
            "shop-pooler.databases",
            "shop-pooler.databases.svc",
            "shop-pooler.databases.svc.cluster.local",
        ],
        "port": 5432,
        "database": "shop",
        "role": "shop",
        "poolMode": "transaction",
        "tlsMode": "verify-full",
        "ca": {"secret": "databases/main-ca", "path": "db/ca", "key": "ca.crt"},
        "clientCertificate": False,
        "credentials": {"path": "db/shop", "fields": {"username": "username", "password": "password"}},
        "remote": True,
        "changes": [],
    }


def test_sql_names_are_those_of_the_database_itself() -> None:
    sso = databases()["single-sign-on", "infra", "sso"]
    assert (sso.database, sso.role, sso.host.split(".")[0]) == (
        "single_sign_on",
        "single_sign_on",
        "single-sign-on-pooler",
    )


def test_a_cache_is_described_whole() -> None:
    [cache] = dragonfly_connections(dragonfly.args(clients={"apps": ["web"]}))
    assert (cache.port, cache.tls_mode, cache.ca, cache.client_certificate) == (6379, "disable", None, False)
    assert (cache.database, cache.role, cache.pool_mode) == (None, None, None)
    assert cache.host == dragonfly.args().host
    assert cache.credentials.to_dict() == {
        "path": dragonfly.CACHE["auth_secret"]["path"],
        "fields": {"password": dragonfly.CACHE["auth_secret"]["property"]},
    }


def test_a_cache_with_tls_says_what_to_verify_with_and_whether_a_certificate_is_asked_for() -> None:
    tls = {"secret": "server", "ca": {"path": "cache/ca", "property": "root.pem"}}
    [plain] = dragonfly_connections(dragonfly.args(clients={"apps": ["web"]}, tls=tls))
    assert (plain.tls_mode, plain.ca) == ("verify-full", Authority(path="cache/ca", key="root.pem"))
    mutual = {**tls, "client_ca": {"secret": "clients", "path": "cache/clients"}}
    [asked] = dragonfly_connections(dragonfly.args(clients={"apps": ["web"]}, tls=mutual))
    assert asked.client_certificate


OLD = [("names.old_hosts", ["{app}-old.gone", "{app}.gone"])]


def test_a_client_of_a_former_name_is_told_what_to_change() -> None:
    shop = databases(*OLD)["shop", "apps", "web"]
    assert shop.changes == (
        "host: shop-pooler.databases.svc.cluster.local instead of shop-old.gone and shop.gone (no longer served)",
        "sslmode: verify-full, with ca.crt from entry db/ca of the secret store as sslrootcert; without TLS nobody is "
        "let in",
    )
    served = databases(*OLD, ("names.serve_old_hosts", True))["shop", "apps", "web"]
    assert served.changes[0].endswith("(still served)")


def test_a_local_client_is_told_the_same_without_an_entry_for_the_authority() -> None:
    only_local = [("applications.shop.clients", {"this": ["shop"]}), ("secrets.ca", postgres.GONE)]
    [shop, _] = postgres_connections(postgres.args(*only_local, *OLD))
    assert "from Secret databases/main-ca " in shop.changes[1]
    assert shop.ca == Authority(secret="databases/main-ca")


def test_an_applications_own_changes_are_listed() -> None:
    change = "database.external.sslmode: verify-full"
    assert databases(("applications.shop.client_changes", [change]))["shop", "infra", "shop"].changes == (change,)


def test_a_client_of_a_caches_former_name_is_told() -> None:
    [cache] = dragonfly_connections(dragonfly.args(clients={"apps": ["web"]}, aliases=["redis"]))
    assert cache.changes == (f"host: {cache.host} instead of redis.dragonfly-system (still served)",)


def test_the_outputs_keep_their_keys_and_are_made_of_connections() -> None:
    args = dragonfly.args()
    cache = dragonfly_contract(args)
    assert cache == {
        "host": args.host,
        "port": 6379,
        "secretPath": args.settings.auth_secret.path,
        "connections": [it.to_dict() for it in dragonfly_connections(args)],
    }
    shop = postgres_contract(postgres.args(("secrets.ca", "db/ca")))["shop"]
    assert {key: value for key, value in shop.items() if key != "connections"} == {
        "host": "shop-pooler.databases.svc.cluster.local",
        "port": 5432,
        "database": "shop",
        "role": "shop",
        "poolMode": "transaction",
        "tlsMode": "verify-full",
        "caSecret": "databases/main-ca",
        "caKey": "ca.crt",
        "secretPath": "db/shop",
        "clients": {"apps": ["web"], "this": ["shop"]},
    }
    assert shop["connections"] == [databases()["shop", *key].to_dict() for key in (("infra", "shop"), ("apps", "web"))]


@pytest.mark.parametrize("stack", ["infra", "sandbox"])
def test_every_declared_client_of_a_stack_has_a_contract_that_the_engine_can_hold(stack: str) -> None:
    settings = load(changed(stack=stack))
    assert settings.dragonfly is not None
    assert settings.cnpg is not None
    declared = [cluster.clients for cluster in settings.dragonfly.clusters.values()]
    declared += [it.clients for cluster in settings.cnpg.clusters.values() for it in cluster.applications.values()]
    found: list[Connection] = []
    for name, cluster in settings.cnpg.clusters.items():
        found += connections(name, settings.cnpg.namespace, cluster, settings.platform.cluster)
    for name, instance in settings.dragonfly.clusters.items():
        found += dragonfly_connections(
            dragonfly.DragonflyClusterArgs(
                name=name,
                namespace=settings.dragonfly.namespace,
                settings=instance,
                platform=settings.platform,
                operator=settings.operators.dragonfly,
            )
        )
    assert len(found) == sum(len(namespaces) for clients in declared for namespaces in clients.values())
    for connection in found:
        assert json.loads(json.dumps(connection.to_dict())) == connection.to_dict()
