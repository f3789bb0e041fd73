"""The estate as a picture: for each store a band from clients over the rules that admit them to pods and store.

Boxes stand in columns, a column's boxes in the order that crosses the fewest lines. Bands that look alike but for their
names are drawn once and counted, so that the picture of a thousand tenants is one that a person can read. Everything is
decided here: the page only draws.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from seawall.qa.report.content import Opening, Reach, Row, Store

Kind = Literal["application", "pooler", "platform", "others", "outside", "rule", "none", "pods", "store"]

COLUMNS = (0, 332, 664, 996)
"""Where the columns begin: clients, rules, pods, store."""
WIDTH, HEIGHT, GAP = 240, 44, 12
"""Of a box, and what is between two."""
ROW = HEIGHT + GAP
LETTERS, SUB_LETTERS = 25, 33
"""Letters that fit into the two lines of a box."""
MANY = 6
"""A Cluster's poolers, or bands that look alike: more are drawn as one, with their number."""
_SWEEPS = ((1, -1), (2, -1), (3, -1), (2, 1), (1, 1), (0, 1), (1, -1), (2, -1))
"""In what order the columns are sorted: to the right by what leads to a box, and back by what it leads to."""
_ORDER = ("application", "others", "outside", "pooler", "platform")


@dataclass(frozen=True)
class Node:
    """A box."""

    kind: Kind
    label: str
    sub: str
    x: int
    y: int
    warn: bool
    """Whether it gets in and should not, or the other way round."""
    ref: str
    """What a click shows: `r3.4` (row of a store), `g12` (ground), `s3` (store)."""


@dataclass(frozen=True)
class Edge:
    """A line from one box to another, by their places in `Band.nodes`."""

    start: int
    end: int
    state: Opening
    """`closed`: it has to be open, and is not."""
    warn: bool
    label: str


