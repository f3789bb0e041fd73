"""Secrets written out where a reference belongs, recognised by their form. Conservative: a path or a name is none."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

_ASSIGNED = (
    r"pass(word|wd|phrase)?|pwd|secret|secret_?access_?key|api_?key|access_?token|auth_?token|client_?secret|token"
)

FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    "a key or certificate in PEM": re.compile(r"-----BEGIN [A-Z0-9 ]{1,40}-----"),
    "an AWS access key": re.compile(r"(?<![A-Za-z0-9])(AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    "an address with a password": re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,30}://[^/\s:@]*:[^/\s@]+@"),
    "a password": re.compile(rf"(?<![A-Za-z0-9])({_ASSIGNED})=(?![\s${{<(%]|$)", re.IGNORECASE),
    "a signed token": re.compile(r"(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\."),
    "an access token": re.compile(r"(?<![A-Za-z0-9])(gh[opsur]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|hvs\.[\w-]{24})"),
}
"""What it is → how it is recognised. `password=${NAME}`, `{name}`, `<name>`, `$(NAME)` stand for a value: no secret."""

Path = tuple[str | int, ...]


def form(text: str) -> str | None:
    """What kind of secret the text holds; `None` when it looks like none."""
    return next((what for what, pattern in FORMS.items() if pattern.search(text)), None)


def written_out(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """Every text in a value that looks like a secret: where, and what it seems to be. A key counts as well.

    Never recurses, so that no nesting is too deep for it.
    """
    left: list[tuple[Path, object]] = [(path, value)]
    while left:
        here, item = left.pop()
        if isinstance(item, Mapping):
            for key, inner in item.items():
                there = (*here, key if isinstance(key, int) and not isinstance(key, bool) else str(key))
                what = form(str(key))
                if what is not None:
                    yield there, what
                left.append((there, inner))
        elif isinstance(item, list | tuple):
            left += [((*here, index), inner) for index, inner in enumerate(item)]
        elif isinstance(item, str) and (what := form(item)) is not None:
            yield here, what
