"""The second matrix as content: which role enters which database, by which way, over TLS and without."""

from collections.abc import Iterator

from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.entry import Entry, Route, entry_of
from seawall.policy.estate.values import CannotEvaluateError
from seawall.qa.report.content import Entrance, Mark, Way

IN_THE_CLEAR = "nothing is encrypted"
NOT_ITS_OWN = "this database is not its own"


def entrances(estate: Estate) -> tuple[Entrance, ...]:
    """Every Cluster of an estate, with the ways into its databases."""
    return tuple(_entrance(cluster, estate) for cluster in estate.every(CLUSTER))


def _entrance(cluster: KubeObject, estate: Estate) -> Entrance:
    try:
        entry = entry_of(cluster, estate)
        ways = tuple(way for route in entry.routes for way in (*_foreign(entry, route), *_own(entry, route)))
    except CannotEvaluateError as problem:
        return Entrance(cluster.namespace, cluster.name, (), (problem.why,))
    unknown = tuple(f"through {pooler.name}: {problem.why}" for pooler, problem in entry.unreadable.items())
    return Entrance(cluster.namespace, cluster.name, ways, unknown)


def _own(entry: Entry, route: Route) -> Iterator[Way]:
    """The ways of roles into the databases that they belong into."""
    marks: dict[tuple[str, str], dict[bool, Mark]] = {}
    for cell in entry.own(route):
        wrong = IN_THE_CLEAR if cell.open and not cell.tls else ""
        marks.setdefault((cell.role, cell.database), {})[cell.tls] = Mark(cell.open, cell.decided_by, wrong)
    for (role, database), found in marks.items():
        yield Way(role, database, route.title, found.get(True), found.get(False))


def _foreign(entry: Entry, route: Route) -> Iterator[Way]:
    """The ways of roles into databases of others, as far as a line opens them."""
    for opening, tls in entry.foreign(route):
        for role, database in opening.pairs:
            cell = entry.cell(entry.tenants.roles[role], database, route, tls=tls)
            mark = Mark(cell.open, opening.line.text, NOT_ITS_OWN if cell.open else "")
            yield Way(
                role, database, route.title, mark if tls else None, None if tls else mark, more=bool(opening.more)
            )
