"""Why mutants live that no test can kill: `survivors.yaml`, one entry each.

An entry may name a mutant that the sample does not hold, since another seed, or an edit elsewhere, draws others. But
the mutant must be one of today's source, and no test may kill it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import scope
import yaml
from mutants import pool, variants

FILE = Path(__file__).parent / "survivors.yaml"
Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Survivor:
    """One mutant that may live."""

    file: str
    """From the root of the repository."""
    function: str
    """`Class.method`, empty at the top of the file."""
    line: str
    """The line's text without indentation."""
    operator: str
    """cosmic-ray's, without its prefix."""
    becomes: str
    """The line after the change."""
    reason: str
    """Why nobody could tell, or why nobody should."""

    @property
    def key(self) -> Key:
        """As `Mutant.key`."""
        return self.file, self.function, self.line, self.operator, self.becomes


def load(file: Path = FILE) -> Mapping[Key, Survivor]:
    """The entries. Raises `ValueError` for one without a reason, or said twice; `TypeError` for a wrong field."""
    found: dict[Key, Survivor] = {}
    for each in yaml.safe_load(file.read_text()) or ():
        entry = Survivor(**each)
        if not entry.reason.strip():
            raise ValueError(f"{entry.file}: {entry.line}: no reason")
        if entry.key in found:
            raise ValueError(f"{entry.file}: {entry.line}: said twice")
        found[entry.key] = entry
    return found


def no_mutants(root: Path, entries: Iterable[Survivor]) -> list[Survivor]:
    """The entries that name no mutant of today's source: an explanation of what is gone explains nothing."""
    by_file: dict[str, list[Survivor]] = defaultdict(list)
    for entry in entries:
        by_file[entry.file].append(entry)
    found = []
    for file, said in by_file.items():
        known = _keys(root, file, said) if file in scope.files(root) else frozenset()
        found += [entry for entry in said if entry.key not in known]
    return found


def _keys(root: Path, file: str, entries: Iterable[Survivor]) -> frozenset[Key]:
    said = {(entry.function, entry.line) for entry in entries}
    text = (root / file).read_text()
    places = (place for place in pool(root, [file]).places[file] if (place.function, place.line) in said)
    return frozenset(mutant.key for place in places for mutant in variants(place, text, 0))
