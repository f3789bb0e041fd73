"""What CloudNativePG makes of a Cluster and of a Pooler. The real operator is asked in the sandbox's fidelity tests."""

from typing import Any

import pytest

from seawall.operators import barman, cnpg
from seawall.operators.cnpg.projection import MAX_INSTANCES, project_cluster, project_pooler
from seawall.operators.reading import UnprojectableError

Manifest = dict[str, Any]


def cluster(**spec: Any) -> Manifest:
    return {"metadata": {"name": "pg", "namespace": "databases"}, "spec": {"instances": 3, **spec}}


def named(made: list[Manifest], kind: str) -> dict[str, Manifest]:
    """The objects of a kind by name."""
    return {it["metadata"]["name"]: it for it in made if it["kind"] == kind}


def first_pod(resource: Manifest, **surroundings: Any) -> Manifest:
    pod: Manifest = named(project_cluster(resource, **surroundings), "Pod")["pg-1"]
    return pod


def test_the_objects_of_a_cluster() -> None:
    made = project_cluster(cluster())
    assert {kind: sorted(named(made, kind)) for kind in {it["kind"] for it in made}} == {
        "Pod": ["pg-1", "pg-2", "pg-3"],
        "Service": ["pg-r", "pg-ro", "pg-rw"],
        "PodDisruptionBudget": ["pg", "pg-primary"],
        "Job": ["pg-1-initdb", "pg-2-join", "pg-3-join"],
        "Secret": ["pg-app", "pg-ca", "pg-replication", "pg-server"],
        "ServiceAccount": ["pg"],
        "Role": ["pg"],
        "RoleBinding": ["pg"],
    }
    assert {it["metadata"]["namespace"] for it in made} == {"databases"}


def test_an_instance_has_no_role_yet() -> None:
    labels = first_pod(cluster())["metadata"]["labels"]
    assert {**cnpg.instance_labels("pg"), "cnpg.io/instanceName": "pg-1"}.items() <= labels.items()
    assert cnpg.INSTANCE_ROLE_LABEL not in labels


def test_inherited_labels_replace_the_operators_but_for_the_cluster() -> None:
    made = project_cluster(
        cluster(inheritedMetadata={"labels": {"team": "a", "cnpg.io/cluster": "x"}, "annotations": {"note": "b"}})
    )
    service = named(made, "Service")["pg-rw"]["metadata"]
    assert (service["labels"]["team"], service["labels"]["cnpg.io/cluster"]) == ("a", "pg")
    assert service["annotations"]["note"] == "b"
    assert named(made, "Pod")["pg-1"]["metadata"]["labels"]["cnpg.io/cluster"] == "x"
    assert "team" not in named(made, "Secret")["pg-ca"]["metadata"]["labels"], "certificates inherit nothing"


@pytest.mark.parametrize(("version", "labelled"), [("1.27.4", False), ("1.28.0", True), ("1.30.0", True)])
def test_recommended_labels_by_version(version: str, labelled: bool) -> None:
    made = project_cluster(cluster(), version=version)
    pooler = {"metadata": {"name": "pool"}, "spec": {"cluster": {"name": "pg"}}}
    deployment = project_pooler(pooler, version=version)[0]
    for labels in (
        named(made, "Pod")["pg-1"]["metadata"]["labels"],
        named(made, "Service")["pg-rw"]["metadata"]["labels"],
        named(made, "Job")["pg-2-join"]["spec"]["template"]["metadata"]["labels"],
        deployment["spec"]["template"]["metadata"]["labels"],
    ):
        assert ("app.kubernetes.io/name" in labels) is labelled
        assert labels["cnpg.io/cluster"] == "pg"


@pytest.mark.parametrize(
    ("image", "major"),
    [
        ({"imageName": "ghcr.io/cloudnative-pg/postgresql:16.8"}, "16"),
        ({"imageName": "mirror:5000/postgresql:17-minimal@sha256:0"}, "17"),
        ({"imageName": "mirror/postgresql@sha256:0"}, "0"),
        ({"imageCatalogRef": {"kind": "ImageCatalog", "name": "c", "major": 15}}, "15"),
        ({}, "18"),
    ],
)
def test_the_label_with_the_version(image: Manifest, major: str) -> None:
    assert first_pod(cluster(**image))["metadata"]["labels"]["app.kubernetes.io/version"] == major


def test_an_image_from_a_catalogue_is_unknown() -> None:
    given = cluster(imageCatalogRef={"kind": "ImageCatalog", "name": "c", "major": 15})
    assert first_pod(given, unknown="?")["spec"]["containers"][0]["image"] == "?"


