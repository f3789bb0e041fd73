"""What fixtures in YAML cannot hold: Pulumi's releases, unknown and secret values, doors that see more."""

from collections.abc import Mapping
from typing import Any

import pytest
from engine_doubles import UNKNOWN_NUMBER, UNKNOWN_TEXT, secret

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.doors import engine
from seawall.policy.estate.families import family_of_image
from seawall.policy.estate.model import Estate, Origin
from seawall.policy.estate.releases import PULUMI_RELEASE, release_of
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load
from seawall.policy.surroundings.secrets import not_seen

RULES = {rule.id: rule for rule in load()}
RELEASE = "kubernetes:helm.sh/v3:Release"
CHART = "oci://ghcr.io/dragonflydb/dragonfly-operator/helm/dragonfly-operator"


def stack(*resources: tuple[str, Mapping[str, Any]], awaits: frozenset[str] = frozenset()) -> Estate:
    return engine.estate(
        engine.Resource(type_, f"urn:{place}", f"r{place}", engine.plain_mapping(properties), awaits)
        for place, (type_, properties) in enumerate(resources)
    )


def objects(*manifests: Mapping[str, Any], sees: tuple[str, ...] = ()) -> Estate:
    things = [kube_object(manifest, Origin(file="x.yaml", line=1)) for manifest in manifests]
    return build([thing for thing in things if thing is not None], sees=sees)


def manifest(kind: str, name: str, spec: Mapping[str, Any], api: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "data"}, "spec": spec, **more}


def dragonfly(**spec: Any) -> dict[str, Any]:
    return manifest("Dragonfly", "cache", {"replicas": 3, **spec}, "dragonflydb.io/v1alpha1")


def external(called: str, *keys: str, **target: Any) -> dict[str, Any]:
    spec = {"data": [{"secretKey": key} for key in keys], "target": target}
    return manifest("ExternalSecret", called, spec, "external-secrets.io/v1")


def found(rule: str, estate: Estate, *, preview: bool = False) -> list[Finding]:
    return judge(estate, [RULES[rule]], preview=preview)


def said(rule: str, estate: Estate, **options: bool) -> list[str]:
    return [f"{finding.outcome}: {finding.message}" for finding in found(rule, estate, **options)]


# ── releases ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def release(**properties: Any) -> tuple[str, dict[str, Any]]:
    given = {"name": "dragonfly-operator", "namespace": "operators", "chart": CHART, "version": "v1.6.1", **properties}
    return RELEASE, given


def test_a_release_of_pulumi_is_judged_like_one_of_flux() -> None:
    values = {"replicaCount": 1.0, "podDisruptionBudget": {"enabled": True}, "manager": {"image": {"tag": "v1.5.0"}}}
    estate = stack(release(values=values))
    versions = said("DFLY-TECH-002", estate)
    assert len(versions) == 3
    assert any("the value podDisruptionBudget is not read by chart dragonfly-operator v1.6.1" in it for it in versions)
    assert any("brings the CRDs of the Dragonfly operator 1.6.1, and the image is 1.5.0" in it for it in versions)
    assert any("the Dragonfly operator 1.5.0 is not in the table" in it for it in versions)
    assert [it for it in said("DFLY-SW-021", estate) if "1 replica of the Dragonfly operator" in it]
    assert {finding.subject.origin.urn for finding in found("DFLY-TECH-002", estate)} == {"urn:0"}


def test_unknown_values_are_neither_unread_nor_of_a_wrong_type() -> None:
    values = {
        "replicaCount": UNKNOWN_NUMBER,
        "manager": {"resources": UNKNOWN_TEXT, "image": {"tag": "v1.6.1"}},
        "additionalLabels": None,
    }
    estate = stack(release(values=values), awaits=frozenset({"values"}))
    assert said("DFLY-TECH-002", estate, preview=True) == []
    [waits, *_] = found("DFLY-SW-021", estate, preview=True)
    assert {finding.outcome for finding in found("DFLY-SW-021", estate, preview=True)} == {Outcome.DEFERRED}
    assert waits.path == ("values", "replicaCount")


def test_values_that_are_all_unknown_are_not_passed() -> None:
    estate = stack(release(values=UNKNOWN_TEXT), awaits=frozenset({"values"}))
    assert {finding.outcome for finding in found("DFLY-TECH-002", estate, preview=True)} == {Outcome.DEFERRED}
    assert {finding.outcome for finding in found("DFLY-TECH-002", estate)} == {Outcome.NOT_EVALUATED}


