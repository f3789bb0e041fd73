"""Host-based access control: the lines of a pg_hba file, as PostgreSQL and as PgBouncer read them, and which decides.

Written from the documented grammar of both. They differ in what they do with a line that they cannot read: PostgreSQL
refuses the whole file (it does not start, or keeps the rules that it has), PgBouncer skips the line with a warning.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple


class Network(NamedTuple):
    """Addresses from one to another, both included, as numbers."""

    version: int
    """4 or 6."""
    first: int
    last: int

    @classmethod
    def of(cls, text: str) -> "Network":
        """The network of a text like `10.0.0.0/8`; bits that the mask leaves out count as 0. Raises `ValueError`."""
        network = ipaddress.ip_network(text, strict=False)
        return cls(network.version, int(network.network_address), int(network.broadcast_address))

    def within(self, others: Iterable["Network"]) -> bool:
        """Whether all of it is in one of them."""
        version, first, last = self
        return any(it.version == version and it.first <= first and last <= it.last for it in others)


EVERYWHERE: Final = (Network.of("0.0.0.0/0"), Network.of("::/0"))
_LOOPBACK: Final = (Network.of("127.0.0.0/8"), Network.of("::1/128"))

_TLS: Final[Mapping[str, frozenset[bool]]] = {
    "host": frozenset({True, False}),
    "hostssl": frozenset({True}),
    "hostnossl": frozenset({False}),
    "hostnogssenc": frozenset({True, False}),
    "hostgssenc": frozenset(),
    "local": frozenset(),
}
"""Record type → whether it is about TCP connections with TLS, without, or neither (sockets, GSSAPI encryption)."""


@dataclass(frozen=True)
class Role:
    """A PostgreSQL role that may sign in."""

    name: str
    member_of: frozenset[str] = frozenset()
    """The roles that it is a member of, as far as they are declared; itself is one without being named."""

    def within(self, group: str) -> bool:
        """Whether it is this role or a member of it."""
        return group == self.name or group in self.member_of


@dataclass(frozen=True)
class Names:
    """The databases or roles that a line is about."""

    every: bool = False
    exact: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    """`+name`: the members of a role."""
    patterns: tuple[re.Pattern[str], ...] = ()
    """`/pattern`, from PostgreSQL 16 on."""
    same_name: bool = False
    """`sameuser`: the database that is called like the role."""
    same_group: bool = False
    """`samerole`: the database that is called like a role that the role is a member of."""

    @property
    def listed(self) -> bool:
        """Whether it is about nothing but names that are written out."""
        return not (self.every or self.groups or self.patterns or self.same_name or self.same_group)

    def has_role(self, role: Role) -> bool:
        """Whether a role is among them."""
        return (
            self.every
            or role.name in self.exact
            or any(role.within(group) for group in self.groups)
            or any(pattern.search(role.name) for pattern in self.patterns)
        )

    def has_database(self, database: str, role: Role) -> bool:
        """Whether a database is among them, for a role that wants to enter it."""
        return (
            self.every
            or database in self.exact
            or (self.same_name and database == role.name)
            or (self.same_group and role.within(database))
            or any(pattern.search(database) for pattern in self.patterns)
        )


@dataclass(frozen=True)
class Line:
    """One line that was read."""

    text: str
    index: int | None
    """Its place in the list of the resource, None when the operator adds it."""
    kind: str
    """The record type: `host`, `hostssl`, …"""
    databases: Names
    roles: Names
    networks: tuple[Network, ...]
    """The addresses that it is about; empty for sockets, for nowhere, and for what is `elsewhere`."""
    method: str
    elsewhere: str = ""
    """What else the addresses are said to be, which nobody can tell here: a host name, pods of a selector."""
    nowhere: str = ""
    """Why no address ever matches, when none does."""

    @property
    def admits(self) -> bool:
        """Whether who matches may go on to prove who he is."""
        return self.method != "reject"

    def about(self, *, tls: bool) -> bool:
        """Whether it is about TCP connections with TLS, or without."""
        return tls in _TLS[self.kind]

    @property
    def everywhere(self) -> bool:
        """Whether it is about every address."""
        return set(EVERYWHERE) <= set(self.networks)

    @property
    def sources(self) -> tuple[Network, ...]:
        """The networks in which all clients are that may match: every one, when nobody can tell."""
        return EVERYWHERE if self.elsewhere else self.networks

    @property
    def remote(self) -> bool:
        """Whether a client outside the pod itself may match."""
        return bool(self.elsewhere) or any(not network.within(_LOOPBACK) for network in self.networks)

    def matches(self, role: Role, database: str) -> bool:
        """Whether it is about a role that enters a database, from whatever address."""
        return self.roles.has_role(role) and self.databases.has_database(database, role)


@dataclass(frozen=True)
class Unread:
    """One line that the program cannot read."""

    text: str
    index: int
    why: str


@dataclass(frozen=True)
class Opening:
    """One line that lets roles in where they do not belong."""

    line: Line
    pairs: tuple[tuple[str, str], ...]
    """Role and database; the first ones when there are `more`."""
    more: bool = False


@dataclass(frozen=True)
class Hba:
    """All lines of one file in their order; the first that matches decides, and nobody enters without one."""

    lines: tuple[Line, ...]
    unread: tuple[Unread, ...] = ()
    _by_role: dict[str, list[int]] = field(default_factory=dict, compare=False, repr=False)
    _by_database: dict[str, list[int]] = field(default_factory=dict, compare=False, repr=False)
    _general: list[int] = field(default_factory=list, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Indexes the lines, so that to decide costs what may match and not the whole file."""
        for place, line in enumerate(self.lines):
            if line.roles.listed:
                for name in line.roles.exact:
                    self._by_role.setdefault(name, []).append(place)
            elif line.databases.listed:
                for name in line.databases.exact:
                    self._by_database.setdefault(name, []).append(place)
            else:
                self._general.append(place)

    def outcomes(self, role: Role, database: str, *, tls: bool) -> list[Line | None]:
        """Every line that decides for clients at some address, in order; None where no line matches and all is refused.

        An address that nobody can tell may be any client's, so that such a line decides, and so does a later one. The
        pod's own addresses are left out.
        """
        places = sorted({*self._by_role.get(role.name, ()), *self._by_database.get(database, ()), *self._general})
        matching = (self.lines[place] for place in places)
        found = [line for line in matching if line.about(tls=tls) and line.matches(role, database)]
        return list(_reached(found))

    def enters(self, role: Role, database: str, *, tls: bool) -> Line | None:
        """The first line by which clients at some address are let in; None when there is none."""
        return next((line for line in self.outcomes(role, database, tls=tls) if line is not None and line.admits), None)

    def in_force(self, *, tls: bool) -> Sequence[Line]:
        """The lines to which some connection with TLS, or without, may come: those up to a wall about everything."""
        return self._in_force[tls]

    @cached_property
    def _in_force(self) -> Mapping[bool, Sequence[Line]]:
        return {tls: self._up_to_a_wall(tls=tls) for tls in (True, False)}

    def _up_to_a_wall(self, *, tls: bool) -> Sequence[Line]:
        found: list[Line] = []
        walls: list[Network] = []
        for line in self.lines:
            if line.about(tls=tls):
                found.append(line)
                if line.roles.every and line.databases.every:
                    walls = _merged([*walls, *line.networks])
                    if _all_within(EVERYWHERE, walls):
                        break
        return found

    def openings(
        self,
        roles: Mapping[str, Role],
        databases: Set[str],
        expected: Set[tuple[str, str]],
        *,
        tls: bool,
        most: int = 20,
    ) -> Iterator[Opening]:
        """Per line, the pairs that it lets in and that are not expected; at most `most` of each line are told."""
        walls = _Walls()
        for line in self.in_force(tls=tls):
            if line.admits and line.remote:
                pairs = (
                    (name, database)
                    for name in sorted(_listed(line.roles, roles.keys()))
                    if not walls.shut_role(name)
                    for database in sorted(_listed(line.databases, databases))
                    if not walls.shut_database(database) and (name, database) not in expected
                )
                hits: list[tuple[str, str]] = []
                for name, database in pairs:
                    role = roles[name]
                    reached = self.outcomes(role, database, tls=tls) if line.matches(role, database) else []
                    if any(it is line for it in reached):
                        hits.append((name, database))
                        if len(hits) > most:
                            break
                if hits:
                    yield Opening(line, tuple(hits[:most]), len(hits) > most)
            walls.add(line)

    def let_in(self, roles: Set[str]) -> Set[str]:
        """Those of some roles that a line that lets in may be about."""
        found: set[str] = set()
        for tls in (True, False):
            for line in self.in_force(tls=tls):
                if line.admits and line.remote:
                    found |= _listed(line.roles, roles)
        return found

    def may_let_in(self, roles: Set[str], databases: Set[str]) -> Iterator[tuple[str, str]]:
        """Pairs of role and database that some line may let in, some of them several times."""
        for tls in (True, False):
            for line in self.in_force(tls=tls):
                if line.admits and line.remote:
                    for name in sorted(_listed(line.roles, roles)):
                        yield from ((name, database) for database in sorted(_listed(line.databases, databases)))

    @property
    def lists_all(self) -> bool:
        """Whether every line that lets in names its roles and databases one by one."""
        return all(
            line.roles.listed and line.databases.listed
            for tls in (True, False)
            for line in self.in_force(tls=tls)
            if line.admits and line.remote
        )

    def never_decides(self) -> Iterator[tuple[Line, Line]]:
        """Each line that can never decide, with the line before it that does in its place."""
        walls: dict[bool, list[Network]] = {True: [], False: []}
        latest: dict[object, Line] = {}
        seen: dict[tuple[object, ...], Line] = {}
        for line in self.lines:
            modes = _TLS[line.kind]
            same = seen.setdefault((line.kind, line.databases, line.roles, line.networks, line.elsewhere), line)
            if line.kind == "local" and "local" in latest:
                yield line, latest["local"]
            elif modes and not line.nowhere and all(_all_within(line.sources, walls[mode]) for mode in modes):
                yield line, latest[next(iter(sorted(modes)))]
            elif same is not line:
                yield line, same
            elif line.roles.every and line.databases.every:
                for mode in modes:
                    walls[mode] = _merged([*walls[mode], *line.networks])
                    latest[mode] = line
                if line.kind == "local":
                    latest["local"] = line


