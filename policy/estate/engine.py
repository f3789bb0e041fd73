"""The door for the Pulumi engine: the resources of a stack, in a preview, an update or an exported state.

They arrive either behind `pulumi_policy`'s proxies (which raise on every unknown value) or as the engine's own
messages. Both become plain data with `UNKNOWN` in the place of what is not known yet; secrets are unwrapped so that
they can be judged, and never printed: rules quote only fields that hold no secret.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import PULUMI
from seawall.policy.estate.model import Estate, KubeObject, Note, Origin
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


def estate(resources: Iterable[Resource]) -> Estate:
    """The estate of a stack's resources."""
    declared: list[KubeObject] = []
    others: list[KubeObject] = []
    for resource in resources:
        thing = declared_object(resource)
        if thing is not None:
            declared.append(thing)
        elif not resource.type.startswith("pulumi:"):
            origin = Origin(urn=resource.urn, awaits=resource.awaits)
            others.append(KubeObject(PULUMI, resource.type, "", resource.name, resource.properties, origin))
    notes = [Note("whatever is in the cluster and not in this stack; policies and budgets there add to these")]
    return build(declared, others=others, notes=notes)


def declared_object(resource: Resource) -> KubeObject | None:
    """The Kubernetes object of a resource, None when it is something else."""
    if not resource.type.startswith(_KUBERNETES):
        return None
    manifest = resource.properties
    if not isinstance(manifest.get("kind"), str) or not isinstance(manifest.get("apiVersion"), str):
        api_version, kind = _of_token(resource.type)
        manifest = {**manifest, "apiVersion": api_version, "kind": kind}
    if "metadata" not in manifest and "spec" not in manifest:
        return None  # a component or a Helm release
    return kube_object(manifest, Origin(urn=resource.urn, awaits=resource.awaits), name=resource.name)


def _of_token(token: str) -> tuple[str, str]:
    """API version and kind of a type token like `kubernetes:policy/v1:PodDisruptionBudget`."""
    _, _, rest = token.partition(":")
    api_version, _, kind = rest.rpartition(":")
    return api_version.removeprefix("core/"), kind


def plain_mapping(properties: Any) -> dict[str, Any]:
    """The properties of a resource as plain data, without the provider's internal ones."""
    value = plain(properties)
    if not isinstance(value, dict):
        return {}
    return {key: content for key, content in value.items() if not key.startswith("__")}


def plain(value: Any, depth: int = 0) -> Any:
    """A value as plain data: mappings, lists, texts, whole numbers as such, `UNKNOWN`, and secrets unwrapped."""
    if depth > MAX_DEPTH:
        return UNKNOWN
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, Mapping):
        raw: Mapping[str, Any] = value if isinstance(value, dict) else value["__target"]  # past the proxy, which raises
        signature = raw.get(_SIGNATURE)
        if signature == _SECRET:
            return plain(raw.get("value"), depth + 1)
        if signature == _OUTPUT:
            return plain(raw["value"], depth + 1) if "value" in raw else UNKNOWN
        return {str(key): plain(content, depth + 1) for key, content in raw.items()}
    if isinstance(value, Sequence):
        items: Sequence[Any] = value if isinstance(value, list | tuple) else value["__target"]  # type: ignore[call-overload]
        return [plain(item, depth + 1) for item in items]
    return str(type(value).__name__)  # an asset or an archive: no rule reads its content
