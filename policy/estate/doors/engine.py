"""The door for the Pulumi engine: the resources of a stack, in a preview, an update or an exported state.

They arrive either behind `pulumi_policy`'s proxies (which raise on every unknown value) or as the engine's own
messages. Both become plain data with `UNKNOWN` in the place of what is not known yet; secrets are unwrapped so that
they can be judged, and their texts are noted, so that no report prints one (`Origin.hidden`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seawall.policy.estate import kinds
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import PULUMI, GroupKind
from seawall.policy.estate.model import Estate, KubeObject, Note, Origin
from seawall.policy.estate.sight import STACK, Sight
from seawall.policy.estate.values import UNKNOWN

_UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # boolean
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # list
        "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
        "e48ece36-62e2-4504-bad9-02848725956a",  # archive
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # mapping
    }
)
"""What the engine sends for a value that is not known yet, by the type of the value; the same in every SDK."""

_REDACTED = "[secret]"
"""What `pulumi policy analyze --file` gives for a secret that it cannot decrypt, whatever its type is."""

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the engine's mark of a secret, no secret itself
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""Marks of the engine's protocol on a mapping that stands for something else."""

_KUBERNETES = "kubernetes:"
MAX_DEPTH = 200
"""Properties nested deeper than this are taken as unknown."""


@dataclass(frozen=True)
class Resource:
    """A resource of a stack as every form of the engine's data gives it."""

    type: str
    urn: str
    name: str
    properties: Mapping[str, Any]
    """Plain data."""
    awaits: frozenset[str] = frozenset()
    """Properties that depend on other resources of the stack."""
    hidden: frozenset[str] = frozenset()
    """Texts that the engine keeps secret."""


def resource(type: str, urn: str, name: str, properties: Any, awaits: Iterable[str] = ()) -> Resource:
    """A resource of properties as the engine writes them: unknown values and secrets marked."""
    hidden: set[str] = set()
    return Resource(type, urn, name, plain_mapping(properties, hidden), frozenset(awaits), frozenset(hidden))


def from_args(args: Any) -> Estate:
    """The estate of a `pulumi_policy.StackValidationArgs`."""
    return estate(
        Resource(
            resource.resource_type,
            resource.urn,
            resource.name,
            plain_mapping(resource.props),
            frozenset(key for key, found in resource.property_dependencies.items() if found),
        )
        for resource in args.resources
    )


def estate(resources: Iterable[Resource], sight: Sight = STACK, notes: Iterable[Note] = ()) -> Estate:
    """The estate of a stack's resources; `sight` and `notes` say what its door cannot see."""
    declared: list[KubeObject] = []
    others: list[KubeObject] = []
    for resource in resources:
        thing = declared_object(resource)
        if thing is not None:
            declared.append(thing)
        elif not resource.type.startswith("pulumi:"):
            origin = Origin(urn=resource.urn, awaits=resource.awaits, hidden=resource.hidden)
            others.append(KubeObject(PULUMI, resource.type, "", resource.name, resource.properties, origin))
    return build(declared, others=others, notes=[*sight.notes, *notes], sees=sight.sees)


def declared_object(resource: Resource) -> KubeObject | None:
    """The Kubernetes object of a resource, None when it is something else."""
    if not resource.type.startswith(_KUBERNETES):
        return None
    manifest = resource.properties
    if not isinstance(manifest.get("kind"), str) or not isinstance(manifest.get("apiVersion"), str):
        api_version, kind = _of_token(resource.type)
        manifest = {**manifest, "apiVersion": api_version, "kind": kind}
    if "metadata" not in manifest and "spec" not in manifest and group_kind(resource.type) not in kinds.known():
        return None  # a component or a Helm release
    origin = Origin(urn=resource.urn, awaits=resource.awaits, hidden=resource.hidden)
    return kube_object(manifest, origin, name=resource.name)


def group_kind(token: str) -> GroupKind | None:
    """What the objects of a type token are, whatever their API version; None for what is no Kubernetes object."""
    if not token.startswith(_KUBERNETES):
        return None
    api_version, kind = _of_token(token)
    return api_version.rpartition("/")[0], kind


def _of_token(token: str) -> tuple[str, str]:
    """API version and kind of a type token like `kubernetes:policy/v1:PodDisruptionBudget`."""
    _, _, rest = token.partition(":")
    api_version, _, kind = rest.rpartition(":")
    return api_version.removeprefix("core/"), kind


def plain_mapping(properties: Any, hidden: set[str] | None = None) -> dict[str, Any]:
    """The properties of a resource as plain data, without the provider's internal ones; secret texts go to `hidden`."""
    value = plain(properties, 0, hidden)
    if not isinstance(value, dict):
        return {}
    return {key: content for key, content in value.items() if not key.startswith("__")}


def plain(value: Any, depth: int = 0, hidden: set[str] | None = None) -> Any:
    """A value as plain data: mappings, lists, texts, whole numbers as such, `UNKNOWN`, and secrets unwrapped."""
    if depth > MAX_DEPTH:
        return UNKNOWN
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS or value == _REDACTED else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        raw: Mapping[str, Any] = value if isinstance(value, dict) else value["__target"]  # past the proxy, which raises
        signature = raw.get(_SIGNATURE)
        if signature == _SECRET:
            return _revealed(raw, depth, hidden)
        if signature == _OUTPUT:
            return _of_output(raw, depth, hidden)
        return {str(key): plain(content, depth + 1, hidden) for key, content in raw.items()}
    if isinstance(value, Sequence):
        items: Sequence[Any] = value if isinstance(value, list | tuple) else value["__target"]  # type: ignore[call-overload]
        return [plain(item, depth + 1, hidden) for item in items]
    return str(type(value).__name__)  # an asset or an archive: no rule reads its content


def _revealed(raw: Mapping[str, Any], depth: int, hidden: set[str] | None) -> Any:
    """A secret's value. In an exported state it is JSON in `plaintext`, or encrypted: then it is not known."""
    if "value" in raw:
        value = plain(raw["value"], depth + 1, hidden)
    else:
        try:
            value = plain(json.loads(raw["plaintext"]), depth + 1, hidden)
        except (KeyError, TypeError, ValueError, RecursionError):
            return UNKNOWN
    if hidden is not None:
        hidden.update(texts(value))
    return value


def _of_output(raw: Mapping[str, Any], depth: int, hidden: set[str] | None) -> Any:
    """The value of an output, which may be a secret, or not be known yet."""
    if "value" not in raw:
        return UNKNOWN
    value = plain(raw["value"], depth + 1, hidden)
    if hidden is not None and raw.get("secret") is True:
        hidden.update(texts(value))
    return value


def texts(value: Any) -> Iterator[str]:
    """All texts in a plain value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for content in value.values():
            yield from texts(content)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
