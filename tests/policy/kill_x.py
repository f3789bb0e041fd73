"""What people get wrong around the services: secrets that do not arrive, metrics that nobody reads."""

from kill import Kill, add, both, drop, edit
from surroundings_changes import (
    CACHE,
    CACHE_MONITOR,
    CACHE_SECRET,
    CACHE_TRAFFIC,
    CLUSTER,
    INSTANCE_TRAFFIC,
    INSTANCES,
    POOLERS,
    PROBE_SECRET,
    ROLE_SECRET,
    WRITER_SECRET,
    Row,
    cases,
    expression,
    manifest,
    spec,
    without_alerts,
    without_rules,
)

MONITORING = "monitoring.coreos.com/v1"
SERVICE_MONITOR = manifest(
    "ServiceMonitor",
    "dragonfly",
    "dragonfly-system",
    {"spec": {"selector": {"matchLabels": {"app": "dragonfly"}}, "endpoints": [{"port": "metrics"}]}},
    MONITORING,
)
VM_SCRAPE = manifest(
    "VMPodScrape",
    "instances",
    "databases",
    {
        "spec": {
            "selector": {"matchLabels": {"cnpg.io/cluster": "shared-postgres", "cnpg.io/podRole": "instance"}},
            "podMetricsEndpoints": [{"port": "metrics"}],
        }
    },
    "operator.victoriametrics.com/v1beta1",
)

SECRETS: dict[str, list[Row]] = {
    "DFLY-OPS-002": [
        (
            "password's ExternalSecret writes another target",
            spec(CACHE_SECRET, lambda it: it["target"].update(name="x")),
        ),
        ("password under another key", spec(CACHE_SECRET, lambda it: it["data"][0].update(secretKey="pass"))),
        (
            "password read by another key",
            spec(CACHE, lambda it: it["authentication"]["passwordFromSecret"].update(key="pw")),
        ),
        ("password's ExternalSecret forgotten", drop(*CACHE_SECRET)),
        (
            "ExternalSecret in a version no longer served",
            edit(*CACHE_SECRET, lambda it: it.update(apiVersion="external-secrets.io/v1beta1")),
        ),
        ("rotated password never fetched", spec(CACHE_SECRET, lambda it: it.update(refreshInterval="0s"))),
        (
            "Secret deleted with the store's entry",
            spec(CACHE_SECRET, lambda it: it["target"].update(deletionPolicy="Delete")),
        ),
        (
            "ExternalSecret that creates nothing",
            spec(CACHE_SECRET, lambda it: it["target"].update(creationPolicy="Merge")),
        ),
        (
            "two ExternalSecrets, one target",
            add(
                manifest(
                    "ExternalSecret",
                    "again",
                    "dragonfly-system",
                    {"spec": {"target": {"name": "dragonfly-auth"}, "data": [{"secretKey": "password"}]}},
                    "external-secrets.io/v1",
                )
            ),
        ),
        (
            "a password in the repository",
            add(
                manifest("Secret", "dragonfly-admin", "dragonfly-system", {"stringData": {"password": "in plain text"}})
            ),
        ),
        (
            "TLS from a Secret without certificates",
            spec(CACHE, lambda it: it.update(tlsSecretRef={"name": "dragonfly-auth"})),
        ),
    ],
    "CNPG-OPS-003": [
        ("role's Secret is Opaque", spec(ROLE_SECRET, lambda it: it["target"]["template"].update(type="Opaque"))),
        ("role's Secret without a username", spec(ROLE_SECRET, lambda it: it["data"].pop(0))),
        (
            "role's Secret without the reload label",
            spec(ROLE_SECRET, lambda it: it["target"]["template"].pop("metadata")),
        ),
        (
            "role's ExternalSecret misnamed",
            spec(ROLE_SECRET, lambda it: it["target"].update(name="shared-postgres-role-habor")),
        ),
        (
            "archive's keys under other names",
            spec(WRITER_SECRET, lambda it: it["data"][1].update(secretKey="SECRET_KEY")),
        ),
        (
            "store without a kind, where it is cluster-wide",
            both(
                spec(ROLE_SECRET, lambda it: it["secretStoreRef"].pop("kind")),
                add(manifest("ClusterSecretStore", "onepassword", "", {"spec": {}}, "external-secrets.io/v1")),
            ),
        ),
        ("immutable role's Secret", spec(ROLE_SECRET, lambda it: it["target"].update(immutable=True))),
    ],
}

