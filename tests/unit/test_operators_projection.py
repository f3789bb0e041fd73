"""What the Dragonfly operator makes of a resource, held against what the real one made.

`tests/data/dragonfly-operator-1.6.1.yaml` is a digest of the record of the real operator: its objects without what
`dragonfly_table.py` leaves out. Where the whole record is beside the checkout, the digest is held against it.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from dragonfly_table import NOT_COMPARED, NOT_PROJECTED
from fidelity_walk import Comparison, Key, Manifest, pruned

from seawall.operators.dragonfly import projection
from seawall.operators.reading import UnprojectableError
from seawall.operators.versions import dragonfly_behaviour

OBSERVED = Path(__file__).resolve().parents[3] / "shared" / "observed" / "dragonfly-operator-1.6.1"
DIGEST = Path(__file__).resolve().parents[1] / "data" / "dragonfly-operator-1.6.1.yaml"
CASES = ("plain", "hardened", "single")

recorded = pytest.mark.skipif(
    not OBSERVED.is_dir(), reason="the record of the real operator is not beside this checkout"
)


def project(resource: dict[str, Any], version: str = "1.6.1") -> dict[str, dict[str, Any]]:
    behaviour = dragonfly_behaviour(version)
    assert behaviour is not None
    return {made["kind"]: made for made in projection.project(resource, behaviour, operator_version=version)}


def dragonfly(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "cache", "namespace": "data"}, "spec": {"replicas": 3, **spec}}


def keyed(manifests: list[Manifest]) -> dict[Key, Manifest]:
    return {(it["kind"], it["metadata"]["name"]): it for it in manifests}


@cache
def record(case: str) -> tuple[Manifest, list[Manifest]]:
    """The resource, and everything that the real operator and Kubernetes made of it."""
    documents = list(yaml.safe_load_all((OBSERVED / f"{case}.yaml").read_text()))
    return documents[0], documents[1:]


def compare(given: dict[str, tuple[Manifest, list[Manifest]]]) -> Comparison:
    told = Comparison(NOT_COMPARED, NOT_PROJECTED)
    for case, (resource, real) in given.items():
        told.objects(case, keyed(real), keyed(list(project(resource).values())))
    return told


def digest() -> dict[str, tuple[Manifest, list[Manifest]]]:
    documents = yaml.safe_load_all(DIGEST.read_text(encoding="utf-8"))
    return {it["case"]: (it["resource"], it["made"]) for it in documents}


def test_against_the_digest_of_the_real_operators_objects() -> None:
    told = compare(digest())
    assert told.differences == []
    assert {"spec.minAvailable", "spec.selector.matchLabels.app"} <= told.compared["PodDisruptionBudget"]
    assert {"spec.ingress[].ports[].port", "spec.ingress[].from[].podSelector.matchLabels.app"} <= told.compared[
        "NetworkPolicy"
    ]
    assert {
        "spec.template.spec.containers[].args[]",
        "spec.template.spec.containers[].securityContext.readOnlyRootFilesystem",
        "spec.template.spec.securityContext.fsGroup",
    } <= told.compared["StatefulSet"]


@recorded
def test_against_the_whole_record() -> None:
    told = compare({case: record(case) for case in CASES})
    assert told.differences == []
    assert told.unused() == []


@recorded
def test_the_digest_is_the_records() -> None:
    skipped = {"Pod", "PersistentVolumeClaim"}
    for case, (resource, made) in digest().items():
        original, real = record(case)
        assert resource == original
        assert made == [pruned(it, NOT_COMPARED) for it in real if it["kind"] not in skipped]
    assert set(digest()) == set(CASES)


@recorded
@pytest.mark.parametrize("case", CASES)
def test_the_pods_are_as_their_template(case: str) -> None:
    resource, real = record(case)
    template = project(resource)["StatefulSet"]["spec"]["template"]
    pods = [it for it in real if it["kind"] == "Pod"]
    assert pods
    for pod in pods:
        assert template["metadata"]["labels"].items() <= pod["metadata"]["labels"].items()
        made, ran = template["spec"]["containers"][0], pod["spec"]["containers"][0]
        assert (made["args"], made["env"], made["ports"]) == (ran["args"], ran["env"], ran["ports"])


def test_a_planted_difference_is_found() -> None:
    given = digest()
    resource, made = given["hardened"]
    stateful = next(it for it in made if it["kind"] == "StatefulSet")
    stateful["spec"]["template"]["spec"]["containers"][0]["args"][0] = "--planted"
    made.append({"kind": "Secret", "metadata": {"name": "planted"}})
    told = "\n".join(compare({"hardened": (resource, made)}).differences)
    assert "spec.template.spec.containers[].args[]: real '--planted'" in told
    assert "Secret planted is made and not projected" in told


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


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"replicas": "3"}, ("spec", "replicas")),
        ({"replicas": True}, ("spec", "replicas")),
        ({"pdb": 3}, ("spec", "pdb")),
        ({"networkPolicyEnabled": "no"}, ("spec", "networkPolicyEnabled")),
        ({"serviceSpec": {"name": 3}}, ("spec", "serviceSpec", "name")),
        ({"podMetadata": {"labels": 3}}, ("spec", "podMetadata", "labels")),
    ],
)
def test_what_cannot_be_projected_names_the_field(spec: dict[str, Any], path: tuple[str, ...]) -> None:
    with pytest.raises(UnprojectableError) as problem:
        project(dragonfly(**spec))
    assert problem.value.path == path


def pod_spec(version: str = "1.6.1", **spec: Any) -> Manifest:
    made: Manifest = project(dragonfly(**spec), version)["StatefulSet"]["spec"]["template"]["spec"]
    return made


EVERYTHING = {
    "args": ["--maxmemory=1gb"],
    "memcachedPort": 11211,
    "aclFromSecret": {"name": "acl", "key": "users"},
    "tiering": {"persistentVolumeClaimSpec": {"accessModes": ["ReadWriteOnce"]}},
    "snapshot": {"cron": "0 * * * *", "existingPersistentVolumeClaimName": "claim"},
    "tlsSecretRef": {"name": "tls"},
    "authentication": {
        "passwordFromSecret": {"name": "auth", "key": "password"},
        "clientCaCertSecret": {"name": "clients", "key": "ca"},
    },
    "customLivenessProbeConfigMap": {"name": "mine"},
}


def test_the_order_of_arguments() -> None:
    assert pod_spec(**EVERYTHING)["containers"][0]["args"] == [
        "--alsologtostderr",
        "--break_replication_on_master_restart=true",
        "--primary_port_http_enabled=false",
        "--admin_port=9999",
        "--admin_nopass",
        "--maxmemory=1gb",
        "--memcached_port=11211",
        "--aclfile=/var/lib/dragonfly/dragonfly.acl",
        "--tiered_prefix=/dragonfly/tiering/vol",
        "--dir=/dragonfly/snapshots",
        "--snapshot_cron=0 * * * *",
        "--no_tls_on_admin_port",
        "--tls",
        "--tls_cert_file=/etc/dragonfly-tls/tls.crt",
        "--tls_key_file=/etc/dragonfly-tls/tls.key",
        "--tls_ca_cert_file=/etc/dragonfly/tls/ca.crt",
    ]
    assert "--break_replication_on_master_restart=true" not in pod_spec("1.2.1")["containers"][0]["args"]


def test_volumes_and_where_they_are_mounted() -> None:
    spec = pod_spec(**EVERYTHING)
    held = {it["name"]: it for it in spec["volumes"]}
    assert held["dragonfly-acl"]["secret"] == {
        "secretName": "acl",
        "items": [{"key": "users", "path": "dragonfly.acl"}],
    }
    assert held["df"]["persistentVolumeClaim"] == {"claimName": "claim"}
    assert held["dragonfly-tls"]["secret"] == {"secretName": "tls"}
    assert held["client-ca-cert"]["secret"]["secretName"] == "clients"
    assert held["liveness-probe"]["configMap"] == {"name": "mine"}
    assert held["startup-probe"]["configMap"] == {"name": "cache-startup-probe"}
    mounts = {it["name"]: it["mountPath"] for it in spec["containers"][0]["volumeMounts"]}
    assert mounts.keys() == held.keys() | {"tiering"}
    assert mounts["dragonfly-tls"] == "/etc/dragonfly-tls"
    claims = project(dragonfly(**EVERYTHING))["StatefulSet"]["spec"]["volumeClaimTemplates"]
    assert [it["metadata"]["name"] for it in claims] == ["tiering"]


def test_scripts_of_probes_that_nobody_gave() -> None:
    behaviour = dragonfly_behaviour("1.6.1")
    assert behaviour is not None
    made = projection.project(dragonfly(**EVERYTHING), behaviour, operator_version="1.6.1")
    scripts = {it["metadata"]["name"]: set(it["data"]) for it in made if it["kind"] == "ConfigMap"}
    assert scripts == {
        "cache-readiness-probe": {"readiness-check.sh"},
        "cache-startup-probe": {"startup-check.sh"},
    }
    assert "ConfigMap" in project(dragonfly(**EVERYTHING), "1.6.0")
    assert "ConfigMap" not in project(dragonfly(**EVERYTHING), "1.5.0")


def test_a_container_of_the_operators_name_replaces_it() -> None:
    spec = pod_spec(
        additionalContainers=[{"name": "exporter"}, {"name": "dragonfly", "image": "mine"}],
        additionalVolumes=[{"name": "own"}],
    )
    assert spec["containers"] == [{"name": "exporter"}, {"name": "dragonfly", "image": "mine"}]
    assert spec["volumes"] == [{"name": "own"}]
    assert [it["name"] for it in pod_spec(additionalContainers=[{"name": "a"}])["containers"]] == ["a", "dragonfly"]
    assert [it["name"] for it in pod_spec("1.1.11", additionalContainers=[{"name": "a"}])["containers"]] == [
        "dragonfly"
    ]


@pytest.mark.parametrize(
    ("version", "labels"),
    [("1.4.0", ("cache", "a")), ("1.5.0", ("mine", "a")), ("1.6.1", ("cache", "a"))],
)
def test_labels_that_collide_with_the_operators(version: str, labels: tuple[str, str]) -> None:
    made = project(dragonfly(labels={"app": "mine", "team": "a"}), version)["StatefulSet"]["spec"]
    found = made["template"]["metadata"]["labels"]
    assert (found["app"], found["team"]) == labels
    assert made["selector"]["matchLabels"]["app"] == "cache"


def test_the_metadata_of_owned_objects() -> None:
    given = {"labels": {"team": "a"}, "annotations": {"note": "b"}}
    for made in project(dragonfly(ownedObjectsMetadata=given)).values():
        assert made["metadata"]["labels"]["team"] == "a"
        assert made["metadata"]["annotations"] == {"note": "b"}
        assert made["metadata"]["labels"]["app.kubernetes.io/version"] == "v1.39.0"


@pytest.mark.parametrize(
    ("spec", "context"),
    [
        ({}, {"fsGroup": 999}),
        ({"skipFSGroup": True}, None),
        ({"podSecurityContext": {"runAsUser": 999}}, {"runAsUser": 999}),
        ({"podSecurityContext": {}}, {}),
    ],
)
def test_the_pods_security_context(spec: Manifest, context: Any) -> None:
    assert pod_spec(**spec).get("securityContext") == context


@pytest.mark.parametrize(("version", "image"), [("1.6.1", "v1.39.0"), ("1.4.0", "v1.36.0"), ("1.1.3", None)])
def test_the_image_when_none_is_given(version: str, image: str | None) -> None:
    found = pod_spec(version)["containers"][0]["image"]
    assert found == (f"docker.dragonflydb.io/dragonflydb/dragonfly:{image}" if image else None)


@pytest.mark.parametrize("field", ["args", "env", "affinity", "resources", "podSecurityContext", "initContainers"])
def test_what_is_only_passed_on_ends_no_projection(field: str) -> None:
    odd = object()
    spec = pod_spec(**{field: odd})
    found = {**spec, "podSecurityContext": spec.get("securityContext"), **spec["containers"][0]}
    assert found[field] is odd


def test_the_service() -> None:
    given = {"type": "NodePort", "nodePort": 30379, "labels": {"a": "b"}, "annotations": {"c": "d"}}
    service = project(dragonfly(serviceSpec=given, memcachedPort=11211))["Service"]
    assert service["spec"]["type"] == "NodePort"
    assert [(it["name"], it["port"], it.get("nodePort")) for it in service["spec"]["ports"]] == [
        ("redis", 6379, 30379),
        ("memcached", 11211, None),
    ]
    assert service["metadata"]["labels"]["a"] == "b"
    assert service["metadata"]["annotations"] == {"c": "d"}


def test_the_folder_of_snapshots() -> None:
    claim = {"accessModes": ["ReadWriteOnce"]}
    container = pod_spec(snapshot={"dir": "/backups", "persistentVolumeClaimSpec": claim})["containers"][0]
    assert "--dir=/backups" in container["args"]
    assert container["volumeMounts"] == [{"name": "df", "mountPath": "/backups"}]
    assert "--dir=/dragonfly/snapshots" in pod_spec(snapshot={})["containers"][0]["args"]
