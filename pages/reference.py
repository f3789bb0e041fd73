"""The reference: one page per section of a stack file, from the models that read it."""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

from pydantic.fields import FieldInfo

from seawall.components.base import Settings
from seawall.components.settings import PREFIX, StackSettings
from seawall.pages import markdown, plain
from seawall.pages.sources import decorated, docstring

_HEAD = ("key", "what", "default", "risk", "why")


def sections() -> dict[str, type[Settings]]:
    """Section of a stack file → the model that reads it."""
    return {name: next(_models_in(field.annotation)) for name, field in StackSettings.model_fields.items()}


def page(section: str) -> str:
    """The page of one section: every model in it, in the order in which they are met."""
    root = sections()[section]
    about = StackSettings.model_fields[section].description or ""
    models = list(dict.fromkeys(reachable(root)))
    return markdown.page(
        "the models in components/",
        f"{PREFIX}{section}",
        f"{about}. Unknown keys are refused, and every mistake is reported at once. A key without a default must be "
        "given. [All sections](../README.md#reference).",
        *(_model(model, first=model is root, section=section) for model in models),
    )


def reachable(model: type[Settings]) -> Iterator[type[Settings]]:
    """A model and every model inside it, from the outside in."""
    waiting = [model]
    seen = set()
    while waiting:
        found = waiting.pop(0)
        if found in seen:
            continue
        seen.add(found)
        yield found
        for field in found.model_fields.values():
            waiting.extend(_models_in(field.annotation))


def _models_in(annotation: Any) -> Iterator[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)


def _model(model: type[Settings], *, first: bool, section: str) -> str:
    written = get_type_hints(model, include_extras=True)
    rows = [
        (
            f"`{name}`",
            plain.words(written[name]),
            _default(field),
            _risk(model.RISKS.get(name)),
            (field.description or "").replace("\n", " "),
        )
        for name, field in model.model_fields.items()
    ]
    heading = f"## {model.__name__}"
    intro = docstring(model).partition("\n\n")[0].replace("\n", " ")
    where = f"This is `{PREFIX}{section}` itself. " if first else ""
    return "\n\n".join([heading, markdown.prose(where + intro), markdown.table(_HEAD, rows), *_rules(model)])


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == () or value == {}:
        return "none"
    if isinstance(value, Settings):
        return (
            "its own defaults"
            if value == _bare(type(value))
            else markdown.code(markdown.flow(value.model_dump(mode="json")))
        )
    return markdown.code(markdown.flow(value))


def _bare(model: type[Settings]) -> Settings | None:
    """The model with nothing said; None when something must be."""
    return None if any(field.is_required() for field in model.model_fields.values()) else model()


def _risk(risk: str | None) -> str:
    return f"[{risk}](../traceability.md#{markdown.anchor(risk)})" if risk else ""


def _rules(model: type[Settings]) -> Iterator[str]:
    """The checks between fields: what they say of themselves, else the names that they have in the code."""
    found = [
        docstring(getattr(model, name)).partition("\n\n")[0].rstrip(".") or re.sub("_+", " ", name.strip("_"))
        for name in decorated(model, Settings, "rule")
    ]
    if found:
        yield "Checked together: " + "; ".join(text[:1].lower() + text[1:] for text in found) + "."
