"""Whether what the register says of an object is really in the rendered stacks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Protocol

from pydantic import BaseModel

from seawall.qa import places
from seawall.qa.register import Trace


class RenderedObject(Protocol):
    """An object that a stack's program registers."""

    @property
    def kind(self) -> str:
        """`Cluster`, `aws:Key`, …"""

    @property
    def object_name(self) -> str:
        """Its name."""

    @property
    def namespace(self) -> str | None:
        """Its namespace, when it is in one."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """What it says."""


@dataclass(frozen=True)
class Rendered:
    """One stack: what it says, and what the program makes of it."""

    settings: BaseModel
    objects: Sequence[RenderedObject]


def wrong(trace: Trace, stacks: Mapping[str, Rendered]) -> str | None:
    """What is not as the register says; None when all of it is."""
    stack = stacks.get(trace.stack)
    if stack is None:
        return f"there is no stack {trace.stack}"
    for setting in trace.settings:
        if not places.find(stack.settings, setting):
            return f"the stack {trace.stack} has no setting {setting}"
    objects = matching(trace, stack.objects)
    if trace.field is None:
        return _existence(trace, objects)
    if not objects:
        return f"the stack {trace.stack} has no {_named(trace)}"
    wanted = _wanted(trace, stack)
    return next((text for it in objects if (text := _field(trace, it, wanted)) is not None), None)


def matching(trace: Trace, objects: Iterable[RenderedObject]) -> list[RenderedObject]:
    """The objects that a trace is about."""
    kind, _, name = trace.object.partition("/")
    return [
        it
        for it in objects
        if it.kind == kind
        and fnmatchcase(it.object_name, name)
        and (trace.namespace is None or it.namespace == trace.namespace)
    ]


def _existence(trace: Trace, objects: Sequence[RenderedObject]) -> str | None:
    if trace.absent and objects:
        return f"the stack {trace.stack} has {_named(trace)}: {', '.join(it.object_name for it in objects)}"
    if not trace.absent and not objects:
        return f"the stack {trace.stack} has no {_named(trace)}"
    return None


def _wanted(trace: Trace, stack: Rendered) -> Any:
    if trace.predicate != "as_setting":
        return trace.equals if trace.predicate == "equals" else trace.contains
    [value] = places.find(stack.settings, trace.settings[0])
    return value


def _field(trace: Trace, it: RenderedObject, wanted: Any) -> str | None:
    assert trace.field is not None  # noqa: S101 (the caller has looked)
    where = f"{it.kind}/{it.object_name} {trace.field}"
    found = places.find(it.inputs, trace.field)
    if trace.predicate == "absent":
        return f"{where} is there: {_shown(found)}" if found else None
    if not found:
        return f"{where} is not there"
    if trace.predicate == "present":
        return None
    if trace.predicate == "contains":
        holding = [value for value in found if places.holds(value, wanted)]
        return None if len(holding) == len(found) else f"{where} is {_shown(found)}, without {wanted!r}"
    same = [value for value in found if value == wanted or (_scalar(value) and str(value) == str(wanted))]
    return None if len(same) == len(found) else f"{where} is {_shown(found)}, not {wanted!r}"


def _scalar(value: object) -> bool:
    """Text and numbers: the API wants many a number as text."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _named(trace: Trace) -> str:
    return trace.object + (f" in {trace.namespace}" if trace.namespace else "")


def _shown(found: Sequence[Any]) -> str:
    text = repr(found[0] if len(found) == 1 else list(found))
    return text if len(text) <= 300 else text[:299] + "…"
