"""Pairwise cover: few rows in which every two values of any two features meet.

Most faults of a configuration with many options come from one value or from two that meet; all combinations would be
too many to try. Greedy and deterministic: the same features always give the same rows.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence

Row = dict[str, str]
"""Feature → its value."""
Choice = tuple[str, str]
"""A feature and one of its values."""
Pair = frozenset[Choice]
Features = Mapping[str, Sequence[str]]
Excluded = Collection[frozenset[Choice]]
"""Combinations (of two or more choices) that no row may hold."""
Moot = Mapping[Choice, Collection[str]]
"""A choice → features that mean nothing beside it, so that nothing is proved for them in a row that holds it."""


class ImpossiblePairError(Exception):
    """No row can hold a pair that nobody excluded."""


def cover(features: Features, excluded: Excluded = (), moot: Moot | None = None) -> list[Row]:
    """Complete rows that hold every pair that means something, and no excluded combination.

    Raises `ImpossiblePairError` for a pair that cannot be completed to a row without an excluded combination.
    """
    moot = moot or {}
    left = dict.fromkeys(pairs(features, excluded, moot))
    rows = []
    while left:
        pair = next(iter(left))
        names = {name for name, _ in pair}
        barred = [frozenset({choice}) for choice, vain in moot.items() if names & set(vain)]
        row = _completed(dict(sorted(pair)), features, [*excluded, *barred], moot, left)
        if row is None:
            raise ImpossiblePairError(f"no row can hold {sorted(pair)}: exclude it, and say why")
        for held in pairs_of(row, moot):
            left.pop(held, None)
        rows.append({name: row[name] for name in features})
    return rows


def pairs(features: Features, excluded: Excluded = (), moot: Moot | None = None) -> Iterator[Pair]:
    """Every pair of values of two features that means something and is not excluded itself."""
    for one, other in itertools.combinations(features, 2):
        for left, right in itertools.product(features[one], features[other]):
            pair = frozenset({(one, left), (other, right)})
            if pair not in excluded and len(_meant(dict(pair), moot or {})) == len(pair):
                yield pair


def pairs_of(row: Row, moot: Moot | None = None) -> Iterator[Pair]:
    """The pairs that a row holds and that mean something in it."""
    return (frozenset(pair) for pair in itertools.combinations(_meant(row, moot or {}), 2))


def _meant(row: Row, moot: Moot) -> list[Choice]:
    vain = _vain(row, moot)
    return [choice for choice in row.items() if choice[0] not in vain]


def _vain(row: Row, moot: Moot) -> set[str]:
    return {name for (feature, value), names in moot.items() if row.get(feature) == value for name in names}


def _completed(row: Row, features: Features, excluded: Excluded, moot: Moot, left: Mapping[Pair, None]) -> Row | None:
    """The row with a value for every feature, chosen to hold many of the pairs that are left; None when none fits."""
    held = set(row.items())
    if any(combination <= held for combination in excluded):
        return None
    open_values = {
        name: [value for value in features[name] if not any(c <= held | {(name, value)} for c in excluded)]
        for name in features
        if name not in row
    }
    if not open_values:
        return row
    if not all(open_values.values()):
        return None
    # Features with exclusions first: what is chosen after them can never fail.
    bound = {name for combination in excluded for name, _ in combination}
    first = [name for name in open_values if name in bound] or list(open_values)
    before = sum(pair in left for pair in pairs_of(row, moot))
    gains = {
        (name, value): _gain((name, value), row, moot, left, before) for name in first for value in open_values[name]
    }
    name = max(first, key=lambda name: max(gains[name, value] for value in open_values[name]))
    for value in sorted(open_values[name], key=lambda value: -gains[name, value]):
        made = _completed({**row, name: value}, features, excluded, moot, left)
        if made is not None:
            return made
    return None


def _gain(choice: Choice, row: Row, moot: Moot, left: Mapping[Pair, None], before: int) -> int:
    """How many more of the pairs that are left the row holds with this choice; fewer, when it makes features moot."""
    if choice in moot:
        return sum(pair in left for pair in pairs_of({**row, choice[0]: choice[1]}, moot)) - before
    if choice[0] in _vain(row, moot):
        return 0
    return sum(frozenset({choice, held}) in left for held in _meant(row, moot))
