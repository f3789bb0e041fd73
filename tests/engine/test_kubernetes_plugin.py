"""The Kubernetes stand-in against the API server: settings, refusals, the life of an object, secrets."""

# ruff: noqa: F811 - a test takes a fixture by the name that was imported

import base64
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest
from kubernetes_plugin import (  # noqa: F401
    config_map,
    deployment,
    live,
    map_of,
    name,
    namespace,
    patch,
    plugin,
    settings,
    shared,
    start,
)
from plugin_host import PluginHost, RefusedError

from seawall.sandbox.cluster import Sandbox

# What the provider's settings may be


def test_settings_that_would_be_ignored_are_refused(plugin: PluginHost, sandbox: Sandbox) -> None:
    refused = dict(plugin.check_config({**settings(sandbox), "cluster": "x", "deleteUnreachable": "true"}))
    assert set(refused) == {"cluster", "deleteUnreachable"}
    assert "kubeconfig, context, namespace" in refused["cluster"]


def test_the_current_context_is_never_used(plugin: PluginHost, sandbox: Sandbox) -> None:
    refused = dict(plugin.check_config({"kubeconfig": settings(sandbox)["kubeconfig"]}))
    assert "must name a context" in refused["context"]


def test_an_unknown_context_is_refused_with_those_that_exist(plugin: PluginHost, sandbox: Sandbox) -> None:
    refused = dict(plugin.check_config({**settings(sandbox), "context": "production"}))
    assert "'production'" in refused["context"]
    assert sandbox.endpoints.context in refused["context"]


def test_another_server_is_refused_in_check_and_in_configure(plugin: PluginHost, tmp_path: Path) -> None:
    other = tmp_path / "kubeconfig"
    other.write_text(
        "{contexts: [{name: prod, context: {cluster: c, user: u}}], users: [{name: u, user: {token: t}}],"
        " clusters: [{name: c, cluster: {server: 'https://10.0.0.1:6443'}}]}"
    )
    wrong: dict[str, object] = {"kubeconfig": str(other), "context": "prod"}
    assert "not the sandbox's API server" in dict(plugin.check_config(wrong))["context"]
    with pytest.raises(RefusedError, match=r"10\.0\.0\.1:6443, which is not the sandbox's"):
        plugin.configure(wrong)