TERM = {
    "labelSelector": {
        "matchExpressions": [
            {"key": "cnpg.io/cluster", "operator": "In", "values": ["pg"]},
            {"key": "cnpg.io/podRole", "operator": "In", "values": ["instance"]},
        ]
    },
    "topologyKey": "kubernetes.io/hostname",
}
PREFERRED = {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": TERM}]}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, {"podAntiAffinity": PREFERRED}),
        ({"podAntiAffinityType": "preferred"}, {"podAntiAffinity": PREFERRED}),
        (
            {"podAntiAffinityType": "required", "topologyKey": "zone"},
            {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{**TERM, "topologyKey": "zone"}]}},
        ),
        ({"enablePodAntiAffinity": False}, None),
        ({"podAntiAffinityType": "sometimes"}, None),
        ({"enablePodAntiAffinity": False, "nodeAffinity": {"x": 1}}, {"nodeAffinity": {"x": 1}}),
        (
            {
                "additionalPodAffinity": {"y": 1},
                "additionalPodAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": ["mine"]},
            },
            {
                "podAffinity": {"y": 1},
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 100, "podAffinityTerm": TERM},
                        "mine",
                    ]
                },
            },
        ),
    ],
)
def test_affinity(given: Any, expected: Any) -> None:
    assert first_pod(cluster(affinity=given))["spec"].get("affinity") == expected


def test_placement_is_passed_on() -> None:
    given = cluster(
        affinity={"tolerations": [{"key": "db"}], "nodeSelector": {"disk": "fast"}},
        topologySpreadConstraints=[{"maxSkew": 1}],
        priorityClassName="high",
    )
    spec = first_pod(given)["spec"]
    assert spec["tolerations"] == [{"key": "db"}]
    assert spec["nodeSelector"] == {"disk": "fast"}
    assert spec["topologySpreadConstraints"] == [{"maxSkew": 1}]
    assert spec["priorityClassName"] == "high"


def test_security_contexts_are_completed_field_by_field() -> None:
    given = cluster(
        securityContext={"readOnlyRootFilesystem": False},
        podSecurityContext={"fsGroup": 7},
        seccompProfile={"type": "Localhost", "localhostProfile": "p"},
        postgresUID=1000,
    )
    spec = first_pod(given)["spec"]
    for container in (*spec["containers"], *spec["initContainers"]):
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["seccompProfile"]["type"] == "Localhost"
    assert spec["securityContext"] == {
        "fsGroup": 7,
        "runAsUser": 1000,
        "runAsGroup": 26,
        "seccompProfile": {"type": "Localhost", "localhostProfile": "p"},
    }, "the user's own context loses runAsNonRoot"


def test_the_environment() -> None:
    source = [{"secretRef": {"name": "more"}}]
    container = first_pod(cluster(env=[{"name": "TZ", "value": "UTC"}], envFrom=source))["spec"]["containers"][0]
    assert container["envFrom"] == source
    assert container["env"][-1] == {"name": "TZ", "value": "UTC"}
    assert {"name": "POD_NAME", "value": "pg-1"} in container["env"]


