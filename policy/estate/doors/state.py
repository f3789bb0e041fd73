"""The door for an exported state: what `pulumi stack export` writes, or a file backend's own file of a stack.

No program, no backend and no provider is needed. A value that only the stack's passphrase could read stays unknown.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from seawall.errors import UserError
from seawall.policy.estate.doors.engine import MAX_DEPTH, Resource, resource
from seawall.policy.estate.objects import Note

MAX_BYTES = 512 * 1024 * 1024
"""A larger file is refused. 10,000 resources are about 60 MiB."""

_LATEST = 3
"""The version of the format since 2018; its resources are what is read here."""


@dataclass(frozen=True)
class State:
    """What a state holds."""

    stack: str
    """The stack's name as its URNs have it, empty when there is no resource."""
    resources: tuple[Resource, ...]
    notes: tuple[Note, ...]


def is_state(value: object) -> bool:
    """Whether a JSON value is a state: it has a `deployment` or a `checkpoint`."""
    return isinstance(value, Mapping) and ("deployment" in value or "checkpoint" in value) and "kind" not in value


def read_state(content: bytes, name: str) -> State:
    """The resources in the text of a state; `name` stands for the file in messages.

    Raises `UserError` when it is no state, or one of a version that is not known.
    """
    if len(content) > MAX_BYTES:
        size, most = len(content) // 1024**2, MAX_BYTES // 1024**2
        raise UserError(f"{name}: {size} MiB is more than the {most} MiB that are read")
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise UserError(f"{name} is no JSON. Give what `pulumi stack export --stack <name>` writes.") from None
    found = _deployment(value, name)
    listed = found.get("resources")
    listed = [] if listed is None else listed
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise UserError(f"{name}: `resources` must be a list of mappings, as `pulumi stack export` writes it.")
    resources = tuple(_resources(listed))
    return State(_stack(resources), resources, tuple(_notes(found, listed)))


def _deployment(value: object, name: str) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and is_state(value):
        version = value.get("version")
        if version != _LATEST:
            raise UserError(
                f"{name} is a state of version {version!r:.20}; version {_LATEST} is read. Export it with a current "
                "Pulumi CLI."
            )
        inner = value.get("deployment")
        if inner is None and isinstance(value["checkpoint"], Mapping):
            inner = value["checkpoint"].get("latest") or {}
        if isinstance(inner, Mapping):
            return inner
    raise UserError(
        f"{name} is no exported state: it has neither `deployment` nor `checkpoint`. Give what "
        "`pulumi stack export --stack <name>` writes."
    )


def _resources(listed: list[Mapping[str, Any]]) -> Iterator[Resource]:
    for entry in listed:
        kind, urn = entry.get("type"), entry.get("urn")
        if not isinstance(kind, str) or not isinstance(urn, str) or entry.get("delete"):
            continue  # `delete`: the old half of a replacement, about to go
        properties = entry.get("outputs") or entry.get("inputs") or {}
        yield resource(kind, urn, urn.rpartition("::")[2], properties)


def _stack(resources: tuple[Resource, ...]) -> str:
    parts = resources[0].urn.split("::") if resources else []
    return parts[0].removeprefix("urn:pulumi:") if parts else ""


def _notes(found: Mapping[str, Any], listed: list[Mapping[str, Any]]) -> Iterator[Note]:
    pending = found.get("pending_operations")
    if isinstance(pending, list) and pending:
        yield Note(f"{len(pending)} operations of this stack were interrupted: the state may lack what they made")
    if encrypted := _encrypted(listed):
        what = "1 value is" if encrypted == 1 else f"{encrypted} values are"
        yield Note(f"{what} encrypted in this state: a rule that needs one comes to no verdict")
    going = sum(1 for entry in listed if entry.get("delete"))
    if going:
        yield Note(f"{going} resources that are about to be deleted were left out")


def _encrypted(value: Any) -> int:
    """How many secrets of a state are there in their encrypted form only; nested deeper than is read, none."""
    found, level = 0, [value]
    for _ in range(MAX_DEPTH):
        mappings = [entry for entry in level if isinstance(entry, dict)]
        found += sum("ciphertext" in entry for entry in mappings)
        lists = [entry for entry in level if isinstance(entry, list)]
        level = [part for entry in mappings for part in entry.values()] + [part for entry in lists for part in entry]
    return found
