"""Pulumi's property values on the wire and in Python.

On the wire a property map is a protobuf `Struct` in which secrets are objects with a signature and unknown values are
strings with a fixed value. In Python it is a plain tree (dict, list, str, int, float, bool, None, `UNKNOWN`) with the
paths of its secrets beside it, so that the code in between handles plain values and cannot lose a secret by accident.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from seawall.sandbox.plugins.errors import PluginError

Path = tuple[str | int, ...]
"""Where a value is in a tree: map keys and list indexes from the root."""

# The protocol's constants (pulumi's sdk/go/common/resource/plugin/rpc.go and its documentation of the wire format).
SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (a marker, not a password)
OUTPUT: Final = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
UNKNOWN_STRING: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS: Final = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    }
)


class Unknown:
    """The type of `UNKNOWN`, a value that the engine will know only when it deploys."""

    _only: "Unknown | None" = None

    def __new__(cls) -> "Unknown":
        """The only instance."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> "Unknown":
        return self


UNKNOWN: Final = Unknown()


@dataclass(frozen=True)
class Properties:
    """A property map: its plain values, and the paths in them that are secret."""

    values: dict[str, object]
    secrets: frozenset[Path] = frozenset()

    @property
    def unknowns(self) -> list[Path]:
        """The paths of the values that are not known yet, in order."""
        return [path for path, leaf in leaves(self.values) if leaf is UNKNOWN]

    @property
    def secret_strings(self) -> set[str]:
        """Every string under a secret path: what no message may hold."""
        found: set[str] = set()
        for path in self.secrets:
            found.update(leaf for _, leaf in leaves(at(self.values, path)) if isinstance(leaf, str))
        return found


NONE: Final = Properties({})
_MISSING: Final = object()
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_STEP: Final = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]')


def decode(struct: Struct) -> Properties:
    """The property map in `struct`. Raises `PluginError` for assets, archives and other values that we do not carry."""
    secrets: set[Path] = set()
    values = {key: _decode(value, (key,), secrets) for key, value in struct.fields.items()}
    return Properties(values, frozenset(secrets))


def _decode(value: Value, path: Path, secrets: set[Path]) -> object:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_decode(item, (*path, i), secrets) for i, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields:
            return _decode_special(fields, path, secrets)
        return {key: _decode(item, (*path, key), secrets) for key, item in fields.items()}
    return None


def _decode_special(fields: Mapping[str, Value], path: Path, secrets: set[Path]) -> object:
    signature = fields[SIGNATURE].string_value
    if signature == SECRET:
        secrets.add(path)
        return _decode(fields["value"], path, secrets)
    if signature == OUTPUT:
        if "secret" in fields and fields["secret"].bool_value:
            secrets.add(path)
        return _decode(fields["value"], path, secrets) if "value" in fields else UNKNOWN
    raise PluginError(f"{render(path)}: assets, archives and resource references are not carried by the stand-in")


def encode(values: Mapping[str, object], secrets: frozenset[Path] = frozenset()) -> Struct:
    """`values` as a `Struct`, with the values at the paths `secrets` marked as secret."""
    struct = Struct()
    for key, value in values.items():
        _encode(struct.fields[key], value, (key,), secrets)
    return struct


def _encode(target: Value, value: object, path: Path, secrets: frozenset[Path]) -> None:
    if path in secrets:
        fields = target.struct_value.fields
        fields[SIGNATURE].string_value = SECRET
        _encode_plain(fields["value"], value, path, secrets)
    else:
        _encode_plain(target, value, path, secrets)


def _encode_plain(target: Value, value: object, path: Path, secrets: frozenset[Path]) -> None:
    if value is None:
        target.null_value = 0  # type: ignore[assignment]  # NullValue.NULL_VALUE, whose stub is an opaque enum
    elif value is UNKNOWN:
        target.string_value = UNKNOWN_STRING
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, (int, float)):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, Mapping):
        target.struct_value.SetInParent()
        for key, item in value.items():
            _encode(target.struct_value.fields[str(key)], item, (*path, str(key)), secrets)
    elif isinstance(value, (list, tuple)):
        target.list_value.SetInParent()
        items: ListValue = target.list_value
        for i, item in enumerate(value):
            _encode(items.values.add(), item, (*path, i), secrets)
    else:
        raise PluginError(f"{render(path)}: a value of type {type(value).__name__} cannot be a property")


def leaves(tree: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every leaf of `tree` with its path; an empty map or list is a leaf."""
    if isinstance(tree, dict) and tree:
        for key, item in tree.items():
            yield from leaves(item, (*path, key))
    elif isinstance(tree, list) and tree:
        for i, item in enumerate(tree):
            yield from leaves(item, (*path, i))
    else:
        yield path, tree


def at(tree: object, path: Path, default: object = None) -> object:
    """The value at `path`, or `default` when there is none."""
    for step in path:
        if isinstance(tree, dict):
            tree = tree.get(step, _MISSING)
        elif isinstance(tree, list) and isinstance(step, int) and -len(tree) <= step < len(tree):
            tree = tree[step]
        else:
            return default
        if tree is _MISSING:
            return default
    return tree


def has(tree: object, path: Path) -> bool:
    """Whether there is a value at `path`."""
    return at(tree, path, _MISSING) is not _MISSING


def changed(tree: object, replace: Callable[[Path, object], object], path: Path = ()) -> object:
    """A copy of `tree` in which every leaf is what `replace(path, leaf)` makes of it."""
    if isinstance(tree, dict) and tree:
        return {key: changed(item, replace, (*path, key)) for key, item in tree.items()}
    if isinstance(tree, list) and tree:
        return [changed(item, replace, (*path, i)) for i, item in enumerate(tree)]
    return replace(path, tree)


def secret_paths_in(outputs: Mapping[str, object], inputs: Properties) -> frozenset[Path]:
    """The paths of `outputs` that hold secrets of `inputs`: the same paths, and any string equal to a secret one."""
    strings = {s for s in inputs.secret_strings if len(s) >= 3}
    found = {path for path in inputs.secrets if has(outputs, path)}
    found |= {path for path, leaf in leaves(outputs) if isinstance(leaf, str) and leaf in strings}
    return frozenset(found)


def render(path: Path) -> str:
    """`path` in Pulumi's notation, e.g. `spec.ports[0].name` or `metadata.annotations["seawall.dev/clients"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step)}]"
    return text


def parse(text: str) -> Path:
    """The path that Pulumi's notation `text` names: the reverse of `render`."""
    steps: list[str | int] = []
    for match in _STEP.finditer(text):
        plain, index, quoted = match.groups()
        steps.append(plain if plain is not None else int(index) if index is not None else json.loads(f'"{quoted}"'))
    return tuple(steps)
