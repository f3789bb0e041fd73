"""Pool arithmetic: the most server connections that poolers and others can open, held against `max_connections`."""

from collections.abc import Mapping
from dataclasses import dataclass

from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.parameters import whole
from seawall.operators.cnpg.connections import ENDING_PODS, INSTANCE_MANAGER, slot_managers
from seawall.operators.cnpg.parameters import MAX_CONNECTIONS_DEFAULT, RESERVED_DEFAULT, SUPERUSER_RESERVED_DEFAULT

DATABASES_PER_POOLER = 2
"""The application's own, and `postgres`, where PgBouncer looks passwords up as `cnpg_pooler_pgbouncer`.

`max_db_connections` bounds each of the two alike; the HBA rules refuse every other pair of user and database.
"""


@dataclass(frozen=True)
class Demand:
    """The most connections that PostgreSQL can be asked for, by who asks, and what it gives."""

    poolers: Mapping[str, int]
    """Application → what its pooler's pods can open together."""
    reserved: int
    """`superuser_reserved_connections` and `reserved_connections`: kept for the operator and for a person in need."""
    others: int
    """Whoever reaches PostgreSQL without a pooler."""
    limit: int
    """`max_connections`."""

    @property
    def total(self) -> int:
        """All of them at once."""
        return sum(self.poolers.values()) + self.reserved + self.others

    @property
    def fits(self) -> bool:
        """Whether PostgreSQL can never be asked for more than it gives."""
        return self.total <= self.limit

    def explain(self) -> str:
        """The sum, written out."""
        parts = [f"{name} {count}" for name, count in self.poolers.items()]
        return f"{' + '.join(parts)} + reserved {self.reserved} + others {self.others} = {self.total}"


@dataclass(frozen=True)
class Direct:
    """The most connections to the primary that do not come through a pooler, by who opens them."""

    parts: Mapping[str, int]

    @property
    def total(self) -> int:
        """All of them at once."""
        return sum(self.parts.values())

    def explain(self) -> str:
        """The sum, written out."""
        return " + ".join(f"{who} {count}" for who, count in self.parts.items())


def direct_demand(applications: int, instances: int) -> Direct:
    """Who connects to the primary without a pooler, in operator 1.30. All SQL Jobs may start at once."""
    return Direct(
        {
            "instance manager": INSTANCE_MANAGER,
            "replicas' slots": slot_managers(instances),
            "SQL Jobs": applications,
            "certificate probe": 1,
            "a person": 1,
        }
    )


def pooler_demand(application: Application) -> int:
    """The most server connections of one application's pooler: pods × databases × (pool + reserve)."""
    return (application.instances + ENDING_PODS) * DATABASES_PER_POOLER * application.max_db_connections


def demand(applications: Mapping[str, Application], parameters: Mapping[str, str], others: int) -> Demand:
    """The demand of all applications on one cluster."""
    return Demand(
        poolers={name: pooler_demand(application) for name, application in applications.items()},
        reserved=whole(parameters, "superuser_reserved_connections", SUPERUSER_RESERVED_DEFAULT)
        + whole(parameters, "reserved_connections", RESERVED_DEFAULT),
        others=others,
        limit=whole(parameters, "max_connections", MAX_CONNECTIONS_DEFAULT),
    )
