"""Settings of one application: its role, its database, and the pooler through which alone it connects."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Clients, Count, Flag, Text, Whole
from seawall.components.platform import Amounts, Resources
from seawall.components.problems import RefusedError

RESERVED_NAMES = frozenset(
    {"all", "postgres", "public", "replication", "samegroup", "samerole", "sameuser", "streaming_replica"}
    | {"template0", "template1", "app", "pgbouncer", "none", "user", "current_user", "session_user"}
)
"""Words that mean something else in pg_hba or SQL, and roles and databases that PostgreSQL or the operator own."""


def sql_name_problem(value: str) -> str | None:
    """What is wrong with the name of a role or a database; None when nothing is.

    The names are written into pg_hba and pgbouncer's HBA file without quotes, so only plain ones are allowed.
    """
    if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", value):
        return "must be lower-case letters, digits and `_`, not starting with a digit, at most 63 characters"
    if value in RESERVED_NAMES or value.startswith(("pg_", "cnpg_")):
        return "is a name that PostgreSQL or the operator keeps for itself"
    return None


def _extension(value: str) -> str:
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,62}", value):
        raise RefusedError("must be the name of a PostgreSQL extension like pg_trgm")
    return value


def _template(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9_.-]*(\{app\}[a-z0-9_.-]*)?", value) or not value:
        raise RefusedError("must be a name in which `{app}` stands for the application, and no other placeholder")
    return value


def _old_host(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9{}-]+\.[a-z0-9-]+", value) or value.count("{") != value.count("{app}"):
        raise RefusedError("must be `<service>.<namespace>`, in which `{app}` stands for the application")
    return value


Extension = Annotated[str, AfterValidator(_extension)]
NameTemplate = Annotated[str, AfterValidator(_template)]
OldHost = Annotated[str, AfterValidator(_old_host)]


def fill(template: str, application: str) -> str:
    """The name that a template gives for an application."""
    return template.replace("{app}", application)


class Names(Settings):
    """How the names of an application's objects follow from its name; `{app}` stands for that name."""

    pooler: NameTemplate = Field(default="{app}-pooler", description="The Pooler, and so its Service and host name")
    role: NameTemplate = Field(default="{app}", description="The PostgreSQL role, with `-` turned into `_`")
    database: NameTemplate = Field(default="{app}", description="The PostgreSQL database, with `-` turned into `_`")
    old_hosts: tuple[OldHost, ...] = Field(
        default=(),
        description="Former host names (`<service>.<namespace>`) that clients still use: they are in the server's "
        "certificate, so that `verify-full` works for them",
    )
    serve_old_hosts: Flag = Field(
        default=False,
        description="Whether Services of those names are made as well, each an alias (ExternalName) of the pooler's: "
        "their namespaces must be there, and the former Services gone. Off again when no client uses them any more",
    )

    RISKS: ClassVar[Mapping[str, str]] = {"old_hosts": "CNPG-OPS-001", "serve_old_hosts": "CNPG-OPS-001"}

    def pooler_of(self, application: str) -> str:
        """The name of an application's Pooler."""
        return fill(self.pooler, application)

    def role_of(self, application: str) -> str:
        """The name of an application's role."""
        return fill(self.role, application).replace("-", "_")

    def database_of(self, application: str) -> str:
        """The name of an application's database."""
        return fill(self.database, application).replace("-", "_")

    def old_hosts_of(self, application: str) -> tuple[str, ...]:
        """The former host names of an application, as `<service>.<namespace>`."""
        return tuple(fill(host, application) for host in self.old_hosts)

    def former_services_of(self, application: str) -> list[tuple[str, str]]:
        """The same as names of Services and their namespaces."""
        parts = (host.partition(".") for host in self.old_hosts_of(application))
        return [(service, namespace) for service, _, namespace in parts]

    @rule
    def _old_hosts_make_sense(self) -> Iterator[Problem]:
        if self.serve_old_hosts and not self.old_hosts:
            yield Problem(("serve_old_hosts",), "must be false: `old_hosts` names none", True, "CNPG-OPS-001")
        for index, host in enumerate(self.old_hosts):
            if self.old_hosts.index(host) != index:
                yield Problem(("old_hosts", index), "is named twice", host)


