"""The matrix of reachability for reports: as plain data, and as text for a terminal."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from seawall.policy.estate.installed import installed
from seawall.policy.estate.model import Estate
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.reachability.decision import Cell
from seawall.policy.reachability.matrix import PROTECTED, Matrix, Row, matrix
from seawall.policy.reachability.operator_pods import operator_matrix

OPEN, CLOSED, UNDECIDED, SOME = "open", "closed", "undecided", "some requests"
"""What a cell says. `some requests`: open, but a policy looks into the requests."""


def to_data(estate: Estate) -> list[dict[str, Any]]:
    """Every protected set of pods of an estate with its cells, in the estate's order, then the operators' own.

    Each entry has `resource`, `pods`, `ports`, `isolated` and `cells`, or `resource` and `unreadable` (why). A cell has
    `source`, `declared`, `port`, `open` (true, false, or null where it cannot be decided), `requests` (which are let
    through, empty for all), `expected` (true, false, or null where either is fine), `by` (policy, rule, effect, path)
    and `why`.
    """
    return [
        {"resource": title, "unreadable": found.why} if isinstance(found, CannotEvaluateError) else _data(title, found)
        for title, found in _all(estate)
    ]


def _all(estate: Estate) -> Iterator[tuple[str, Matrix | CannotEvaluateError]]:
    """What holds data, then the operators."""
    for kind in PROTECTED:
        for thing in estate.every(kind):
            yield thing.title, _made(partial(matrix, thing, estate))
    for one in installed(estate).values():
        yield one.thing.title, _made(partial(operator_matrix, one, estate))


def _made(make: Callable[[], Matrix]) -> Matrix | CannotEvaluateError:
    try:
        found = make()
        found.rows  # noqa: B018 (may be unreadable as well)
    except CannotEvaluateError as problem:
        return problem
    return found


def _data(title: str, found: Matrix) -> dict[str, Any]:
    case = found.protected
    return {
        "resource": title,
        "pods": case.pods.title,
        "ports": [port.number for port in case.ports],
        "isolated": found.isolated,
        "cells": [_cell(row) for row in found.rows],
    }


def _cell(row: Row) -> dict[str, Any]:
    cell = row.deciding
    return {
        "source": row.source.title,
        "declared": row.source.role is not None,
        "port": row.port,
        "open": row.open,
        "requests": cell.requests if row.open else "",
        "expected": row.expected,
        "by": [
            {
                "policy": ground.policy.title,
                "rule": ground.rule.title if ground.rule is not None else "",
                "direction": ground.direction.value,
                "effect": ground.effect.value,
                "path": list(ground.path),
            }
            for ground in cell.by
        ],
        "why": cell.why,
    }


def describe(estate: Estate) -> str:
    """The matrices of an estate for a terminal: one line for each class of sources, one column for each port.

    `!` marks what should not be so: open to those whom nobody declared, or closed to those who need it.
    """
    parts = [
        f"{title}\n  cannot be said: {found.why}" if isinstance(found, CannotEvaluateError) else _table(title, found)
        for title, found in _all(estate)
    ]
    return "\n\n".join(parts) or "nothing here holds data: no Dragonfly, no Cluster and no Pooler"


def _table(title: str, found: Matrix) -> str:
    ports = [port.number for port in found.protected.ports]
    lines = [["", *map(str, ports), ""]]
    by_source: dict[str, list[Row]] = {}
    for row in found.rows:
        by_source.setdefault(row.source.title, []).append(row)
    for source, rows in by_source.items():
        cells = {row.port: _word(row) for row in rows}
        whys = dict.fromkeys(_because(row.deciding) for row in rows if row.open is not False)
        lines.append([source, *(cells.get(port, "") for port in ports), "; ".join(why for why in whys if why)])
    widths = [max(len(line[column]) for line in lines) for column in range(len(ports) + 1)]
    rendered = (
        "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(line, [*widths, 0], strict=True)) for line in lines
    )
    state = {True: "isolated", False: "not isolated", None: "isolated at some times only, or not to be told"}
    return "\n".join(
        [f"{title}: {found.protected.pods.title}, {state[found.isolated]}", *(line.rstrip() for line in rendered)]
    )


def _word(row: Row) -> str:
    word = UNDECIDED if row.open is None else CLOSED if not row.open else SOME if row.deciding.requests else OPEN
    wrong = (row.expected is False and row.open is not False) or (row.expected is True and row.open is False)
    return f"{word}!" if wrong else word


def _because(cell: Cell) -> str:
    return ", ".join(dict.fromkeys(ground.rule.title if ground.rule else ground.policy.title for ground in cell.by))