def test_values_of_the_wrong_type_are_said_to_be() -> None:
    [finding] = found("DFLY-TECH-002", stack(release(values=["no", "mapping"])))
    assert (finding.outcome, finding.path) == (Outcome.NOT_EVALUATED, ("values",))


def test_a_secret_value_is_never_printed() -> None:
    values = {"password": secret("hunter2"), "manager": {"image": {"tag": secret("v1.6.1")}}}
    messages = said("DFLY-TECH-002", stack(release(values=values)))
    assert len(messages) == 1
    assert "hunter2" not in str(messages)
    assert "the value password is not read" in messages[0]


@pytest.mark.parametrize(
    ("properties", "chart", "version", "span", "complete"),
    [
        ({"chart": CHART, "version": "v1.6.1"}, "dragonfly-operator", "v1.6.1", None, True),
        ({"chart": f"{CHART}:v1.6.1"}, "dragonfly-operator", "v1.6.1", None, True),
        ({"chart": "cloudnative-pg", "version": "0.29.x"}, "cloudnative-pg", None, "0.29.x", True),
        ({"chart": "./charts/cloudnative-pg/"}, "cloudnative-pg", None, None, True),
        ({"chart": "charts/cloudnative-pg-0.29.0.tgz"}, "cloudnative-pg", "0.29.0", None, True),
        ({"chart": "cloudnative-pg", "version": "*", "valueYamlFiles": [{}]}, "cloudnative-pg", None, "*", False),
        ({"chart": f"{CHART}@sha256:00"}, "dragonfly-operator", None, None, True),
    ],
)  # fmt: skip
def test_how_a_release_names_its_chart(
    properties: dict[str, Any], chart: str, version: str | None, span: str | None, complete: bool
) -> None:
    estate = stack((RELEASE, properties))
    [thing] = estate.of(PULUMI_RELEASE)
    made = release_of(thing, estate)
    assert made is not None
    assert (made.chart, made.version, made.range, made.complete) == (chart, version, span, complete)


def test_a_chart_without_a_name_is_no_release() -> None:
    estate = stack((RELEASE, {"values": {"replicaCount": 1}}), ("kubernetes:helm.sh/v3:Chart", {}))
    assert said("DFLY-TECH-002", estate) == []
    assert release_of(estate.of(PULUMI_RELEASE)[0], estate) is None


@pytest.mark.parametrize(
    ("image", "family"),
    [
        ("docker.dragonflydb.io/dragonflydb/operator:v1.6.1", "dragonfly"),
        ("registry.example.org:5000/mirror/cloudnative-pg/cloudnative-pg:1.30.0@sha256:00", "cnpg"),
        ("ghcr.io/cloudnative-pg/plugin-barman-cloud:v0.14.0", "barman"),
        ("ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.14.0", None),
        ("ghcr.io/cloudnative-pg/postgresql:16.8", None),
        ("operator", None),
        ("", None),
    ],
)
def test_whose_image_it_is(image: str, family: str | None) -> None:
    assert family_of_image(image) == family


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_unknown_reference_hides_none_of_the_others() -> None:
    spec = {
        "authentication": {"passwordFromSecret": {"name": UNKNOWN_TEXT, "key": "password"}},
        "aclFromSecret": {"name": "cache-acl", "key": "acl"},
        "env": [UNKNOWN_TEXT, {"name": "A", "valueFrom": {"secretKeyRef": {"name": "cache-acl", "key": "a"}}}],
    }
    manifests = [dragonfly(**spec), external("cache-acl", "other")]
    resources = [(f"kubernetes:{it['apiVersion']}:{it['kind']}", it) for it in manifests]
    estate = stack(*resources, awaits=frozenset({"spec"}))
    outcomes = [finding.outcome for finding in found("DFLY-OPS-002", estate, preview=True)]
    assert sorted(outcomes) == [Outcome.DEFERRED, Outcome.VIOLATED, Outcome.VIOLATED]


def test_a_target_that_is_not_known_yet_may_be_what_is_missed() -> None:
    consumer = dragonfly(authentication={"passwordFromSecret": {"name": "cache-auth", "key": "password"}})
    manifests = [consumer, external("other", "password"), external("cache", "password", name=UNKNOWN_TEXT)]
    resources = [(f"kubernetes:{it['apiVersion']}:{it['kind']}", it) for it in manifests]
    findings = found("DFLY-OPS-002", stack(*resources, awaits=frozenset({"spec"})), preview=True)
    assert {finding.outcome for finding in findings} == {Outcome.DEFERRED}


