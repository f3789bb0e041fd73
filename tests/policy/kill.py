"""Single semantic changes of this repository's own stacks, each with the rule that must catch it.

Files `kill_<what>.py` beside this one hold `CASES`; `test_kill_matrix.py` runs them all.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Properties = dict[str, Any]


@dataclass
class Resource:
    """One registered resource: `properties` are the manifest of a Kubernetes object."""

    type: str
    name: str
    properties: Properties
    awaits: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The kind of a Kubernetes object, the type token of everything else."""
        return self.type.rpartition(":")[2] if self.type.startswith("kubernetes:") else self.type

    @property
    def called(self) -> str:
        """`namespace/name` of a Kubernetes object, `name` where it has no namespace, else the resource's name."""
        metadata = self.properties.get("metadata") if self.type.startswith("kubernetes:") else None
        if not isinstance(metadata, Mapping):
            return self.name
        namespace = metadata.get("namespace")
        return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


Stack = list[Resource]
Change = Callable[[Stack], None]


@dataclass(frozen=True)
class Kill:
    """One thing that people get wrong, done to a clean stack."""

    stack: str
    """`infra` or `apps`."""
    rule: str
    """The rule that must catch it."""
    what: str
    """For the reader of the matrix: what was done, in a few words. Unique."""
    change: Change
    also: Mapping[str, str] = field(default_factory=dict)
    """Other rules that fire as well, each with the reason why that is right."""


def find(stack: Stack, kind: str, called: str) -> Resource:
    """The one resource of a kind, by `namespace/name`, or by its resource name when it is no Kubernetes object."""
    found = [resource for resource in stack if resource.kind == kind and called in (resource.called, resource.name)]
    assert len(found) == 1, (
        f"{kind} {called}: {len(found)} of them; there are {[r.called for r in stack if r.kind == kind]}"
    )
    return found[0]


def edit(kind: str, called: str, change: Callable[[Properties], object]) -> Change:
    """Changes the properties of one resource in place; a change that changes nothing is a mistake of the test."""

    def apply(stack: Stack) -> None:
        resource = find(stack, kind, called)
        before = copy.deepcopy(resource.properties)
        change(resource.properties)
        assert resource.properties != before, f"{kind} {called}: nothing was changed"

    return apply


def drop(kind: str, called: str) -> Change:
    """Takes one resource out of the stack."""
    return lambda stack: stack.remove(find(stack, kind, called))


def add(manifest: Mapping[str, Any]) -> Change:
    """Puts one more Kubernetes object into the stack."""

    def apply(stack: Stack) -> None:
        properties = copy.deepcopy(dict(manifest))
        token = f"kubernetes:{properties['apiVersion']}:{properties['kind']}"
        stack.append(Resource(token, f"added-{properties['metadata']['name']}", properties))

    return apply


def both(*changes: Change) -> Change:
    """One mistake that shows in several places."""

    def apply(stack: Stack) -> None:
        for change in changes:
            change(stack)

    return apply
