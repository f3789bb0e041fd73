"""What the operators make of a resource, held against what the real one made where that was recorded."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from seawall.operators import cnpg
from seawall.operators.cnpg.projection import MAX_INSTANCES, project_cluster, project_pooler
from seawall.operators.dragonfly import projection
from seawall.operators.reading import UnprojectableError
from seawall.operators.versions import dragonfly_behaviour

OBSERVED = Path(__file__).resolve().parents[3] / "shared" / "observed" / "dragonfly-operator-1.6.1"


def project(resource: dict[str, Any], version: str = "1.6.1") -> dict[str, dict[str, Any]]:
    behaviour = dragonfly_behaviour(version)
    assert behaviour is not None
    return {made["kind"]: made for made in projection.project(resource, behaviour, operator_version=version)}


def dragonfly(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "cache", "namespace": "data"}, "spec": {"replicas": 3, **spec}}


def differences(expected: Any, real: Any, path: str = "") -> list[str]:
    """Where `expected` says something else than `real`; what only the real object has is the API server's."""
    if isinstance(expected, dict) and isinstance(real, dict):
        return [d for key, value in expected.items() for d in differences(value, real.get(key), f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(real, list) and len(expected) == len(real):
        return [d for i, value in enumerate(expected) for d in differences(value, real[i], f"{path}[{i}]")]
    return (
        [] if expected == real or (expected in ({}, None) and real in ({}, None)) else [f"{path}: {expected} ≠ {real}"]
    )


@pytest.mark.skipif(not OBSERVED.is_dir(), reason="the record of the real operator is not beside this checkout")
@pytest.mark.parametrize("case", ["plain", "hardened", "single"])
def test_against_the_real_dragonfly_operator(case: str) -> None:
    documents = list(yaml.safe_load_all((OBSERVED / f"{case}.yaml").read_text()))
    resource = next(document for document in documents if document["kind"] == "Dragonfly")
    real = {d["kind"]: d for d in documents if d["kind"] not in ("Dragonfly", "Pod", "PersistentVolumeClaim")}
    projected = project(resource)
    assert set(projected) == set(real), "exactly the objects that the operator made"
    for kind, made in projected.items():
        assert differences(made, real[kind]) == []
    for kind in ("PodDisruptionBudget", "NetworkPolicy"):
        if kind in real:
            assert projected[kind]["spec"] == real[kind]["spec"], "these decide safety: equal, not only contained"
    template = projected["StatefulSet"]["spec"]["template"]
    pods = [document for document in documents if document["kind"] == "Pod"]
    for pod in pods:
        assert template["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
        made, ran = template["spec"]["containers"][0], pod["spec"]["containers"][0]
        assert (made["args"], made["env"], made["ports"]) == (ran["args"], ran["env"], ran["ports"])


def test_by_version() -> None:
    assert set(project(dragonfly(), "1.1.11")) == {"StatefulSet", "Service"}
    assert set(project(dragonfly(), "1.4.0")) == {"StatefulSet", "Service", "PodDisruptionBudget"}
    fixed = project(dragonfly(pdb={"minAvailable": 2}), "1.4.0")["PodDisruptionBudget"]["spec"]
    assert (fixed["maxUnavailable"], "minAvailable" in fixed) == (1, False)
    wide = project(dragonfly(memcachedPort=11211), "1.5.0")["NetworkPolicy"]["spec"]["ingress"]
    assert [rule.get("from") for rule in wide] == [None, wide[1]["from"], None]
    assert wide[1]["from"][0]["namespaceSelector"] == {}


def test_an_old_operator_does_not_read_the_field() -> None:
    assert "NetworkPolicy" not in project(dragonfly(networkPolicyEnabled=True), "1.4.0")


def test_users_labels_do_not_replace_the_operators() -> None:
    labels = project(dragonfly(podMetadata={"labels": {"app": "mine", "team": "a"}}))["StatefulSet"]
    assert labels["spec"]["template"]["metadata"]["labels"]["app"] == "cache"
    assert labels["spec"]["template"]["metadata"]["labels"]["team"] == "a"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"replicas": "3"}, ("spec", "replicas")),
        ({"replicas": True}, ("spec", "replicas")),
        ({"pdb": 3}, ("spec", "pdb")),
        ({"networkPolicyEnabled": "no"}, ("spec", "networkPolicyEnabled")),
        ({"args": "--x"}, ("spec", "args")),
        ({"serviceSpec": {"name": 3}}, ("spec", "serviceSpec", "name")),
        ({"podMetadata": {"labels": 3}}, ("spec", "podMetadata", "labels")),
    ],
)
def test_what_cannot_be_projected_names_the_field(spec: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(UnprojectableError) as problem:
        project(dragonfly(**spec))
    assert problem.value.path == path


def cluster(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pg", "namespace": "databases"}, "spec": {"instances": 3, **spec}}


def test_cluster() -> None:
    made = project_cluster(cluster(topologySpreadConstraints=[{"maxSkew": 1}]))
    names = [(thing["kind"], thing["metadata"]["name"]) for thing in made]
    assert names == [
        *(("Pod", f"pg-{serial}") for serial in (1, 2, 3)),
        *(("Service", f"pg-{access}") for access in ("rw", "ro", "r")),
        ("PodDisruptionBudget", "pg-primary"),
        ("PodDisruptionBudget", "pg"),
    ]
    pod = made[0]
    assert cnpg.instance_labels("pg").items() <= pod["metadata"]["labels"].items()
    assert cnpg.INSTANCE_ROLE_LABEL not in pod["metadata"]["labels"], "a new instance has no role"
    assert pod["spec"]["topologySpreadConstraints"] == [{"maxSkew": 1}]
    primary, replicas = made[-2:]
    assert primary["spec"]["minAvailable"] == 1
    assert replicas["spec"]["minAvailable"] == 1
    assert replicas["spec"]["selector"]["matchLabels"] == {"cnpg.io/cluster": "pg", "cnpg.io/instanceRole": "replica"}


def test_cluster_without_budgets_or_services() -> None:
    made = project_cluster(
        cluster(enablePDB=False, managed={"services": {"disabledDefaultServices": ["ro", "r"]}}, instances=1)
    )
    assert [thing["metadata"]["name"] for thing in made] == ["pg-1", "pg-rw"]


@pytest.mark.parametrize("instances", [0, MAX_INSTANCES + 1, 10**12])
def test_an_absurd_number_of_instances_is_not_projected(instances: int) -> None:
    with pytest.raises(UnprojectableError):
        project_cluster(cluster(instances=instances))


def test_pooler() -> None:
    pooler = {
        "metadata": {"name": "pool", "namespace": "databases"},
        "spec": {
            "cluster": {"name": "pg"},
            "instances": 3,
            "deploymentStrategy": {"rollingUpdate": {"maxSurge": 0}},
            "template": {
                "metadata": {"labels": {"team": "a"}},
                "spec": {
                    "affinity": {"podAntiAffinity": {}},
                    "containers": [{"name": "pgbouncer", "resources": {"limits": {"cpu": "1"}}}],
                },
            },
        },
    }
    deployment, service = project_pooler(pooler)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert {
        **cnpg.pooler_labels("pool"),
        "cnpg.io/cluster": "pg",
        "cnpg.io/podRole": "pooler",
    }.items() <= labels.items()
    assert labels["team"] == "a"
    spec = deployment["spec"]["template"]["spec"]
    assert spec["affinity"] == {"podAntiAffinity": {}}
    assert spec["containers"][0]["resources"] == {"limits": {"cpu": "1"}}
    assert [port["containerPort"] for port in spec["containers"][0]["ports"]] == [5432, 9127]
    assert deployment["spec"]["replicas"] == 3
    assert service["spec"]["selector"] == {"cnpg.io/poolerName": "pool"}
    assert service["spec"]["type"] == "ClusterIP"
    assert [port["port"] for port in service["spec"]["ports"]] == [5432]
    assert service["metadata"]["name"] == "pool"


def test_the_service_of_a_pooler_follows_its_template() -> None:
    template = {
        "metadata": {"labels": {"team": "a", "cnpg.io/podRole": "x"}, "annotations": {"a": "b"}},
        "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"name": "pg", "port": 5432}]},
    }
    _, service = project_pooler({"metadata": {"name": "pool"}, "spec": {"serviceTemplate": template}})
    assert service["metadata"]["labels"]["team"] == "a"
    assert service["metadata"]["labels"]["cnpg.io/podRole"] == "pooler"
    assert service["metadata"]["annotations"] == {"a": "b"}
    assert service["spec"] == {
        "type": "LoadBalancer",
        "selector": {"cnpg.io/poolerName": "pool"},
        "ports": [{"name": "pg", "port": 5432}],
    }


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"template": 3}, ("spec", "template")),
        ({"template": {"spec": {"containers": "x"}}}, ("spec", "template", "spec", "containers")),
        ({"serviceTemplate": {"spec": {"type": 3}}}, ("spec", "serviceTemplate", "spec", "type")),
    ],
)
def test_what_cannot_be_projected_of_a_pooler_names_the_field(spec: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(UnprojectableError) as problem:
        project_pooler({"metadata": {"name": "pool"}, "spec": spec})
    assert problem.value.path == path
