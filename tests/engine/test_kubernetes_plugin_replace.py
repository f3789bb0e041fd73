"""When the Kubernetes stand-in replaces an object, and when it does not."""

# ruff: noqa: F811 - a test takes a fixture by the name that was imported

import copy
from typing import Any

import pytest
from kubernetes_plugin import config_map, deployment, map_of, name, namespace, plugin, previews, shared  # noqa: F401
from plugin_host import PluginHost, RefusedError

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
