"""The page of versions: the tables of `operators/versions.py`, as they are."""

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

from seawall.operators import versions
from seawall.pages import markdown
from seawall.pages.sources import attributes, docstring, texts


def page() -> str:
    """The page."""
    return markdown.page(
        "operators/versions.py",
        "Versions",
        markdown.paragraphs(docstring(versions)),
        *(part for name, rows in tables().items() for part in _table(name, rows)),
        "## Built and tested for",
        markdown.table(("what", "value", "meaning"), list(_values())),
    )


def tables() -> dict[str, tuple[Any, ...]]:
    """The module's tables by name, in the order of the source."""
    found = {
        name: value
        for name, value in vars(versions).items()
        if isinstance(value, tuple) and value and all(dataclasses.is_dataclass(row) for row in value)
    }
    source = inspect.getsource(versions)
    return dict(sorted(found.items(), key=lambda pair: source.index(f"\n{pair[0]}")))


def _table(name: str, rows: tuple[Any, ...]) -> Iterator[str]:
    kind = type(rows[0])
    about = attributes(kind)
    yield f"## {name.replace('_', ' ').capitalize()}"
    yield markdown.paragraphs(texts(versions).get(name, "") or docstring(kind))
    fields = [field.name for field in dataclasses.fields(kind)]
    yield markdown.table(
        [field.replace("_", " ") for field in fields],
        [[_shown(getattr(row, field)) for field in fields] for row in rows],
    )
    notes = [f"{field.replace('_', ' ')}: {about[field][1]}" for field in fields if about[field][1]]
    if notes:
        yield markdown.bullets(markdown.prose(note) for note in notes)


def _values() -> Iterator[tuple[str, str, str]]:
    described = texts(versions)
    for name, value in vars(versions).items():
        if isinstance(value, str) and name.isupper() and not name.startswith("_"):
            yield name.replace("_", " ").capitalize(), markdown.code(value), described.get(name, "")


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and value and all(isinstance(part, int) for part in value):
        # A patch of 999 stands for every patch of that version.
        return ".".join("x" if part == 999 else str(part) for part in value)
    if isinstance(value, tuple):
        return ", ".join(_shown(part) for part in value)
    return "none" if value is None else markdown.flow(value)