def test_volumes() -> None:
    plain = first_pod(cluster())["spec"]
    assert [volume["name"] for volume in plain["volumes"]] == ["pgdata", "scratch-data", "shm"]
    given = cluster(
        walStorage={"size": "1Gi"},
        tablespaces=[{"name": "Big_One", "storage": {}}],
        projectedVolumeTemplate={"sources": []},
        ephemeralVolumesSizeLimit={"shm": "1Gi", "temporaryData": "2Gi"},
    )
    spec = first_pod(given)["spec"]
    by_name = {volume["name"]: volume for volume in spec["volumes"]}
    assert by_name["pg-wal"]["persistentVolumeClaim"]["claimName"] == "pg-1-wal"
    assert by_name["tbs-big-one"]["persistentVolumeClaim"]["claimName"] == "pg-1-tbs-big-one"
    assert by_name["projected"] == {"name": "projected", "projected": {"sources": []}}
    assert by_name["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert by_name["scratch-data"]["emptyDir"] == {"sizeLimit": "2Gi"}
    assert {mount["name"] for mount in spec["containers"][0]["volumeMounts"]} == set(by_name)


STORE = {
    "metadata": {"name": "store"},
    "spec": {
        "configuration": {
            "endpointCA": {"name": "authority", "key": "ca.crt"},
            "s3Credentials": {"accessKeyId": {"name": "keys", "key": "id"}},
        },
        "instanceSidecarConfiguration": {
            "env": [{"name": "AWS_REGION", "value": "x"}, {"name": "POD_NAME", "value": "taken"}],
            "resources": {"limits": {"memory": "1Gi"}},
        },
    },
}
PLUGIN = {"name": barman.PLUGIN_NAME, "isWALArchiver": True, "parameters": {"barmanObjectName": "store"}}


def test_the_plugins_sidecar() -> None:
    spec = first_pod(cluster(plugins=[PLUGIN]), stores={"store": STORE})["spec"]
    assert [it["name"] for it in spec["initContainers"]] == ["bootstrap-controller", barman.SIDECAR_CONTAINER]
    sidecar = spec["initContainers"][1]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["resources"] == {"limits": {"memory": "1Gi"}}
    assert sidecar["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    env = {it["name"]: it["value"] for it in sidecar["env"]}
    assert (env["AWS_REGION"], env["POD_NAME"]) == ("x", "pg-1"), "the main container's win"
    assert "plugins" in {it["name"] for it in spec["containers"][0]["volumeMounts"]}
    assert {it["name"] for it in spec["volumes"]} >= {"plugins", "barman-certificates"}


def test_the_resources_of_a_sidecar_whose_store_is_not_known_are_unknown() -> None:
    spec = first_pod(cluster(plugins=[PLUGIN]), stores={}, unknown="?")["spec"]
    assert spec["initContainers"][1]["resources"] == "?"


@pytest.mark.parametrize(
    "plugins", [[], [{**PLUGIN, "enabled": False}], [{**PLUGIN, "parameters": {}}], [{**PLUGIN, "name": "other"}]]
)
def test_no_sidecar_without_the_plugin(plugins: list[Any]) -> None:
    made = project_cluster(cluster(plugins=plugins), stores={"store": STORE})
    assert len(named(made, "Pod")["pg-1"]["spec"]["initContainers"]) == 1
    assert "pg-barman-cloud" not in named(made, "Role")


def test_what_the_plugins_role_reads() -> None:
    made = project_cluster(cluster(plugins=[PLUGIN]), stores={"store": STORE})
    rules = named(made, "Role")["pg-barman-cloud"]["rules"]
    assert [rule["resourceNames"] for rule in rules] == [["store"], ["store"], ["keys"]]


RECOVERY = {
    "bootstrap": {"recovery": {"source": "origin"}},
    "externalClusters": [{"name": "origin", "plugin": PLUGIN}],
    "instances": 1,
}


@pytest.mark.parametrize(
    ("spec", "job"),
    [
        ({}, "pg-1-initdb"),
        ({"bootstrap": {"initdb": {"import": {"type": "monolith"}}}}, "pg-1-import"),
        ({"bootstrap": {"pg_basebackup": {"source": "x"}}}, "pg-1-pgbasebackup"),
        ({"bootstrap": {"recovery": {"volumeSnapshots": {"storage": {}}}}}, "pg-1-snapshot-recovery"),
        (RECOVERY, "pg-1-full-recovery"),
    ],
)
def test_the_first_job(spec: Manifest, job: str) -> None:
    jobs = named(project_cluster(cluster(**spec)), "Job")
    labels = jobs[job]["spec"]["template"]["metadata"]["labels"]
    role = job.removeprefix("pg-1-")
    assert {"cnpg.io/cluster": "pg", "cnpg.io/jobRole": role}.items() <= labels.items()
    assert "cnpg.io/podRole" not in labels
    assert jobs[job]["spec"]["template"]["spec"]["serviceAccountName"] == "pg"


def test_a_drills_sidecar_is_in_the_job_and_not_in_the_instance() -> None:
    made = project_cluster(cluster(**RECOVERY), stores={"store": STORE})
    job = named(made, "Job")["pg-1-full-recovery"]["spec"]["template"]["spec"]
    assert [it["name"] for it in job["initContainers"]] == ["bootstrap-controller", barman.SIDECAR_CONTAINER]
    assert job["initContainers"][1]["args"] == ["restore"]
    assert len(named(made, "Pod")["pg-1"]["spec"]["initContainers"]) == 1


def test_files_of_sql() -> None:
    given = cluster(bootstrap={"initdb": {"postInitSQLRefs": {"secretRefs": [{"name": "sql", "key": "k"}]}}})
    spec = named(project_cluster(given), "Job")["pg-1-initdb"]["spec"]["template"]["spec"]
    assert spec["volumes"][-1]["secret"] == {"secretName": "sql", "items": [{"key": "k", "path": "0.sql"}]}
    assert spec["containers"][0]["volumeMounts"][-1]["mountPath"] == "/etc/post-init-sql/0.sql"
    assert spec["containers"][0]["env"][-1]["valueFrom"]["secretKeyRef"]["name"] == "pg-app"


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"instances": 0}, ("spec", "instances")),
        ({"instances": MAX_INSTANCES + 1}, ("spec", "instances")),
        ({"instances": 10**12}, ("spec", "instances")),
        ({"enablePDB": "no"}, ("spec", "enablePDB")),
        ({"managed": {"services": {"additional": ["x"]}}}, ("spec", "managed", "services", "additional")),
        (
            {"managed": {"services": {"additional": [{"serviceTemplate": {"metadata": {"name": "x"}}}]}}},
            ("spec", "managed", "services", "additional"),
        ),
        ({"plugins": ["x"]}, ("spec", "plugins")),
        ({"plugins": [{**PLUGIN, "parameters": 3}]}, ("spec", "plugins")),
        ({"affinity": {"podAntiAffinityType": 3}}, ("spec", "affinity", "podAntiAffinityType")),
    ],
)
def test_what_cannot_be_projected_names_the_field(spec: Manifest, path: tuple[str, ...]) -> None:
    with pytest.raises(UnprojectableError) as problem:
        project_cluster(cluster(**spec))
    assert problem.value.path == path


@pytest.mark.parametrize("field", ["affinity", "securityContext", "podSecurityContext", "env", "resources"])
def test_what_is_only_passed_on_ends_no_projection(field: str) -> None:
    odd = object()
    spec = first_pod(cluster(**{field: odd}))["spec"]
    container = spec["containers"][0]
    found = {**spec, "podSecurityContext": spec["securityContext"], **container}
    assert found[field] is odd
