"""The Kubernetes stand-in against the sandbox's API server, driven over its protocol as the engine drives it."""

import base64
import copy
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin_host import PluginHost, RefusedError, Resource, notes, together

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.plugins.properties import UNKNOWN

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


def settings(sandbox: Sandbox) -> dict[str, object]:
    return {"kubeconfig": str(sandbox.endpoints.kubeconfig), "context": sandbox.endpoints.context}


@pytest.fixture
def start(sandbox: Sandbox, tmp_path: Path) -> Iterator[Any]:
    """Starts stand-ins, as many runs as a test needs."""
    started: list[PluginHost] = []

    def run() -> PluginHost:
        environment = {
            "SEAWALL_SANDBOX_API_SERVER": sandbox.endpoints.api_server,
            "SEAWALL_PLUGIN_NOTES": str(tmp_path / "notes"),
        }
        started.append(PluginHost("kubernetes", environment))
        return started[-1].configure(settings(sandbox))

    yield run
    for host in started:
        host.stop()


@pytest.fixture(scope="module")
def shared(sandbox: Sandbox) -> Iterator[PluginHost]:
    environment = {"SEAWALL_SANDBOX_API_SERVER": sandbox.endpoints.api_server}
    host = PluginHost("kubernetes", environment).configure(settings(sandbox))
    yield host
    host.stop()


@pytest.fixture
def plugin(shared: PluginHost) -> PluginHost:
    """A stand-in that other tests have used; what it said to them is forgotten."""
    return shared.forget()


@pytest.fixture
def name(kube: Any) -> Iterator[str]:
    """A name for a namespace and more; the namespace of that name goes away at the end."""
    own = f"plugin-{uuid.uuid4().hex[:8]}"
    yield own
    namespaces = kube.resources.get(api_version="v1", kind="Namespace")
    if any(item.metadata.name == own for item in namespaces.get().items):
        namespaces.delete(name=own)


@pytest.fixture
def namespace(plugin: PluginHost, name: str) -> str:
    """An existing namespace that the stand-in made."""
    plugin.resource("kubernetes:core/v1:Namespace", "own").create({"metadata": {"name": name}})
    return name


def config_map(host: PluginHost, label: str = "map") -> Resource:
    return host.resource("kubernetes:core/v1:ConfigMap", label)


def map_of(namespace: str, name: str = "settings", **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "data": data}


def deployment(namespace: str, **container: object) -> dict[str, Any]:
    pod = {"containers": [{"name": "main", "image": "registry.invalid/a:1", **container}]}
    return {
        "metadata": {"name": "app", "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "a"}}, "spec": pod},
        },
    }


def live(kube: Any, kind: str, name: str, namespace: str | None = None, api_version: str = "v1") -> Any:
    from kubernetes.dynamic.exceptions import NotFoundError

    try:
        return kube.resources.get(api_version=api_version, kind=kind).get(name=name, namespace=namespace).to_dict()
    except NotFoundError:
        return None


def patch(kube: Any, kind: str, name: str, namespace: str, body: dict[str, Any], api_version: str = "v1") -> None:
    resource = kube.resources.get(api_version=api_version, kind=kind)
    resource.patch(name=name, namespace=namespace, body=body, content_type="application/merge-patch+json")


def previews(kube: Any) -> list[str]:
    """The temporary namespaces that are not being deleted."""
    found = kube.resources.get(api_version="v1", kind="Namespace").get(label_selector="seawall.dev/preview=true")
    return [item.metadata.name for item in found.items if item.metadata.deletionTimestamp is None]


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
        ("kubernetes:helm.sh/v3:Release", {"chart": "x"}, "Helm charts and releases are not installed"),
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


def test_import_takes_over_what_exists(plugin: PluginHost, namespace: str, kube: Any) -> None:
    maps = kube.resources.get(api_version="v1", kind="ConfigMap")
    maps.create(body={"metadata": {"name": "theirs"}, "data": {"a": "1"}}, namespace=namespace)
    taken = config_map(plugin)
    with pytest.raises(RefusedError, match="exists already and was not made by this project: import it"):
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


