"""What CloudNativePG makes of a Pooler. The real operator is asked in the sandbox's fidelity tests."""

from typing import Any

import pytest

from seawall.operators import cnpg
from seawall.operators.cnpg.projection import project_pooler
from seawall.operators.cnpg.projection_identity import pooler_secret
from seawall.operators.reading import UnprojectableError

Manifest = dict[str, Any]


def named(made: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by name."""
    return {it["metadata"]["name"]: it for it in made if it["kind"] == kind}


def pooler(**spec: Any) -> Manifest:
    return {"metadata": {"name": "pool", "namespace": "databases"}, "spec": {"cluster": {"name": "pg"}, **spec}}


def test_the_objects_of_a_pooler() -> None:
    made = project_pooler(pooler(monitoring={"enablePodMonitor": True}))
    assert [(it["kind"], it["metadata"]["name"]) for it in made] == [
        (kind, "pool") for kind in ("Deployment", "Service", "ServiceAccount", "Role", "RoleBinding", "PodMonitor")
    ]


def test_the_deployment_of_a_pooler() -> None:
    given = pooler(
        instances=3,
        deploymentStrategy={"rollingUpdate": {"maxSurge": 0}},
        template={
            "metadata": {"labels": {"team": "a", "cnpg.io/cluster": "x"}, "annotations": {"n": "m"}},
            "spec": {
                "affinity": {"podAntiAffinity": {}},
                "securityContext": {"runAsUser": 0},
                "serviceAccountName": "admin",
                "volumes": [{"name": "ca", "emptyDir": {}}, {"name": "own", "emptyDir": {}}],
                "containers": [
                    {"name": "helper", "securityContext": {"privileged": True}},
                    {
                        "name": "pgbouncer",
                        "resources": {"limits": {"cpu": "1"}},
                        "securityContext": {"privileged": True},
                        "env": [{"name": "PGUSER", "value": "me"}, {"name": "POOLER_NAME", "value": "me"}],
                    },
                ],
            },
        },
    )
    deployment = project_pooler(given)[0]
    template = deployment["spec"]["template"]
    assert {
        **cnpg.pooler_labels("pool"),
        "cnpg.io/cluster": "pg",
        "cnpg.io/podRole": "pooler",
        "team": "a",
    }.items() <= (template["metadata"]["labels"].items())
    assert template["metadata"]["annotations"] == {"n": "m"}
    spec = template["spec"]
    assert spec["affinity"] == {"podAntiAffinity": {}}
    assert spec["securityContext"]["runAsUser"] == 998, "the operator's own, whatever the template says"
    assert spec["serviceAccountName"] == "pool"
    assert [it["name"] for it in spec["volumes"]] == ["ca", "own", "server-tls", "scratch-data"]
    assert spec["volumes"][0] == {"name": "ca", "secret": {"secretName": "pg-ca"}}
    helper, own = spec["containers"]
    assert helper == {"name": "helper", "securityContext": {"privileged": True}}
    assert own["resources"] == {"limits": {"cpu": "1"}}
    assert own["securityContext"]["privileged"] is False
    assert [port["containerPort"] for port in own["ports"]] == [5432, 9127]
    assert {it["name"]: it["value"] for it in own["env"]}.items() >= {"PGUSER": "me", "POOLER_NAME": "pool"}.items()
    assert [it["name"] for it in spec["initContainers"]] == ["bootstrap-controller"]
    assert (deployment["spec"]["replicas"], deployment["spec"]["strategy"]) == (3, {"rollingUpdate": {"maxSurge": 0}})


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        (None, "ghcr.io/cloudnative-pg/pgbouncer:1.25.1"),
        ({"image": "mine:1"}, "mine:1"),
        ({"imageCatalogRef": {"kind": "ImageCatalog", "name": "c", "key": "pgbouncer"}}, "?"),
    ],
)
def test_the_image_of_a_pooler(settings: Any, image: str) -> None:
    deployment = project_pooler(pooler(pgbouncer=settings), unknown="?")[0]
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == image


def test_a_pooler_has_its_clusters_security_context_and_certificates() -> None:
    spec = {
        "seccompProfile": {"type": "Unconfined"},
        "securityContext": {"readOnlyRootFilesystem": False},
        "certificates": {"serverCASecret": "authority", "serverTLSSecret": "server"},
    }
    owner = {"metadata": {"name": "pg"}, "spec": spec}
    made = project_pooler(pooler(), owner)[0]["spec"]["template"]["spec"]
    assert made["securityContext"]["seccompProfile"] == {"type": "Unconfined"}
    for container in (*made["containers"], *made["initContainers"]):
        assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert [it["secret"]["secretName"] for it in made["volumes"][:2]] == ["authority", "server"]


def test_the_service_of_a_pooler_follows_its_template() -> None:
    template = {
        "metadata": {"labels": {"team": "a", "cnpg.io/podRole": "x"}, "annotations": {"a": "b"}},
        "spec": {"type": "LoadBalancer", "selector": {"app": "x"}, "ports": [{"name": "pg", "port": 5432}]},
    }
    service = project_pooler(pooler(serviceTemplate=template))[1]
    assert service["metadata"]["labels"]["team"] == "a"
    assert service["metadata"]["labels"]["cnpg.io/podRole"] == "pooler"
    assert service["metadata"]["annotations"] == {"a": "b"}
    assert service["spec"] == {
        "type": "LoadBalancer",
        "selector": {"cnpg.io/poolerName": "pool"},
        "ports": [{"name": "pg", "port": 5432}],
    }
    plain = project_pooler(pooler())[1]["spec"]
    assert (plain["type"], [port["port"] for port in plain["ports"]]) == ("ClusterIP", [5432])


def test_a_service_account_of_ones_own() -> None:
    made = project_pooler(pooler(serviceAccountName="mine"))
    assert named(made, "ServiceAccount") == {}
    assert named(made, "Deployment")["pool"]["spec"]["template"]["spec"]["serviceAccountName"] == "mine"


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        (None, "pg-pooler"),
        ({"poolMode": "session"}, "pg-pooler"),
        ({"authQuery": "SELECT"}, None),
        ({"authQuerySecret": {"name": "mine"}}, None),
        ({"serverTLSSecret": {"name": "mine"}}, None),
    ],
)
def test_the_secret_that_a_pooler_asks_for(settings: Any, secret: str | None) -> None:
    assert pooler_secret(pooler(pgbouncer=settings)) == secret


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"template": 3}, ("spec", "template")),
        ({"template": {"spec": {"containers": "x"}}}, ("spec", "template", "spec", "containers")),
        ({"serviceTemplate": {"spec": {"type": 3}}}, ("spec", "serviceTemplate", "spec", "type")),
    ],
)
def test_what_cannot_be_projected_of_a_pooler_names_the_field(spec: Manifest, path: tuple[str, ...]) -> None:
    with pytest.raises(UnprojectableError) as problem:
        project_pooler(pooler(**spec))
    assert problem.value.path == path
