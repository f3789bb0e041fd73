"""The HBA lines that the operator puts around those of a Cluster and of a Pooler. Source of 1.22 to 1.30."""

from seawall.operators.cnpg import METRICS_ROLE
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE

SERVER_FIRST = (
    f"local all {METRICS_ROLE} peer map={METRICS_ROLE}",
    "local all all peer map=local",
    "hostssl postgres streaming_replica all cert map=cnpg_streaming_replica",
    "hostssl replication streaming_replica all cert map=cnpg_streaming_replica",
    f"hostssl all {AUTHENTICATION_ROLE} all cert map={AUTHENTICATION_ROLE}",
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
