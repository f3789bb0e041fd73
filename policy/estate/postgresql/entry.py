"""Which role enters which database, through which pooler or directly, over TLS or without: the second matrix.

A cell is decided by the first line of pg_hba that matches, at each hop: PgBouncer's file and then PostgreSQL's. What
is expected comes from who owns which database, never from the lines. CONNECT, a right inside PostgreSQL, is not part of
it: no object shows who has it.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.hba import Hba, Line, Opening, Role
from seawall.policy.estate.postgresql.postgres import client_tls, pooler_hba, server_hba, server_tls
from seawall.policy.estate.postgresql.tenants import Tenants, adrift, of_cluster, tenants_of
from seawall.policy.estate.values import CannotEvaluateError

NO_LINE = "no line matches"


@dataclass(frozen=True)
class Route:
    """One way to PostgreSQL: directly, or through a pooler."""

    pooler: KubeObject | None
    hba: Hba | None
    """The pooler's own file."""
    modes: tuple[bool, ...]
    """Whether clients may come with TLS (True), without (False), or both."""
    onward_tls: bool
    """Whether the pooler speaks TLS to PostgreSQL."""

    @cached_property
    def alike(self) -> tuple[object, ...]:
        """Equal for routes that let in alike: most poolers of a cluster say nothing of their own."""
        return None if self.hba is None else self.hba.lines, self.modes, self.onward_tls

    @property
    def title(self) -> str:
        """For a person: `directly`, `through harbor-pooler`."""
        return "directly" if self.pooler is None else f"through {self.pooler.name}"


@dataclass(frozen=True)
class Cell:
    """Whether one role enters one database by one route, and the line that decides it."""

    role: str
    database: str
    route: Route
    tls: bool
    open: bool
    line: Line | None
    """The line that lets in (at the last hop), or the one that does not; None when no line matches."""
    at_pooler: bool
    """Whether the deciding line is the pooler's."""

    @property
    def decided_by(self) -> str:
        """The deciding line for a person, with whose it is."""
        where = f"{self.route.pooler.name}: " if self.at_pooler and self.route.pooler is not None else ""
        return f"{where}{NO_LINE if self.line is None else self.line.text}"


@dataclass(frozen=True)
class Entry:
    """All that decides who enters the databases of one Cluster."""

    cluster: KubeObject
    tenants: Tenants
    server: Hba
    routes: tuple[Route, ...]
    """Directly first, then each pooler that can be read."""
    unreadable: Mapping[KubeObject, CannotEvaluateError]
    """The poolers that cannot be read, with the reason."""
    _pairs: dict[object, set[tuple[str, str]]] = field(default_factory=dict, repr=False)
    _foreign: dict[object, list[tuple[Opening, bool]]] = field(default_factory=dict, repr=False)

    def cell(self, role: Role, database: str, route: Route, *, tls: bool) -> Cell:
        """Whether a role enters a database by a route, from some address or other."""
        onward = tls
        if route.hba is not None:
            at_pooler = route.hba.enters(role, database, tls=tls)
            if at_pooler is None or tls not in route.modes:
                refusing = next(iter(route.hba.outcomes(role, database, tls=tls)), None)
                return Cell(role.name, database, route, tls, False, refusing, at_pooler=True)
            onward = route.onward_tls
        line = self.server.enters(role, database, tls=onward)
        if line is None:
            refusing = next(iter(self.server.outcomes(role, database, tls=onward)), None)
            return Cell(role.name, database, route, tls, False, refusing, at_pooler=False)
        return Cell(role.name, database, route, tls, True, line, at_pooler=False)

    def enters(self, role: Role, database: str) -> bool:
        """Whether a role enters a database by any route. Raises `CannotEvaluateError` when that cannot be said."""
        if any(self.cell(role, database, route, tls=tls).open for route in self.routes for tls in route.modes):
            return True
        for problem in self.unreadable.values():
            raise problem.with_traceback(None)
        return False

    def own(self, route: Route) -> Iterator[Cell]:
        """The cells of roles in the databases that they belong into, by one route.

        Of a pooler those of the roles that its lines name, which are few: all others it keeps out alike.
        """
        homes = self.tenants.homes
        for name in sorted(homes.keys() if route.hba is None else route.hba.let_in(homes.keys())):
            for database in homes[name]:
                for tls in route.modes:
                    yield self.cell(self.tenants.roles[name], database, route, tls=tls)

    def pairs(self, route: Route, most: int) -> Set[tuple[str, str]]:
        """The pairs of role and database that come in by a route, `most` of them at the most."""
        if (route.alike, most) in self._pairs:
            return self._pairs[route.alike, most]
        by_server = route.hba is None or not route.hba.lists_all
        hba = self.server if by_server or route.hba is None else route.hba
        found: set[tuple[str, str]] = set()
        for name, database in hba.may_let_in(self.tenants.roles.keys(), self.tenants.databases.keys()):
            if len(found) >= most:
                break
            role = self.tenants.roles[name]
            if any(self.cell(role, database, route, tls=tls).open for tls in route.modes):
                found.add((name, database))
        self._pairs[route.alike, most] = found
        return found

    def foreign(self, route: Route) -> list[tuple[Opening, bool]]:
        """The lines of a route's first file that let a role into another one's database, with TLS or without.

        Of a pooler that is what it hands on: whether PostgreSQL lets it in is another question (`cell`).
        """
        if not self.tenants.several:
            return []
        if route.alike not in self._foreign:
            hba = self.server if route.hba is None else route.hba
            apart, databases = self.tenants.at_home, self.tenants.databases.keys()
            self._foreign[route.alike] = [
                (found, tls)
                for tls in route.modes
                for found in hba.openings(apart, databases, self.tenants.expected, tls=tls)
            ]
        return self._foreign[route.alike]

    @cached_property
    def direct(self) -> Route:
        """The route without a pooler."""
        return self.routes[0]

    def through(self, pooler: KubeObject) -> Route:
        """The route through a pooler of this cluster. Raises `CannotEvaluateError` when it cannot be read."""
        if pooler in self.unreadable:
            raise self.unreadable[pooler].with_traceback(None)
        return self._by_pooler[pooler]

    @cached_property
    def _by_pooler(self) -> Mapping[KubeObject | None, Route]:
        return {route.pooler: route for route in self.routes}


