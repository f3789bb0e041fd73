"""What people get wrong when they drill restores."""

import copy
from collections.abc import Callable
from typing import Any

from backup_changes import CLUSTER, DRILL, STORE
from kill import Change, Kill, Stack, add, both, drop, edit, find

BY_HAND = "drill-by-hand"


def _drill_pod() -> dict[str, Any]:
    context = {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    return {
        "serviceAccountName": BY_HAND,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": 26, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "drill",
                "image": "ghcr.io/example/drill:1.2.3",
                "command": ["/drill"],
                "securityContext": context,
                "resources": {"limits": {"memory": "128Mi"}},
            }
        ],
    }


def _drill_objects() -> dict[str, dict[str, Any]]:
    """A drill as it should be: CronJob, account, role, binding."""
    metadata = {"name": BY_HAND, "namespace": "databases-drill"}
    marked = {**metadata, "annotations": {"seawall.dev/restores": "databases/shared-postgres"}}
    rules = [
        {"apiGroups": ["postgresql.cnpg.io"], "resources": ["clusters"], "verbs": ["create", "get", "delete"]},
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]},
    ]
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": BY_HAND}
    subjects = [{"kind": "ServiceAccount", "name": BY_HAND, "namespace": "databases-drill"}]
    rbac = "rbac.authorization.k8s.io/v1"
    return {
        "job": {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": marked,
            "spec": {
                "schedule": "0 4 * * 0",
                "timeZone": "Etc/UTC",
                "concurrencyPolicy": "Forbid",
                "jobTemplate": {"spec": {"activeDeadlineSeconds": 7200, "template": {"spec": _drill_pod()}}},
            },
        },
        "account": {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        "role": {"apiVersion": rbac, "kind": "Role", "metadata": metadata, "rules": rules},
        "binding": {
            "apiVersion": rbac,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": reference,
            "subjects": subjects,
        },
    }


def drill(change: Callable[[dict[str, dict[str, Any]]], object]) -> Change:
    """A drill that is right but for one change."""

    def apply(stack: Stack) -> None:
        objects = _drill_objects()
        change(objects)
        for manifest in objects.values():
            add(manifest)(stack)

    return apply


def _drilled(change: Callable[[dict[str, Any]], object]) -> Change:
    return drill(lambda it: change(it["job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]))


def restored(stack: Stack, change: Callable[[dict[str, Any]], object]) -> None:
    """A Cluster for a drill, in the drill's namespace, that is right but for one change; its store reads with the
    reader's keys."""
    store = copy.deepcopy(find(stack, *STORE))
    store.name += "-drill"
    store.properties["metadata"]["namespace"] = "databases-drill"
    for reference in store.properties["spec"]["configuration"]["s3Credentials"].values():
        reference["name"] = "shared-postgres-drill-reader"
    parameters = {"barmanObjectName": "shared-postgres", "serverName": "shared-postgres"}
    name = "barman-cloud.cloudnative-pg.io"
    cluster: dict[str, Any] = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {
            "name": BY_HAND,
            "namespace": "databases-drill",
            "annotations": {"seawall.dev/restores": "databases/shared-postgres"},
        },
        "spec": {
            "instances": 1,
            "enablePDB": False,
            "imageName": "ghcr.io/cloudnative-pg/postgresql:16.8",
            "storage": {"size": "80Gi"},
            "postgresql": {"pg_hba": ["hostssl all all all scram-sha-256", "host all all all reject"]},
            "bootstrap": {"recovery": {"source": "source"}},
            "externalClusters": [{"name": "source", "plugin": {"name": name, "parameters": parameters}}],
        },
    }
    change(cluster)
    stack.append(store)
    add(cluster)(stack)


def drilled_cluster(change: Callable[[dict[str, Any]], object]) -> Change:
    return lambda stack: restored(stack, change)


def _archives(serverName: str) -> dict[str, Any]:  # noqa: N803 - the plugin's own name of it
    parameters = {"barmanObjectName": "shared-postgres", "serverName": serverName}
    return {"plugins": [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True, "parameters": parameters}]}


def _source(it: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = it["spec"]["externalClusters"][0]["plugin"]["parameters"]
    return parameters


DRILLS = [
    ("drill image latest", _drilled(lambda it: it["containers"][0].update(image="ghcr.io/example/drill:latest"))),
    ("drill privileged", _drilled(lambda it: it["containers"][0]["securityContext"].update(privileged=True))),
    (
        "drill installs its tools",
        _drilled(
            lambda it: it["containers"][0].update(
                command=["sh", "-c", "apk add --no-cache kubectl && kubectl apply -f /drill"]
            )
        ),
    ),
    ("drill before the backup", drill(lambda it: it["job"]["spec"].update(schedule="0 1 * * 0"))),
    ("drill once a quarter", drill(lambda it: it["job"]["spec"].update(schedule="0 4 1 */3 *"))),
    ("drill suspended", drill(lambda it: it["job"]["spec"].update(suspend=True))),
    (
        "drill that hangs for ever",
        drill(lambda it: it["job"]["spec"]["jobTemplate"]["spec"].pop("activeDeadlineSeconds")),
    ),
    (
        "drill may do everything",
        drill(lambda it: it["role"].update(rules=[{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}])),
    ),
    ("drill may write Secrets", drill(lambda it: it["role"]["rules"][1].update(verbs=["get", "create", "patch"]))),
    (
        "drill is cluster-admin",
        drill(lambda it: it["binding"]["roleRef"].update(kind="ClusterRole", name="cluster-admin")),
    ),
    (
        "drill may delete the real cluster",
        drill(lambda it: [it[part]["metadata"].update(namespace="databases") for part in ("role", "binding")]),
    ),
]

UNDRILLED = [
    ("drill gone", drop(*DRILL)),
    (
        "drill of a cluster that is not there",
        edit(*DRILL, lambda it: it["metadata"]["annotations"].update({"seawall.dev/restores": "databases/former"})),
    ),
    (
        "no reason why there is no drill",
        both(
            drop(*DRILL),
            edit(*CLUSTER, lambda it: it["metadata"]["annotations"].update({"seawall.dev/undrilled": " "})),
        ),
    ),
]

RESTORES = [
    (
        "drill archives into the source's archive",
        drilled_cluster(lambda it: it["spec"].update(_archives("shared-postgres"))),
    ),
    ("drill archives at all", drilled_cluster(lambda it: it["spec"].update(_archives("drill")))),
    ("drill with a budget", drilled_cluster(lambda it: it["spec"].pop("enablePDB"))),
    ("drill with three instances", drilled_cluster(lambda it: it["spec"].update(instances=3))),
    ("drill of its own name", drilled_cluster(lambda it: _source(it).pop("serverName"))),
    ("drill that restores nothing", drilled_cluster(lambda it: it["spec"].update(bootstrap={"initdb": {}}))),
    (
        "drill in the namespace of the real one",
        drilled_cluster(lambda it: it["metadata"].update(namespace="databases")),
    ),
]


_CLUSTER = {
    "CNPG-SW-001": "a Cluster that is applied by hand has no network policies",
    "CNPG-MON-001": "nor anything that reads its metrics",
}
_ALSO: dict[str, dict[str, str]] = {
    "drill with a budget": {"CNPG-SW-003": "the budget of one pod blocks every drain"},
    "drill with three instances": {
        "CNPG-SW-003": "several instances need a budget",
        "CNPG-SW-004": "and nodes of their own",
    },
}
CASES = [
    *(Kill("infra", "CNPG-OPS-002", what, change) for what, change in (*DRILLS, *UNDRILLED)),
    *(Kill("infra", "CNPG-OPS-002", what, change, {**_CLUSTER, **_ALSO.get(what, {})}) for what, change in RESTORES),
]
