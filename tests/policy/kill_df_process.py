"""What people get wrong with Dragonfly's pods and process, done to `infra`."""

from typing import Any

from dragonfly_changes import (
    LABELS,
    QUEUE,
    annotation,
    argument,
    arguments,
    container,
    contexts,
    infra,
    service,
    snapshot,
    spec,
    without_argument,
    workload,
)
from kill import Change, Kill, add, edit

LEVEL = "pod-security.kubernetes.io/enforce"
SIDECAR = {"name": "tool", "image": "registry.example.org/tool:v1.0.0"}
REPLACING = {
    "name": "dragonfly",
    "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
    "resources": {"limits": {"memory": "2Gi"}},
}
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "dragonfly", "namespace": "dragonfly-system"},
    "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
}
BUCKET = "s3://snapshots/dragonfly"


def enforcing(level: str | None) -> Change:
    def apply(it: dict[str, Any]) -> None:
        labels = it["metadata"]["labels"]
        labels.update({LEVEL: level}) if level else labels.pop(LEVEL)

    return edit("Namespace", "dragonfly-system", apply)


def given(text: str) -> Change:
    return arguments(lambda before: [*before, text])


def variable(name: str, value: str) -> Change:
    return spec(lambda it: it.update(env=[{"name": name, "value": value}]))


def image(reference: str) -> Change:
    return spec(lambda it: it.update(image=reference))


def named(name: str, which: tuple[str, str]) -> Change:
    return spec(lambda it: it["serviceSpec"].update(name=name), which)


