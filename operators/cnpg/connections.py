"""Who opens connections to PostgreSQL beside the applications: what pool arithmetic has to count.

Facts are those of operator 1.30.0 and of PgBouncer 1.25.
"""

ENDING_PODS = 1
"""A rollout without surge replaces one pod at a time, but the pod that ends holds its server connections meanwhile."""

AUTHENTICATION_ROLE = "cnpg_pooler_pgbouncer"
"""As which PgBouncer looks passwords up in the database `postgres`, in a pool of its own: one more pair of user and
database for each pod."""

INSTANCE_MANAGER = 5
"""The primary's instance manager has at most three connections to `postgres` (roles, probes, the base backup), one to
the database that it reconciles, and one for metrics."""


def slot_managers(instances: int) -> int:
    """Connections to the primary of the instance managers of the replicas, each of which looks after its slot.

    Replication itself needs none: WAL senders have a limit of their own (`max_wal_senders`) since PostgreSQL 12.
    """
    return max(instances - 1, 0)
