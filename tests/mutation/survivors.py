"""Why mutants live that no test can kill: `survivors.yaml`, one entry each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

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
