"""What a live cluster shows besides what somebody declared: made objects, Secrets without their data, operators."""

from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import CRON_JOB, DEPLOYMENT, JOB, POD, REPLICA_SET
from seawall.policy.estate.model import Estate
from seawall.policy.estate.objects import KubeObject, Origin
from seawall.policy.estate.sight import LIVE, SECRETS
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULES = {rule.id: rule for rule in load()}


def thing(api: str, kind: str, name: str, spec: Any = None, *, owner: str = "", **metadata: Any) -> KubeObject:
    if owner:
        metadata["ownerReferences"] = [{"kind": owner.split("/")[0], "name": owner.split("/")[1]}]
    manifest = {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "data", **metadata}}
    unseen: frozenset[str] = frozenset()
    if kind == "Secret":
        manifest |= {"data": UNKNOWN, "type": UNKNOWN}
        unseen = frozenset({"data", "type"})
    made = kube_object({**manifest, "spec": spec or {}}, Origin(unseen=unseen))
    assert made is not None
    return made


def cluster(*things: KubeObject, secrets: bool = True) -> Estate:
    return build(things, sees=LIVE.sees | ({SECRETS} if secrets else set()))


def said(rule: str, estate: Estate) -> list[str]:
    findings = judge(estate, [RULES[rule]])
    assert {finding.outcome for finding in findings} <= {Outcome.VIOLATED}
    return [finding.message for finding in findings]


def pod_template(image: str) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": image}]}}


def test_what_a_workload_made_is_judged_as_the_workload() -> None:
    deployment = thing("apps/v1", "Deployment", "web")
    replicas = thing("apps/v1", "ReplicaSet", "web-1", owner="Deployment/web")
    pod = thing("v1", "Pod", "web-1-a", owner="ReplicaSet/web-1")
    schedule = thing("batch/v1", "CronJob", "nightly")
    job = thing("batch/v1", "Job", "nightly-1", owner="CronJob/nightly")
    orphan = thing("v1", "Pod", "left", owner="ReplicaSet/gone")
    estate = cluster(pod, replicas, deployment, schedule, job, orphan)
    assert estate.of(DEPLOYMENT) + estate.of(CRON_JOB) == [deployment, schedule]
    assert estate.of(REPLICA_SET) + estate.of(JOB) == []
    assert estate.of(POD) == [orphan]
    assert any("3 pods, Jobs and ReplicaSets were left out" in note.text for note in estate.notes)


def test_no_owner_reference_hides_what_nothing_made() -> None:
    own = thing("v1", "Pod", "a", owner="Pod/a")
    one, other = thing("batch/v1", "Job", "b", owner="Job/c"), thing("batch/v1", "Job", "c", owner="Job/b")
    assert set(cluster(own, one, other).declared) == {own, one, other}


AUTH = {"authentication": {"passwordFromSecret": {"name": "cache-auth", "key": "password"}}, "replicas": 2}


def dragonfly(**annotations: str) -> KubeObject:
    return thing("dragonflydb.io/v1alpha1", "Dragonfly", "cache", AUTH, annotations=annotations)


def external(key: str, **target: Any) -> KubeObject:
    spec = {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "vault"},
        "target": {"name": "cache-auth", "creationPolicy": "Owner", "deletionPolicy": "Retain", **target},
        "data": [{"secretKey": key, "remoteRef": {"key": "a", "property": "b"}}],
    }
    return thing("external-secrets.io/v1", "ExternalSecret", "cache-auth", spec)


SECRET = thing("v1", "Secret", "cache-auth")
STORE = thing("external-secrets.io/v1", "ClusterSecretStore", "vault")


def test_a_secret_that_is_there_is_no_finding_and_no_question() -> None:
    assert said("DFLY-OPS-002", cluster(dragonfly(), SECRET)) == []
    assert said("DFLY-OPS-002", cluster(dragonfly(), SECRET, external("password"), STORE)) == []
    assert said("DFLY-OPS-002", cluster(dragonfly(), secrets=False)) == []
    [message] = said("DFLY-OPS-002", cluster(dragonfly()))
    assert "names Secret cache-auth, which is not in the namespace" in message
    [message] = said("DFLY-OPS-002", cluster(dragonfly(), thing("v1", "Secret", "cache-aut")))
    assert "(cache-aut is)" in message


def test_what_makes_the_secret_says_its_keys() -> None:
    """As from every other door: that the Secret itself is there as well hides nothing."""
    [message] = said("DFLY-OPS-002", cluster(dragonfly(), SECRET, external("token"), STORE))
    assert "needs the key password" in message
    merged = external("token", creationPolicy="Merge")
    assert not any(
        "needs the key" in text for text in said("DFLY-OPS-002", cluster(dragonfly(), SECRET, merged, STORE))
    )


def operator(namespace: str, version: str) -> KubeObject:
    made = thing(
        "apps/v1",
        "Deployment",
        "operator",
        {"template": pod_template(f"docker.dragonflydb.io/dragonflydb/operator:v{version}")},
    )
    return KubeObject(made.group, made.kind, namespace, made.name, made.manifest, made.origin)


@pytest.mark.parametrize(
    ("version", "namespace", "expected"),
    [
        ("1.6.1", "operators", None),
        ("1.5.0", "operators", "meant for the Dragonfly operator 1.6.1 (by annotation seawall.dev/operator)"),
        ("1.6.1", "elsewhere", "meant for the Dragonfly operator in operators"),
    ],
)
def test_what_the_annotation_says_of_the_operator_is_held_against_the_cluster(
    version: str, namespace: str, expected: str | None
) -> None:
    cache = dragonfly(**{"seawall.dev/operator": '{"namespace":"operators","version":"1.6.1"}'})
    messages = said("DFLY-TECH-002", cluster(cache, operator(namespace, version)))
    about = [message for message in messages if "meant for" in message]
    assert [message.startswith(f"it is {expected}") for message in about] == ([True] if expected else [])
    stack = build([cache, operator("elsewhere", "1.6.1")])
    assert not any("meant for" in finding.message for finding in judge(stack, [RULES["DFLY-TECH-002"]])), (
        "a folder may hold another cluster's operator"
    )


def plugin() -> KubeObject:
    image = "ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.15.0"
    return thing("apps/v1", "Deployment", "barman-cloud", {"template": pod_template(image)})


def test_a_plugin_without_cert_manager() -> None:
    crd = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", "clusters.postgresql.cnpg.io")
    issuer = thing("apiextensions.k8s.io/v1", "CustomResourceDefinition", "issuers.cert-manager.io")

    def about(*things: KubeObject) -> set[str]:
        findings = judge(cluster(plugin(), *things), [RULES["CNPG-SW-021"]])
        return {finding.mend for finding in findings if "nothing here makes the Secret" in finding.message}

    assert {mend.endswith("cert-manager in the cluster, which has none of its CRDs.") for mend in about(crd)} == {True}
    assert {mend.endswith("cert-manager in the cluster.") for mend in about(crd, issuer)} == {True}
    made = [thing("v1", "Secret", f"barman-cloud-{side}-tls") for side in ("client", "server")]
    assert about(crd, *made) == set()
