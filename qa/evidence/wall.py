"""The last wall before evidence is written: nothing that is secret gets into a file.

Checks quote no field that is meant for a secret. This catches a secret in any other field, and what a check got wrong.
"""

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from seawall.components import plaintext
from seawall.policy import secrecy

_REST = re.compile(r"\S*")


class SecretError(ValueError):
    """A secret is where it cannot be blotted out; says where, never what."""


def blotted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with everything secret blotted out: these texts, also as base64 and percent-encoded, and whatever has
    the form of a secret."""
    return _without_forms(secrecy.blotting(_written(secrets))(text))


def clean(data: Any, secrets: Iterable[str] = ()) -> Any:
    """Plain data with every text in it blotted; keys as well."""
    blot = secrecy.blotting(_written(secrets))

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return _without_forms(blot(value))
        if isinstance(value, Mapping):
            return {walk(key): walk(item) for key, item in value.items()}
        return [walk(item) for item in value] if isinstance(value, list | tuple) else value

    return walk(data)


def refuse(text: str, secrets: Iterable[str], where: str) -> None:
    """Raises `SecretError` when something secret is left in a text."""
    blot = secrecy.blotting(_written(secrets))
    for number, line in enumerate(text.splitlines(), start=1):
        kind = plaintext.form(line)
        if kind is None and blot(line) != line:
            kind = "a known secret"
        if kind is not None:
            raise SecretError(
                f"{where}, line {number}, would hold what looks like a secret ({kind}): nothing is written"
            )


def _written(secrets: Iterable[str]) -> tuple[str, ...]:
    """Every way to write each secret, the longest first."""
    found = {way for secret in secrets for way in _ways(secret) if len(way) >= secrecy.SHORTEST}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def _ways(secret: str) -> Iterator[str]:
    yield from (secret, secret.strip(), quote(secret, safe=""))
    yield from secret.strip().splitlines()
    yield base64.b64encode(secret.encode()).decode().rstrip("=")


def _without_forms(text: str) -> str:
    """Without what has the form of a secret: from its beginning to the next blank; a PEM block to the end."""
    for kind, pattern in plaintext.FORMS.items():
        start = 0
        while (found := pattern.search(text, start)) is not None:
            rest = _REST.match(text, found.end())
            end = len(text) if "PEM" in kind else rest.end() if rest is not None else found.end()
            text = text[: found.start()] + secrecy.SHOWN + text[end:]
            start = found.start() + len(secrecy.SHOWN)
    return text
