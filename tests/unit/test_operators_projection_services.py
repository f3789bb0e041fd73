"""Services, budgets, monitors, Secrets and service accounts that CloudNativePG makes of a Cluster."""

from typing import Any

import pytest

from seawall.operators import cnpg
from seawall.operators.cnpg.projection import project_cluster, server_names
from seawall.operators.reading import UnprojectableError

Manifest = dict[str, Any]


def cluster(**spec: Any) -> Manifest:
    return {"metadata": {"name": "pg", "namespace": "databases"}, "spec": {"instances": 3, **spec}}


def named(made: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by name."""
    return {it["metadata"]["name"]: it for it in made if it["kind"] == kind}


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({}, ["pg-app", "pg-ca", "pg-replication", "pg-server"]),
        ({"enableSuperuserAccess": True}, ["pg-app", "pg-ca", "pg-replication", "pg-server", "pg-superuser"]),
        (
            {"enableSuperuserAccess": True, "superuserSecret": {"name": "mine"}},
            ["pg-app", "pg-ca", "pg-replication", "pg-server"],
        ),
        ({"bootstrap": {"initdb": {"secret": {"name": "mine"}}}}, ["pg-ca", "pg-replication", "pg-server"]),
        (
            {"bootstrap": {"initdb": {"import": {"type": "monolith"}}}},
            ["pg-ca", "pg-replication", "pg-server"],
        ),
        ({"bootstrap": {"recovery": {}}}, ["pg-app", "pg-ca", "pg-replication", "pg-server"]),
        ({"bootstrap": {"recovery": {"secret": {"name": "mine"}}}}, ["pg-ca", "pg-replication", "pg-server"]),
        ({"bootstrap": {"pg_basebackup": {}}}, ["pg-app", "pg-ca", "pg-replication", "pg-server"]),
        (
            {"bootstrap": {"recovery": {}}, "replica": {"enabled": True}},
            ["pg-ca", "pg-replication", "pg-server"],
        ),
        (
            {
                "certificates": {
                    "serverCASecret": "a",
                    "serverTLSSecret": "b",
                    "clientCASecret": "c",
                    "replicationTLSSecret": "d",
                }
            },
            ["pg-app"],
        ),
        ({"certificates": {"serverCASecret": "a", "serverTLSSecret": "b"}}, ["pg-app", "pg-ca", "pg-replication"]),
    ],
)
def test_secrets(spec: Manifest, names: list[str]) -> None:
    assert sorted(named(project_cluster(cluster(**spec)), "Secret")) == names


def test_secrets_have_keys_and_no_values() -> None:
    secrets = named(project_cluster(cluster(), pooler_secrets=("pg-pooler",)), "Secret")
    assert secrets["pg-app"]["type"] == "kubernetes.io/basic-auth"
    assert {"username", "password"} <= set(secrets["pg-app"]["data"])
    assert set(secrets["pg-ca"]["data"]) == {"ca.key", "ca.crt"}
    assert secrets["pg-pooler"]["type"] == "kubernetes.io/tls"
    assert {value for it in secrets.values() for value in it["data"].values()} == {None}


def test_service_accounts() -> None:
    template = {"metadata": {"annotations": {"role": "arn"}, "labels": {"a": "b"}}}
    account = named(project_cluster(cluster(serviceAccountTemplate=template)), "ServiceAccount")["pg"]["metadata"]
    assert account["annotations"]["role"] == "arn"
    assert account["labels"]["a"] == "b"
    own = project_cluster(cluster(serviceAccountName="mine"))
    assert named(own, "ServiceAccount") == {}
    assert named(own, "Pod")["pg-1"]["spec"]["serviceAccountName"] == "mine"
    assert named(own, "RoleBinding")["pg"]["subjects"][0]["name"] == "mine"


def test_services() -> None:
    made = project_cluster(
        cluster(
            managed={
                "services": {
                    "disabledDefaultServices": ["ro", "r"],
                    "additional": [
                        {
                            "selectorType": "rw",
                            "serviceTemplate": {
                                "metadata": {"name": "open", "labels": {"a": "b"}},
                                "spec": {"type": "LoadBalancer"},
                            },
                        }
                    ],
                }
            }
        )
    )
    services = named(made, "Service")
    assert sorted(services) == ["open", "pg-rw"]
    assert services["open"]["spec"]["type"] == "LoadBalancer"
    assert services["open"]["spec"]["selector"] == services["pg-rw"]["spec"]["selector"]
    assert [port["port"] for port in services["open"]["spec"]["ports"]] == [5432]
    assert services["open"]["metadata"]["labels"]["cnpg.io/isManaged"] == "true"


@pytest.mark.parametrize(
    ("spec", "budgets"),
    [
        ({}, {"pg": 1, "pg-primary": 1}),
        ({"instances": 2}, {"pg-primary": 1}),
        ({"instances": 1}, {"pg-primary": 1}),
        ({"enablePDB": False}, {}),
        ({"nodeMaintenanceWindow": {"inProgress": True}}, {"pg-primary": 1}),
        ({"nodeMaintenanceWindow": {"inProgress": True}, "instances": 1}, {}),
        ({"nodeMaintenanceWindow": {"inProgress": True, "reusePVC": False}}, {"pg": 1, "pg-primary": 1}),
    ],
)
def test_budgets(spec: Manifest, budgets: dict[str, int]) -> None:
    made = named(project_cluster(cluster(**spec)), "PodDisruptionBudget")
    assert {name: it["spec"]["minAvailable"] for name, it in made.items()} == budgets


def test_monitors() -> None:
    relabel = [{"action": "drop"}]
    given = cluster(
        monitoring={"enablePodMonitor": True, "tls": {"enabled": True}, "podMonitorMetricRelabelings": relabel}
    )
    spec = named(project_cluster(given), "PodMonitor")["pg"]["spec"]
    assert spec["selector"]["matchLabels"] == cnpg.instance_labels("pg")
    assert spec["podMetricsEndpoints"][0]["port"] == "metrics"
    assert spec["podMetricsEndpoints"][0]["metricRelabelings"] == relabel
    assert spec["podMetricsEndpoints"][0]["tlsConfig"]["ca"]["secret"]["name"] == "pg-ca"


def test_the_names_in_the_server_certificate() -> None:
    given = cluster(
        managed={
            "services": {
                "disabledDefaultServices": ["ro", "r"],
                "additional": [{"selectorType": "rw", "serviceTemplate": {"metadata": {"name": "open"}}}],
            }
        },
        certificates={"serverAltDNSNames": ["pool.databases"]},
    )
    names = server_names(given, "databases")
    assert names == (
        *cnpg.dns_forms("pg-rw", "databases"),
        *cnpg.dns_forms("open", "databases"),
        "pool.databases",
    )
    assert server_names(cluster(certificates={"serverTLSSecret": "mine"}), "databases") is None


def test_a_resource_without_a_name_is_not_projected() -> None:
    with pytest.raises(UnprojectableError) as problem:
        project_cluster({"metadata": {}, "spec": {}})
    assert problem.value.path == ("metadata", "name")
