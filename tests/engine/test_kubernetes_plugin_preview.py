"""Previews of the Kubernetes stand-in: server-side dry run, warnings, temporary namespaces, unknown values."""

# ruff: noqa: F811 - a test takes a fixture by the name that was imported

import copy
import uuid
from pathlib import Path
from typing import Any

import pytest
from kubernetes_plugin import (  # noqa: F401
    RESTRICTED,
    config_map,
    deployment,
    live,
    map_of,
    name,
    namespace,
    patch,
    plugin,
    previews,
    settings,
    shared,
    start,
)
from plugin_host import PluginHost, RefusedError, notes, together

from seawall.sandbox.plugins.properties import UNKNOWN

# Preview


def test_a_preview_shows_what_the_server_would_store_and_changes_nothing(
    plugin: PluginHost, namespace: str, kube: Any
) -> None:
    outputs: Any = plugin.resource("kubernetes:apps/v1:Deployment", "app").preview(deployment(namespace))
    assert outputs["spec"]["replicas"] == 1
    assert outputs["metadata"]["uid"] is UNKNOWN
    assert live(kube, "Deployment", "app", namespace, "apps/v1") is None


def test_the_servers_error_is_shown_verbatim(plugin: PluginHost, namespace: str) -> None:
    wrong = deployment(namespace)
    wrong["spec"]["replica"] = 3
    with pytest.raises(RefusedError) as refused:
        plugin.resource("kubernetes:apps/v1:Deployment", "app").preview(wrong)
    assert str(refused.value) == (
        f"Deployment {namespace}/app: failed to create typed patch object ({namespace}/app; apps/v1, Kind=Deployment): "
        ".spec.replica: field not declared in schema"
    )


def test_an_unknown_field_of_a_custom_resource_is_an_error(plugin: PluginHost, namespace: str) -> None:
    cluster = plugin.resource("kubernetes:postgresql.cnpg.io/v1:Cluster", "pg")
    spec = {"instances": 1, "storage": {"size": "1Gi"}, "instancez": 3}
    with pytest.raises(RefusedError, match=r"\.spec\.instancez: field not declared in schema"):
        cluster.preview({"metadata": {"name": "pg", "namespace": namespace}, "spec": spec})


def test_a_webhook_refuses_in_preview(plugin: PluginHost, namespace: str) -> None:
    cluster = plugin.resource("kubernetes:postgresql.cnpg.io/v1:Cluster", "pg")
    inputs = {
        "metadata": {"name": "pg", "namespace": namespace},
        "spec": {"instances": 3, "storage": {"size": "1Gi"}, "minSyncReplicas": 5, "maxSyncReplicas": 1},
    }
    with pytest.raises(RefusedError, match=rf"Cluster {namespace}/pg: .*minSyncReplicas"):
        cluster.preview(inputs)


def test_a_webhooks_defaults_are_no_difference(plugin: PluginHost, namespace: str) -> None:
    cluster = plugin.resource("kubernetes:postgresql.cnpg.io/v1:Cluster", "pg")
    spec = {"instances": 1, "storage": {"size": "1024Mi"}, "resources": {"requests": {"cpu": "1000m"}}}
    inputs: dict[str, object] = {"metadata": {"name": "pg", "namespace": namespace}, "spec": spec}
    cluster.create(inputs)
    try:
        assert not cluster.diff(inputs).changed
        said = cluster.inputs.values
        assert cluster.refresh()
        assert cluster.inputs.values == said
        changed = copy.deepcopy(inputs)
        changed["spec"]["resources"]["requests"]["cpu"] = "1500m"  # type: ignore[index]
        assert cluster.diff(changed).paths == {"spec.resources.requests.cpu": "UPDATE"}
    finally:
        cluster.delete()


def test_pod_security_warnings_become_diagnostics_once(plugin: PluginHost, name: str) -> None:
    own = plugin.resource("kubernetes:core/v1:Namespace", "own")
    own.create({"metadata": {"name": name, "labels": RESTRICTED}})
    app = plugin.resource("kubernetes:apps/v1:Deployment", "app")
    for _ in range(2):
        app.preview(deployment(name))
    warnings = [s for s in plugin.engine.said if s.severity == "warning"]
    assert [w.urn for w in warnings] == [app.urn]
    assert warnings[0].text.startswith('would violate PodSecurity "restricted:latest": allowPrivilegeEscalation')


