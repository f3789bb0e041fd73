"""The last wall before a secret is printed: no report shows a text that is kept secret, whatever a rule quotes.

Rules quote no fields that are meant for secrets. This catches a secret in any other field, and what a rule got wrong.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from seawall.policy.estate.kinds import SECRET
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Finding

SHORTEST = 3
"""Characters. Anything shorter is in every message by chance, and guards nothing."""
SHORTEST_PART = 8
"""Characters of a part of a secret, between spaces and signs: a password in an argument, a tag in an image."""
_PARTS = re.compile(r"""[\s:@=,;/|"'()\[\]{}&?*]+""")
SHOWN = "[secret]"
"""What stands in its place; the engine writes the same."""


def secret_texts(objects: Sequence[KubeObject]) -> tuple[str, ...]:
    """The secret texts in these objects, the longest first; names are none, since every URN shows them."""
    whole = {text for thing in objects for text in (*thing.origin.hidden, *_held(thing))}
    found = {text for text in whole if len(text) >= SHORTEST}
    if found:
        parts = {part for text in whole for part in _PARTS.split(text) if len(part) >= SHORTEST_PART}
        found |= parts | {part[1:] for part in parts if part.startswith("v")}  # versions are told without it
        found -= {name for thing in objects for name in (thing.name, thing.namespace, thing.kind)}
    return tuple(sorted(found, key=lambda text: (-len(text), text)))


def without_secrets(findings: Iterable[Finding], secrets: Sequence[str]) -> list[Finding]:
    """The findings with everything secret blotted out."""
    if not secrets:
        return list(findings)
    return [
        replace(
            finding,
            message=_blotted(finding.message, secrets),
            mend=_blotted(finding.mend, secrets),
            facts={key: _blotted(value, secrets) for key, value in finding.facts.items()},
        )
        for finding in findings
    ]


def _held(thing: KubeObject) -> Iterator[str]:
    """What a Secret holds, as written and decoded."""
    if thing.group_kind != SECRET:
        return
    for field in ("data", "stringData"):
        try:
            written = thing.at(field).texts()
        except CannotEvaluateError:
            continue
        for text in written.values():
            yield text
            if field == "data":
                yield from _decoded(text)


def _decoded(text: str) -> Iterator[str]:
    try:
        yield base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return


def _blotted(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, SHOWN)
    return text
