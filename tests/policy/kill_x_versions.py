"""What people get wrong around the services: versions, the operators themselves, fields that do not exist."""

from kill import Kill, drop, edit
from surroundings_changes import (
    BACKUP,
    CACHE,
    CLUSTER,
    CNPG,
    CNPG_TRAFFIC,
    DFLY,
    DFLY_TRAFFIC,
    PLUGIN,
    PLUGIN_TRAFFIC,
    POOLER,
    STORE,
    Row,
    annotate,
    budget,
    cases,
    spec,
    values,
    without_rules,
)

VERSIONS: dict[str, list[Row]] = {
    "DFLY-TECH-002": [
        (
            "image of a tag that is no version",
            spec(CACHE, lambda it: it.update(image="ghcr.io/dragonflydb/dragonfly:ours")),
        ),
        ("no image", spec(CACHE, lambda it: it.pop("image"))),
        (
            "image older than what was tested",
            spec(CACHE, lambda it: it.update(image="ghcr.io/dragonflydb/dragonfly:v1.20.0")),
        ),
        (
            "an operator that nobody has looked at",
            annotate(CACHE, **{"seawall.dev_operator": '{"namespace":"dragonfly-operator-system","version":"1.6.9"}'}),
        ),
        ("operator's image older than its CRDs", values(DFLY, lambda it: it["manager"]["image"].update(tag="v1.5.0"))),
        ("chart of a range of versions", edit(*DFLY, lambda it: it.update(version="1.x"))),
        (
            "budget in the chart's values, which it does not read",
            values(DFLY, lambda it: it.update(podDisruptionBudget={"enabled": True})),
        ),
        (
            "hardening at the top of the chart's values",
            values(DFLY, lambda it: it.update(securityContext=it["manager"].pop("securityContext"))),
        ),
        ("CRDs not replaced", values(DFLY, lambda it: it["crds"].update(install=False))),
        ("CRDs removed with the release", values(DFLY, lambda it: it["crds"].update(keep=False))),
        ("labels by a deprecated field", spec(CACHE, lambda it: it.update(labels={"team": "data"}))),
    ],
    "CNPG-SW-020": [
        (
            "PostgreSQL image of a tag that is no version",
            spec(CLUSTER, lambda it: it.update(imageName="ghcr.io/cloudnative-pg/postgresql:ours")),
        ),
        ("no PostgreSQL image", spec(CLUSTER, lambda it: it.pop("imageName"))),
        ("PostgreSQL 13", spec(CLUSTER, lambda it: it.update(imageName="ghcr.io/cloudnative-pg/postgresql:13.20"))),
        (
            "plugin and sidecar of different versions",
            values(PLUGIN, lambda it: it["sidecarImage"].update(tag="v0.13.0")),
        ),
        (
            "a plugin that nobody has looked at",
            values(PLUGIN, lambda it: (it["image"].update(tag="v0.20.0"), it["sidecarImage"].update(tag="v0.20.0"))),
        ),
        ("replicas under another name in the values", values(CNPG, lambda it: it.update(replicas=it["replicaCount"]))),
        ("operator's chart without a version", edit(*CNPG, lambda it: it.pop("version"))),
        ("operator's CRDs not created", values(CNPG, lambda it: it["crds"].update(create=False))),
        (
            "a Cluster for an operator of another version",
            annotate(CLUSTER, **{"seawall.dev_operator": '{"namespace":"cnpg-system","version":"1.29.1"}'}),
        ),
    ],
}