CASES: list[Kill] = [
    *infra(
        "DFLY-SW-001",
        ("cache may run as root", contexts(lambda it: it.pop("runAsNonRoot"))),
        ("cache runs as user 0", contexts(lambda it: it.update(runAsUser=0))),
        ("cache without a seccomp profile", contexts(lambda it: it.pop("seccompProfile"))),
        ("cache with seccomp unconfined", container(lambda it: it.update(seccompProfile={"type": "Unconfined"}))),
        ("cache may gain privileges", container(lambda it: it.pop("allowPrivilegeEscalation"))),
        ("cache privileged", container(lambda it: it.update(privileged=True))),
        ("cache keeps its capabilities", container(lambda it: it.pop("capabilities"))),
        ("cache adds a capability", container(lambda it: it["capabilities"].update(add=["SYS_ADMIN"]))),
        ("cache with a writable root file system", container(lambda it: it.pop("readOnlyRootFilesystem"))),
        ("cache without a container's security context", spec(lambda it: it.pop("containerSecurityContext"))),
        ("no fsGroup over the snapshots' volume", spec(lambda it: it["podSecurityContext"].pop("fsGroup"))),
        ("read-only root and no place for snapshots", spec(lambda it: it.pop("snapshot"))),
        ("cache without a memory limit", spec(lambda it: it["resources"].pop("limits"))),
        ("a sidecar without bounds", spec(lambda it: it.update(additionalContainers=[SIDECAR]))),
        ("cache's namespace without a Pod Security level", enforcing(None)),
        ("cache's namespace enforces privileged", enforcing("privileged")),
        ("cache's namespace enforces baseline", enforcing("baseline")),
        ("cache with image latest", image("ghcr.io/dragonflydb/dragonfly:latest")),
        ("cache with an image without a tag", image("ghcr.io/dragonflydb/dragonfly")),
    ),
    *infra(
        "DFLY-SW-002",
        ("admin port moved", given("--admin_port=6380")),
        ("admin port asks for a password", given("--noadmin_nopass")),
        ("HTTP on the client port", given("--primary_port_http_enabled=true")),
        ("password in plain text among the arguments", given("--requirepass=hunter2")),
        ("password set to nothing", given("--requirepass=")),
        ("further arguments from a file", given("--flagfile=/tmp/flags")),
        ("a unix socket", given("--unixsocket=/tmp/dragonfly.sock")),
        ("snapshots' folder moved by an argument", given("--dir=/tmp")),
        ("an argument with a space for =", given("--hz 50")),
        ("an argument without dashes", given("hz=50")),
        ("snapshots sent over http", given("--s3_use_https=false")),
        ("password in plain text among the variables", variable("DFLY_requirepass", "hunter2")),
        ("another secret in plain text among the variables", variable("AWS_SECRET_ACCESS_KEY", "hunter2")),
        ("a variable that moves the client port", variable("DFLY_port", "6380")),
        ("a variable that ends the process", variable("DFLY_PASSWORD", "hunter2")),
        ("no password", spec(lambda it: it.pop("authentication"))),
        (
            "a password that may be missing",
            spec(lambda it: it["authentication"]["passwordFromSecret"].update(optional=True)),
        ),
    ),
    Kill(
        "infra",
        "DFLY-SW-002",
        "a container in the place of the operator's",
        spec(lambda it: it.update(additionalContainers=[REPLACING])),
        also={
            "DFLY-SW-001": "it has no security context",
            "DFLY-SW-003": "the arguments that make it a cache are gone",
            "DFLY-SW-004": "so is the name of the one snapshot file",
            "DFLY-MON-001": "and the port of the metrics",
        },
    ),
    *infra(
        "DFLY-SW-003",
        ("a queue that evicts", argument("cache_mode", "true", QUEUE)),
        ("a queue that evicts, by a switch", arguments(lambda before: [*before, "--cache_mode"], QUEUE)),
        ("a queue without a schedule of snapshots", spec(lambda it: it["snapshot"].pop("cron"), QUEUE)),
        ("a queue with snapshots switched off", argument("dbfilename", "", QUEUE)),
        ("a cache that refuses writes", argument("cache_mode", "false")),
        ("a cache that turns into a queue", annotation("seawall.dev/purpose", "queue")),
    ),
    *infra(
        "DFLY-SW-004",
        ("too little memory for the threads", argument("maxmemory", "400mb")),
        ("more memory than the limit leaves", argument("maxmemory", "2147483648")),
        ("more threads than cores", argument("proactor_threads", "4")),
        ("snapshots with six fields", snapshot(cron="0 0 */6 * * *")),
        ("snapshots on day 7 of the week", snapshot(cron="0 0 * * 7")),
        ("snapshots on 30 February", snapshot(cron="0 0 30 2 *")),
        ("snapshots every minute", snapshot(cron="* * * * *")),
        ("snapshots by a macro", snapshot(cron="@hourly")),
        (
            "one claim of snapshots for all pods",
            snapshot(persistentVolumeClaimSpec=None, existingPersistentVolumeClaimName="snapshots"),
        ),
        ("a claim for each pod and another for all", snapshot(existingPersistentVolumeClaimName="snapshots")),
        ("a claim and a bucket", snapshot(dir=BUCKET, enableOnMasterOnly=True)),
        ("replicas write into the master's bucket", snapshot(dir=BUCKET, persistentVolumeClaimSpec=None)),
        ("a new snapshot file each time", without_argument("dbfilename")),
        ("ready before it is in sync", spec(lambda it: it.pop("enableReplicationReadinessGate"))),
    ),
    Kill(
        "infra",
        "DFLY-SW-004",
        "snapshots into the container",
        snapshot(persistentVolumeClaimSpec=None, dir="/tmp/snapshots"),
        also={"DFLY-SW-001": "its root file system is read-only, so there is no place for them at all"},
    ),
    *infra(
        "DFLY-SW-005",
        ("a StatefulSet with the instance's name", workload("StatefulSet", "dragonfly", {"app": "x"})),
        ("a Service with the operator's name", service("dragonfly-global", selector={"app": "x"})),
        ("a budget with the instance's name", add(BUDGET)),
        ("two instances with one Service", named("dragonfly-global", QUEUE)),
        (
            "the admin port on a load balancer",
            service("dragonfly-outside", type="LoadBalancer", ports=[{"name": "admin", "port": 9999}]),
        ),
    ),
    Kill(
        "infra",
        "DFLY-SW-005",
        "a workload with the instance's labels",
        workload("Deployment", "tool", LABELS),
        also={"DFLY-TECH-001": "the instance keeps away from these pods as well"},
    ),
]