@dataclass(frozen=True)
class Band:
    """The picture of one store."""

    store: int
    """Its place in `Reach.stores`."""
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    height: int

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for bands that look alike but for their names."""
        return self.height, self.edges, tuple((node.kind, node.x, node.y, node.warn) for node in self.nodes)


@dataclass(frozen=True)
class Group:
    """Bands that look alike, the first of which is drawn."""

    bands: tuple[Band, ...]


def groups(reach: Reach) -> tuple[Group, ...]:
    """The bands of all stores: one by one, or, of more than `MANY` that look alike, together. Worst first."""
    drawn = _drawn(reach)
    alike: dict[object, list[Band]] = {}
    for band in drawn:
        alike.setdefault((reach.stores[band.store].kind, band.shape), []).append(band)
    made: list[Group] = []
    for bands in alike.values():
        made += [Group(tuple(bands))] if len(bands) > MANY else [Group((band,)) for band in bands]
    return tuple(sorted(made, key=lambda group: (not _warns(group), group.bands[0].store)))


def _warns(group: Group) -> bool:
    return any(edge.warn for edge in group.bands[0].edges)


def _drawn(reach: Reach) -> Iterator[Band]:
    readable = {store.key for store in reach.stores if not store.unreadable}
    behind: dict[str, list[int]] = {}
    for place, store in enumerate(reach.stores):
        if store.behind:
            behind.setdefault(f"Cluster {store.behind}", []).append(place)
    for place, store in enumerate(reach.stores):
        if store.service == "platform" or store.unreadable:
            continue
        within = behind.get(store.key, [])
        cluster = f"Cluster {store.behind}"
        if cluster in readable and len(behind[cluster]) <= MANY:
            continue  # it is in the band of its Cluster
        yield _Drawing(reach, place).band(within if len(within) <= MANY else [])


@dataclass
class _Box:
    kind: Kind
    label: str
    sub: str
    column: int
    ref: str
    warn: bool = False
    names: list[str] = field(default_factory=list)
    at: float = 0.0


@dataclass
class _Line:
    start: int
    end: int
    state: Opening
    warn: bool
    ports: list[str]


class _Drawing:
    """One band in the making."""

    def __init__(self, reach: Reach, place: int) -> None:
        self._reach = reach
        self._place = place
        self._store = reach.stores[place]
        self._boxes: list[_Box] = []
        self._lines: dict[tuple[int, int, Opening], _Line] = {}
        self._rules: dict[object, int] = {}
        self._clients: dict[object, int] = {}

    def band(self, poolers: Sequence[int]) -> Band:
        """The band, with the poolers (places in `Reach.stores`) that are drawn inside it."""
        store = self._store
        pods = self._box(_Box("pods", store.pods, _services(store), 2, f"s{self._place}"))
        within = {}
        for place in poolers:
            pooler = self._reach.stores[place]
            within[f"{pooler.namespace}/{pooler.name}"] = self._box(
                _Box("pooler", f"Pooler {pooler.name}", f"{pooler.pods} · {_services(pooler)}", 2, f"s{place}")
            )
        target = self._box(_Box("store", _title(store), _about(store), 3, f"s{self._place}"))
        if store.behind:
            target_label = f"Cluster {store.behind.partition('/')[2]}"
            self._boxes[target].label, self._boxes[target].sub = target_label, store.behind.partition("/")[0]
        self._line(pods, target, "open", False, "")
        self._rows(self._place, pods, {pooler: (box, target) for pooler, box in within.items()})
        for place in poolers:
            pooler = self._reach.stores[place]
            if not pooler.unreadable:
                self._rows(
                    place, within[f"{pooler.namespace}/{pooler.name}"], {}, only=("application", "others", "outside")
                )
        return self._laid()

    def _rows(
        self,
        place: int,
        pods: int,
        within: Mapping[str, tuple[int, int]],
        only: Iterable[str] = _ORDER,
    ) -> None:
        """The rows of a store that get in, or that should and do not."""
        store = self._reach.stores[place]
        alike: dict[object, list[tuple[int, Row]]] = {}
        for number, row in enumerate(store.rows):
            if row.who not in only or not self._shown(row):
                continue
            if row.pooler in within:
                self._through(row, store, within[row.pooler])
                continue
            apart = row.who in ("application", "others", "outside")
            alike.setdefault((row.who, number if apart else row.cells), []).append((number, row))
        for rows in alike.values():
            self._client(place, rows, pods)

    def _through(self, row: Row, store: Store, boxes: tuple[int, int]) -> None:
        """A pooler that is drawn in this band: its line leads to the store."""
        for port, cell in zip(store.ports, (self._reach.cells[each] for each in row.cells), strict=True):
            if cell.state != "closed" or cell.wrong:
                self._line(boxes[0], boxes[1], cell.state, bool(cell.wrong), str(port.number))

    def _shown(self, row: Row) -> bool:
        cells = [self._reach.cells[cell] for cell in row.cells]
        return any(cell.state != "closed" or cell.wrong for cell in cells)

    def _client(self, place: int, rows: list[tuple[int, Row]], pods: int) -> None:
        store = self._reach.stores[place]
        number, first = rows[0]
        label, sub = _client_words(rows)
        key = (first.who, label, sub)
        if key not in self._clients:
            self._clients[key] = self._box(_Box(first.who, label, sub, 0, f"r{place}.{number}"))
        client = self._clients[key]
        for port, cell in zip(store.ports, (self._reach.cells[each] for each in first.cells), strict=True):
            if cell.state == "closed" and not cell.wrong:
                continue
            rule = self._rule(cell.grounds, cell.state)
            self._boxes[client].warn |= bool(cell.wrong)
            self._line(client, rule, cell.state, bool(cell.wrong), str(port.number))
            self._line(rule, pods, cell.state, bool(cell.wrong), "")

    def _rule(self, grounds: tuple[int, ...], state: Opening) -> int:
        key = grounds[:1] if grounds else state
        if key not in self._rules:
            if grounds:
                ground = self._reach.grounds[grounds[0]]
                policy, _, rule = (ground.rule or ground.policy).partition(", ")
                named = policy.partition(" ")[2].rpartition("/")[2] or policy
                box = _Box("rule", named, rule or f"{ground.effect} the pods", 1, f"g{grounds[0]}")
            else:
                box = _Box("none", "no rule is asked", "open whatever policies say", 1, f"s{self._place}")
            self._rules[key] = self._box(box)
        return self._rules[key]

    def _box(self, box: _Box) -> int:
        self._boxes.append(box)
        return len(self._boxes) - 1

    def _line(self, start: int, end: int, state: Opening, warn: bool, port: str) -> None:
        line = self._lines.setdefault((start, end, state), _Line(start, end, state, warn, []))
        line.warn |= warn
        if port and port not in line.ports:
            line.ports.append(port)

    def _laid(self) -> Band:
        columns: list[list[int]] = [[], [], [], []]
        for place, box in enumerate(self._boxes):
            columns[box.column].append(place)
        columns[0].sort(key=lambda place: (not self._boxes[place].warn, _ORDER.index(self._boxes[place].kind)))
        self._stack(columns[0])
        for number, side in _SWEEPS:
            self._sort(columns[number], side)
            self._stack(columns[number])
        height = max(len(column) for column in columns) * ROW - GAP
        order = [place for column in columns for place in column]
        renamed = {place: number for number, place in enumerate(order)}
        nodes = []
        for column in columns:
            top = (height - (len(column) * ROW - GAP)) // 2
            for number, place in enumerate(column):
                box = self._boxes[place]
                x = COLUMNS[box.column]
                nodes.append(Node(box.kind, box.label, box.sub, x, top + number * ROW, box.warn, box.ref))
        edges = sorted(
            (
                Edge(renamed[line.start], renamed[line.end], line.state, line.warn, " ".join(line.ports))
                for line in self._lines.values()
            ),
            key=lambda edge: (edge.start, edge.end, edge.state),
        )
        return Band(self._place, tuple(nodes), tuple(edges), height)

    def _sort(self, column: list[int], side: int) -> None:
        """By where its neighbours stand, of the column before (-1) or after (1)."""
        near: dict[int, list[float]] = {place: [] for place in column}
        for line in self._lines.values():
            mine, other = (line.end, line.start) if side < 0 else (line.start, line.end)
            if mine in near:
                near[mine].append(self._boxes[other].at)
        column.sort(key=lambda place: sum(near[place]) / len(near[place]) if near[place] else self._boxes[place].at)

    def _stack(self, column: Sequence[int]) -> None:
        for number, place in enumerate(column):
            self._boxes[place].at = number - (len(column) - 1) / 2


def _client_words(rows: Sequence[tuple[int, Row]]) -> tuple[str, str]:
    """What stands in the box of one or several clients."""
    first = rows[0][1]
    if len(rows) > 1:
        names = [row.source for _, row in rows]
        if first.who == "pooler":
            return f"{len(rows)} poolers", ", ".join(names)
        return f"{names[0]} and {len(rows) - 1} more", ", ".join(names[1:])
    if first.application:
        namespace, _, cluster = first.application.partition(" in ")
        whole = first.source.startswith(("every pod", "the declared client"))
        which = "" if whole else first.source.partition(" of namespace ")[0]
        where = cluster or "namespace"
        return namespace, f"{where} · {which}" if which else where
    return first.source, {"platform": "platform", "pooler": "pooler"}.get(first.who, "nobody declared it")


def _services(store: Store) -> str:
    if not store.services:
        return "no Service"
    return f"Service{'s' if len(store.services) > 1 else ''} {', '.join(store.services)}"


def _title(store: Store) -> str:
    return f"{store.kind} {store.name}"


def _about(store: Store) -> str:
    if store.databases:
        return f"{store.namespace} · {len(store.databases)} database{'s' if len(store.databases) > 1 else ''}"
    return store.namespace
