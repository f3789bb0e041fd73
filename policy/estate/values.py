"""Reading values that anybody may have written, and that a preview may not know yet.

Rules never touch raw dictionaries: they read through a `View`, which says where a value stands, and raises when the
value is unknown or of the wrong type. So neither can pass as "absent" or as "fine".
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from seawall.operators.reading import LARGEST


class _Unknown:
    """The value of a property that is not known during a preview."""

    def __repr__(self) -> str:
        return "(not known yet)"


UNKNOWN: Final = _Unknown()
"""Stands for a value that another resource, or the cluster, will make. Nothing may be concluded from it."""


PLACEHOLDER: Final = "known-after-up"
"""How a rendered manifest writes a value that another resource of its stack will make: `UNKNOWN` once it is read."""


class CannotEvaluateError(Exception):
    """A rule could not come to a verdict; the text says why, without quoting the value."""

    def __init__(self, why: str, path: tuple[str, ...] = ()) -> None:
        """`why` is a sentence without a full stop; `path` leads to the field that is to blame."""
        super().__init__(why)
        self.why = why
        self.path = path
        self.subject: object | None = None

    def about(self, subject: object) -> None:
        """Notes which object is to blame, unless a reader nearer to it has done so."""
        if self.subject is None:
            self.subject = subject


class UnknownValueError(CannotEvaluateError):
    """The verdict depends on a value that is not known yet."""

    def __init__(self, path: tuple[str, ...]) -> None:
        super().__init__(f"{'.'.join(path) or 'the object'} is not known yet", path)


FILLED_IN = "${"
"""Begins what a tool, as Flux, puts in later."""


class WrongTypeError(CannotEvaluateError):
    """The verdict depends on a value that is not of the type that Kubernetes demands."""

    def __init__(self, path: tuple[str, ...], expected: str, found: object) -> None:
        where = ".".join(path) or "the object"
        self.later = isinstance(found, str) and FILLED_IN in found
        """Whether a tool, as Flux, puts a value there after what was read was written."""
        if self.later:
            super().__init__(f"{where} is filled in later: ${{…}} stands there", path)
        else:
            kind = _kind(found)
            super().__init__(f"{where} must be {expected}, not {'another one' if kind in expected else kind}", path)


class View:
    """A value inside an object, with the path that leads to it. Absent values are views of None."""

    __slots__ = ("path", "raw", "thing")

    def __init__(self, raw: Any, path: tuple[str, ...] = (), thing: object | None = None) -> None:
        """`raw` is the plain value, possibly `UNKNOWN`; `path` leads to it from the root of `thing`, the object that
        is to blame when the value cannot be read; None when only the reader knows.
        """
        self.raw = raw
        self.path = path
        self.thing = thing

    def at(self, *keys: str) -> "View":
        """The value under these keys, one after the other; a view of None when it, or what leads to it, is absent."""
        value = self.raw
        for key in keys:
            if type(value) is dict:  # far faster than to ask for a Mapping, and nearly all are plain
                value = value.get(key)
            elif value is None:
                break
            else:
                return self._at(keys)
        return View(value, self.path + keys, self.thing)

    def _at(self, keys: tuple[str, ...]) -> "View":
        """The same, whatever is on the way."""
        value, path = self.raw, self.path
        for depth, key in enumerate(keys):
            if value is UNKNOWN:
                raise self.blamed(UnknownValueError((*path, *keys[:depth])))
            if value is None:
                break
            if not isinstance(value, Mapping):
                raise self.blamed(WrongTypeError((*path, *keys[:depth]), "a mapping", value))
            value = value.get(key)
        return View(value, path + keys, self.thing)

    def blamed(self, problem: CannotEvaluateError) -> CannotEvaluateError:
        """The problem, with the object of this value to blame for it."""
        if self.thing is not None:
            problem.about(self.thing)
        return problem

    @property
    def known(self) -> bool:
        """Whether the value itself is known (something deeper inside may still not be)."""
        return self.raw is not UNKNOWN

    @property
    def present(self) -> bool:
        """Whether there is a value. Raises when that is not known."""
        if self.raw is UNKNOWN:
            raise self.blamed(UnknownValueError(self.path))
        return self.raw is not None

    def text(self) -> str | None:
        """The text, None when absent."""
        if type(self.raw) is str:
            return self.raw
        if not self.present:
            return None
        if not isinstance(self.raw, str):
            raise self.blamed(WrongTypeError(self.path, "a text", self.raw))
        return self.raw

    def settled(self) -> None:
        """Raises `WrongTypeError` for a text that a tool fills in later: what it does not name, it may name then."""
        if isinstance(self.raw, str) and FILLED_IN in self.raw:
            raise self.blamed(WrongTypeError(self.path, "a text without ${…}", self.raw))

    def integer(self) -> int | None:
        """The whole number, None when absent."""
        if not self.present:
            return None
        if isinstance(self.raw, bool) or not isinstance(self.raw, int):
            raise self.blamed(WrongTypeError(self.path, "a whole number", self.raw))
        self._holds()
        return self.raw

    def boolean(self, *, default: bool) -> bool:
        """The boolean, or the default when absent."""
        if not self.present:
            return default
        if not isinstance(self.raw, bool):
            raise self.blamed(WrongTypeError(self.path, "true or false", self.raw))
        return self.raw

    def number_or_text(self) -> int | str | None:
        """A whole number or a text (ports, percentages), None when absent."""
        if not self.present:
            return None
        if isinstance(self.raw, bool) or not isinstance(self.raw, int | str):
            raise self.blamed(WrongTypeError(self.path, "a whole number or a text", self.raw))
        self._holds()
        return self.raw

    def _holds(self) -> None:
        if isinstance(self.raw, int) and abs(self.raw) > LARGEST:
            why = f"{'.'.join(self.path)} is a larger number than Kubernetes holds"
            raise self.blamed(CannotEvaluateError(why, self.path))

    def items(self) -> list["View"]:
        """The entries of a list, none when absent."""
        if type(self.raw) is not list:
            if not self.present:
                return []
            if not isinstance(self.raw, Sequence) or isinstance(self.raw, str | bytes):
                raise self.blamed(WrongTypeError(self.path, "a list", self.raw))
        return [View(value, (*self.path, f"[{index}]"), self.thing) for index, value in enumerate(self.raw)]

    def keys(self) -> list[str]:
        """The keys of a mapping, none when absent."""
        if type(self.raw) is not dict:
            if not self.present:
                return []
            if not isinstance(self.raw, Mapping):
                raise self.blamed(WrongTypeError(self.path, "a mapping", self.raw))
        return [str(key) for key in self.raw]

    def entries(self) -> Iterator[tuple[str, "View"]]:
        """The keys and values of a mapping, none when absent."""
        for key in self.keys():
            yield key, self.at(key)

    def texts(self) -> dict[str, str]:
        """A mapping of texts, as labels and annotations are; empty when absent."""
        if type(self.raw) is dict and all(type(key) is type(value) is str for key, value in self.raw.items()):
            return dict(self.raw)
        return {key: value.text() or "" for key, value in self.entries()}


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence):
        return "a list"
    return f"a {type(value).__name__}"