def _listed(names: Names, known: Set[str]) -> Set[str]:
    """Those of the known names that a line may be about."""
    return names.exact & known if names.listed else known


class _Walls:
    """The databases and the roles for which lines that were seen decide, whoever comes and from wherever."""

    def __init__(self) -> None:
        self._databases: dict[str, list[Network]] = {}
        self._roles: dict[str, list[Network]] = {}

    def add(self, line: Line) -> None:
        if line.roles.every and line.databases.listed:
            for name in line.databases.exact:
                self._databases[name] = _merged([*self._databases.get(name, ()), *line.networks])
        if line.databases.every and line.roles.listed:
            for name in line.roles.exact:
                self._roles[name] = _merged([*self._roles.get(name, ()), *line.networks])

    def shut_database(self, name: str) -> bool:
        return name in self._databases and _all_within(EVERYWHERE, self._databases[name])

    def shut_role(self, name: str) -> bool:
        return name in self._roles and _all_within(EVERYWHERE, self._roles[name])


def _reached(lines: Sequence[Line]) -> Iterator[Line | None]:
    """The lines that some client outside the pod comes to, and None when some comes to the end."""
    covered: Sequence[Network] = _LOOPBACK
    for line in lines:
        if line.elsewhere or any(not network.within(covered) for network in line.networks):
            yield line
        if line.everywhere:
            return
        covered = _merged([*covered, *line.networks])
    if not _all_within(EVERYWHERE, covered):
        yield None


def _merged(networks: Iterable[Network]) -> list[Network]:
    """The fewest networks with the same addresses: one is covered when it lies in one of them."""
    merged: list[Network] = []
    for network in sorted(networks):
        last = merged[-1] if merged else None
        if last is not None and last.version == network.version and network.first <= last.last + 1:
            merged[-1] = Network(last.version, last.first, max(last.last, network.last))
        else:
            merged.append(network)
    return merged


def _all_within(networks: Iterable[Network], others: Sequence[Network]) -> bool:
    return all(network.within(others) for network in networks)