def _pooler_resources() -> Resources:
    """PgBouncer has one thread: more than one core is of no use to it."""
    return Resources(requests=Amounts(cpu="100m", memory="128Mi"), limits=Amounts(cpu="1", memory="256Mi"))


class Application(Settings):
    """One application: a role that owns one database, and a pooler with its limits. Numbers are per pooler pod."""

    pool_mode: Literal["transaction", "session"] = Field(
        description="When a server connection goes back to the pool: after each `transaction` (what the session sets, "
        "LISTEN and advisory locks do not survive) or after the client's whole `session`"
    )
    instances: Annotated[Count, Field(le=50)] = Field(default=3, description="Pods of the pooler, on distinct nodes")
    max_client_conn: Annotated[Count, Field(le=100_000)] = Field(
        default=300, description="Clients that one pod accepts; they queue for a server connection"
    )
    default_pool_size: Count = Field(description="Server connections of one pod")
    min_pool_size: Whole = Field(
        default=0, description="Server connections that one pod keeps open while it has clients"
    )
    reserve_pool_size: Whole = Field(
        default=0, description="Further server connections of one pod, opened when a client has waited for 5 seconds"
    )
    max_prepared_statements: Annotated[Whole, Field(le=10_000)] = Field(
        default=200,
        description="Prepared statements that PgBouncer tracks per client in transaction mode; 0 would break drivers "
        "that prepare (JDBC, Rails)",
    )
    clients: Clients = Field(description="Who may connect to the pooler: `this` or a peer cluster → namespaces")
    extensions: tuple[Extension, ...] = Field(default=(), description="Extensions that the database has")
    resources: Resources = Field(
        default_factory=_pooler_resources, description="CPU and memory of one pooler pod; the operator sets none"
    )
    client_changes: tuple[Text, ...] = Field(
        default=(),
        description="What the application must change on its own side to connect as the contract says, like a chart's "
        "value for the TLS mode; shown in the contract",
    )
    stateless_reason: Text | None = Field(
        default=None,
        description="Only with `max_prepared_statements: 0` in transaction mode: why this application never prepares",
    )

    RISKS: ClassVar[Mapping[str, str]] = {
        "pool_mode": "CNPG-TECH-002",
        "default_pool_size": "CNPG-PERF-001",
        "min_pool_size": "CNPG-PERF-001",
        "reserve_pool_size": "CNPG-PERF-001",
        "max_client_conn": "CNPG-PERF-001",
        "max_prepared_statements": "CNPG-TECH-002",
    }

    @property
    def max_db_connections(self) -> int:
        """Server connections that one pod may open to any one database: its pool and the reserve.

        Any pair of user and database opens a pool of its own, so without this limit the pool size bounds nothing.
        """
        return self.default_pool_size + self.reserve_pool_size

    @rule
    def _pools_fit(self) -> Iterator[Problem]:
        if self.min_pool_size > self.default_pool_size:
            yield Problem(
                ("min_pool_size",),
                f"must be at most default_pool_size {self.default_pool_size}",
                self.min_pool_size,
                "CNPG-PERF-001",
            )
        if self.max_client_conn < self.max_db_connections:
            yield Problem(
                ("max_client_conn",),
                f"must be at least default_pool_size + reserve_pool_size = {self.max_db_connections}",
                self.max_client_conn,
                "CNPG-PERF-001",
            )

    @rule
    def _prepared_statements_work(self) -> Iterator[Problem]:
        off = self.pool_mode == "transaction" and self.max_prepared_statements == 0
        if off and self.stateless_reason is None:
            yield Problem(
                ("max_prepared_statements",),
                "must be 1 or more in transaction mode, or prepared statements of one client meet another one's server "
                "connection; if this application never prepares, say why in `stateless_reason`",
                0,
                "CNPG-TECH-002",
            )
        if not off and self.stateless_reason is not None:
            yield Problem(
                ("stateless_reason",), "is read only with `pool_mode: transaction` and `max_prepared_statements: 0`"
            )

    @rule
    def _extensions_once(self) -> Iterator[Problem]:
        for index, extension in enumerate(self.extensions):
            if self.extensions.index(extension) != index:
                yield Problem(("extensions", index), "is named twice", extension)

    @rule
    def _changes_once(self) -> Iterator[Problem]:
        for index, change in enumerate(self.client_changes):
            if self.client_changes.index(change) != index:
                yield Problem(("client_changes", index), "is said twice", change)
