"""Who enters which database by which way: tried on running servers, predicted by the policy pack, and promised.

A way is a role, a database, a route (directly or through a pooler) and TLS or none. What is tried has everything that
could let it in: the right password, and the certificate of a role that has one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from pooled_server import BOOTSTRAPPED, REPLICA_ROLE, Pooler, SharedPostgres
from postgres_server import SUPERUSER
from tenant_stack import TenantStack

from seawall.operators.cnpg import METRICS_ROLE
from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.policy.estate.postgresql.hba import Role
from seawall.sandbox import ports

DIRECTLY = "directly"
CONSOLE = "pgbouncer"
"""PgBouncer's own database, its console, and who may use it."""
NOBODY, NOWHERE = "nobody_such", "no_such_database"
"""A role and a database that are not there."""
BY_CERTIFICATE = (REPLICA_ROLE, AUTHENTICATION_ROLE)
"""The operator's roles, which sign in with a certificate."""
_CLOSED = "template0"

_REASONS = {
    "pg_hba.conf rejects connection": "pg_hba",
    "no pg_hba.conf entry": "pg_hba",
    "requires a valid client certificate": "no certificate",
    "certificate authentication failed": "another's certificate",
    "alert unknown ca": "a foreign authority's certificate",
    "alert decrypt error": "a foreign authority's certificate",  # an authority of the same name
    "permission denied for database": "CONNECT",
    "not currently accepting connections": "database without connections",
    "password authentication failed": "password",
    "SASL authentication failed": "password",
    "no password supplied": "password",
    "empty password returned by client": "password",
    "must be superuser or replication role": "no REPLICATION",
    f'database "{NOWHERE}" does not exist': "no such database",
    f'database "{CONSOLE}" does not exist': "no such database",
    f'role "{NOBODY}" does not exist': "no such role",
    f'role "{CONSOLE}" does not exist': "no such role",
    "login rejected": "PgBouncer's HBA lines",
    "not allowed": "PgBouncer's console",
    "no such user": "PgBouncer finds no such role",
    "SSL required": "PgBouncer takes TLS only",
    "bouncer config error": "an old PgBouncer cannot look it up",  # it looks in the database that is asked for
}
"""What PostgreSQL and PgBouncer say → what refused, for a person. Anything else is a mistake of the test."""


class Way(NamedTuple):
    """One way in."""

    role: str
    database: str
    route: str
    """`directly`, or the name of a Pooler."""
    tls: bool


class Answer(NamedTuple):
    """What came of trying one."""

    entered: bool
    by: str
    """What refused; empty when nothing did."""


Measured = Mapping[Way, Answer]


