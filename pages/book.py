"""All generated pages: which there are, writing them, and finding those that are out of date."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from seawall.components.dragonfly import example
from seawall.pages import (
    components,
    contracts,
    reference,
    rules,
    schemas,
    stacks,
    story_cnpg,
    story_dragonfly,
    traceability,
    validator,
    versions,
)
from seawall.pages.markdown import MADE
from seawall.policy.rules import load
from seawall.qa import register
from seawall.qa.checks import all_checks

_LONGEST_DIFF = 20
"""Lines of difference that are shown of a page."""


@dataclass(frozen=True)
class Stale:
    """A page that is not what would be made now."""

    path: str
    difference: str
    """A few lines; empty for a page that is made no more."""


def pages(checkout: Path) -> dict[str, str]:
    """Every generated page: its path in the checkout → its text. Needs no engine and no network."""
    return dict(sorted(_pages(checkout)))


def _pages(checkout: Path) -> Iterator[tuple[str, str]]:
    known, rendered = register.load(), stacks.read(checkout)
    for section in reference.sections():
        yield f"docs/reference/{section}.md", reference.page(section)
    for kind in components.kinds(rendered):
        yield f"docs/components/{kind}.md", components.page(kind, rendered)
    yield example.PATH, example.render_example()
    yield "docs/contracts.md", contracts.page(rendered)
    yield "docs/traceability.md", traceability.page(known, load(), all_checks())
    yield "docs/rules/README.md", rules.page(load())
    yield "docs/versions.md", versions.page()
    yield "docs/validator.md", validator.page()
    yield from schemas.pages().items()
    for stack in contracts.producers(rendered):
        if stack.settings.dragonfly is not None:
            yield f"docs/stories/{story_dragonfly.TITLE}.md", story_dragonfly.page(rendered, stack, known)
        if stack.settings.cnpg is not None:
            yield f"docs/stories/{story_cnpg.TITLE}.md", story_cnpg.page(rendered, stack, known)


def write(checkout: Path, made: dict[str, str]) -> list[str]:
    """Writes the pages that differ, removes those that are made no more, and returns the paths of both."""
    found = stale(checkout, made)
    for page in found:
        file = checkout / page.path
        if page.path in made:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(made[page.path], encoding="utf-8")
        else:
            file.unlink()
    return [page.path for page in found]


def stale(checkout: Path, made: dict[str, str]) -> list[Stale]:
    """The pages that are missing, differ, or are made no more."""
    found = [
        Stale(path, _difference(path, there, text))
        for path, text in made.items()
        if (there := _there(checkout / path)) != text
    ]
    left = [path for path in _made_before(checkout) if path not in made]
    return found + [Stale(path, "") for path in left]


def _there(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def _difference(path: str, there: str | None, text: str) -> str:
    if there is None:
        return "is missing"
    lines = list(difflib.unified_diff(there.splitlines(), text.splitlines(), path, "made now", lineterm="", n=1))
    more = [f"… and {len(lines) - _LONGEST_DIFF} lines more"] if len(lines) > _LONGEST_DIFF else []
    return "\n".join(lines[:_LONGEST_DIFF] + more)


def _made_before(checkout: Path) -> Iterator[str]:
    """The pages that say of themselves that they are generated."""
    for file in sorted((checkout / "docs").rglob("*.md")):
        with file.open(encoding="utf-8") as stream:
            if stream.readline().startswith(MADE):
                yield file.relative_to(checkout).as_posix()
