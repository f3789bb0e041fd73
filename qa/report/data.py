"""What the page's script reads: the matrices and the pictures, every text once, so that the page stays small."""

from collections.abc import Sequence
from typing import Any

from seawall.qa.report.content import Content, Store
from seawall.qa.report.graph import Group

STATES = ("open", "closed", "some requests", "undecided")
WHO = ("application", "pooler", "platform", "others", "outside")


class _Texts:
    """Texts by number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self._numbers.setdefault(text, len(self._numbers))

    @property
    def all(self) -> list[str]:
        return list(self._numbers)


def to_data(content: Content, drawn: Sequence[Group]) -> dict[str, Any]:
    """The data, as lists whose places `page/data.js` names; numbers stand for texts."""
    text, reach = _Texts(), content.reach
    made = {
        "grounds": [
            [text(it.policy), text(it.rule), text(it.direction), text(it.effect), text(it.place), text(it.excerpt)]
            for it in reach.grounds
        ],
        "cells": [
            [STATES.index(it.state), text(it.wrong), text(it.requests), text(it.why), list(it.grounds)]
            for it in reach.cells
        ],
        "stores": [_store(store, text) for store in reach.stores],
        "groups": [_members(group, text) if len(group.bands) > 1 else [] for group in drawn],
    }
    return {"texts": text.all, **made}


def _store(store: Store, text: _Texts) -> list[Any]:
    isolated = 2 if store.isolated is None else int(store.isolated)
    return [
        text(store.kind),
        text(store.namespace),
        text(store.name),
        text(store.service),
        text(store.pods),
        [text(name) for name in store.services],
        text(store.behind),
        isolated,
        [[port.number, text(port.name), int(port.clients), text(port.warning)] for port in store.ports],
        [[text(row.source), WHO.index(row.who), text(row.application), *row.cells] for row in store.rows],
        text(store.unreadable),
    ]


def _members(group: Group, text: _Texts) -> list[list[Any]]:
    """For each band of a group its store, and for each box: label, second line, what a click shows."""
    return [
        [band.store, [part for node in band.nodes for part in (text(node.label), text(node.sub), text(node.ref))]]
        for band in group.bands
    ]