OPERATORS: dict[str, list[Row]] = {
    "DFLY-SW-021": [
        ("one Dragonfly operator", values(DFLY, lambda it: it.update(replicaCount=1))),
        ("Dragonfly operator by the chart's default", values(DFLY, lambda it: it.pop("replicaCount"))),
        (
            "no budget over the Dragonfly operator",
            drop("PodDisruptionBudget", "dragonfly-operator-system/dragonfly-operator"),
        ),
        (
            "budget over nothing beside the Dragonfly operator",
            spec(
                ("PodDisruptionBudget", "dragonfly-operator-system/dragonfly-operator"),
                lambda it: it["selector"].update(matchLabels={"app": "dragonfly-operator"}),
            ),
        ),
        (
            "second budget over the Dragonfly operator",
            budget("second", "dragonfly-operator-system", **{"control-plane": "controller-manager"}),
        ),
        ("Dragonfly operator cannot reach 9999", without_rules(DFLY_TRAFFIC, "egress", "9999")),
        ("Dragonfly operator cannot reach the API server", without_rules(DFLY_TRAFFIC, "egress", "kube-apiserver")),
    ],
    "CNPG-SW-021": [
        ("one CloudNativePG operator", values(CNPG, lambda it: it.update(replicaCount=1))),
        ("two copies of the plugin", values(PLUGIN, lambda it: it.update(replicaCount=2))),
        (
            "budget that lets no operator go",
            spec(("PodDisruptionBudget", "cnpg-system/cloudnative-pg"), lambda it: it.update(minAvailable=2)),
        ),
        (
            "budget that keeps the only plugin",
            spec(("PodDisruptionBudget", "cnpg-system/barman-cloud"), lambda it: it.update(maxUnavailable=0)),
        ),
        ("no budget over the CloudNativePG operator", drop("PodDisruptionBudget", "cnpg-system/cloudnative-pg")),
        ("webhook closed to the API server", without_rules(CNPG_TRAFFIC, "ingress", "9443")),
        ("operator cannot reach the instances", without_rules(CNPG_TRAFFIC, "egress", "8000")),
        ("operator cannot reach the plugin", without_rules(CNPG_TRAFFIC, "egress", "9090")),
        (
            "plugin closed to the operator",
            spec(
                PLUGIN_TRAFFIC, lambda it: it["ingress"][0].update(fromEndpoints=[{"matchLabels": {"app": "operator"}}])
            ),
        ),
        (
            "plugin without a certificate",
            values(PLUGIN, lambda it: it["certificate"].update(createServerCertificate=False)),
        ),
    ],
}

FIELDS: dict[str, list[Row]] = {
    "DFLY-SW-022": [
        ("podTemplate", spec(CACHE, lambda it: it.update(podTemplate={"spec": {}}))),
        ("storage", spec(CACHE, lambda it: it.update(storage={"size": "10Gi"}))),
        ("metrics", spec(CACHE, lambda it: it.update(metrics={"enabled": True}))),
        ("livenessProbe", spec(CACHE, lambda it: it.update(livenessProbe={"periodSeconds": 10}))),
        (
            "a misspelt field deep inside",
            spec(CACHE, lambda it: it["containerSecurityContext"].update(readOnlyRootFileSystem=True)),
        ),
    ],
    "CNPG-SW-022": [
        (
            "sse",
            spec(STORE, lambda it: it["configuration"]["data"].update(sse="AES256")),
            {"CNPG-DATA-002": "says what the field was to do: encrypt"},
        ),
        (
            "failure domain on the Cluster",
            spec(CLUSTER, lambda it: it.update(failureDomainKey="topology.kubernetes.io/zone")),
        ),
        (
            "resources of a pooler at the wrong depth",
            spec(POOLER, lambda it: it.update(resources={"limits": {"cpu": "1"}})),
        ),
        ("time zone of a backup", spec(BACKUP, lambda it: it.update(timeZone="Europe/Zurich"))),
        ("the operator's validation switched off", annotate(CLUSTER, **{"cnpg.io_validation": "disabled"})),
        ("the operator stopped for one cluster", annotate(CLUSTER, **{"cnpg.io_reconciliationLoop": "disabled"})),
        ("pods patched behind the operator's back", annotate(CLUSTER, **{"cnpg.io_podPatch": "[]"})),
        ("WAL archiving skipped", annotate(CLUSTER, **{"cnpg.io_skipWalArchiving": "enabled"})),
        ("another archive written into", annotate(CLUSTER, **{"cnpg.io_skipEmptyWalArchiveCheck": "enabled"})),
    ],
}

CASES: list[Kill] = [
    *cases("infra", VERSIONS),
    *cases("infra", OPERATORS),
    *cases("infra", FIELDS),
]
