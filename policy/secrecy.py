"""The last wall before a secret is printed: no report shows a text that is kept secret, whatever a rule quotes.

Rules quote no fields that are meant for secrets. This catches a secret in any other field, and what a rule got wrong.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from seawall.operators.dragonfly.flags import ENVIRONMENT_PREFIX
from seawall.policy.estate.kinds import SECRET
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Finding

SHORTEST = 3
"""Characters. Anything shorter is in every message by chance, and guards nothing."""
SHORTEST_PART = 8
"""Characters of a part of a secret, between spaces and signs: a password in an argument, a tag in an image."""
_FEW = 100
"""Secrets. So few are looked for one by one."""
_PARTS = re.compile(r"""[\s:@=,;/|"'()\[\]{}&?*]+""")
_WORD = re.compile(r"[a-z]{3,}")
_TERM = re.compile(r"[a-z]{2,}(?:-[a-z]{2,})+|[a-z]{3,}")
"""A word, or several with hyphens, as in `verify-full`."""
_NO_LETTER = re.compile(r"[^A-Za-z0-9]+")
_PUBLIC_KEYS = frozenset({"username", "user", "dbname", "database", "host", "port"})
"""Keys of a Secret beside the password, as CloudNativePG's own have them: a role's name is in the Cluster too."""
SHOWN = "[secret]"
"""What stands in its place; the engine writes the same."""


def secret_texts(objects: Sequence[KubeObject]) -> tuple[str, ...]:
    """The secret texts in these objects, the longest first.

    Names are none, since every URN shows them, nor are words of names or of the rules: to blot `postgres` out of a
    sentence that everybody knows would only tell that it is a secret here.
    """
    whole = {text for thing in objects for text in (*thing.origin.hidden, *_held(thing))}
    found = {text for text in whole if len(text) >= SHORTEST}
    if found:
        parts = {part for text in whole for part in _PARTS.split(text) if len(part) >= SHORTEST_PART}
        known = own_words() if any(_TERM.fullmatch(text.lower()) for text in found | parts) else frozenset[str]()
        parts -= known
        # versions are told without their v, flags without what the environment has before them
        found |= {*parts, *(part[1:] for part in parts if part.startswith("v"))}
        found |= {part.removeprefix(ENVIRONMENT_PREFIX) for part in parts if part.startswith(ENVIRONMENT_PREFIX)}
        found |= {text.lower() for text in found}  # some words are told in small letters, whatever was written
        names = {name for thing in objects for name in (thing.name, thing.namespace, thing.kind)}
        found -= names
        found -= {word for name in names for word in _NO_LETTER.split(name)}
        found -= known
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def without_secrets(findings: Iterable[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings with everything secret blotted out."""
    if not secrets:
        return list(findings)
    wall = _Wall(secrets)
    return [
        replace(
            finding,
            message=wall.blotted(finding.message),
            mend=wall.blotted(finding.mend),
            facts={key: wall.blotted(value) for key, value in finding.facts.items()},
        )
        for finding in findings
    ]


def blotting(secrets: Sequence[str]) -> Callable[[str], str]:
    """What blots these secrets out of any text."""
    return _Wall(secrets).blotted


class _Wall:
    """Blots secrets out of texts. Where there are many, only those are looked for that a text may hold by its letters:
    a Secret of a megabyte has a hundred thousand parts."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets
        self._by_start: dict[str, list[int]] = {}
        if len(secrets) > _FEW:
            for place, secret in enumerate(secrets):
                self._by_start.setdefault(secret[:SHORTEST_PART], []).append(place)
        self._lengths = {len(start) for start in self._by_start}

    def blotted(self, text: str) -> str:
        """The text with `SHOWN` in the place of each secret, the longest first."""
        for secret in self._possible(text):
            if secret in text:
                # a word inside of another one is none: `live` in `delivered`
                pattern = rf"(?<![A-Za-z]){secret}(?![A-Za-z])" if _WORD.fullmatch(secret) else re.escape(secret)
                text = re.sub(pattern, SHOWN, text)
        return text

    def _possible(self, text: str) -> Iterable[str]:
        if not self._by_start:
            return self._secrets
        parts = {text[at : at + length] for length in self._lengths for at in range(len(text) - length + 1)}
        places = sorted(place for part in parts for place in self._by_start.get(part, ()))
        return [self._secrets[place] for place in places]


@cache
def own_words() -> frozenset[str]:
    """The words and terms that are in the sources of the rules, and so possibly in any message."""
    texts = [source.read_text(encoding="utf-8") for source in Path(__file__).parent.rglob("*.py")]
    return frozenset(found for text in texts for pattern in (_WORD, _TERM) for found in pattern.findall(text))


def _held(thing: KubeObject) -> Iterator[str]:
    """What a Secret holds, as written and decoded."""
    if thing.group_kind != SECRET:
        return
    for field in ("data", "stringData"):
        try:
            written = thing.at(field).texts()
        except CannotEvaluateError:
            continue
        for key, text in written.items():
            if key in _PUBLIC_KEYS:
                continue
            yield text
            if field == "data":
                yield from _decoded(text)


def _decoded(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
