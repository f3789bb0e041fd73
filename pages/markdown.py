"""The few pieces of Markdown that the generated pages are made of."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml


def comment(source: str) -> str:
    """The first line of a generated page: where it comes from, and that nobody should edit it."""
    return f"<!-- Made by `make docs` from {source}. Do not edit: the next run replaces it. -->"


MADE = "<!-- Made by `make docs` "
"""How every generated Markdown page starts."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a cell may hold any text of one paragraph."""
    lines = [[cell(text) for text in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(head), ["---"] * len(head), *lines])


def cell(text: str) -> str:
    """Text that cannot end its cell: no line break, and no bare `|`, inside code either."""
    return prose(text).replace("\\|", "|").replace("|", "\\|")


def prose(text: str) -> str:
    """A paragraph in one line; `<` outside of code is no tag, but for an anchor of ours."""
    parts = re.split(r"(`+[^`]*`+)", " ".join(text.split()))
    return "".join(part if part.startswith("`") else re.sub(r"<(?!a id=|/a>)", "&lt;", part) for part in parts)


def paragraphs(text: str) -> str:
    """Text as it stands in a docstring, a line for each paragraph."""
    return "\n\n".join(prose(part) for part in re.split(r"\n\s*\n", text.strip()))


def anchored(text: str) -> str:
    """A text that links can point to."""
    return f'<a id="{anchor(text)}"></a>{text}'


def code(text: object) -> str:
    """Text as inline code, whatever backquotes are in it."""
    shown = str(text)
    longest = max((len(run) for run in re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    space = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{space}{shown}{space}{fence}"


def flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return "null" if value is None else str(value)


def block(text: str, language: str = "") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def yaml_block(value: Mapping[str, Any]) -> str:
    """An object as a block of YAML."""
    return block(yaml.safe_dump(value, sort_keys=False, width=100), "yaml")


def bullets(lines: Iterable[str]) -> str:
    """A list."""
    return "\n".join(f"- {line}" for line in lines)


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading of plain text."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def page(source: str, title: str, *parts: str) -> str:
    """A whole page: the comment, the title, and the parts with a blank line between them."""
    return "\n\n".join([comment(source) + f"\n# {title}", *(part for part in parts if part)]) + "\n"
