"""Mutants of the pack's own code: the places of cosmic-ray's operators, less what is left out by name, and samples.

A place is one spot of the source where at least one operator has something to change. A sample draws places, then one
mutant of each: a comparison with eleven variants counts once. What is drawn follows from a hash of the seed and the
place's own words, so that an edit elsewhere in the file moves hardly anything.
"""

import ast
import hashlib
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from left_out import LEFT_OUT, Source
from parso.tree import Leaf, NodeOrLeaf

NEED_ARGUMENTS = ("core/VariableInserter", "core/VariableReplacer")
"""Operators that change names which somebody must give; no mutants of ours."""
_NEVER = frozenset("()[]{},:.=;@") | {"->", "="}


@dataclass(frozen=True)
class Place:
    """One spot of a file, with all that may be done to it."""

    file: str
    """From the root of the repository."""
    number: int
    """The line, from 1."""
    column: int
    line: str
    """The line's text without its indentation."""
    function: str
    """Where it is: `Class.method`, empty at the top of the file."""
    nth: int
    """Counts places that are alike in all of this, from 1."""
    variants: tuple[tuple[str, int], ...]
    """cosmic-ray's operators, each with the occurrence that this place is."""

    def rank(self, seed: int) -> str:
        """The order in which places are drawn."""
        words = (seed, self.file, self.function, self.line, self.column, self.nth)
        return hashlib.sha256(repr(words).encode()).hexdigest()


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    place: Place
    operator: str
    """Without cosmic-ray's prefix."""
    source: str
    """The whole file, changed."""
    becomes: str
    """What the line is after the change, empty when it is gone."""

    @property
    def key(self) -> tuple[str, str, str, str, str]:
        """What tells it from all others, whatever moves around it."""
        return self.place.file, self.place.function, self.place.line, self.operator, self.becomes


@dataclass(frozen=True)
class Pool:
    """Every place of some files, and how many were left out for which reason."""

    places: Mapping[str, Sequence[Place]]
    """By file."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Mutants by the name of their category."""

    @property
    def size(self) -> int:
        """Mutants that may be drawn."""
        return sum(len(place.variants) for places in self.places.values() for place in places)


@cache
def _operators() -> dict[str, Operator]:
    return {name: get_operator(name)() for name in operator_names() if name not in NEED_ARGUMENTS}


def pool(root: Path, files: Sequence[str]) -> Pool:
    """All places of these files."""
    places: dict[str, list[Place]] = {}
    gone: Counter[str] = Counter()
    for file in files:
        places[file] = []
        for place in _places(file, (root / file).read_text(), gone):
            places[file].append(place)
    return Pool(places, gone)


def _places(file: str, text: str, gone: Counter[str]) -> Iterator[Place]:
    source = Source(text)
    lines = text.splitlines()
    # an operator has nothing to do with names, texts and brackets, and those are most of the nodes
    nodes = [node for node in ast_nodes(get_ast(text)) if _may_change(node)]
    found: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    for name, operator in _operators().items():
        occurrence = 0
        for node in nodes:
            for (number, column), _ in operator.mutation_positions(node):
                category = next((each.name for each in LEFT_OUT if each.is_it(source, name, number, column)), "")
                if category:
                    gone[category] += 1
                else:
                    found[number, column].append((name, occurrence))
                occurrence += 1
    alike: Counter[tuple[str, str, int]] = Counter()
    for (number, column), variants in sorted(found.items()):
        line = lines[number - 1]
        function = source.function(number)
        indented = column - (len(line) - len(line.lstrip()))
        alike[function, line, indented] += 1
        nth = alike[function, line, indented]
        yield Place(file, number, indented, line.strip(), function, nth, tuple(variants))


def _may_change(node: NodeOrLeaf) -> bool:
    if node.type in ("name", "string", "newline", "endmarker", "fstring_string", "fstring_start", "fstring_end"):
        return False
    return not (isinstance(node, Leaf) and node.type == "operator" and node.value in _NEVER)


def sample(root: Path, pool: Pool, count: int, seed: int) -> list[Mutant]:
    """So many mutants, each file with its share by the number of its places; no two of one place."""
    drawn: list[Mutant] = []
    for file, share in shares({file: len(places) for file, places in pool.places.items()}, count).items():
        text = (root / file).read_text()
        ranked = sorted(pool.places[file], key=lambda place: place.rank(seed))
        made = (mutant for place in ranked if (mutant := next(variants(place, text, seed), None)) is not None)
        drawn += [mutant for mutant, _ in zip(made, range(share), strict=False)]
    return drawn


def shares(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """How many of each, by size; what is left after rounding down goes to the largest rests."""
    total = sum(sizes.values())
    count = min(count, total)
    exact = {name: count * size / total for name, size in sizes.items()} if total else {}
    given = {name: int(share) for name, share in exact.items()}
    rests = sorted(exact, key=lambda name: (given[name] - exact[name], name))
    for name in rests[: count - sum(given.values())]:
        given[name] += 1
    return given


def variants(place: Place, text: str, seed: int) -> Iterator[Mutant]:
    """A place's mutants, in the order of a seed; less those that are no Python, or the same program."""
    before = _tree(text)
    for name, occurrence in sorted(place.variants, key=lambda variant: _digest(seed, place, variant)):
        changed = mutate_code(text, _operators()[name], occurrence)
        after = _tree(changed) if changed is not None else None
        if changed is not None and after is not None and after != before:
            yield Mutant(place, name.partition("/")[2], changed, _changed_line(text, changed, place.number))


def _digest(seed: int, place: Place, variant: tuple[str, int]) -> str:
    first = min(occurrence for name, occurrence in place.variants if name == variant[0])
    return hashlib.sha256(f"{place.rank(seed)} {variant[0]} {variant[1] - first}".encode()).hexdigest()


def _tree(text: str) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        try:
            compile(text, "mutant", "exec")
            return ast.dump(ast.parse(text))
        except SyntaxError:
            return None


def _changed_line(before: str, after: str, number: int) -> str:
    old, new = before.splitlines(), after.splitlines()
    return " ".join(new[number - 1].split()) if len(old) == len(new) else ""