@pytest.mark.parametrize(
    ("environment", "reason"),
    [({}, "is not set"), ({"SEAWALL_SANDBOX_API_SERVER": "https://10.0.0.1:6443"}, "not on loopback")],
)
def test_it_does_not_start_without_a_sandbox(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        PluginHost("kubernetes", environment)


# What is refused


@pytest.mark.parametrize(
    ("type_", "inputs", "reason"),
    [
        ("kubernetes:helm.sh/v3:Release", {"chart": "x"}, "version must be given"),
        ("kubernetes:helm.sh/v3:Chart", {"chart": "x"}, "use a Release"),
        ("kubernetes:yaml:ConfigFile", {"file": "x"}, "YAML files are not read"),
        ("kubernetes:kustomize:Directory", {}, "Kustomize folders are not built"),
        ("kubernetes:core/v1:ConfigMapPatch", {"metadata": {"name": "a"}}, "use ConfigMap"),
        ("kubernetes:core/v1:ConfigMapList", {"items": []}, "each ConfigMap as a resource"),
        ("kubernetes:core/v1:ConfigMap", {"metadata": {"generateName": "a-"}}, "generateName is not taken"),
        ("kubernetes:core/v1:ConfigMap", {}, "metadata.name must be given"),
    ],
)
def test_refused_types_say_what_to_use(plugin: PluginHost, type_: str, inputs: dict[str, object], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        plugin.resource(type_, "it").check(inputs)


def test_functions_and_components_are_refused(plugin: PluginHost) -> None:
    import grpc
    from pulumi.runtime.proto import provider_pb2

    with pytest.raises(grpc.RpcError, match="no function kubernetes:yaml:decode"):
        plugin.stub.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode"))
    with pytest.raises(grpc.RpcError, match=r"no component kubernetes:helm.sh/v4:Chart"):
        plugin.stub.Construct(provider_pb2.ConstructRequest(type="kubernetes:helm.sh/v4:Chart"))


def test_a_kind_that_is_not_served_says_what_to_do(plugin: PluginHost) -> None:
    unserved = plugin.resource("kubernetes:example.com/v1:Thing", "thing")
    with pytest.raises(RefusedError, match=r"does not serve example.com/v1: 404 page not found. Install its Custom"):
        unserved.preview({"metadata": {"name": "a", "namespace": "default"}})
    misspelt = plugin.resource("kubernetes:apps/v1:Deploiment", "typo")
    with pytest.raises(RefusedError, match="near: Deployment"):
        misspelt.preview({"metadata": {"name": "a", "namespace": "default"}})


# Create, update, drift, delete


def test_a_resource_lives_through_create_update_drift_and_delete(plugin: PluginHost, namespace: str, kube: Any) -> None:
    resource = config_map(plugin)
    first = map_of(namespace, a="1", b="2")
    outputs: Any = resource.create(first)
    assert resource.id == f"{namespace}/settings"
    assert outputs["metadata"]["uid"] == live(kube, "ConfigMap", "settings", namespace)["metadata"]["uid"]
    assert "managedFields" not in outputs["metadata"]
    assert not resource.diff(first).changed

    second = map_of(namespace, a="1", c="3")
    assert resource.diff(second).paths == {"data.b": "DELETE", "data.c": "ADD"}
    resource.update(second, preview=True)
    assert live(kube, "ConfigMap", "settings", namespace)["data"] == {"a": "1", "b": "2"}
    resource.update(second)
    assert live(kube, "ConfigMap", "settings", namespace)["data"] == {"a": "1", "c": "3"}

    resource.delete()
    assert live(kube, "ConfigMap", "settings", namespace) is None


def test_drift_shows_in_the_next_run_and_is_mended(start: Any, name: str, kube: Any) -> None:
    first_run = start()
    first_run.resource("kubernetes:core/v1:Namespace", "own").create({"metadata": {"name": name}})
    made = config_map(first_run)
    said = map_of(name, a="1")
    made.create(said)
    patch(kube, "ConfigMap", "settings", name, {"data": {"a": "by hand", "theirs": "x"}})

    without_refresh = made.on(start())
    assert without_refresh.diff(said).paths == {"data.a": "UPDATE"}

    refreshed = made.on(start())
    assert refreshed.refresh()
    assert refreshed.inputs.values["data"] == {"a": "by hand"}  # a field added by hand is not ours to see
    assert refreshed.diff(said).paths == {"data.a": "UPDATE"}
    assert not refreshed.diff(said, ignore=("data.a",)).changed
    refreshed.update(said)
    assert live(kube, "ConfigMap", "settings", name)["data"] == {"a": "1", "theirs": "x"}


def test_the_servers_spelling_is_no_drift(start: Any, name: str, kube: Any) -> None:
    run = start()
    run.resource("kubernetes:core/v1:Namespace", "own").create({"metadata": {"name": name}})
    said = deployment(name, resources={"requests": {"cpu": "1000m", "memory": "1024Mi"}})
    app = run.resource("kubernetes:apps/v1:Deployment", "app")
    app.create(said)
    again = app.on(start())
    before = again.inputs.values
    assert again.refresh()
    assert again.inputs.values == before
    assert not again.diff(said).changed
    patch(kube, "Deployment", "app", name, {"spec": {"replicas": 4}}, "apps/v1")
    assert not app.on(start()).diff(said).changed  # replicas is not ours


def test_deletion_waits_and_a_gone_object_is_no_error(plugin: PluginHost, namespace: str, kube: Any) -> None:
    resource = config_map(plugin)
    resource.create(map_of(namespace, a="1"))
    resource.delete()
    assert live(kube, "ConfigMap", "settings", namespace) is None
    resource.delete()
    assert not resource.refresh()


def test_an_object_may_come_before_its_namespace(plugin: PluginHost, name: str, kube: Any) -> None:
    """The engine works in parallel, and knows nothing of the two unless the program says so."""
    own, made = plugin.resource("kubernetes:core/v1:Namespace", "own"), config_map(plugin)
    own.check({"metadata": {"name": name}})
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(made.create, map_of(name, a="1"))
        assert wait([early], 2).not_done
        own.create({"metadata": {"name": name}})
        early.result(60)
    assert live(kube, "ConfigMap", "settings", name)["data"] == {"a": "1"}


def test_an_object_whose_namespace_nobody_makes_is_refused(plugin: PluginHost, name: str) -> None:
    with pytest.raises(RefusedError, match="make it the object's parent or name it in depends_on"):
        config_map(plugin).create(map_of(name, a="1"))


def test_a_namespace_is_deleted_with_its_content(plugin: PluginHost, name: str, kube: Any) -> None:
    own = plugin.resource("kubernetes:core/v1:Namespace", "own")
    own.create({"metadata": {"name": name}})
    config_map(plugin).create(map_of(name, a="1"))
    own.delete()
    assert live(kube, "Namespace", name) is None


def test_a_deletion_that_hangs_says_why(plugin: PluginHost, namespace: str, kube: Any) -> None:
    resource = config_map(plugin)
    inputs: dict[str, Any] = map_of(namespace, a="1")
    inputs["metadata"]["finalizers"] = ["example.com/never"]
    resource.create(inputs)
    try:
        with pytest.raises(RefusedError, match=r"still there .*finalizers \['example.com/never'\] are not done"):
            resource.delete(timeout=0.2)
    finally:
        patch(kube, "ConfigMap", "settings", namespace, {"metadata": {"finalizers": None}})


def test_cancelling_ends_a_wait(start: Any, namespace: str, kube: Any) -> None:
    from google.protobuf.empty_pb2 import Empty

    plugin = start()
    resource = config_map(plugin)
    inputs: dict[str, Any] = map_of(namespace, a="1")
    inputs["metadata"]["finalizers"] = ["example.com/never"]
    resource.create(inputs)
    try:
        plugin.stub.Cancel(Empty())
        with pytest.raises(RefusedError, match="interrupted while its deletion went on"):
            resource.delete()
    finally:
        patch(kube, "ConfigMap", "settings", namespace, {"metadata": {"finalizers": None}})


def test_what_another_stack_made_is_not_taken_over(plugin: PluginHost, namespace: str) -> None:
    config_map(plugin).create(map_of(namespace, a="1"))
    other = config_map(plugin.forget())
    with pytest.raises(RefusedError, match="exists already and was not made by this stack: import it"):
        other.create(map_of(namespace, a="2"))


def test_import_takes_over_what_exists(plugin: PluginHost, namespace: str, kube: Any) -> None:
    maps = kube.resources.get(api_version="v1", kind="ConfigMap")
    maps.create(body={"metadata": {"name": "theirs"}, "data": {"a": "1"}}, namespace=namespace)
    taken = config_map(plugin)
    with pytest.raises(RefusedError, match="exists already and was not made by this stack: import it"):
        taken.preview(map_of(namespace, "theirs", a="1"))
    assert taken.import_(f"{namespace}/theirs")
    assert taken.inputs.values == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "theirs", "namespace": namespace},
        "data": {"a": "1"},
    }
    assert not taken.diff(map_of(namespace, "theirs", a="1")).changed
    assert not taken.import_(f"{namespace}/nothing")