MONITORS: dict[str, list[Row]] = {
    "DFLY-MON-001": [
        (
            "monitor selects no pods",
            spec(CACHE_MONITOR, lambda it: it["selector"].update(matchLabels={"app": "redis"})),
        ),
        ("metrics on 8080", spec(CACHE_MONITOR, lambda it: it.update(podMetricsEndpoints=[{"portNumber": 8080}]))),
        (
            "port metrics, which the pods do not have",
            spec(CACHE_MONITOR, lambda it: it["podMetricsEndpoints"][0].update(port="metrics")),
        ),
        (
            "monitor looks in another namespace",
            spec(CACHE_MONITOR, lambda it: it.update(namespaceSelector={"matchNames": ["observability"]})),
        ),
        (
            "monitor of masters only",
            spec(CACHE_MONITOR, lambda it: it["selector"]["matchLabels"].update(role="master")),
        ),
        ("no monitor at all", drop(*CACHE_MONITOR)),
        ("policy without the scraper", without_rules(CACHE_TRAFFIC, "ingress", "vmagent")),
        ("a Service is scraped, which has no such port", both(drop(*CACHE_MONITOR), add(SERVICE_MONITOR))),
    ],
    "CNPG-MON-001": [
        (
            "instances' monitor selects a role that pods lack",
            spec(INSTANCES, lambda it: it["selector"]["matchLabels"].update({"cnpg.io/podRole": "postgres"})),
        ),
        ("poolers' monitor forgotten", drop(*POOLERS)),
        (
            "poolers' port by a name that they lack",
            spec(POOLERS, lambda it: it["podMetricsEndpoints"][0].update(port="http-metrics")),
        ),
        (
            "monitor of the primary only",
            spec(INSTANCES, lambda it: it["selector"]["matchLabels"].update({"cnpg.io/instanceRole": "primary"})),
        ),
        ("instances' policy without the scraper", without_rules(INSTANCE_TRAFFIC, "ingress", "vmagent")),
        (
            "the operator's own PodMonitor beside ours",
            spec(CLUSTER, lambda it: it.update(monitoring={"enablePodMonitor": True})),
        ),
        ("a second monitor for VictoriaMetrics", add(VM_SCRAPE)),
        ("metrics with TLS, read without", spec(CLUSTER, lambda it: it.update(monitoring={"tls": {"enabled": True}}))),
        (
            "backup alert on the operator's metric, which stays 0",
            expression(
                "CnpgBackupFailed",
                lambda it: it.replace("barman_cloud_cloudnative_pg_io_last_failed", "cnpg_collector_last_failed"),
            ),
        ),
        ("no alert on the age of backups", without_alerts("CnpgBackupTooOld")),
        (
            "backup alert of another cluster",
            expression("CnpgBackupTooOld", lambda it: it.replace("shared-postgres", "other")),
        ),
    ],
}

APPS: dict[str, list[Row]] = {
    "DFLY-OPS-002": [
        (
            "a client's password under another key",
            spec(PROBE_SECRET, lambda it: it["data"][0].update(secretKey="pass")),
        ),
        (
            "a client's ExternalSecret no longer served",
            edit(*PROBE_SECRET, lambda it: it.update(apiVersion="external-secrets.io/v1beta1")),
        ),
    ],
    "CNPG-OPS-003": [
        (
            "a client's role Secret deleted with the entry",
            spec(
                ("ExternalSecret", "synergyflow/shared-postgres-role-synergyflow"),
                lambda it: it["target"].update(deletionPolicy="Delete"),
            ),
        ),
    ],
}


CASES: list[Kill] = [
    *cases("infra", SECRETS),
    *cases("infra", MONITORS),
    *cases("apps", APPS),
]