@dataclass
class Site:
    """A running PostgreSQL with its poolers, of which every role has a password: the strongest that may come."""

    stack: TenantStack
    shared: SharedPostgres
    poolers: Mapping[str, Pooler]
    """Name of the Pooler → its PgBouncer."""
    certificates: Mapping[str, tuple[Path, Path]]
    """Role → certificate and key."""
    looks_up_apart: bool
    """Whether its PgBouncer looks passwords up in a database of its own: else a closed one keeps its owner out too."""
    closed: set[str] = field(default_factory=set)
    """The databases whose Job has run."""

    @property
    def owners(self) -> dict[str, str]:
        """Database → the role that it belongs to."""
        return {it.database: it.role for it in self.stack.args.applications}

    @property
    def roles(self) -> list[str]:
        """Everybody who may come: the applications, the operator's, PgBouncer's admin, and one who is not there."""
        operators = (BOOTSTRAPPED, SUPERUSER, *BY_CERTIFICATE, METRICS_ROLE)
        return [*self.owners.values(), *operators, CONSOLE, NOBODY]

    @property
    def databases(self) -> list[str]:
        """Everything that may be asked for, but not where an old PgBouncer waits until it can look passwords up."""
        unreachable = [_CLOSED, CONSOLE, NOWHERE] if self.looks_up_apart else []
        return [*self.owners, BOOTSTRAPPED, "postgres", "template1", *unreachable]

    @property
    def routes(self) -> list[str]:
        """Every route."""
        return [DIRECTLY, *self.poolers]

    def ways(self, roles: Iterable[str] | None = None, databases: Iterable[str] | None = None) -> Iterator[Way]:
        """Every way, or those of some roles into some databases."""
        names = list(databases or self.databases)
        for route in self.routes:
            for tls in (True, False):
                for role in roles or self.roles:
                    yield from (Way(role, database, route, tls) for database in names)

    def options(self, way: Way) -> dict[str, Any]:
        """How a client comes this way: as the contract says, by the Service's name and with verified TLS, or without.

        The port is the real one's, the name's address loopback.
        """
        given: dict[str, Any] = {
            "user": way.role,
            "dbname": way.database,
            "hostaddr": ports.LOOPBACK,
            "password": self.shared.passwords.get(way.role, "a guess"),
            "sslmode": "verify-full" if way.tls else "disable",
            "sslrootcert": str(self.shared.authority.file),
            "sslcertmode": "disable",
            "gssencmode": "disable",
            "connect_timeout": 30,
        }
        if way.route == DIRECTLY:
            given |= {"host": self.shared.host, "port": self.shared.server.port}
        else:
            hosts = {it.pooler: it.host for it in self.stack.args.applications}
            given |= {"host": hosts[way.route], "port": self.poolers[way.route].port}
        if way.tls and way.role in self.certificates:
            certificate, key = self.certificates[way.role]
            given |= {"sslcertmode": "allow", "sslcert": str(certificate), "sslkey": str(key)}
        return given

    def connect(self, way: Way, **changes: Any) -> psycopg.Connection[Any]:
        """A connection on this way, in autocommit; `changes` are options of psycopg."""
        return psycopg.connect(**{**self.options(way), "autocommit": True, **changes})

    def enter(self, way: Way, **changes: Any) -> Answer:
        """Try one. Raises `AssertionError` when it is refused for a reason that is not known, or enters elsewhere."""
        try:
            with self.connect(way, **changes) as connection:
                row = connection.execute("select current_user, current_database()", prepare=False).fetchone()
        except psycopg.Error as error:
            for said, reason in _REASONS.items():
                if said in str(error):
                    return Answer(False, reason)
            raise AssertionError(f"{way} is refused for no known reason: {error}") from error
        assert row == (way.role, way.database), f"{way} came in as {row}"
        return Answer(True, "")

    def measure(self, ways: Iterable[Way]) -> Measured:
        """Try them all."""
        return {way: self.enter(way) for way in ways}

    def predicted(self, ways: Iterable[Way]) -> dict[Way, bool]:
        """What the policy pack's matrix says of each, and where it says open, whether PostgreSQL's own rights agree.

        Those no object shows: that role and database are there, CONNECT, and who has which certificate.
        """
        entry = self.stack.entry()
        routes = {DIRECTLY if it.pooler is None else it.pooler.name: it for it in entry.routes}
        made = {}
        for way in ways:
            role = entry.tenants.roles.get(way.role, Role(way.role))
            cell = entry.cell(role, way.database, routes[way.route], tls=way.tls)
            by_certificate = cell.line is not None and cell.line.method == "cert"
            proven = not by_certificate or way.role in self._certified(way.route)
            made[way] = cell.open and proven and self._may_connect(way.role, way.database)
        return made

    def promised(self, ways: Iterable[Way]) -> dict[Way, bool]:
        """What must be: each role in its own database over TLS, directly or through its own pooler, and nobody else.

        Beside the operator's own: replicas in `postgres`, and PgBouncer where CONNECT lets it, both with a certificate.
        """
        own = {it.pooler: it.database for it in self.stack.args.applications}

        def promise(way: Way) -> bool:
            if not way.tls or not self._may_connect(way.role, way.database):
                return False
            if way.route == DIRECTLY and way.role == REPLICA_ROLE:
                return way.database == "postgres"
            if way.route == DIRECTLY and way.role == AUTHENTICATION_ROLE:
                return True
            mine = self.owners.get(way.database) == way.role
            return mine and (way.route == DIRECTLY or own[way.route] == way.database)

        return {way: promise(way) for way in ways}

    def _certified(self, route: str) -> Iterable[str]:
        """Who shows a certificate of its own to PostgreSQL: on the way of a pooler that is the pooler."""
        return BY_CERTIFICATE if route == DIRECTLY else (AUTHENTICATION_ROLE,)

    def _may_connect(self, role: str, database: str) -> bool:
        """What PostgreSQL's own rights say: who is there, and CONNECT, which PUBLIC has until a database is closed."""
        if role in (NOBODY, CONSOLE) or database in (NOWHERE, CONSOLE, _CLOSED):
            return False
        return database not in self.closed or role in (self.owners[database], METRICS_ROLE, SUPERUSER)


def differences(measured: Measured, wanted: Mapping[Way, bool]) -> dict[Way, Answer]:
    """The ways that are not as wanted, with what came of them."""
    return {way: answer for way, answer in measured.items() if answer.entered != wanted[way]}


def breaches(measured: Measured, wanted: Mapping[Way, bool]) -> set[Way]:
    """Those that are open and must not be."""
    return {way for way, answer in differences(measured, wanted).items() if answer.entered}
