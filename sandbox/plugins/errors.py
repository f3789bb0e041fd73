"""What a stand-in raises for a person to read, and how a message is kept free of secret values."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field


class PluginError(Exception):
    """A refusal or a failure with one clear statement; the engine shows it beside the resource. Holds no secret."""


class CancelledError(PluginError):
    """The engine asked to stop while an operation was waiting."""


@dataclass
class PartialError(Exception):
    """The object exists, but its creation or update did not finish: the engine keeps it in the state, with reasons."""

    id: str
    reasons: list[str]
    outputs: dict[str, object] = field(default_factory=dict)
    secrets: frozenset[tuple[str | int, ...]] = frozenset()

    def __str__(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True)
class Refusal:
    """A property that `Check` refuses: the property's path (empty for the whole resource) and the reason."""

    property: str
    reason: str


def redact(text: str, secrets: Iterable[str]) -> str:
    """`text` with every secret value, as it is and as base64, replaced by `[secret]`. Values under 3 letters stay."""
    values = {value for value in secrets if len(value) >= 3}
    spellings = values | {base64.b64encode(value.encode()).decode() for value in values}
    if not spellings:
        return text
    longest_first = sorted(spellings, key=len, reverse=True)  # one of them may be part of another
    return re.sub("|".join(map(re.escape, longest_first)), "[secret]", text)