@pytest.mark.parametrize(("name", "outcome"), [("cache-auth", Outcome.NOT_EVALUATED), ("other", Outcome.VIOLATED)])
def test_what_cannot_be_read_stands_for_the_secret_of_its_name_alone(name: str, outcome: Outcome) -> None:
    consumer = dragonfly(authentication={"passwordFromSecret": {"name": "cache-auth", "key": "password"}})
    unreadable = external(name, "password")
    unreadable["spec"]["data"] = 3
    estate = objects(consumer, unreadable, external("beside", "password"))
    assert [it.outcome for it in found("DFLY-OPS-002", estate) if it.subject.kind == "Dragonfly"] == [outcome]


@pytest.mark.parametrize(
    ("maker", "where"),
    [
        (manifest("Secret", "role-app", {}, stringData={"username": "app", "password": ""}), "metadata.labels"),
        (external("role-app", "username", "password"), "spec.target.template.metadata.labels"),
    ],
)
def test_a_label_is_set_where_the_maker_of_a_secret_takes_it_from(maker: dict[str, Any], where: str) -> None:
    roles = [{"name": "app", "login": True, "passwordSecret": {"name": "role-app"}}]
    cluster = manifest("Cluster", "pg", {"instances": 1, "managed": {"roles": roles}}, "postgresql.cnpg.io/v1")
    mends = [it.mend for it in found("CNPG-OPS-003", objects(cluster, maker)) if "without the label" in it.message]
    assert mends == [f'Set {where}: {{cnpg.io/reload: "true"}}.']


def test_no_message_quotes_a_secret() -> None:
    plain = manifest("Secret", "dragonfly", {}, stringData={"password": "hunter2", "a": "b"})
    estate = objects(dragonfly(), plain)
    [finding] = found("DFLY-OPS-002", estate)
    assert "hunter2" not in f"{finding.message} {finding.mend} {finding.facts} {finding.key}"


CONSUMER = dragonfly(authentication={"passwordFromSecret": {"name": "cache-auth", "key": "password"}})


def test_where_everything_is_seen_a_missing_secret_is_missing() -> None:
    assert said("DFLY-OPS-002", objects(CONSUMER)) == []
    [message] = said("DFLY-OPS-002", objects(CONSUMER, sees=("cluster", "secrets")))
    assert said("DFLY-OPS-002", objects(CONSUMER, sees=("cluster",))) == [], "its Secrets are not shown"
    assert "names Secret cache-auth, which is not in the namespace: what waits" in message


def test_a_secret_in_a_cluster_is_no_plain_text_in_a_repository() -> None:
    there = manifest("Secret", "cache-auth", {}, data={"password": "eA=="})
    assert len(said("DFLY-OPS-002", objects(CONSUMER, there))) == 1
    assert said("DFLY-OPS-002", objects(CONSUMER, there, sees=("cluster",))) == []


def test_what_an_external_secret_made_is_no_second_writer() -> None:
    owner = {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "name": "cache-auth", "uid": "x"}
    made = manifest("Secret", "cache-auth", {}, data={"password": "eA=="})
    made["metadata"]["ownerReferences"] = [owner]
    assert said("DFLY-OPS-002", objects(CONSUMER, external("cache-auth", "password"), made)) == []
    del made["metadata"]["ownerReferences"]
    messages = said("DFLY-OPS-002", objects(CONSUMER, external("cache-auth", "password"), made))
    assert [it for it in messages if "Secret data/cache-auth writes Secret cache-auth as well" in it]


def test_a_secret_belongs_to_the_service_that_uses_it_whatever_its_name() -> None:
    consumer = dragonfly(authentication={"passwordFromSecret": {"name": "postgres", "key": "password"}})
    old = {**external("postgres", "password"), "apiVersion": "external-secrets.io/v1beta1"}
    cluster = manifest("Cluster", "pg", {"instances": 1}, "postgresql.cnpg.io/v1")
    estate = objects(consumer, old, cluster)
    assert len(said("DFLY-OPS-002", estate)) == 1
    assert said("CNPG-OPS-003", estate) == []


def test_a_secret_of_two_services_is_judged_for_both() -> None:
    password = {"secretKeyRef": {"name": "shared", "key": "password"}}
    consumers = [
        dragonfly(env=[{"name": "A", "valueFrom": password}]),
        manifest(
            "Cluster", "pg", {"instances": 1, "env": [{"name": "A", "valueFrom": password}]}, "postgresql.cnpg.io/v1"
        ),
    ]
    estate = objects(*consumers, external("shared", "pass"))
    assert [len(said(rule, estate)) for rule in ("DFLY-OPS-002", "CNPG-OPS-003")] == [1, 1]