def _entries(_estate: Estate) -> dict[KubeObject, Entry]:
    return {}


def entry_of(cluster: KubeObject, estate: Estate) -> Entry:
    """The matrix of a Cluster, made once. Raises `CannotEvaluateError` when some line or name cannot be read."""
    made = estate.memo(_entries)
    if cluster not in made:
        routes = [Route(None, None, (True, False), onward_tls=True)]
        unreadable = dict(adrift(POOLER, cluster, estate))
        for pooler in of_cluster(POOLER, cluster, estate):
            try:
                hba = pooler_hba(pooler, estate)
                routes.append(Route(pooler, hba, client_tls(pooler), server_tls(pooler)))
            except CannotEvaluateError as problem:
                problem.about(pooler)
                unreadable[pooler] = problem
        try:
            tenants, server = tenants_of(cluster, estate), server_hba(cluster)
        except CannotEvaluateError as problem:
            problem.about(cluster)
            raise
        made[cluster] = Entry(cluster, tenants, server, tuple(routes), unreadable)
    return made[cluster]


def to_data(estate: Estate) -> list[dict[str, Any]]:
    """The matrix of every Cluster as plain data: own entries cell by cell, others by the line that opens them."""
    return [_cluster_data(cluster, estate) for cluster in estate.every(CLUSTER)]


def _cluster_data(cluster: KubeObject, estate: Estate) -> dict[str, Any]:
    head = {"cluster": cluster.title}
    try:
        entry = entry_of(cluster, estate)
        return {
            **head,
            "databases": dict(sorted(entry.tenants.databases.items())),
            "roles": sorted(entry.tenants.roles),
            "routes": [_route_data(entry, route) for route in entry.routes],
            "unknown routes": {pooler.name: problem.why for pooler, problem in entry.unreadable.items()},
        }
    except CannotEvaluateError as problem:
        return {**head, "unknown": problem.why}


def _route_data(entry: Entry, route: Route) -> dict[str, Any]:
    return {
        "route": route.title,
        "own": [
            {
                "role": cell.role,
                "database": cell.database,
                "tls": cell.tls,
                "enters": cell.open,
                "decided by": cell.decided_by,
            }
            for cell in entry.own(route)
        ],
        "others": [
            {
                "line": opening.line.text,
                "tls": tls,
                "pairs": [f"{role} into {database}" for role, database in opening.pairs],
                "more": opening.more,
                "stopped by PostgreSQL": route.hba is not None and not any(_opened(entry, route, opening, tls)),
            }
            for opening, tls in entry.foreign(route)
        ],
    }


def _opened(entry: Entry, route: Route, opening: Opening, tls: bool) -> Iterator[bool]:
    for role, database in opening.pairs:
        yield entry.cell(entry.tenants.roles[role], database, route, tls=tls).open


def describe(estate: Estate) -> Iterator[str]:
    """The same for a person: a line for each cluster, route and pair."""
    for cluster in to_data(estate):
        if "unknown" in cluster:
            yield f"{cluster['cluster']}: cannot be said: {cluster['unknown']}"
            continue
        for route in cluster["routes"]:
            for cell in route["own"]:
                verb = "enters" if cell["enters"] else "is kept out of"
                how = "with TLS" if cell["tls"] else "without TLS"
                yield (
                    f"{cluster['cluster']}: {cell['role']} {verb} {cell['database']} {route['route']} {how} "
                    f"({cell['decided by']})"
                )
            for opening in route["others"]:
                how = "with TLS" if opening["tls"] else "without TLS"
                stopped = ", where PostgreSQL stops it" if opening["stopped by PostgreSQL"] else ""
                pairs = ", ".join(opening["pairs"]) + (", …" if opening["more"] else "")
                yield f"{cluster['cluster']}: {pairs} {route['route']} {how} ({opening['line']}){stopped}"
