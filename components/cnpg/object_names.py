"""The names of everything that a Postgres cluster makes in its namespace, ours and the operator's: no two may meet.

Clusters share the namespace, and names are joined with `-`: the cluster `shared` with the application `postgres-x` and
the cluster `shared-postgres` with the application `x` would both own the Database `shared-postgres-x`.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seawall.components.base import Problem, each
from seawall.components.probes.certificates import probe_name
from seawall.operators.cnpg import budget_names
from seawall.operators.cnpg.names import cluster_secrets

if TYPE_CHECKING:
    from seawall.components.cnpg.cluster_settings import PostgresCluster


def break_glass_secret(cluster: str) -> str:
    """The name of the Secret with a cluster's superuser password; not the operator's own `<cluster>-superuser`."""
    return f"{cluster}-break-glass"


def validation_name(cluster: str) -> str:
    """The name of the CronJob that validates a cluster's backups, and of what belongs to it."""
    return f"{cluster}-validation"


def role_secret(cluster: str, application: str) -> str:
    """The name of the Secret with a role's name and password; the infix keeps it apart from the operator's own."""
    return f"{cluster}-role-{application}"


def made_names(name: str, cluster: "PostgresCluster") -> Iterator[tuple[str, str]]:
    """Kind and name of what is made for one cluster, whose names follow from its own, an application's or a pooler's.

    Services are not among them: they have a check of their own. Nor are the SQL Jobs, whose names end in a hash.
    """
    poolers = [cluster.names.pooler_of(application) for application in cluster.applications]
    validation, probe = validation_name(name), probe_name(name)
    for kind, names in {
        "Database": [f"{name}-{application}" for application in cluster.applications],
        "Secret": [
            *(role_secret(name, application) for application in cluster.applications),
            *(f"{name}-{purpose}" for purpose in ("backup-writer", "backup-reader")),
            break_glass_secret(name),
            f"{probe}-ca",
            *cluster_secrets(name).values(),
        ],
        "network policy": [
            *(f"{name}-{purpose}" for purpose in ("common", "instances", "isolation")),
            validation,
            probe,
            *poolers,
        ],
        "ServiceAccount": [name, validation, probe, *poolers],
        "CronJob": [validation, probe],
        "PodMonitor": [f"{name}-instances", f"{name}-poolers", probe],
        "PrometheusRule": [name, probe],
        "PodDisruptionBudget": [*budget_names(name, 3), *poolers],
    }.items():
        for made in names:
            yield kind, made


def collisions(clusters: Mapping[str, "PostgresCluster"]) -> Iterator[Problem]:
    """Names that two clusters, or two parts of one, would both make. Paths are relative to the namespace's settings."""
    taken: dict[tuple[str, str], str] = {}

    def check(name: str, cluster: "PostgresCluster") -> Iterator[Problem]:
        for kind, made in made_names(name, cluster):
            if (kind, made) in taken:
                other = taken[kind, made]
                whose = "twice" if other == name else f"here and for the cluster {other}"
                yield Problem(
                    ("clusters", name), f"would make the {kind} {made} {whose}: rename it, a pooler or an application"
                )
            taken.setdefault((kind, made), name)

    yield from each(clusters, check)
