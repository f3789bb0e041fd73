"""The names of everything that a restore drill has in its own namespace. No drill shares it, so that none can meet."""

ROLE = "seawall_drill"
"""The PostgreSQL role that asks the restored databases, and the empty database that it owns there."""


def drill_name(cluster: str) -> str:
    """The CronJob and what belongs to it: account, Role, ConfigMap, ObjectStore, policy; it may have 52 characters."""
    return f"{cluster}-drill"


def reader_secret(cluster: str) -> str:
    """The Secret with the keys that read the archive."""
    return f"{drill_name(cluster)}-reader"


def report_name(cluster: str) -> str:
    """The ConfigMap that keeps the last reports."""
    return f"{drill_name(cluster)}-report"


def restored_name(cluster: str) -> str:
    """The recovery Cluster, of which the operator makes further names; always the same, so that there is only one."""
    return f"{cluster}-restored"


def restored_secrets(cluster: str) -> tuple[str, ...]:
    """The Secrets of the recovery Cluster that the runner reads: the role's password, and the authority."""
    return tuple(f"{restored_name(cluster)}-{purpose}" for purpose in ("app", "ca"))


def restored_claims(cluster: str) -> tuple[str, ...]:
    """The claims of the restored instance; the operator counts instances from 1."""
    return (f"{restored_name(cluster)}-1", f"{restored_name(cluster)}-1-wal")