def test_what_an_interrupted_run_made_is_adopted(plugin: PluginHost, namespace: str) -> None:
    config_map(plugin).create(map_of(namespace, a="1"))  # its state is lost
    again = config_map(plugin)
    again.preview(map_of(namespace, a="2"))
    outputs: Any = again.create(map_of(namespace, a="2"))
    assert outputs["data"] == {"a": "2"}
    assert sum("it is taken over" in text for text in plugin.said("info")) == 1


# Secrets


def test_secrets_stay_secret_and_are_never_printed(plugin: PluginHost, namespace: str, kube: Any) -> None:
    value = "correct-horse-battery"
    resource = plugin.resource("kubernetes:core/v1:Secret", "it")
    inputs: dict[str, object] = {
        "metadata": {"name": "it", "namespace": namespace},
        "stringData": {"password": value},
    }
    secrets = frozenset({("stringData",)})
    resource.create(inputs, secrets)
    assert base64.b64decode(live(kube, "Secret", "it", namespace)["data"]["password"]).decode() == value
    assert ("data",) in resource.outputs.secrets
    assert not resource.diff(inputs, secrets).changed
    assert resource.refresh()
    assert resource.inputs.values["stringData"] == {"password": value}
    assert ("stringData",) in resource.inputs.secrets

    removed: dict[str, object] = {**inputs, "stringData": {"user": value}}
    assert resource.diff(removed, secrets).paths == {"data.password": "DELETE", "stringData.user": "ADD"}
    resource.update(removed, secrets)
    assert set(live(kube, "Secret", "it", namespace)["data"]) == {"user"}

    quoted = plugin.resource("kubernetes:core/v1:ConfigMap", "quoted")
    bad: dict[str, object] = {
        "metadata": {"name": "it", "namespace": namespace, "labels": {"a": f"{value} {value}"}},
        "data": {},
    }
    with pytest.raises(RefusedError) as refused:
        quoted.preview(bad, frozenset({("metadata", "labels", "a")}))
    assert value not in str(refused.value)
    assert not any(value in s.text for s in plugin.engine.said)


def test_a_secret_in_a_custom_resource_is_passed_on_and_stays_secret(plugin: PluginHost, namespace: str) -> None:
    resource = plugin.resource("kubernetes:core/v1:ConfigMap", "it")
    outputs = resource.create(map_of(namespace, token="s3cr3t-value"), frozenset({("data", "token")}))
    assert outputs["data"] == {"token": "s3cr3t-value"}
    assert ("data", "token") in resource.outputs.secrets


def test_it_ends_when_the_engine_is_gone(sandbox: Sandbox, tmp_path: Path) -> None:
    """An engine that was killed leaves its plugins behind: they end by themselves."""
    import os
    import subprocess
    import sys
    import time

    import psutil

    script = (
        "import subprocess, sys, os\n"
        "p = subprocess.Popen([sys.executable, '-m', 'seawall.sandbox.plugins.kubernetes'], stdout=subprocess.PIPE)\n"
        "p.stdout.readline(); print(p.pid, flush=True); os.kill(os.getpid(), 9)\n"
    )
    environment = {**os.environ, "SEAWALL_SANDBOX_API_SERVER": sandbox.endpoints.api_server}
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=environment,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)
