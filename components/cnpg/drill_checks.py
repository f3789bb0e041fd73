"""What the settings of a restore drill must agree on with those of its cluster. Paths are those of the cluster."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.components.base import Problem
from seawall.components.cnpg.drill.names import ROLE, reader_secret, restored_secrets
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.parameters import size_bytes
from seawall.components.fields import quantity_bytes

if TYPE_CHECKING:
    from seawall.components.cnpg.cluster_settings import PostgresCluster


def drill_problems(cluster: "PostgresCluster", drill: RestoreDrill) -> Iterator[Problem]:
    """Assertions are about the cluster's applications, and the restored instance can hold and start what comes back."""
    for application in drill.assertions:
        if application not in cluster.applications:
            known = ", ".join(sorted(cluster.applications))
            yield Problem(
                ("restore_drill", "assertions", application), f"must be one of the cluster's applications ({known})"
            )
    for application in cluster.applications:
        if ROLE in (cluster.names.role_of(application), cluster.names.database_of(application)):
            yield Problem(
                ("applications", application), f"would have the role or database {ROLE}, which is the restore drill's"
            )
    yield from _sizes(cluster, drill)
    if drill.before_now is not None and drill.before_now > cluster.backup.retained:
        yield Problem(
            ("restore_drill", "target"),
            f"must be within `backup.retention` ({cluster.backup.retention}): what is older is deleted",
            drill.target,
            "CNPG-OPS-002",
        )
    if cluster.backup.endpoint_ca is not None and cluster.secrets.endpoint_ca is None:
        yield Problem(
            ("secrets", "endpoint_ca"),
            "is missing: the restore drill, in its own namespace, needs the endpoint's authority as well",
            risk="CNPG-OPS-002",
        )


def authority_problems(path: tuple[str | int, ...], name: str, cluster: "PostgresCluster") -> Iterator[Problem]:
    """In the drill's namespace the authority's Secret keeps its name: it must not meet another one there."""
    authority = cluster.backup.endpoint_ca
    if authority is not None and authority.secret in (reader_secret(name), *restored_secrets(name)):
        yield Problem(
            (*path, "backup", "endpoint_ca", "secret"),
            "must have another name: the restore drill has a Secret of this one in its namespace",
            authority.secret,
            "CNPG-OPS-002",
        )


def _sizes(cluster: "PostgresCluster", drill: RestoreDrill) -> Iterator[Problem]:
    """What holds for the cluster's own memory and WAL volume (`parameters.check`) holds for the drill's as well."""
    buffers = size_bytes(cluster.parameters.get("shared_buffers", ""))
    if drill.resources is not None and buffers is not None:
        request = drill.resources.requests.memory
        if buffers > quantity_bytes(request):
            yield Problem(
                ("restore_drill", "resources", "requests", "memory"),
                f"must be at least shared_buffers {cluster.parameters['shared_buffers']} (the operator's webhook "
                "refuses less)",
                request,
            )
    largest = size_bytes(cluster.parameters.get("max_wal_size", "1GB"))
    if drill.storage.wal is not None and largest is not None and largest >= quantity_bytes(drill.storage.wal):
        yield Problem(
            ("restore_drill", "storage", "wal"),
            f"must be larger than max_wal_size {cluster.parameters.get('max_wal_size', '1GB')}, or the replay stops",
            drill.storage.wal,
        )
