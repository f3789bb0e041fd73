"""The HBA lines that the operator puts around those of a Cluster and of a Pooler. Source of 1.22 to 1.30."""

SERVER_FIRST = (
    "local all cnpg_metrics_exporter peer map=cnpg_metrics_exporter",
    "local all all peer map=local",
    "hostssl postgres streaming_replica all cert map=cnpg_streaming_replica",
    "hostssl replication streaming_replica all cert map=cnpg_streaming_replica",
    "hostssl all cnpg_pooler_pgbouncer all cert map=cnpg_pooler_pgbouncer",
)
SERVER_LDAP = "host all all 0.0.0.0/0 ldap"
"""After the Cluster's own lines when `spec.postgresql.ldap` is given; its options are left out here."""
SERVER_LAST = ("host all all all scram-sha-256",)
"""In every Cluster's pg_hba.conf: its own lines stand between these."""

POOLER_FIRST = ("local pgbouncer pgbouncer peer",)
POOLER_LAST = ("host all all 0.0.0.0/0 md5", "host all all ::/0 md5")
"""The same in a Pooler's HBA file."""

POD_SELECTOR = "${podselector:"
"""Starts a reference to `spec.podSelectorRefs` in a Cluster's line; it stands for the addresses of those pods."""