# Replacement


def test_another_name_replaces_and_nothing_is_deleted_first(plugin: PluginHost, namespace: str) -> None:
    resource = config_map(plugin)
    resource.create(map_of(namespace, a="1"))
    difference = resource.diff(map_of(namespace, "other", a="1"))
    assert difference.replaces == ["metadata.name"]
    assert not difference.delete_first


def immutable_cases() -> list[Any]:
    secret = {"type": "a/b", "data": {}}
    job = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "b:1"}]}}}}
    other_job = copy.deepcopy(job)
    other_job["spec"]["template"]["spec"]["containers"][0]["image"] = "b:2"  # type: ignore[index]
    claim = {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
    other_claim = {"spec": {**claim["spec"], "accessModes": ["ReadWriteMany"]}}
    service = {"spec": {"clusterIP": "None", "ports": [{"port": 80}]}}
    other_service = {"spec": {"clusterIP": "10.96.0.77", "ports": [{"port": 80}]}}
    app = {"spec": deployment("x")["spec"]}
    other_app = copy.deepcopy(app)
    other_app["spec"]["selector"]["matchLabels"] = {"app": "b"}
    other_app["spec"]["template"]["metadata"]["labels"] = {"app": "b"}
    database = {"spec": {"name": "one", "owner": "o", "cluster": {"name": "pg"}}}
    other_database = {"spec": {**database["spec"], "name": "two"}}
    image = "spec.template.spec.containers[0].image"
    return [
        pytest.param("core/v1:Secret", secret, {**secret, "type": "c/d"}, "type", id="secret-type"),
        pytest.param("batch/v1:Job", job, other_job, image, id="job-template"),
        pytest.param("core/v1:PersistentVolumeClaim", claim, other_claim, "spec.accessModes[0]", id="claim-access"),
        pytest.param("core/v1:Service", service, other_service, "spec.clusterIP", id="service-address"),
        pytest.param("apps/v1:Deployment", app, other_app, "spec.selector.matchLabels.app", id="selector"),
        pytest.param("postgresql.cnpg.io/v1:Database", database, other_database, "spec.name", id="crd-rule"),
    ]


@pytest.mark.parametrize(("type_", "before", "after", "path"), immutable_cases())
def test_an_immutable_field_replaces(
    plugin: PluginHost, namespace: str, type_: str, before: dict[str, Any], after: dict[str, Any], path: str
) -> None:
    metadata = {"metadata": {"name": "it", "namespace": namespace}}
    resource = plugin.resource(f"kubernetes:{type_}", "it")
    resource.create({**metadata, **before})
    try:
        difference = resource.diff({**metadata, **after})
        assert path in difference.replaces
        assert difference.delete_first
        # The engine now previews the creation, while the old object is still there.
        outputs: Any = resource.preview({**metadata, **after})
        assert outputs["metadata"]["name"] == "it"
    finally:
        resource.delete()


def test_an_error_is_not_a_reason_to_replace(plugin: PluginHost, namespace: str) -> None:
    resource = plugin.resource("kubernetes:apps/v1:Deployment", "app")
    resource.create(deployment(namespace))
    wrong = deployment(namespace)
    wrong["spec"]["replicas"] = -1
    with pytest.raises(RefusedError, match=r"spec.replicas: Invalid value: -1"):
        resource.diff(wrong)


def test_what_is_wrong_besides_an_immutable_field_is_an_error(plugin: PluginHost, namespace: str) -> None:
    resource = plugin.resource("kubernetes:core/v1:Secret", "it")
    metadata = {"name": "it", "namespace": namespace}
    resource.create({"metadata": metadata, "type": "a/b"})
    broken: dict[str, object] = {"metadata": metadata, "type": "kubernetes.io/tls", "data": {"tls.crt": "eA=="}}
    with pytest.raises(RefusedError, match=r"field is immutable, data\[tls.key\]: Required value"):
        resource.diff(broken)


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
