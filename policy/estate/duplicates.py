"""Objects that are declared several times in what came through one door, as with a base and its overlays.

Nobody can tell which of them will be applied. Those that mean the same are one. Those that differ are all judged, but
never side by side, where they would be two budgets or twice the pods: the estate holds the last of each, and has a
variant for each other set of declarations that belong together, those of one folder. What a folder does not declare is
taken from where it is declared first.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from seawall.policy.estate.objects import KubeObject, Note
from seawall.policy.estate.server_fields import LAST_APPLIED, OWN_FIELDS

MOST_NOTES = 20
"""Repositories repeat hundreds of objects: beyond this many, the rest is counted."""
FEWEST_VARIANTS = 8
LARGEST_SHARE = 4
"""Variants are judged whole. So that judging stays linear in what was read, there are at most `FEWEST_VARIANTS` of
them, or as many as hold `LARGEST_SHARE` times the objects that were read."""

_Unit = tuple[str, int]
"""A folder, and the how many-th declaration of an object in it."""


@dataclass(frozen=True)
class Settled:
    """What several declarations of the same object come to."""

    objects: list[KubeObject]
    """The last declaration of each object."""
    variants: list[list[KubeObject]]
    """All objects again, with other declarations where they differ."""
    duplicates: list[tuple[KubeObject, ...]]
    """Objects that are declared several times, with all declarations in their order."""
    unjudged: list[KubeObject]
    """Declarations that are in no variant, because there would be too many."""
    notes: list[Note]


def settle(things: Iterable[KubeObject]) -> Settled:
    """Sorts declarations by object. Those that get a name later (`generateName`, auto-naming) are each their own."""
    read = list(things)
    by_object: dict[object, list[KubeObject]] = defaultdict(list)
    for thing in read:
        by_object[_identity(thing)].append(thing)
    last = [thing for thing in read if by_object[_identity(thing)][-1] is thing]
    choices = [_Choice(declared) for declared in by_object.values() if len(declared) > 1]
    most = max(FEWEST_VARIANTS, LARGEST_SHARE * len(read) // max(1, len(last)))
    variants, unjudged = _variants(last, [choice for choice in choices if choice.differ], most)
    return Settled(
        last,
        variants,
        [tuple(choice.declared) for choice in choices],
        unjudged,
        _told(choices, set(unjudged)),
    )


def _told(choices: "list[_Choice]", unjudged: set[KubeObject]) -> list[Note]:
    """A note for each declaration but the last; when there are many, only for those that no verdict is of."""
    notes = [found for choice in choices for found in choice.notes(unjudged)]
    if len(notes) <= MOST_NOTES:
        return [note for _, note in notes]
    kept = [note for thing, note in notes if thing in unjudged] or [note for _, note in notes[:MOST_NOTES]]
    more = len(notes) - len(kept)
    return [*kept, Note(f"{more} more declarations of objects that are declared several times")] if more else kept


def _identity(thing: KubeObject) -> object:
    metadata = thing.manifest.get("metadata")
    if thing.unknown is not None:
        return thing
    named = isinstance(metadata, Mapping) and isinstance(metadata.get("name"), str) and metadata["name"] != ""
    return (thing.group_kind, thing.namespace, thing.name) if named else thing


class _Choice:
    """The declarations of one object: which of them differ, and to which folder each belongs."""

    def __init__(self, declared: list[KubeObject]) -> None:
        self.declared = declared
        meanings = {thing: _meaning(thing.manifest) for thing in declared}
        stand_in = {meaning: thing for thing, meaning in meanings.items()}  # of equal ones the last
        self.distinct = list(stand_in.values())
        self.by_unit: dict[_Unit, KubeObject] = {}
        in_folder: dict[str, int] = defaultdict(int)
        for thing in declared:
            folder = str(PurePath(thing.origin.file).parent) if thing.origin.file is not None else ""
            self.by_unit[folder, in_folder[folder]] = stand_in[meanings[thing]]
            in_folder[folder] += 1

    @property
    def differ(self) -> bool:
        """Whether the declarations differ in meaning."""
        return len(self.distinct) > 1

    def of_unit(self, unit: _Unit) -> KubeObject:
        """The declaration of a unit, else the folder's last one before it, else the first of all."""
        folder, rank = unit
        found = (self.by_unit.get((folder, before)) for before in range(rank, -1, -1))
        return next((thing for thing in found if thing is not None), next(iter(self.by_unit.values())))

    def notes(self, unjudged: set[KubeObject]) -> Iterator[tuple[KubeObject, Note]]:
        """What is said of each declaration but the last."""
        winner = self.declared[-1]
        for thing in self.declared[:-1]:
            if thing in unjudged:
                how = "otherwise; there are too many declarations, and this one is not judged"
            else:
                how = "otherwise; each is judged" if self.differ else "the same"
            text = f"{thing.title} is declared again at {winner.origin.text()}, {how}"
            yield thing, Note(text, thing.origin.text())


def _variants(
    last: list[KubeObject], choices: list[_Choice], most: int
) -> tuple[list[list[KubeObject]], list[KubeObject]]:
    """At most so many other sets of objects, and the declarations that are in none of them."""
    shown = set(last)
    variants: list[list[KubeObject]] = []
    by_unit: dict[_Unit, list[KubeObject]] = defaultdict(list)
    for choice in choices:
        for unit, thing in choice.by_unit.items():
            by_unit[unit].append(thing)
    for unit, things in by_unit.items():
        if len(variants) < most and not shown.issuperset(things):
            chosen = {choice.declared[-1]: choice.of_unit(unit) for choice in choices}
            shown.update(chosen.values())
            variants.append([chosen.get(thing, thing) for thing in last])
    return variants, [thing for choice in choices for thing in choice.distinct if thing not in shown]


def _meaning(manifest: Mapping[str, Any]) -> str:
    """The manifest as a text that is the same for the same meaning."""
    content = {key: value for key, value in manifest.items() if key != "status"}
    metadata = content.get("metadata")
    if isinstance(metadata, Mapping):
        kept = {key: value for key, value in metadata.items() if key not in OWN_FIELDS}
        if isinstance(kept.get("annotations"), Mapping):
            annotations = {key: value for key, value in kept["annotations"].items() if key != LAST_APPLIED}
            kept["annotations"] = annotations
        content["metadata"] = {key: value for key, value in kept.items() if value not in ({}, None)}
    try:
        return json.dumps(content, sort_keys=True, default=repr)
    except (TypeError, ValueError):  # keys that are no texts
        return repr(content)
