"""The short answer to the first question of everybody: which application can reach which store."""

from collections.abc import Iterable, Iterator, Mapping

from seawall.qa.report.content import Access, Cell, Entrance, Guest, Opening, Reach, Row, Store

_PUBLIC = ("application", "others", "outside")
"""Whom a reader wants to hear of; the platform's own are in the matrix."""


def access(reach: Reach, entrances: Iterable[Entrance]) -> tuple[Access, ...]:
    """Who can open the client ports of each cache and each Cluster, poolers included; what is wrong first.

    A pooler of a Cluster that is not here stands for itself.
    """
    stores = {store.key: store for store in reach.stores}
    poolers: dict[str, list[int]] = {}
    for place, store in enumerate(reach.stores):
        if store.behind and f"Cluster {store.behind}" in stores:
            poolers.setdefault(f"Cluster {store.behind}", []).append(place)
    doors = _doors(entrances)
    found = []
    for place, store in enumerate(reach.stores):
        inside = store.behind and f"Cluster {store.behind}" in stores
        if store.service == "platform" or store.unreadable or inside:
            continue
        through = (guest for each in poolers.get(store.key, ()) for guest in _through(reach, place, each, doors))
        guests = sorted([*_guests(reach, place, doors), *through], key=lambda guest: (guest.name, guest.way))
        found.append(
            Access(
                place,
                tuple(port.number for port in store.ports if port.clients),
                tuple(guest for guest in guests if not guest.wrong),
                tuple(guest for guest in guests if guest.wrong and guest.state != "closed"),
                tuple(guest for guest in guests if guest.wrong and guest.state == "closed"),
            )
        )
    return tuple(sorted(found, key=lambda each: (not each.strangers, not each.missing, each.store)))


def _doors(entrances: Iterable[Entrance]) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """`namespace/name` of a Cluster and a way → the databases that it leads into, and as whom."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for entrance in entrances:
        for way in entrance.ways:
            if any(mark is not None and mark.enters for mark in (way.tls, way.plain)):
                key = (f"{entrance.namespace}/{entrance.name}", way.way)
                into = way.database if way.role == way.database else f"{way.database} as {way.role}"
                found.setdefault(key, {})[into] = None
    return {key: tuple(names) for key, names in found.items()}


def _guests(reach: Reach, place: int, doors: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[Guest]:
    store = reach.stores[place]
    for number, row in enumerate(store.rows):
        cells = _shown(reach, store, row)
        if row.who in _PUBLIC and cells:
            state, wrong = _worst(cells.values())
            enters = doors.get((f"{store.namespace}/{store.name}", "directly"), ()) if store.kind == "Cluster" else ()
            yield Guest(row.application or row.source, "", tuple(cells), state, wrong, enters, f"r{place}.{number}")


def _through(
    reach: Reach, cluster: int, pooler: int, doors: Mapping[tuple[str, str], tuple[str, ...]]
) -> Iterator[Guest]:
    """Who comes through a pooler: who can open it, as far as it can open the Cluster."""
    target, between = reach.stores[cluster], reach.stores[pooler]
    named = f"{between.namespace}/{between.name}"
    onward = next((row for row in target.rows if row.pooler == named), None)
    cells = _shown(reach, target, onward) if onward is not None else {}
    for guest in _guests(reach, pooler, {}):
        state, wrong = guest.state, guest.wrong
        if not any(cell.state != "closed" for cell in cells.values()):
            state, wrong = "closed", wrong or f"the pooler {between.name} cannot reach the instances"
        elif state == "open":
            state, _ = _worst(cells.values())
        enters = doors.get((f"{target.namespace}/{target.name}", f"through {between.name}"), ())
        yield Guest(guest.name, between.name, guest.ports, state, wrong, enters, guest.ref)


def _shown(reach: Reach, store: Store, row: Row) -> dict[int, Cell]:
    """The cells of the ports for clients that are open, or should be."""
    cells = ((port, reach.cells[cell]) for port, cell in zip(store.ports, row.cells, strict=True) if port.clients)
    return {port.number: cell for port, cell in cells if cell.state != "closed" or cell.wrong}


def _worst(cells: Iterable[Cell]) -> tuple[Opening, str]:
    """What several ports come to: the one that is wrong, else the most open one."""
    order = ("open", "some requests", "undecided", "closed")
    found = min(cells, key=lambda cell: (not cell.wrong, order.index(cell.state)))
    return found.state, found.wrong
