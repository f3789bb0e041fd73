"""The real CloudNativePG operator and its real barman plugin, beside the API server."""

from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException
from sandbox_helpers import until

pytestmark = pytest.mark.timeout(180, func_only=True)

WRONG_CLUSTERS: dict[str, tuple[dict[str, Any], str]] = {
    "synchronous replication with one instance": (
        {"instances": 1, "postgresql": {"synchronous": {"method": "any", "number": 1}}},
        "synchronous",
    ),
    "a parameter that the operator owns": (
        {"postgresql": {"parameters": {"port": "5433"}}},
        "Can't set fixed configuration parameter",
    ),
    "a size that is none": ({"storage": {"size": "1Gx"}}, "Size value isn't valid"),
    "two ways to bootstrap": (
        {"bootstrap": {"initdb": {"database": "a", "owner": "a"}, "recovery": {"source": "b"}}},
        "Only one bootstrap method can be specified at a time",
    ),
    "no version in the image's tag": ({"imageName": "ghcr.io/cloudnative-pg/postgresql:latest"}, "Can't use"),
    "more standbys to wait for than there are": ({"maxSyncReplicas": 5, "minSyncReplicas": 1}, "maxSyncReplicas"),
}


@pytest.mark.parametrize("wrong", WRONG_CLUSTERS)
def test_the_webhook_refuses_a_wrong_cluster_in_its_own_words(kube: Any, namespace: str, wrong: str) -> None:
    change, told = WRONG_CLUSTERS[wrong]
    clusters = kube.resources.get(api_version="postgresql.cnpg.io/v1", kind="Cluster")

    with pytest.raises(ApiException) as refused:
        clusters.create(_cluster(**change), namespace=namespace, dry_run="All")

    assert "vcluster.cnpg.io" in str(refused.value.body)
    assert told in str(refused.value.body)


def test_the_webhook_fills_in_defaults(kube: Any, namespace: str) -> None:
    clusters = kube.resources.get(api_version="postgresql.cnpg.io/v1", kind="Cluster")

    made = clusters.create(_cluster(), namespace=namespace, dry_run="All")

    assert made.spec.postgresql.parameters["archive_timeout"] == "5min"
    assert made.spec.enablePDB is True


def test_the_webhook_of_backups_refuses_a_schedule_without_sense(kube: Any, namespace: str) -> None:
    schedules = kube.resources.get(api_version="postgresql.cnpg.io/v1", kind="ScheduledBackup")
    manifest = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "ScheduledBackup",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 1 * * 0", "cluster": {"name": "pg"}},
    }

    with pytest.raises(ApiException, match=r"vscheduledbackup\.cnpg\.io"):
        schedules.create(manifest, namespace=namespace, dry_run="All")


def test_a_cluster_and_a_pooler_become_budgets_services_deployments_and_a_pod_with_the_plugins_sidecar(
    kube: Any, namespace: str
) -> None:
    def of(api_version: str, kind: str) -> Any:
        return kube.resources.get(api_version=api_version, kind=kind)

    def names(api_version: str, kind: str) -> set[str]:
        return {item.metadata.name for item in of(api_version, kind).get(namespace=namespace).items}

    store = {
        "configuration": {
            "destinationPath": "s3://backups/pg",
            "s3Credentials": {
                "accessKeyId": {"name": "writer", "key": "accessKey"},
                "secretAccessKey": {"name": "writer", "key": "secretKey"},
            },
        }
    }
    plugin = {
        "name": "barman-cloud.cloudnative-pg.io",
        "isWALArchiver": True,
        "parameters": {"barmanObjectName": "store"},
    }
    of("v1", "Secret").create(
        {"metadata": {"name": "writer"}, "stringData": {"accessKey": "none", "secretKey": "none"}}, namespace=namespace
    )
    of("barmancloud.cnpg.io/v1", "ObjectStore").create(
        {
            "apiVersion": "barmancloud.cnpg.io/v1",
            "kind": "ObjectStore",
            "metadata": {"name": "store"},
            "spec": store,
        },
        namespace=namespace,
    )
    of("postgresql.cnpg.io/v1", "Cluster").create(
        _cluster(plugins=[plugin], storage={"size": "1Gi", "storageClass": "openebs-local-nvme"}), namespace=namespace
    )
    of("postgresql.cnpg.io/v1", "Pooler").create(
        {
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Pooler",
            "metadata": {"name": "pg-pooler"},
            "spec": {"cluster": {"name": "pg"}, "instances": 2, "type": "rw", "pgbouncer": {"poolMode": "session"}},
        },
        namespace=namespace,
    )

    def instance() -> Any:
        found = [pod for pod in of("v1", "Pod").get(namespace=namespace).items if pod.metadata.name == "pg-1"]
        return found[0] if found else None

    pod = until(instance, "the first instance")
    sidecars = {container.name for container in [*pod.spec.containers, *(pod.spec.initContainers or [])]}
    assert "plugin-barman-cloud" in sidecars
    assert names("policy/v1", "PodDisruptionBudget") == {"pg", "pg-primary"}
    assert {"pg-rw", "pg-ro", "pg-r", "pg-pooler"} <= names("v1", "Service")
    assert names("apps/v1", "Deployment") == {"pg-pooler"}
    until(
        lambda: of("apps/v1", "Deployment").get(name="pg-pooler", namespace=namespace).status.readyReplicas == 2,
        "two ready poolers",
    )


def test_the_operator_has_a_deployment_of_its_own(kube: Any) -> None:
    deployments = kube.resources.get(api_version="apps/v1", kind="Deployment")

    def ready() -> bool:
        own = deployments.get(name="cnpg-controller-manager", namespace="sandbox-cnpg-system")
        assert own.metadata.labels["app.kubernetes.io/name"] == "cloudnative-pg"
        return bool(own.status.readyReplicas == 2)

    until(ready, "the operator's simulated pods")


def _cluster(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "pg"},
        "spec": {
            "instances": 3,
            "imageName": "ghcr.io/cloudnative-pg/postgresql:16.8",
            "storage": {"size": "1Gi"},
            **spec,
        },
    }
