"""CloudNativePG and what it makes: API group, labels, ports, Service and DNS names.

Facts are those of operator 1.30.0.
"""

API_VERSION = "postgresql.cnpg.io/v1"

POSTGRES_PORT = 5432
STATUS_PORT = 8000
"""The instance manager's https status; the operator and, for the isolation check, the other instances call it."""
INSTANCE_METRICS_PORT = 9187
POOLER_PORT = 5432
POOLER_PORT_NAME = "pgbouncer"
"""Of a pooler's container and of its Service."""
POOLER_METRICS_PORT = 9127
METRICS_PORT_NAME = "metrics"
"""The container port name of the metrics of instances and of poolers."""
OPERATOR_WEBHOOK_PORT = 9443
OPERATOR_METRICS_PORT = 8080

OPERATOR_NAMESPACE = "cnpg-system"
OPERATOR_POD_LABELS = {"app.kubernetes.io/name": "cloudnative-pg"}

CLUSTER_LABEL = "cnpg.io/cluster"
INSTANCE_LABEL = "cnpg.io/instanceName"
POD_ROLE_LABEL = "cnpg.io/podRole"
INSTANCE_ROLE_LABEL = "cnpg.io/instanceRole"
"""`primary` or `replica`; absent on a new instance pod, so nothing of ours may select on it."""
POOLER_LABEL = "cnpg.io/poolerName"
JOB_ROLE_LABEL = "cnpg.io/jobRole"
INSTANCE_ROLES = ("primary", "replica")
RELOAD_LABEL = "cnpg.io/reload"
"""`"true"` on a Secret or ConfigMap: a changed value is applied without a restart."""

UID = 26
"""User and group of PostgreSQL's images."""

METRICS_ROLE = "cnpg_metrics_exporter"
"""The role, from operator 1.30 on, that reads metrics in every database that it may connect to; the others are skipped
in silence. No superuser: it may connect only where PUBLIC or it itself may."""

CA_KEY = "ca.crt"
"""The key of a Cluster's authority Secret that clients need; `ca.key` beside it is the authority's private key."""

VALIDATION = "cnpg.io/validation"
RECONCILIATION_LOOP = "cnpg.io/reconciliationLoop"
SKIP_WAL_ARCHIVING = "cnpg.io/skipWalArchiving"
SKIP_EMPTY_ARCHIVE_CHECK = "cnpg.io/skipEmptyWalArchiveCheck"
FORBIDDEN_ANNOTATIONS: dict[str, str] = {
    VALIDATION: "switches the operator's own validation off when it is `disabled`",
    "cnpg.io/podPatch": "changes the pods behind the operator's back",
    RECONCILIATION_LOOP: "stops the operator when it is `disabled`",
    SKIP_WAL_ARCHIVING: "stops WAL archiving: no point-in-time recovery",
    SKIP_EMPTY_ARCHIVE_CHECK: "lets a cluster write into another one's archive; only a restore drill may",
}
"""Annotations that go round a protection, with what they do."""
ANNOTATION_WORDS: dict[str, str] = {
    VALIDATION: "disabled",
    RECONCILIATION_LOOP: "disabled",
    SKIP_WAL_ARCHIVING: "enabled",
    SKIP_EMPTY_ARCHIVE_CHECK: "enabled",
}
"""The only value by which one of them does what it does; the others do it by being there."""

PLUGINS_SINCE = (1, 26, 0)
"""The operator's first version with backups by a plugin."""
IN_TREE_BACKUPS_UNTIL = (1, 31, 0)
"""The operator's first version without the in-tree backups (`barmanObjectStore`)."""


def cluster_labels(cluster: str) -> dict[str, str]:
    """What **all** pods of a Cluster share (instances, poolers, jobs): right for egress, wrong for a budget."""
    return {CLUSTER_LABEL: cluster}


def instance_labels(cluster: str) -> dict[str, str]:
    """What the PostgreSQL instances of a Cluster share, and neither its poolers nor its jobs have."""
    return {CLUSTER_LABEL: cluster, POD_ROLE_LABEL: "instance"}


def pooler_labels(pooler: str) -> dict[str, str]:
    """What the pods of one Pooler share. They also carry `cnpg.io/cluster` and `cnpg.io/podRole=pooler`."""
    return {POOLER_LABEL: pooler}


def service_names(cluster: str) -> dict[str, str]:
    """The Services of a Cluster by what they lead to: `rw` the primary, `ro` the replicas, `r` any instance."""
    return {access: f"{cluster}-{access}" for access in ("rw", "ro", "r")}


def authority_secret(cluster: str) -> str:
    """The Secret with the authority that signs a Cluster's server certificate (`ca.crt`) and its private key.

    The operator renews it every 90 days by default, seven days early and with the same key, so that a client's copy
    must be renewed as well.
    """
    return f"{cluster}-ca"


def budget_names(cluster: str, instances: int, *, enable_pdb: bool | None = None) -> tuple[str, ...]:
    """The PodDisruptionBudgets that the operator makes for a Cluster.

    `<cluster>-primary` always and `<cluster>` (the replicas) with three instances or more, unless `spec.enablePDB` is
    false (it is true when absent).
    """
    if enable_pdb is False:
        return ()
    return (f"{cluster}-primary", cluster) if instances >= 3 else (f"{cluster}-primary",)


def dns_forms(service: str, namespace: str, *, domain: str = "cluster.local") -> tuple[str, str, str, str]:
    """The four names under which a Service is called, shortest first; a certificate must carry all of them."""
    return (service, f"{service}.{namespace}", f"{service}.{namespace}.svc", f"{service}.{namespace}.svc.{domain}")
