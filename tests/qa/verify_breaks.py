"""One thing broken at a time, and which check must notice it."""

from datetime import timedelta

from verify_breaking import (
    UNDECIDED,
    Break,
    ahead,
    alone,
    always,
    answering,
    at,
    declaring,
    gone,
    left_in_operators_namespace,
    live,
    loses_two,
    moved,
    never_another_master,
    no_rules,
    older,
    open_policy,
    operators_pod,
    saying,
    second_budget,
    setting,
    simulated_and_empty,
    superuser_stays,
    takes_the_next,
    two_masters,
    unencrypted,
    unfinished,
    unlabelled,
    unready,
    without,
)
from verify_world import FRESH, NOW

from seawall.qa.checks.context import RefusedQueryError, Series

CNPG = "DB.CNPG.SHARED-"
REFUSED = {"outcome": "refused", "seconds": 0.01}
ASKED = {"outcome": "rejected", "asked": True, "sqlstate": "28P01"}

BREAKS = (
    Break("DFLY-UNIT-001", "CRDs stay as they are", declaring("Release", lambda it: it["values"].update(crds={}))),
    Break("DFLY-UNIT-001", "one replica", declaring("Release", lambda it: it["values"].update(replicaCount=1))),
    Break("DFLY-UNIT-002", "no placement", declaring("Dragonfly", lambda it: it["spec"].pop("affinity"))),
    Break(
        "DFLY-UNIT-002",
        "a selector of other pods",
        declaring(
            "Dragonfly",
            lambda it: it["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0][
                "labelSelector"
            ].update(matchLabels={"app": "x"}),
        ),
    ),
    Break("DFLY-UNIT-003", "no alerts", declaring("PrometheusRule", no_rules)),
    Break(
        "DFLY-INT-001",
        "one replica",
        live("Deployment", "dragonfly-operator", lambda it: it["status"].update(availableReplicas=1)),
    ),
    Break("DFLY-INT-001", "no operator", gone("Deployment", "dragonfly-operator")),
    Break("DFLY-INT-002", "no CRD", gone("CustomResourceDefinition", "dragonflies.dragonflydb.io")),
    Break(
        "DFLY-INT-002",
        "not established",
        live("CustomResourceDefinition", "dragonflies.dragonflydb.io", lambda it: it.pop("status")),
    ),
    Break(
        "DFLY-INT-002",
        "another version",
        live(
            "CustomResourceDefinition",
            "dragonflies.dragonflydb.io",
            lambda it: it["spec"].update(versions=[{"name": "v1alpha1", "served": False}]),
        ),
    ),
    Break("DFLY-INT-003", "no budget", gone("PodDisruptionBudget", "dragonfly-operator")),
    Break(
        "DFLY-INT-003",
        "a budget that lets all go",
        live("PodDisruptionBudget", "dragonfly-operator", lambda it: it["status"].update(desiredHealthy=0)),
    ),
    Break("DFLY-INT-003", "two budgets", second_budget),
    Break("DFLY-INT-004", "no resource", gone("Dragonfly", "dragonfly")),
    Break(
        "DFLY-INT-004",
        "another phase",
        live("Dragonfly", "dragonfly", lambda it: it["status"].update(phase="Configuring Replication")),
    ),
    Break(
        "DFLY-INT-004",
        "fewer replicas",
        live("StatefulSet", "dragonfly", lambda it: it["status"].update(readyReplicas=2)),
    ),
    Break("DFLY-INT-005", "a pod is not Ready", live("Pod", "dragonfly-1", unready)),
    Break("DFLY-INT-005", "two masters", two_masters),
    Break(
        "DFLY-INT-006",
        "a claim is pending",
        live("PersistentVolumeClaim", "df-dragonfly-0", lambda it: it["status"].update(phase="Pending")),
    ),
    Break("DFLY-INT-006", "a claim is missing", gone("PersistentVolumeClaim", "df-dragonfly-2")),
    Break(
        "DFLY-INT-006",
        "another class",
        live("PersistentVolumeClaim", "df-dragonfly-0", lambda it: it["spec"].update(storageClassName="x")),
    ),
    Break("DFLY-INT-007", "two pods on a node", live("Pod", "dragonfly-1", moved)),
    Break("DFLY-INT-007", "a pod without a node", live("Pod", "dragonfly-1", lambda it: it["spec"].pop("nodeName"))),
    Break("DFLY-INT-008", "no PodMonitor", gone("PodMonitor", "dragonfly-queue")),
    Break(
        "DFLY-INT-008",
        "another port",
        live("PodMonitor", "dragonfly-queue", lambda it: it["spec"]["podMetricsEndpoints"][0].update(port="x")),
    ),
    Break(
        "DFLY-INT-009",
        "another Service",
        live("Dragonfly", "dragonfly", lambda it: it["spec"]["serviceSpec"].update(name="x")),
    ),
    Break(
        "DFLY-INT-009",
        "not exported",
        live("Dragonfly", "dragonfly", lambda it: it["spec"]["serviceSpec"].update(annotations={})),
    ),
    Break("DFLY-INT-009", "no stub on the other cluster", lambda world: world.peer.drop("Service", "dragonfly-global")),
    Break(
        "DFLY-INT-009",
        "a stub with pods of its own",
        lambda world: world.peer.one("Service", "dragonfly-global")["spec"].update(selector={"a": "b"}),
    ),
    Break("DFLY-INT-010", "no policy", gone("CiliumNetworkPolicy", "dragonfly-traffic")),
    Break(
        "DFLY-INT-010",
        "a further rule",
        live("CiliumNetworkPolicy", "dragonfly-traffic", lambda it: it["spec"]["ingress"].append({})),
    ),
    Break("DFLY-INT-010", "a further policy", open_policy),
    Break("DFLY-INT-012", "never synced", live("ExternalSecret", "dragonfly-auth", unready), UNDECIDED),
    Break("DFLY-E2E-001", "nothing arrives", saying(lambda _: [])),
    Break("DFLY-E2E-001", "one minute is missing", saying(lambda _: [Series({}, [(0.0, 1.0)] * 4)] * 9)),
    Break("DFLY-E2E-002", "no such name", always("dns", outcome="unresolved", why="no such name")),
    Break("DFLY-E2E-002", "no way", always("redis-ping", **REFUSED)),
    Break("DFLY-E2E-003", "open to a new namespace", at("tcp", FRESH, outcome="open", seconds=0.01)),
    Break("DFLY-E2E-003", "slowly open", at("tcp", FRESH, outcome="slow", seconds=3.2)),
    Break("DFLY-E2E-003", "open to a neighbour", at("tcp", "dragonfly-system", outcome="open", seconds=0.01)),
    Break("DFLY-E2E-003", "one client cannot", at("redis-ping", "harbor", outcome="dropped", seconds=8.0)),
    Break("DFLY-E2E-003", "a wrong password", at("redis-ping", "harbor", outcome="open", reply="WRONGPASS")),
    Break("DFLY-E2E-003", "nobody can", always("redis-ping", **REFUSED), UNDECIDED),
    Break("DFLY-E2E-003", "no name service", always("tcp", outcome="unresolved", why="no answer"), UNDECIDED),
    Break(
        "DFLY-E2E-004",
        "an expression is wrong",
        saying(lambda it: RefusedQueryError("bad_data: parse error") if "oom" in it else []),
    ),
    Break(
        "DFLY-E2E-005", "a budget never lets go", setting("stubborn", "it would violate the pod's disruption budget")
    ),
    Break("DFLY-E2E-005", "it takes several at once", loses_two),
    Break("DFLY-E2E-005", "it takes a pod of the next instance for good", takes_the_next),
    Break("DFLY-E2E-005", "not whole before", live("Pod", "dragonfly-1", unready), UNDECIDED),
    Break("DFLY-E2E-005", "pods that nobody makes again", alone, UNDECIDED),
    Break(
        f"{CNPG}UNIT-001",
        "five fields",
        declaring("ScheduledBackup", lambda it: it["spec"].update(schedule="0 2 * * *")),
    ),
    Break(
        f"{CNPG}UNIT-001",
        "another hour",
        declaring("ScheduledBackup", lambda it: it["spec"].update(schedule="0 0 3 * * *")),
    ),
    Break(
        f"{CNPG}INT-001", "not ready", live("Cluster", "shared-postgres", lambda it: it["status"].update(conditions=[]))
    ),
    Break(f"{CNPG}INT-001", "no Cluster", gone("Cluster", "shared-postgres")),
    Break(
        f"{CNPG}INT-001",
        "another primary",
        live("Cluster", "shared-postgres", lambda it: it["status"].update(currentPrimary="shared-postgres-2")),
    ),
    Break(f"{CNPG}INT-002", "no endpoints", gone("EndpointSlice", "shared-postgres-rw-a")),
    Break(f"{CNPG}INT-002", "no Service", gone("Service", "shared-postgres-rw")),
    Break(f"{CNPG}INT-002", "no such name", always("dns", outcome="unresolved", why="no such name")),
    Break(f"{CNPG}INT-003", "no backups", without("/base/")),
    Break(f"{CNPG}INT-003", "no recent one", older(2)),
    Break(f"{CNPG}INT-003", "none has finished", unfinished),
    Break(f"{CNPG}INT-003", "the newest is from the future", ahead),
    Break(f"{CNPG}INT-003", "a day is missing", without(f"{NOW - timedelta(days=1, hours=10):%Y%m%d}")),
    Break(f"{CNPG}INT-003", "nobody could have made one", simulated_and_empty, UNDECIDED),
    Break(f"{CNPG}INT-004", "the base is not encrypted", unencrypted("data.tar.gz")),
    Break(f"{CNPG}INT-004", "the WAL is not", unencrypted("/wals/")),
    Break(f"{CNPG}INT-004", "no WAL", without("/wals/")),
    Break(f"{CNPG}INT-004", "no backups", without("/base/")),
    Break(
        f"{CNPG}INT-005",
        "two of three",
        live("Deployment", "harbor-pooler", lambda it: it["status"].update(availableReplicas=2)),
    ),
    Break(f"{CNPG}INT-006", "two on one node", live("Pod", "harbor-pooler-1", moved)),
    Break(
        f"{CNPG}INT-006", "one without a node", live("Pod", "harbor-pooler-1", lambda it: it["spec"].pop("nodeName"))
    ),
    Break(f"{CNPG}INT-007", "another page", always("metrics", outcome="open", status=200, lines=0)),
    Break(f"{CNPG}INT-007", "locked out", always("metrics", **REFUSED)),
    Break(
        f"{CNPG}INT-008",
        "selects nothing",
        live("PodMonitor", "shared-postgres-poolers", lambda it: it["spec"]["selector"].update(matchLabels={"a": "b"})),
    ),
    Break(f"{CNPG}INT-008", "no PodMonitor", gone("PodMonitor", "shared-postgres-instances")),
    Break(
        f"{CNPG}INT-008",
        "pods without the port",
        live("Pod", "shared-postgres-1", lambda it: it["spec"].update(containers=[])),
    ),
    Break(
        f"{CNPG}INT-009",
        "prefer",
        live(
            "Pooler",
            "harbor-pooler",
            lambda it: it["spec"]["pgbouncer"]["parameters"].update(server_tls_sslmode="prefer"),
        ),
    ),
    Break(
        f"{CNPG}INT-009", "another authority", live("Pod", "harbor-pooler-1", lambda it: it["spec"].update(volumes=[]))
    ),
    Break(f"{CNPG}INT-009", "plain text", always("postgres", outcome="signed-in", row=["f", None])),
    Break(f"{CNPG}INT-010", "an alert is missing", live("PrometheusRule", "shared-postgres", no_rules)),
    Break(
        f"{CNPG}INT-011",
        "not there",
        always("postgres-prepared", outcome="signed-in", failed="does not exist", sqlstate="26000"),
    ),
    Break(
        f"{CNPG}INT-011",
        "the same connection",
        always("postgres-prepared", outcome="signed-in", answers=7, backends=1),
        UNDECIDED,
    ),
    Break(f"{CNPG}INT-012", "no alert", setting("silent", True)),
    Break(f"{CNPG}E2E-001", "an instance is not Ready", live("Pod", "shared-postgres-2", unready)),
    Break(f"{CNPG}E2E-001", "two on one node", live("Pod", "shared-postgres-2", moved)),
    Break(f"{CNPG}E2E-002", "it failed", lambda world: world.report(ok=False, failure={"message": "hole"})),
    Break(f"{CNPG}E2E-002", "long ago", lambda world: world.report(ended_at=(NOW - timedelta(days=9)).isoformat())),
    Break(f"{CNPG}E2E-002", "in some days", lambda world: world.report(ended_at=(NOW + timedelta(days=9)).isoformat())),
    Break(f"{CNPG}E2E-002", "not to the end", lambda world: world.report(recovered={"whole": False})),
    Break(f"{CNPG}E2E-002", "no questions", lambda world: world.report(checks=[])),
    Break(f"{CNPG}E2E-002", "an old backup", lambda world: world.report(backup={"id": "20260501T020000"})),
    Break(f"{CNPG}E2E-002", "another cluster's", lambda world: world.report(source="x/y")),
    Break(
        f"{CNPG}E2E-002",
        "no report",
        live("ConfigMap", "shared-postgres-drill-report", lambda it: it.pop("data")),
        UNDECIDED,
    ),
    Break(f"{CNPG}E2E-003", "no label", unlabelled),
    Break(f"{CNPG}E2E-003", "no such name", always("dns", outcome="unresolved", why="no such name")),
    Break(f"{CNPG}E2E-004", "nothing arrives", saying(lambda _: [])),
    Break(f"{CNPG}E2E-005", "not trusted", always("postgres", outcome="untrusted", why="hostname mismatch")),
    Break(f"{CNPG}E2E-005", "another role", always("postgres", outcome="signed-in", row=["postgres", "harbor"])),
    Break(f"{CNPG}E2E-006", "no alert", setting("silent", True)),
    Break(f"{CNPG}E2E-006", "it fires already", saying(lambda _: [Series({}, [(0.0, 1.0)])]), UNDECIDED),
    Break(
        "SW-CNPG-001",
        "a password is asked for",
        answering(
            "postgres", lambda probe, step: ASKED if step.get("user") == "postgres" and "password" not in step else None
        ),
    ),
    Break("SW-CNPG-001", "it signs in", always("postgres", outcome="signed-in")),
    Break("SW-CNPG-001", "never taken back", superuser_stays),
    Break("SW-CNPG-001", "nothing answers", always("postgres", **REFUSED), UNDECIDED),
    Break("SW-CNPG-002", "a Pooler is left", left_in_operators_namespace),
    Break("SW-CNPG-002", "a pod is left", operators_pod),
    Break(
        "SW-CNPG-003",
        "at the limit",
        always("postgres-load", outcome="loaded", signed_in=299, answers=9, failed=0, server=260, limit=260),
    ),
    Break(
        "SW-CNPG-003",
        "clients fail",
        always(
            "postgres-load",
            outcome="loaded",
            signed_in=299,
            answers=9,
            failed=3,
            failures={"x": 3},
            server=4,
            limit=260,
        ),
    ),
    Break(
        "SW-CNPG-003",
        "hardly any clients",
        always("postgres-load", outcome="loaded", signed_in=3, answers=9, failed=0, server=4, limit=260),
    ),
    Break(
        "SW-CNPG-004",
        "into another's database",
        answering(
            "postgres", lambda probe, step: {"outcome": "signed-in"} if step.get("database") == "harbor" else None
        ),
    ),
    Break(
        "SW-CNPG-004",
        "without TLS",
        answering("postgres", lambda probe, step: {"outcome": "signed-in"} if step.get("tls") == "disable" else None),
    ),
    Break(
        "SW-CNPG-004", "not into its own", answering("postgres", lambda probe, step: ASKED if "query" in step else None)
    ),
    Break(
        "SW-CNPG-004",
        "no answer",
        answering("postgres", lambda probe, step: REFUSED if "query" not in step else None),
        UNDECIDED,
    ),
    Break("SW-DFLY-001", "writes are lost", always("redis-read", outcome="open", read=150, missing=50, master=True)),
    Break("SW-DFLY-001", "no other master", never_another_master),
    Break(
        "SW-DFLY-001",
        "another image",
        live("Pod", "dragonfly-1", lambda it: it["spec"]["containers"][0].update(image="x:v1")),
    ),
    Break("SW-DFLY-001", "not replicated", always("redis-write", outcome="open", written=200, replicas=1), UNDECIDED),
    Break("SW-DFLY-001", "it may not go", setting("stubborn", "budget"), UNDECIDED),
)
