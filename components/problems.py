"""What is wrong with settings: one `Problem` per mistake, collected so that a person sees all of them at once."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from pydantic_core import ErrorDetails, ValidationError

from seawall.components import plaintext

T = TypeVar("T")


class _Unset:
    """The marker for "no value to show"."""


UNSET: Final = _Unset()


class _Hidden:
    """The marker for "a value that must not be shown"."""


HIDDEN: Final = _Hidden()

_SECRET_KEY = re.compile(
    r"passw|passphrase|pass$|secret|token|credential|private|access_?key|api_?key|auth", re.IGNORECASE
)
"""Keys under which a value is never shown: somebody may have written the secret itself where a reference belongs."""

_SECRET_TEXT = re.compile(r"pass|secret|token|pwd|auth[=\s]|BEGIN |://[^/\s]*@|^AKIA|^ASIA", re.IGNORECASE)
"""Texts that may hold a secret, whatever their key."""

_LONGEST_SHOWN = 64

_NOT_SHOWN = "(not shown)"


@dataclass(frozen=True, repr=False)
class Problem:
    """One mistake: where it is, what stands there, what is allowed.

    `path` is relative to the model that reports it. `message` says what is allowed and, where it is not obvious, what
    to write instead. `risk` is the id of the QA risk behind the check.
    """

    path: tuple[str | int, ...]
    message: str
    value: object = UNSET
    risk: str | None = None

    def under(self, *prefix: str | int) -> "Problem":
        """The same problem as seen from further up."""
        return replace(self, path=(*prefix, *self.path))

    @property
    def key(self) -> str:
        """The key path as a person writes it: `clusters.dragonfly.args[0]`; keys as `show_key` shows them."""
        text = ""
        for part in self.path:
            shown = show_key(part)
            text += f"[{shown}]" if isinstance(part, int) else f".{shown}" if text else shown
        return text

    def __repr__(self) -> str:
        return f"<Problem {self}>"  # as it may be shown: tracebacks and logs print it

    def __str__(self) -> str:
        shown = "" if isinstance(self.value, _Unset) else f" = {show(self.value, self.path)}"
        risk = f" [{self.risk}]" if self.risk else ""
        return f"{self.key}{shown}: {_printable(self.message)}{risk}"


def show(value: object, path: tuple[str | int, ...] = ()) -> str:
    """The value as an error may show it: short, on one line, and never one that could be a secret."""
    if isinstance(value, _Hidden):
        return _NOT_SHOWN
    if any(isinstance(part, str) and _SECRET_KEY.search(part) for part in path) and not isinstance(value, bool | None):
        return _NOT_SHOWN
    if isinstance(value, Mapping):
        return _shortened("{" + ", ".join(map(show_key, value)) + "}")
    if isinstance(value, list | tuple):
        return "[]" if not value else f"(a list of {len(value)})"
    if isinstance(value, int) and value.bit_length() > _LONGEST_SHOWN * 3:
        return "(a number of many digits)"
    if isinstance(value, str) and (_SECRET_TEXT.search(value) or plaintext.form(value)):
        return _NOT_SHOWN
    return _shortened("null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value))


def show_key(key: object) -> str:
    """A key as an error may show it: short, without control characters, and never one that is a secret itself."""
    text = str(key) if not isinstance(key, int) or key.bit_length() < _LONGEST_SHOWN else "many digits"
    if plaintext.form(text):
        return _NOT_SHOWN
    return _shortened(_printable(text[: _LONGEST_SHOWN + 1]) or '""')


def _printable(text: str) -> str:
    return "".join(it if it.isprintable() else repr(it)[1:-1] for it in text)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"


class RefusedError(ValueError):
    """Raised by a field's validator: `message` says what is allowed, `risk` names the QA risk behind it."""

    def __init__(self, message: str, *, risk: str | None = None) -> None:
        super().__init__(message)
        self.risk = risk


