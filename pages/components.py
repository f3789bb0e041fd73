"""A page per component: what it makes, what it is given and gives, an example, and what weakens it."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import pulumi

from seawall.components.base import Settings
from seawall.pages import markdown, reference
from seawall.pages.purposes import purpose
from seawall.pages.recording import COMPONENT, Registered
from seawall.pages.sources import attributes, default, docstring
from seawall.pages.stacks import Stack, Stacks

EXAMPLES = Path(__file__).parent / "examples"
_FIRST = ("infra", "apps")
"""Stacks whose objects a page shows, before any other."""


def kinds(stacks: Stacks) -> list[str]:
    """The components that the stacks use."""
    return sorted(
        {it.kind for stack in stacks.values() for it in stack.recording.resources if it.token.startswith(COMPONENT)}
    )


def page(kind: str, stacks: Stacks) -> str:
    """The page of one component."""
    owner = component(kind)
    arguments = args(owner)
    stack, instance = _instance(kind, stacks)
    return markdown.page(
        "components/ and the rendered stacks",
        kind,
        markdown.paragraphs(docstring(owner)),
        f"Type token `{instance.token}`. Former ones, which an upgrade takes over: "
        f"{', '.join(f'`{alias}`' for alias in instance.aliases)}."
        if instance.aliases
        else f"Type token `{instance.token}`.",
        "## What it makes",
        f"As `{instance.name}` of the stack `{stack.name}`. A protected object is not removed: a change that would "
        "remove it stops with an error ([unprotect](../runbooks/unprotect.md)). A kept one stays where it is when it "
        "leaves the stack.",
        _objects(kind, stack.recording.children(instance.name)),
        "## What it is given",
        markdown.code(f"{kind}(name, args: {arguments.__name__}, opts=None)") + ". A mistake in the arguments is said "
        "before anything is registered.",
        _fields(arguments),
        *_outputs(owner),
        *_example(kind),
        *_weakenings(arguments),
    )


def component(kind: str) -> type[pulumi.ComponentResource]:
    """The class of a component that some program has used."""
    found = [it for it in _subclasses(pulumi.ComponentResource) if it.__name__ == kind and "seawall" in it.__module__]
    if len(found) != 1:
        raise LookupError(f"there are {len(found)} components {kind}")
    return found[0]


def _subclasses(base: type[Any]) -> Iterator[type[Any]]:
    for found in base.__subclasses__():
        yield found
        yield from _subclasses(found)


def args(owner: type[pulumi.ComponentResource]) -> type[Any]:
    """The class of the component's arguments."""
    found: type[Any] = get_type_hints(owner.__init__)["args"]
    return found


def _instance(kind: str, stacks: Stacks) -> tuple[Stack, Registered]:
    names = [*(name for name in _FIRST if name in stacks), *stacks]
    return next((stacks[name], it) for name in names for it in stacks[name].recording.of_component(kind))


def _objects(component: str, children: Sequence[Registered]) -> str:
    rows: dict[tuple[str, str, str], list[str]] = {}
    for child in children:
        kept = " and ".join(word for word, holds in (("protected", child.protect), ("kept", child.retain)) if holds)
        rows.setdefault((child.kind, purpose(child, component), kept), []).append(child.object_name)
    return markdown.table(
        ("kind", "name", "what for", "protected"),
        [
            (kind, ", ".join(f"`{name}`" for name in dict.fromkeys(names)), text, kept)
            for (kind, text, kept), names in sorted(rows.items())
        ],
    )


def _fields(arguments: type[Any]) -> str:
    hints = get_type_hints(arguments, localns={"pulumi": pulumi})
    rows = []
    for field in dataclasses.fields(arguments):
        written, text = attributes(arguments)[field.name]
        given = default(arguments, field.name)
        rows.append(
            (f"`{field.name}`", _linked(written, hints[field.name]), markdown.code(given) if given else "", text)
        )
    return markdown.table(("argument", "type", "default", "meaning"), rows)


def _linked(written: str, hint: Any) -> str:
    """The type as written; settings are linked to their place in the reference."""
    models = [model for model in _settings_in(hint) if model.__name__ in written]
    for model in models:
        section = next((name for name, root in reference.sections().items() if model in reference.reachable(root)), "")
        if section:
            link = f"../reference/{section}.md#{markdown.anchor(model.__name__)}"
            return f"[{written}]({link})"
    return markdown.code(written)


def _settings_in(hint: Any) -> Iterator[type[Settings]]:
    if isinstance(hint, type) and get_origin(hint) is None and issubclass(hint, Settings):
        yield hint
    for part in get_args(hint):
        yield from _settings_in(part)


def _outputs(owner: type[Any]) -> Iterator[str]:
    rows = [
        (f"`{name}`", markdown.code(written), text)
        for name, (written, text) in attributes(owner).items()
        if not name.startswith("_")
    ]
    if rows:
        yield "## What it gives"
        yield markdown.table(("output", "type", "meaning"), rows)


def example(kind: str) -> Path:
    """The example program of a component."""
    return EXAMPLES / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', kind).lower()}.py"


def _example(kind: str) -> Iterator[str]:
    file = example(kind)
    if not file.is_file():
        return
    yield "## In a program of yours"
    yield "Install the package from a checkout or from a wheel that was built of it; a test runs this very program:"
    yield markdown.block("pip install ./seawall", "sh")
    yield markdown.block(file.read_text(encoding="utf-8"), "python")


def _weakenings(arguments: type[Any]) -> Iterator[str]:
    """The settings that say why something is weaker than it is by default."""
    rows = [
        (f"`{path}`", text)
        for field, hint in get_type_hints(arguments, localns={"pulumi": pulumi}).items()
        for model in _settings_in(hint)
        for path, text in _reasons(model, field)
    ]
    if rows:
        yield "## What weakens it"
        yield (
            "Nothing above is weaker without a setting that says so, and a reason beside it, which anybody can read in "
            "the stack file:"
        )
        yield markdown.table(("setting", "what it is for"), rows)


def _reasons(model: type[Settings], at: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        path = f"{at}.{name}"
        if name == "reason" or name.endswith("_reason"):
            yield path, field.description or ""
        mapping = get_origin(field.annotation) is dict
        for inner in _settings_in(field.annotation):
            yield from _reasons(inner, f"{path}.*" if mapping else path)