def test_what_cannot_be_said_is_a_note() -> None:
    [note] = not_seen(objects(CONSUMER))
    assert note.text == "whether these Secrets arrive, which nothing here makes: data/cache-auth (Dragonfly data/cache)"
    [note] = not_seen(objects(dragonfly(env=[{"valueFrom": {"secretKeyRef": {"name": f"s{it}"}}} for it in range(5)])))
    assert note.text.endswith("data/s2 (Dragonfly data/cache) and 2 more")
    assert list(not_seen(objects(CONSUMER, external("cache-auth", "password")))) == []
    assert list(not_seen(objects(CONSUMER, external("cache-other", "password")))) == [], "that is a finding"


# ── fields ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_part_hides_no_unknown_field_beside_it() -> None:
    it = dragonfly(
        snapshot=UNKNOWN_TEXT, affinity={"podAntiAfinity": {}}, env=[UNKNOWN_TEXT, {"nane": "A"}], args=UNKNOWN_TEXT
    )
    estate = stack((f"kubernetes:{it['apiVersion']}:{it['kind']}", it), awaits=frozenset({"spec"}))
    findings = found("DFLY-SW-022", estate, preview=True)
    assert [finding.path for finding in findings if finding.outcome is Outcome.VIOLATED] == [
        ("spec", "affinity", "podAntiAfinity"),
        ("spec", "env", "[1]", "nane"),
    ]
    assert [finding.path for finding in findings if finding.outcome is Outcome.DEFERRED] == [("spec", "snapshot")]


def test_a_file_of_another_form_is_not_a_hundred_findings() -> None:
    assert len(found("DFLY-SW-022", objects(dragonfly(**{f"field{number}": 1 for number in range(100)})))) == 20


# ── operators ────────────────────────────────────────────────────────────────────────────────────────────────────────


def deployment(**container: Any) -> dict[str, Any]:
    image = "docker.dragonflydb.io/dragonflydb/operator:v1.6.1"
    pod = {"containers": [{"name": "manager", "image": image, "args": ["--leader-elect"], **container}]}
    template = {"metadata": {"labels": {"control-plane": "controller-manager"}}, "spec": pod}
    return manifest("Deployment", "operator", {"replicas": 2, "template": template}, "apps/v1")


def test_a_resource_whose_operator_cannot_be_read_hides_no_other_that_is_cut_off() -> None:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 6443}]}]}
    policy = manifest("NetworkPolicy", "closed", spec, "networking.k8s.io/v1")
    broken = dragonfly()
    broken["metadata"] = {"name": "a", "namespace": "data", "annotations": {"seawall.dev/operator": "no JSON"}}
    messages = said("DFLY-SW-021", objects(broken, dragonfly(), deployment(), policy))
    assert [it for it in messages if "it cannot reach 9999 of Dragonfly data/cache: NetworkPolicy data/closed" in it]


def test_a_budget_that_cannot_be_read_is_blamed() -> None:
    broken = manifest("PodDisruptionBudget", "broken", {"selector": {"matchLabels": "all"}}, "policy/v1")
    [finding] = found("DFLY-SW-021", objects(deployment(), broken))
    assert (finding.outcome, finding.blamed.title) == (Outcome.NOT_EVALUATED, "PodDisruptionBudget data/broken")


def test_a_percentage_that_is_none_is_blamed_too() -> None:
    spec = {"minAvailable": "half", "selector": {"matchLabels": {"control-plane": "controller-manager"}}}
    [finding] = found("DFLY-SW-021", objects(deployment(), manifest("PodDisruptionBudget", "b", spec, "policy/v1")))
    assert (finding.outcome, finding.blamed.title) == (Outcome.NOT_EVALUATED, "PodDisruptionBudget data/b")


def test_a_policy_that_cannot_be_read_is_not_taken_to_be_open() -> None:
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": "everybody"}]}
    policy = manifest("NetworkPolicy", "broken", spec, "networking.k8s.io/v1")
    findings = found("DFLY-SW-021", objects(deployment(), policy))
    assert Outcome.NOT_EVALUATED in {finding.outcome for finding in findings}
    assert "NetworkPolicy data/broken" in {finding.blamed.title for finding in findings}


def test_a_field_that_is_named_like_a_place_of_a_list() -> None:
    manifest = {"apiVersion": "dragonflydb.io/v1alpha1", "kind": "Dragonfly", "metadata": {"name": "a"}}
    thing = kube_object({**manifest, "spec": {"[": 1, "env": [{"[0]": 1}]}}, Origin())
    assert thing is not None
    found = judge(build([thing]), [RULES["DFLY-SW-022"]])
    assert {finding.path for finding in found} == {("spec", "["), ("spec", "env", "[0]", "[0]")}
