"""What the probes are made of: hardened pods, walls both ways, and no secret anywhere but in a mounted file."""

import json
import re
from typing import Any

import pytest
from probe_samples import certificates_made, environment_of, latency_made, latency_target, platform, pod_of
from promql import parsed
from schemas import validate

from seawall.components.kubernetes.network import Pods
from seawall.components.probes import certificates, latency
from seawall.components.probes.image import PYTHON_IMAGE
from seawall.operators.labels import CILIUM_CLUSTER, CILIUM_NAMESPACE

GENERIC = platform(cni="generic", peers=[])
BOTH = [
    pytest.param(latency_made(), id="latency"),
    pytest.param(latency_made(tls=True, ca=latency.Entry("infra/ca", "ca.crt")), id="latency-tls"),
    pytest.param(latency_made(on=GENERIC), id="latency-generic"),
    pytest.param(certificates_made(), id="certificates"),
    pytest.param(certificates_made(stored_authority="db/ca"), id="certificates-stored"),
    pytest.param(certificates_made(on=GENERIC), id="certificates-generic"),
]
Made = dict[str, dict[str, Any]]


def rules_of(made: Made) -> list[dict[str, Any]]:
    [group] = made["rules"]["spec"]["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def alert(made: Made, name: str) -> dict[str, Any]:
    [found] = [rule for rule in rules_of(made) if rule.get("alert") == name]
    return found


@pytest.mark.parametrize("made", BOTH)
def test_every_object_fits_its_schema(made: Made) -> None:
    for manifest in made.values():
        validate(manifest)


@pytest.mark.parametrize("made", BOTH)
def test_all_objects_are_in_one_namespace_and_ours(made: Made) -> None:
    assert len({manifest["metadata"]["namespace"] for manifest in made.values()}) == 1
    for manifest in made.values():
        assert manifest["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "seawall"


@pytest.mark.parametrize("made", BOTH)
def test_the_pod_has_no_right_that_it_does_not_need(made: Made) -> None:
    pod = pod_of(made)
    [container] = pod["containers"]
    assert pod["automountServiceAccountToken"] is False
    assert made["account"]["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == made["account"]["metadata"]["name"]
    for context in (pod["securityContext"], container["securityContext"]):
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] > 0
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"].keys() == {"requests", "limits"}
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert container["command"][:3] == ["python", "-I", "-B"]
    assert container["image"] == PYTHON_IMAGE


@pytest.mark.parametrize("made", BOTH)
def test_it_runs_in_utc_one_at_a_time_and_never_for_ever(made: Made) -> None:
    spec = made["job"]["spec"]
    assert spec["timeZone"] == "Etc/UTC"
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] >= 10, "below, the controller may never start it"
    assert (spec["successfulJobsHistoryLimit"], spec["failedJobsHistoryLimit"]) == (1, 3)
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["activeDeadlineSeconds"] > int(environment_of(made)["PROBE_SECONDS"])
    assert len(made["job"]["metadata"]["name"]) <= 52


@pytest.mark.parametrize("made", BOTH)
def test_secrets_are_mounted_key_by_key_and_never_in_the_environment(made: Made) -> None:
    pod = pod_of(made)
    assert not [entry for entry in pod["containers"][0]["env"] if "valueFrom" in entry]
    for volume in pod["volumes"]:
        if "secret" in volume:
            keys = [item["key"] for item in volume["secret"]["items"]]
            assert keys in (["password"], ["ca.crt"])


@pytest.mark.parametrize("made", BOTH)
def test_policy_monitor_and_pod_speak_of_the_same_labels_and_port(made: Made) -> None:
    template = made["job"]["spec"]["jobTemplate"]["spec"]["template"]
    pods = template["metadata"]["labels"]
    policy = made["network"]["spec"]
    assert (policy.get("endpointSelector") or policy["podSelector"])["matchLabels"] == pods
    assert made["scrape"]["spec"]["selector"]["matchLabels"] == pods
    [port] = template["spec"]["containers"][0]["ports"]
    assert made["scrape"]["spec"]["podMetricsEndpoints"][0]["port"] == port["name"]
    assert environment_of(made)["PROBE_METRICS_PORT"] == str(port["containerPort"])
    [ingress] = policy["ingress"]
    ports = (ingress.get("toPorts") or [{"ports": ingress.get("ports")}])[0]["ports"]
    assert [int(it["port"]) for it in ports] == [port["containerPort"]]
    assert "vmagent" in json.dumps(ingress)


@pytest.mark.parametrize("made", BOTH)
def test_it_reaches_names_and_what_it_measures_and_nothing_else(made: Made) -> None:
    egress = made["network"]["spec"]["egress"]
    assert len(egress) == 2
    names, measured = json.dumps(egress[0]), json.dumps(egress[1])
    assert "kube-dns" in names
    assert environment_of(made)["PROBE_PORT"] in measured
    assert "0.0.0.0" not in measured
    assert "world" not in measured


def test_another_clusters_pods_are_named_with_their_cluster() -> None:
    made = latency_made(
        pods=Pods("dragonfly-system", {"app": "cache"}, cluster="infra"), on=platform(cluster="apps", peers=["infra"])
    )
    [endpoint] = made["network"]["spec"]["egress"][1]["toEndpoints"]
    assert endpoint["matchLabels"][f"k8s:{CILIUM_CLUSTER}"] == "infra"
    assert endpoint["matchLabels"][f"k8s:{CILIUM_NAMESPACE}"] == "dragonfly-system"


def test_the_latency_probe_fetches_its_password_into_its_own_namespace() -> None:
    made = latency_made()
    assert made["password"]["metadata"]["namespace"] == "harbor"
    [data] = made["password"]["spec"]["data"]
    assert data["remoteRef"] == {"key": "infra/dragonfly", "property": "password"}
    assert "ca" not in made
    assert "PROBE_TLS" not in environment_of(made)


def test_with_tls_the_authority_is_fetched_as_well() -> None:
    made = latency_made(tls=True, ca=latency.Entry("infra/tls", "authority"))
    assert environment_of(made)["PROBE_TLS"] == "verify"
    assert environment_of(made)["PROBE_CA_FILE"] == "/etc/probe/ca/ca.crt"
    assert made["ca"]["spec"]["data"][0]["remoteRef"] == {"key": "infra/tls", "property": "authority"}


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    first, second = (latency.probe_name("a" * 50 + end) for end in ("b", "c"))
    assert len(first) <= 52
    assert first != second
    assert latency.probe_name("cache") == "cache-latency"
    assert len(latency_made(dragonfly="a" * 52)["job"]["metadata"]["name"]) <= 52


def test_the_clusters_authority_is_waited_for_and_the_stored_one_is_not() -> None:
    volumes = {volume["name"]: volume for volume in pod_of(certificates_made(stored_authority="db/ca"))["volumes"]}
    assert volumes["cluster"]["secret"]["secretName"] == "main-ca"
    assert "optional" not in volumes["cluster"]["secret"]
    assert volumes["store"]["secret"]["optional"] is True
    assert "ca" not in certificates_made()


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("made", BOTH)
def test_every_expression_parses_and_links_to_its_page(made: Made) -> None:
    for rule in rules_of(made):
        parsed(rule["expr"])
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"
            assert rule["labels"]["data_target"]


def test_the_published_address_of_the_pages_is_used() -> None:
    published = {**platform().observability.model_dump(), "runbooks": "https://docs.example.org/runbooks"}
    made = latency_made(on=platform(observability=published))
    link = alert(made, "DragonflyLatencyUnknown")["annotations"]["runbook_url"]
    assert link == "https://docs.example.org/runbooks/DragonflyLatencyUnknown.md"


@pytest.mark.parametrize("made", BOTH)
def test_a_run_leaves_no_series_of_its_own_behind(made: Made) -> None:
    """Labels that differ with every pod would make new series every few minutes."""
    [endpoint] = made["scrape"]["spec"]["podMetricsEndpoints"]
    target = {"namespace": "ns", "pod": "x-29000000-abcde"}
    for step in endpoint["relabelings"]:
        if step["action"] == "labeldrop":
            target = {name: value for name, value in target.items() if not re.fullmatch(step["regex"], name)}
        else:
            target[step["targetLabel"]] = step["replacement"]
    assert target == {"namespace": "ns", "instance": made["job"]["metadata"]["name"]}


def test_recorded_series_outlive_the_pod_that_measured() -> None:
    records = {rule["record"]: rule["expr"] for rule in rules_of(latency_made()) if "record" in rule}
    p95 = records[latency.RECORDED]
    assert 'quantile="0.95"' in p95
    assert "[5m]" in p95
    assert "max by (dragonfly, path, command)" in p95
    assert records.keys() == {latency.RECORDED, latency.RECORDED_FAILURES}
    assert all("pod" not in expression for expression in records.values())


@pytest.mark.parametrize(
    ("path", "name", "limit"),
    [
        ("intra-cluster", "DragonflyLatencyIntraClusterHigh", "0.01"),
        ("cross-cluster", "DragonflyLatencyCrossClusterHigh", "0.02"),
    ],
)
def test_the_limit_is_the_paths_and_advisory(path: str, name: str, limit: str) -> None:
    made = latency_made(path=path)
    found = alert(made, name)
    assert found["expr"].endswith(f"> {limit}")
    assert f'path="{path}"' in found["expr"]
    assert found["labels"]["severity"] == "info"
    assert len([rule for rule in rules_of(made) if "High" in rule.get("alert", "")]) == 1


def test_one_command_without_an_answer_is_not_covered_by_the_others() -> None:
    """A server that refuses writes still answers PING: the series that is missing must be missed."""
    expression = alert(latency_made(), "DragonflyLatencyUnknown")["expr"]
    assert expression.startswith(f"count({latency.RECORDED}{{")
    assert ") < 3 or absent(" in expression


def test_the_limit_follows_the_settings() -> None:
    made = latency_made({"intra_cluster_ms": 3})
    assert alert(made, "DragonflyLatencyIntraClusterHigh")["expr"].endswith("> 0.003")


def test_certificate_alerts_look_back_over_two_runs() -> None:
    made = certificates_made({"schedule": "0 * * * *", "duration": "2m"})
    for rule in rules_of(made):
        assert "[122m]" in rule["expr"]


def test_a_certificate_that_is_renewed_in_time_never_alerts() -> None:
    expression = alert(certificates_made(), "CnpgCertificateExpiry")["expr"]
    assert f"< {6 * 86400}" in expression, "the operator renews at 7 days"
    assert expression.count("- time()") == 2, "the server's and the authority's"


def test_silence_is_an_alert_for_each_name() -> None:
    expression = alert(certificates_made(), "CnpgCertificateUnknown")["expr"]
    assert ") < 2 or absent_over_time(" in expression


def test_a_stored_authority_has_its_own_alert() -> None:
    found = alert(certificates_made(stored_authority="db/ca"), "CnpgStoredAuthorityStale")
    assert 'authority="store"' in found["expr"]
    assert "absent_over_time" in found["expr"]
    names = {rule["alert"] for rule in rules_of(certificates_made())}
    assert names == {"CnpgCertificateExpiry", "CnpgCertificateInvalid", "CnpgCertificateUnknown"}


def test_nothing_of_the_probes_looks_like_an_instance() -> None:
    for labels in (latency.pod_labels("cache"), certificates.pod_labels("main")):
        assert not {"cnpg.io/cluster", "cnpg.io/podRole", "app"} & labels.keys()
    assert latency_target().pods.labels == {"app": "cache"}
