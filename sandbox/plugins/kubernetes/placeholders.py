"""Stand-in values for fields that another resource decides, so that a dry run can judge the rest of an object.

The value is chosen by the field's schema as the API server publishes it: the right type, one of its enum, within its
bounds, matching its pattern where one of the usual shapes does. Pure functions.
"""

import re
from collections.abc import Mapping
from typing import Final

from seawall.sandbox.plugins.properties import Path, changed

MARK: Final = "seawall-unknown"
"""Part of most string stand-ins, so that a server's message about one can be recognised."""

_SHAPES: Final = (
    MARK,
    "seawall.unknown",
    "arn:aws:iam::000000000000:role/seawall-unknown",
    "https://seawall-unknown.invalid",
    "s3://seawall-unknown/",
    "seawallunknown",
    "1",
    "1Gi",
    "1h",
    "0 0 * * *",
    "30d",
)
_FORMATS: Final = {
    "date-time": "2006-01-02T15:04:05Z",
    "duration": "1h",
    "byte": "c2Vhd2FsbC11bmtub3du",
    "uri": "https://seawall-unknown.invalid",
}
_DEPTH: Final = 12  # deeper than any required field; schemas may refer to themselves

Schema = Mapping[str, object]


def root_schema(schemas: Mapping[str, object], api_version: str, kind: str) -> Schema | None:
    """The schema of one kind among the component schemas of its API version."""
    group, _, version = api_version.rpartition("/")
    wanted = {"group": group, "version": version, "kind": kind}
    for schema in schemas.values():
        if isinstance(schema, dict) and wanted in (schema.get("x-kubernetes-group-version-kind") or []):
            return schema
    return None


def schema_at(root: Schema | None, path: Path, schemas: Mapping[str, object]) -> Schema | None:
    """The schema of the field at `path`; `None` when none says anything about it."""
    schema = _resolved(root, schemas)
    for step in path:
        if schema is None:
            return None
        properties = schema.get("properties")
        if isinstance(step, int):
            found = schema.get("items")
        elif isinstance(properties, dict) and step in properties:
            found = properties[step]
        else:
            found = schema.get("additionalProperties")
        schema = _resolved(found if isinstance(found, dict) else None, schemas)
    return schema


def stand_in(schema: Schema | None, schemas: Mapping[str, object], depth: int = 0) -> object:
    """A value that satisfies `schema` as far as that can be said; a string when there is no schema."""
    schema = _resolved(schema, schemas) or {}
    enum = schema.get("enum")
    if isinstance(enum, list) and enum:
        return enum[0]
    if schema.get("x-kubernetes-int-or-string"):
        return 1
    kind = schema.get("type")
    if kind == "boolean":
        return False
    if kind in ("integer", "number"):
        minimum, maximum = schema.get("minimum"), schema.get("maximum")
        value = minimum if isinstance(minimum, (int, float)) else 1
        return min(value, maximum) if isinstance(maximum, (int, float)) else value
    if kind == "array":
        count = schema.get("minItems")
        items = schema.get("items")
        item = items if isinstance(items, dict) else None
        return [stand_in(item, schemas, depth + 1) for _ in range(count if isinstance(count, int) else 0)]
    if kind == "object" or (kind is None and "properties" in schema):
        properties, required = schema.get("properties"), schema.get("required")
        if not isinstance(properties, dict) or not isinstance(required, list) or depth > _DEPTH:
            return {}
        return {name: stand_in(properties.get(name), schemas, depth + 1) for name in required}
    return _string(schema)


def filled(manifest: dict[str, object], values: Mapping[Path, object]) -> dict[str, object]:
    """A copy of `manifest` with `values` at their paths."""
    result = changed(manifest, lambda path, leaf: values.get(path, leaf))
    return result if isinstance(result, dict) else manifest


def without(manifest: dict[str, object], paths: list[Path]) -> dict[str, object]:
    """A copy of `manifest` without the fields and list items at `paths`."""

    def pruned(tree: object, path: Path) -> object:
        if isinstance(tree, dict):
            return {k: pruned(v, (*path, k)) for k, v in tree.items() if (*path, k) not in paths}
        if isinstance(tree, list):
            return [pruned(v, (*path, i)) for i, v in enumerate(tree) if (*path, i) not in paths]
        return tree

    result = pruned(manifest, ())
    return result if isinstance(result, dict) else manifest


def _resolved(schema: Schema | None, schemas: Mapping[str, object]) -> Schema | None:
    for _ in range(_DEPTH):
        if schema is None:
            return None
        whole = schema.get("allOf")
        if isinstance(whole, list) and len(whole) == 1:
            schema = {**{k: v for k, v in schema.items() if k != "allOf"}, **whole[0]}
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return schema
        target = schemas.get(reference.rpartition("/")[2])
        schema = target if isinstance(target, dict) else None
    return None


def _string(schema: Schema) -> str:
    form = schema.get("format")
    value = _FORMATS.get(form, MARK) if isinstance(form, str) else MARK
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        try:
            value = next((shape for shape in (value, *_SHAPES) if re.search(pattern, shape)), value)
        except re.error:
            return value  # Go's syntax knows more than Python's; the server's answer decides
    longest, shortest = schema.get("maxLength"), schema.get("minLength")
    if isinstance(longest, int):
        value = value[:longest]
    return value.ljust(shortest, "x") if isinstance(shortest, int) else value
