"""The operators' charts: every value that we give is one that the chart reads, and the pods are what they must be."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import ValidationError
from stack_samples import changed

from seawall.components.operators import releases, values
from seawall.components.operators.releases import HelmRelease
from seawall.components.settings import StackSettings, load
from seawall.errors import UserError
from seawall.operators import barman, charts, cnpg, dragonfly, versions

EVERYTHING: dict[str, Any] = {
    "priority_class": "system-cluster-critical",
    "node_selector": {"example.org/role": "platform"},
    "tolerations": [{"key": "example.org/platform", "effect": "NoSchedule"}, {"key": "a", "value": "b"}],
}
SETTINGS = {
    "infra": load(changed()),
    "everything": load(
        changed(
            ("operators.dragonfly", {**EVERYTHING, "metrics_reader": "vmagent", "replicas": 3}),
            ("operators.cnpg", {**EVERYTHING, "plugin": "0.13.0"}),
            ("platform.nodes.zones", ["a", "b"]),
        )
    ),
}


def made(settings: StackSettings) -> dict[str, HelmRelease]:
    operators, platform = settings.operators, settings.platform
    return {
        "dragonfly": releases.dragonfly_release(operators.dragonfly, platform),
        "cnpg": releases.cnpg_release(operators.cnpg, platform),
        "barman": releases.barman_release(operators.cnpg, platform),
    }


RELEASES = {f"{stack} {name}": release for stack, given in SETTINGS.items() for name, release in made(given).items()}


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> HelmRelease:
    return RELEASES[request.param]


# What a chart reads


def test_every_value_is_one_that_the_chart_reads(release: HelmRelease) -> None:
    given = set(charts.paths(release.values, release.chart))
    assert len(given) > 8
    assert given <= release.chart.values.keys()
    assert list(release.chart.unread(release.values)) == []


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        # at the top, where today's release sets them and the chart reads none of them
        (
            {"resources": {"limits": {"cpu": 1}}},
            "resources",
            "did you mean `rbacProxy.resources` or `manager.resources`",
        ),
        ({"securityContext": {}}, "securityContext", "`manager.securityContext`"),
        ({"image": {"tag": "v1"}}, "image", "which would ignore it"),
        ({"podDisruptionBudget": {"enabled": True}}, "podDisruptionBudget", "would ignore it"),
        ({"manager": {"resource": {}}}, "manager.resource", "`manager.resources`"),
        ({"manager": {"image": {"tagg": "v1"}}}, "manager.image.tagg", "`manager.image.tag`"),
        # what it reads, of another kind
        ({"manager": True}, "manager", "must be a mapping"),
        ({"replicaCount": "2"}, "replicaCount", "must be a whole number"),
        ({"replicaCount": True}, "replicaCount", "must be a whole number"),
        ({"replicaCount": 2.5}, "replicaCount", "must be a whole number"),
        ({"crds": {"install": "true"}}, "crds.install", "must be true or false"),
        ({"crds": {"install": None}}, "crds.install", "must be true or false"),
        ({"manager": {"tolerations": {}}}, "manager.tolerations", "must be a list"),
        ({"manager": {"affinity": []}}, "manager.affinity", "must be a mapping"),
        ({"dragonflyImage": 1}, "dragonflyImage", "must be a text"),
    ],
)
def test_a_value_that_the_chart_does_not_read_is_found(given: Mapping[str, Any], path: str, said: str) -> None:
    [(where, problem)] = charts.DRAGONFLY_OPERATOR.unread(given)
    assert ".".join(where) == path
    assert said in problem


def test_below_a_map_or_a_list_anything_goes() -> None:
    given = {"manager": {"affinity": {"nodeAffinity": {"x": 1}}, "tolerations": [{"key": "a"}]}, "replicaCount": 2.0}
    assert list(charts.DRAGONFLY_OPERATOR.unread(given)) == []
    assert set(charts.paths(given, charts.DRAGONFLY_OPERATOR)) == {
        "manager.affinity",
        "manager.tolerations",
        "replicaCount",
    }


def test_a_default_that_no_template_reads_is_not_in_the_table() -> None:
    unread = {
        ".".join(path) for path, _ in charts.PLUGIN_BARMAN_CLOUD.unread({"hostNetwork": True, "image": {"tag": ""}})
    }
    assert unread == {"hostNetwork"}


def test_no_path_of_a_table_lies_below_another() -> None:
    for chart in charts.CHARTS:
        assert not [(a, b) for a in chart.values for b in chart.values if b.startswith(f"{a}.")]


def test_the_models_take_no_other_value() -> None:
    with pytest.raises(ValidationError, match="affinity"):
        values.CreatedCrds(create=True, affinity={})  # type: ignore[call-arg]
    with pytest.raises(ValidationError, match="valid boolean"):
        values.CreatedCrds(create="true")  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match="frozen"):
        values.CreatedCrds(create=True).create = False  # type: ignore[misc]


def test_a_release_with_a_value_that_is_not_read_is_refused() -> None:
    wrong = HelmRelease(charts.CLOUDNATIVE_PG, "n", {"manager": {"resources": {}}})
    with pytest.raises(UserError, match=r"is not read by chart cloudnative-pg 0\.29\.0"):
        _ = wrong.arguments


# What a release is


def test_a_release_is_exact_and_rolls_back(release: HelmRelease) -> None:
    given = release.arguments
    assert given["chart"].startswith("oci://")
    assert versions.parse(given["version"])
    assert given["name"] == given["chart"].rpartition("/")[2]
    assert (given["atomic"], given["cleanup_on_fail"], given["create_namespace"]) == (True, True, False)
    assert 0 < given["max_history"] < 100
    assert given["timeout"] >= 300
    assert given["values"] == release.values


def test_crds_are_created_and_replaced_and_outlive_the_release() -> None:
    found = {name: release.values["crds"] for name, release in made(SETTINGS["infra"]).items()}
    assert found == {"dragonfly": {"install": True, "keep": True}, "cnpg": {"create": True}, "barman": {"create": True}}


def test_replicas_are_those_of_the_settings_and_one_for_the_plugin() -> None:
    assert {key: release.values["replicaCount"] for key, release in RELEASES.items()} == {
        "infra dragonfly": 2,
        "infra cnpg": 2,
        "infra barman": 1,
        "everything dragonfly": 3,
        "everything cnpg": 2,
        "everything barman": 1,
    }


def test_images_are_those_of_the_table() -> None:
    found = made(SETTINGS["infra"])
    assert found["dragonfly"].values["manager"]["image"] == {
        "repository": "docker.dragonflydb.io/dragonflydb/operator",
        "tag": "v1.6.1",
    }
    assert found["cnpg"].values["image"]["tag"] == found["cnpg"].chart.app_version == "1.30.0"
    plugin = found["barman"].values
    assert plugin["image"]["tag"] == plugin["sidecarImage"]["tag"] == "v0.14.0"
    assert found["barman"].chart.app_version == "v0.13.0"
    sidecar = "{registry}/{repository}:{tag}".format(**plugin["sidecarImage"])
    assert sidecar == versions.barman_sidecar_image("0.14.0")
    older = made(SETTINGS["everything"])["barman"].values
    assert older["image"]["tag"] == older["sidecarImage"]["tag"] == "v0.13.0"


def test_metrics_are_found_and_only_a_named_reader_needs_the_proxy() -> None:
    plain, proxied = (made(SETTINGS[stack])["dragonfly"].values for stack in ("infra", "everything"))
    assert plain["rbacProxy"] == {"enabled": False}
    assert plain["serviceMonitor"] == {"enabled": True}
    assert proxied["rbacProxy"]["enabled"] is True
    assert proxied["serviceMonitor"]["rbacProxyMetricsReader"] == {
        "create": True,
        "serviceAccountName": "vmagent",
        "serviceAccountNamespace": "observability",
    }
    assert made(SETTINGS["infra"])["cnpg"].values["monitoring"] == {"podMonitorEnabled": True}


def test_certificates_come_from_cert_manager() -> None:
    assert set(made(SETTINGS["infra"])["barman"].values["certificate"].values()) == {True}


# Their pods


def pod(release: HelmRelease) -> dict[str, Any]:
    """The security of the pod that the chart makes of the values: its own context, and that of every container."""
    given = release.values
    if "manager" not in given:
        return {"pod": given["podSecurityContext"], "containers": [given["containerSecurityContext"]]}
    containers = [given["manager"]["securityContext"]]
    if given["rbacProxy"]["enabled"]:
        containers.append(given["rbacProxy"]["securityContext"])
    return {"pod": given["podSecurityContext"], "containers": containers}


def test_pods_have_everything_that_restricted_asks_for_and_a_read_only_root(release: HelmRelease) -> None:
    found = pod(release)
    assert found["pod"]["runAsNonRoot"] is True
    assert found["pod"]["runAsUser"] > 0
    assert found["pod"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert len(found["containers"]) == (2 if release.values.get("rbacProxy", {}).get("enabled") else 1)
    for container in found["containers"]:
        assert container["allowPrivilegeEscalation"] is False
        assert container["readOnlyRootFilesystem"] is True
        assert container["capabilities"] == {"drop": ["ALL"]}


def placed(release: HelmRelease) -> dict[str, Any]:
    given: dict[str, Any] = release.values.get("manager", release.values)
    return given


def test_containers_have_requests_and_limits(release: HelmRelease) -> None:
    resources = placed(release)["resources"]
    assert {kind: sorted(amounts) for kind, amounts in resources.items()} == {
        "requests": ["cpu", "memory"],
        "limits": ["cpu", "memory"],
    }


@pytest.mark.parametrize(
    ("name", "labels"),
    [("dragonfly", dragonfly.OPERATOR_CHART_LABELS), ("cnpg", cnpg.OPERATOR_POD_LABELS)],
)
def test_replicas_never_share_a_node_and_a_rollout_is_not_stuck(name: str, labels: Mapping[str, str]) -> None:
    [nodes] = placed(RELEASES[f"infra {name}"])["topologySpreadConstraints"]
    assert (nodes["topologyKey"], nodes["maxSkew"], nodes["whenUnsatisfiable"]) == (
        "kubernetes.io/hostname",
        1,
        "DoNotSchedule",
    )
    assert nodes["minDomains"] == RELEASES[f"infra {name}"].values["replicaCount"]
    assert nodes["labelSelector"] == {"matchLabels": labels}
    assert nodes["matchLabelKeys"] == ["pod-template-hash"]
    keys = [rule["topologyKey"] for rule in placed(RELEASES[f"everything {name}"])["topologySpreadConstraints"]]
    assert keys == ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]


def test_the_only_pod_of_the_plugin_is_not_spread() -> None:
    assert "topologySpreadConstraints" not in RELEASES["everything barman"].values


@pytest.mark.parametrize("name", ["dragonfly", "cnpg", "barman"])
def test_placement_that_nobody_asked_for_is_left_to_the_chart(name: str) -> None:
    bare, given = placed(RELEASES[f"infra {name}"]), placed(RELEASES[f"everything {name}"])
    assert not {"priorityClassName", "nodeSelector", "tolerations"} & bare.keys()
    assert given["priorityClassName"] == "system-cluster-critical"
    assert given["nodeSelector"] == {"example.org/role": "platform"}
    assert given["tolerations"] == [
        {"key": "example.org/platform", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "a", "operator": "Equal", "value": "b"},
    ]


# Versions


def test_a_chart_that_is_not_known_is_refused() -> None:
    unknown = SETTINGS["infra"].operators.dragonfly.model_copy(update={"version": "9.9.9"})
    with pytest.raises(UserError, match=r"dragonfly-operator 9\.9\.9 is not known.*known: v1\.6\.1"):
        releases.dragonfly_release(unknown, SETTINGS["infra"].platform)
    older = SETTINGS["infra"].operators.cnpg.model_copy(update={"plugin": "0.15.0"})
    with pytest.raises(UserError, match=r"plugin-barman-cloud 0\.15\.0 is not known.*known: 0\.7\.0"):
        releases.barman_release(older, SETTINGS["infra"].platform)


def test_every_row_of_the_version_table_has_its_chart() -> None:
    for row in versions.DRAGONFLY_COMBINATIONS:
        assert charts.chart("dragonfly-operator", row.chart)
    for database in versions.CNPG_COMBINATIONS:
        found = charts.chart("cloudnative-pg", database.chart)
        assert found is not None
        assert found.app_version == database.operator
    assert {row.chart for row in versions.BARMAN_PLUGINS} - {None} == {
        chart.version for chart in charts.CHARTS if chart.name == "plugin-barman-cloud"
    }


def test_the_plugins_pods_are_known_by_the_charts_label() -> None:
    """The label of the project's release manifest is another one, on which a budget would select nothing."""
    [value] = barman.POD_LABELS.values()
    assert value == RELEASES["infra barman"].chart.name