class ProblemsError(ValueError):
    """Raised by a model that was refused, with every problem found in it.

    `partial` is the model as far as it could be read, so that the checks further up can still look at the rest.
    """

    def __init__(self, problems: Iterable[Problem], *, partial: Any = None) -> None:
        self.problems = tuple(problems)
        self.partial = partial
        super().__init__("\n".join(map(str, self.problems)))


class NotSettledError(AttributeError):
    """A check asked for a field that was itself refused; it has been reported, so the check is silent."""


_RULES: Final[set[object]] = set()
"""The methods that are marked as rules."""

Rule = TypeVar("Rule", bound=Callable[[Any], Iterable[Problem]])


def rule(method: Rule) -> Rule:
    """Marks a method of a model that compares its fields and yields a `Problem` for each contradiction."""
    _RULES.add(method)
    return method


def broken_rules(model: object) -> Iterator[Problem]:
    """What the rules of a model find. A rule that needs a refused field stops there."""
    for name in dir(type(model)):
        method = getattr(type(model), name, None)
        if callable(method) and method in _RULES:
            yield from _settled(method, model)


def each(items: Mapping[str, T], check: Callable[[str, T], Iterable[Problem]]) -> Iterator[Problem]:
    """Runs a check over every entry; one that was refused in part is judged as far as it can be."""
    for name, item in items.items():
        yield from _settled(check, name, item)


def _settled(check: Callable[..., Iterable[Problem]], *args: object) -> Iterator[Problem]:
    try:
        yield from check(*args)
    except NotSettledError:
        return


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that a typo most likely meant."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def unknown_key(key: str, known: Iterable[str]) -> str:
    """The message for a key that nobody reads."""
    names = sorted(known)
    meant = nearest(key, names)
    return "unknown key; " + (f"did you mean `{meant}`?" if meant else "known here: " + ", ".join(names))


def from_pydantic(error: ValidationError, fields: Mapping[str, str | None], risks: Mapping[str, str]) -> list[Problem]:
    """Our problems from pydantic's errors.

    `fields` are the model's known keys with their descriptions, `risks` the QA risk behind each key that has one.
    """
    found: list[Problem] = []
    for line in error.errors(include_url=False):
        path = tuple(line["loc"])
        inner = line.get("ctx", {}).get("error")
        if path and path[-1] == "[key]":
            found.append(Problem(path[:-1], f"the key {_wording(line, inner)}"))
        elif isinstance(inner, ProblemsError):
            found.extend(problem.under(*path) for problem in inner.problems)
        elif line["type"] == "extra_forbidden":
            found.append(Problem(path, unknown_key(str(path[-1]), fields)))
        elif line["type"] == "missing":
            about = fields.get(str(path[-1]))
            found.append(Problem(path, "is missing" + (f": {about}" if about else "")))
        else:
            risk = inner.risk if isinstance(inner, RefusedError) else None
            found.append(Problem(path, _wording(line, inner), line["input"], risk))
    return [
        replace(problem, risk=risks.get(str(problem.path[0]))) if problem.path and not problem.risk else problem
        for problem in found
    ]


def _wording(line: ErrorDetails, inner: object) -> str:
    """What is allowed, in our words."""
    kind = line["type"]
    if inner is not None:
        return str(inner)
    if kind in {"model_type", "dict_type", "model_attributes_type", "mapping_type"}:
        return "must be a mapping of keys to values"
    if kind in {"tuple_type", "list_type", "frozen_set_type", "set_type"}:
        return "must be a list"
    if kind in {"int_type", "int_parsing", "int_parsing_size", "int_from_float", "finite_number"}:
        return "must be a whole number"
    if kind == "string_type":
        return "must be text (put it in quotes)"
    limits = line.get("ctx", {})
    if kind == "too_short":
        return f"must not be empty: give at least {limits['min_length']}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"must be at least {limits['ge']}" if "ge" in limits else f"must be at most {limits['le']}"
    text = line["msg"]
    if kind == "literal_error" and isinstance(line["input"], str):
        meant = nearest(line["input"], re.findall(r"'([^']+)'", text))
        text += f"; did you mean `{meant}`?" if meant else ""
    return text.replace("Input should", "must")
