"""What lives on a PostgreSQL cluster: its poolers, databases and roles, and which role belongs into which database."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from seawall.policy.estate.kinds import CLUSTER, DATABASE, DATABASE_ROLE, POOLER, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.hba import Role
from seawall.policy.estate.values import CannotEvaluateError, View

DEFAULT_APPLICATION = "app"
"""The database and its owner that `initdb` makes when the Cluster names none."""


@dataclass(frozen=True)
class Tenants:
    """The roles and databases of one cluster, as far as they are declared."""

    databases: Mapping[str, str]
    """Database → the role that owns it."""
    roles: Mapping[str, Role]
    """The declared roles that may sign in, and the owners of databases."""
    declared_roles: frozenset[str]
    """The roles that some object declares, whether they may sign in or not."""
    superusers: frozenset[str]
    assumed: frozenset[str] = frozenset()
    """Databases that are there by the operator's default, and perhaps nobody's."""

    @cached_property
    def expected(self) -> frozenset[tuple[str, str]]:
        """Role and database: owners, and the members of an owner, belong into the database."""
        owned: dict[str, list[str]] = defaultdict(list)
        for database, owner in self.databases.items():
            owned[owner].append(database)
        return frozenset(
            (role.name, database)
            for role in self.roles.values()
            for group in {role.name, *role.member_of}
            for database in owned.get(group, ())
        )

    @cached_property
    def named(self) -> frozenset[tuple[str, str]]:
        """What is expected of the databases that somebody has named."""
        return frozenset(pair for pair in self.expected if pair[1] not in self.assumed)

    @cached_property
    def homes(self) -> Mapping[str, list[str]]:
        """Role → the databases that it belongs into, sorted."""
        found: dict[str, list[str]] = {}
        for role, database in sorted(self.expected):
            found.setdefault(role, []).append(database)
        return found

    @cached_property
    def at_home(self) -> Mapping[str, Role]:
        """The roles that belong into some database, and so into no other, by name. Superusers may enter all."""
        return {name: self.roles[name] for name in self.homes if name not in self.superusers}

    @cached_property
    def several(self) -> bool:
        """Whether there is somebody to keep apart: databases of two owners."""
        return len(set(self.databases.values())) > 1


class _Belongings:
    """Objects of one kind by namespace and cluster; those that name none are left out."""

    def __init__(self, things: Iterable[KubeObject]) -> None:
        self.found: dict[tuple[str, str], list[KubeObject]] = defaultdict(list)
        self.adrift: dict[str, dict[KubeObject, CannotEvaluateError]] = defaultdict(dict)
        """By namespace those of which nobody can tell to which cluster they belong."""
        for thing in things:
            try:
                cluster = thing.at("spec", "cluster", "name").text()
            except CannotEvaluateError as problem:
                problem.about(thing)
                self.adrift[thing.namespace][thing] = problem
            else:
                if cluster:
                    self.found[thing.namespace, cluster].append(thing)


def _of_kind(kind: GroupKind) -> Callable[[Estate], _Belongings]:
    return lambda estate: _Belongings(estate.of(kind))


_BELONGINGS = {kind: _of_kind(kind) for kind in (POOLER, DATABASE, DATABASE_ROLE)}


def of_cluster(kind: GroupKind, cluster: KubeObject, estate: Estate) -> list[KubeObject]:
    """The objects of a kind (Pooler, Database, DatabaseRole) that are known to belong to a Cluster."""
    return estate.memo(_BELONGINGS[kind]).found.get((cluster.namespace, cluster.name), [])


def adrift(kind: GroupKind, cluster: KubeObject, estate: Estate) -> Mapping[KubeObject, CannotEvaluateError]:
    """The objects of a kind that may belong to a Cluster, and of which nobody can tell, with the reason."""
    return estate.memo(_BELONGINGS[kind]).adrift.get(cluster.namespace, {})


def none_adrift(kind: GroupKind, cluster: KubeObject, estate: Estate) -> None:
    """Raises `CannotEvaluateError` when there are such."""
    for problem in adrift(kind, cluster, estate).values():
        raise problem.with_traceback(None)


def cluster_of(thing: KubeObject, estate: Estate) -> KubeObject | None:
    """The Cluster of a Pooler, Database or DatabaseRole, None when it is not in the estate."""
    name = thing.at("spec", "cluster", "name").text()
    return estate.find(CLUSTER, thing.namespace, name) if name else None


def _known(_estate: Estate) -> dict[KubeObject, Tenants]:
    return {}


def tenants_of(cluster: KubeObject, estate: Estate) -> Tenants:
    """The tenants of a Cluster. Raises `CannotEvaluateError` when some field that names one cannot be read."""
    known = estate.memo(_known)
    if cluster not in known:
        known[cluster] = _tenants(cluster, estate)
    return known[cluster]


def _tenants(cluster: KubeObject, estate: Estate) -> Tenants:
    for kind in (DATABASE, DATABASE_ROLE):
        none_adrift(kind, cluster, estate)
    databases: dict[str, str] = {}
    declared: dict[str, Role] = {}
    every: set[str] = set()
    superusers: set[str] = set()
    roles = [(cluster, view) for view in cluster.at("spec", "managed", "roles").items()]
    roles += [(thing, thing.at("spec")) for thing in of_cluster(DATABASE_ROLE, cluster, estate)]
    for thing, view in roles:
        try:
            name = view.at("name").text()
            if not name or view.at("ensure").text() == "absent":
                continue
            every.add(name)
            if view.at("superuser").boolean(default=False):
                superusers.add(name)
            if view.at("login").boolean(default=False):
                declared[name] = Role(name, frozenset(group.text() or "" for group in view.at("inRoles").items()))
        except CannotEvaluateError as problem:
            problem.about(thing)
            raise
    for thing in of_cluster(DATABASE, cluster, estate):
        try:
            name, owner = thing.at("spec", "name").text(), thing.at("spec", "owner").text()
            if name and owner and thing.at("spec", "ensure").text() != "absent":
                databases[name] = owner
        except CannotEvaluateError as problem:
            problem.about(thing)
            raise
    first, assumed = bootstrapped(cluster), frozenset[str]()
    if first is not None and (first.named or not databases):
        assumed = frozenset() if first.named else frozenset({first.database})
        databases.setdefault(first.database, first.owner)
    if first is not None:
        every.add(first.owner)
    for owner in databases.values():
        if owner not in declared and owner != "postgres":
            declared[owner] = Role(owner)
    return Tenants(databases, declared, frozenset(every), frozenset({*superusers, "postgres"}), assumed)


@dataclass(frozen=True)
class Bootstrapped:
    """The one database that the operator itself makes when a Cluster is born."""

    database: str
    owner: str
    named: bool
    """Whether the Cluster names it; else it is there by default and perhaps nobody's."""


def bootstrapped(cluster: KubeObject) -> Bootstrapped | None:
    """The database of `spec.bootstrap`, None when there is none (a restore that names none, a monolithic import)."""
    bootstrap = cluster.at("spec", "bootstrap")
    for method in ("recovery", "pg_basebackup"):
        if bootstrap.at(method).present:
            return _named(bootstrap.at(method))
    initdb = bootstrap.at("initdb")
    found = _named(initdb)
    if found is None and initdb.at("import", "type").text() == "monolith":
        return None
    return found or Bootstrapped(DEFAULT_APPLICATION, DEFAULT_APPLICATION, named=False)


def _named(method: View) -> Bootstrapped | None:
    database, owner = method.at("database").text(), method.at("owner").text()
    if not database:
        return None
    # the operator's webhook writes its default into every Cluster, and nobody can tell it from a written one
    named = {database, owner or database} != {DEFAULT_APPLICATION}
    return Bootstrapped(database, owner or database, named)
