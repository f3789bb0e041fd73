"""docs/data.md: what the long form of these tests measured."""

import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

PAGE = Path(__file__).resolve().parents[2] / "docs" / "data.md"
_HEAD = """# Backups that restore: what was tried

The archive that our stacks render, written and read by the real programs: PostgreSQL, `barman-cloud` with exactly the
options that the plugin makes of our `ObjectStore`, and PgBouncer with the files that the operator makes of our
`Pooler`s. The object store is moto: it keeps objects and their encryption headers in memory, encrypts nothing and
enforces no policy, and is as fast as loopback; times here say nothing about a store over a network. Rows are recorded
outside the database when their commit has returned, and compared one by one after each restore.

Written by `make test-data`; `make test` runs a short form. Only runs in which every test passed are written down. A run
of some of the tests (`ARGS=tests/data/test_rounds.py`) changes their sections alone; each says when it was measured.
"""


@dataclass
class Figures:
    """Rows of tables, collected while the tests run. Sections and columns appear in the order of their first use."""

    sections: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def row(self, section: str, columns: Mapping[str, object], *, note: str = "") -> None:
        """Add a row to a section's table; `note` is the text above it, in Markdown."""
        self.sections.setdefault(section, []).append({key: str(value) for key, value in columns.items()})
        if note:
            self.notes[section] = note

    def used(self, program: str, number: str) -> None:
        """Note the version of a program that was used."""
        self.versions[program] = number

    def write(self, page: Path = PAGE) -> None:
        """Write the sections of this run into the page; the others stay as they are."""
        page.write_text(self.merged(page.read_text() if page.exists() else ""))

    def merged(self, before: str) -> str:
        """The page as Markdown: the sections of this run, and those of `before` that it has not."""
        kept = dict(re.findall(r"^## ([^\n]+)\n\n(.*?)\s*(?=^## |\Z)", before, re.MULTILINE | re.DOTALL))
        sections = kept | {title: self._section(title) for title in self.sections}
        return "\n".join([_HEAD, *(f"## {title}\n\n{text}\n" for title, text in sections.items())])

    def _section(self, title: str) -> str:
        rows = self.sections[title]
        columns = list(dict.fromkeys(key for row in rows for key in row))
        note = [self.notes[title], ""] if title in self.notes else []
        table = [_line(columns), _line(["---"] * len(columns))]
        table += [_line([row.get(column, "") for column in columns]) for row in rows]
        return "\n".join([*note, *table, "", self._measured()])

    def _measured(self) -> str:
        memory = round(psutil.virtual_memory().total / 2**30)
        machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB"
        machine += f", load {os.getloadavg()[2]:.1f} over the last 15 minutes"
        own = {"moto": version("moto"), "Python": platform.python_version()}
        versions = ", ".join(f"{name} {number}" for name, number in sorted({**self.versions, **own}.items()))
        return f"{datetime.now(UTC).date().isoformat()}; {machine}; {versions}."


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