def test_a_namespace_of_the_same_stack_is_stood_in_for(start: Any, kube: Any, name: str, tmp_path: Path) -> None:
    plugin = start()
    own = plugin.resource("kubernetes:core/v1:Namespace", "own")
    own.preview({"metadata": {"name": name, "labels": RESTRICTED, "annotations": {"a": "b"}}})
    app = plugin.resource("kubernetes:apps/v1:Deployment", "app")
    maps = [config_map(plugin, f"map{i}") for i in range(8)]
    together(*[lambda r=r, i=i: r.preview(map_of(name, f"m{i}", k="v")) for i, r in enumerate(maps)])
    outputs: Any = app.preview(deployment(name))

    assert outputs["metadata"]["namespace"] == name
    stand_in = previews(kube)
    assert len(stand_in) == 1
    there = live(kube, "Namespace", stand_in[0])["metadata"]
    assert there["labels"].items() >= RESTRICTED.items()
    assert there["annotations"]["a"] == "b"
    assert any("would violate PodSecurity" in text for text in plugin.said("warning"))
    said = [text for text in plugin.said("info") if "temporary namespace" in text]
    assert len(said) == 1
    assert f"namespace {name} does not exist yet" in said[0]
    assert {n["kind"] for n in notes(tmp_path / "notes")} == {"simulated", "temporary-namespace", "warning"}

    wrong = map_of(name, "wrong")
    wrong["data"] = {"not a key": "v"}
    with pytest.raises(RefusedError) as refused:
        config_map(plugin, "wrong").preview(wrong)
    assert stand_in[0] not in str(refused.value)

    assert plugin.stop() == 0
    assert previews(kube) == []
    assert live(kube, "Namespace", name) is None


def test_a_temporary_namespace_of_a_killed_run_is_collected_and_no_other(start: Any, kube: Any, name: str) -> None:
    killed, alive = start(), start()
    for host, own in ((killed, name), (alive, f"{name}-b")):
        host.resource("kubernetes:core/v1:Namespace", "own").preview({"metadata": {"name": own}})
        config_map(host).preview(map_of(own, k="v"))
    assert len(previews(kube)) == 2
    killed.process.kill()
    killed.process.wait()
    start()
    assert len(previews(kube)) == 1
    alive.stop()
    assert previews(kube) == []


def test_a_namespace_that_nobody_declares_is_an_error_that_says_so(plugin: PluginHost) -> None:
    with pytest.raises(RefusedError, match=r'namespaces "nobody" not found\. Namespace nobody neither exists nor came'):
        config_map(plugin).preview(map_of("nobody", k="v"))


def test_unknown_values_are_stood_in_for_and_named(plugin: PluginHost, namespace: str) -> None:
    inputs: dict[str, Any] = map_of(namespace, key="known")
    inputs["data"]["arn"] = UNKNOWN
    outputs: Any = config_map(plugin).preview(inputs)
    assert outputs["data"] == {"key": "known", "arn": UNKNOWN}
    assert [t for t in plugin.said("info") if "data.arn" in t] == [
        f"ConfigMap {namespace}/settings: dry-run with a stand-in value for data.arn, which is not known before the "
        "deployment"
    ]


def test_a_stand_in_value_has_the_type_of_its_field(plugin: PluginHost, namespace: str) -> None:
    app = deployment(namespace)
    app["spec"]["replicas"] = UNKNOWN
    app["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"memory": UNKNOWN}}
    outputs: Any = plugin.resource("kubernetes:apps/v1:Deployment", "app").preview(app)
    assert outputs["spec"]["replicas"] is UNKNOWN
    assert not plugin.said("error")


def test_an_error_beside_an_unknown_value_is_still_an_error(plugin: PluginHost, namespace: str) -> None:
    app = deployment(namespace, imagePullPolicy="Sometimes")
    app["spec"]["template"]["spec"]["containers"][0]["image"] = UNKNOWN
    with pytest.raises(RefusedError, match="imagePullPolicy"):
        plugin.resource("kubernetes:apps/v1:Deployment", "app").preview(app)


def test_a_refusal_of_the_stand_in_value_is_a_warning_with_the_servers_words(
    plugin: PluginHost, namespace: str
) -> None:
    # No schema says what an endpoint's address must be: the server's own code refuses the stand-in value.
    slice_ = plugin.resource("kubernetes:discovery.k8s.io/v1:EndpointSlice", "slice")
    inputs: dict[str, object] = {
        "metadata": {"name": "slice", "namespace": namespace},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [UNKNOWN]}],
    }
    outputs: Any = slice_.preview(inputs)
    assert outputs["endpoints"] == [{"addresses": [UNKNOWN]}]
    (warning,) = plugin.said("warning")
    assert "could not be dry-run: depends on endpoints[0].addresses[0]" in warning
    assert "EndpointSlice" in warning
    assert "seawall-unknown" in warning


def test_a_resource_of_a_crd_of_the_same_stack_is_warned_about_and_then_deployed(
    plugin: PluginHost, namespace: str
) -> None:
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    versions = [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
        }
    ]
    definition: dict[str, object] = {
        "metadata": {"name": f"things.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": versions,
        },
    }
    crd = plugin.resource("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", "crd")
    thing = plugin.resource(f"kubernetes:{group}/v1:Thing", "thing")
    # Foreground deletion would wait for the garbage collector to notice the new kind, up to half a minute.
    background = {"pulumi.com/deletionPropagationPolicy": "background"}
    said: dict[str, object] = {"metadata": {"name": "one", "namespace": namespace, "annotations": background}}
    crd.preview(definition)
    thing.preview(said)
    assert any("is made by this stack and is not served yet" in text for text in plugin.said("warning"))
    crd.create(definition)
    try:
        thing.create(said)
        assert thing.id == f"{namespace}/one"
        thing.delete()
    finally:
        crd.delete()
    assert not thing.refresh()
