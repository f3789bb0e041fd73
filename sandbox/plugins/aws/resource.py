"""What one AWS resource type implements, and what all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

from seawall.sandbox.plugins.aws.clients import Clients, error_code
from seawall.sandbox.plugins.aws.schema import Schema
from seawall.sandbox.plugins.errors import PluginError, Refusal

MARK: Final = "seawall:urn"
"""A tag with the URN on what has no other owner: by it a run finds what an interrupted run made. Never an output."""

Values = Mapping[str, Any]


class AwsResource(ABC):
    """One resource type. `values` are inputs in the casing of pulumi-aws."""

    token: ClassVar[str]
    schema: ClassVar[Mapping[str, Schema]]
    required: ClassVar[tuple[str, ...]]
    """Properties that must be given. Names are among them: the vendor's automatic names are not imitated."""
    replaced_by: ClassVar[tuple[str, ...]]
    """Properties whose change makes another resource."""
    kept: ClassVar[tuple[str, ...]] = ()
    """Properties that AWS does not know: they live in the state only."""
    defaults: ClassVar[Mapping[str, object]] = {}
    """What AWS assumes for properties that are not given, besides false, no text and no tags."""
    computed: ClassVar[tuple[str, ...]] = ()
    """Outputs that are not inputs."""
    recomputed: ClassVar[tuple[str, ...]] = ()
    """Outputs that an update may change."""
    tagged: ClassVar[bool] = False

    def check(self, values: Values) -> list[Refusal]:
        """What is wrong beyond the schema."""
        return []

    def is_default(self, name: str, value: object) -> bool:
        """Whether giving `value` is the same as giving nothing."""
        return value in (self.defaults[name],) if name in self.defaults else value in (None, False, "", {})

    @abstractmethod
    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The id that the resource has or will have; `None` when AWS decides it."""

    @abstractmethod
    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """Create the resource with as little as AWS needs; return its id. `configure` follows."""

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Bring the existing resource from `old` inputs to `new`; after a creation `old` is empty."""
        return

    @abstractmethod
    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """The resource as it is: inputs and computed outputs; `None` when it is gone."""

    @abstractmethod
    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Delete the resource; `values` are the last outputs."""

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """The id of a resource with this identity that an interrupted run of the same URN made.

        Raises `PluginError` when it exists and somebody else made it.
        """
        return None

    def predicted(self, aws: Clients, values: Values) -> dict[str, object]:
        """The outputs that are known before the creation."""
        return {}


def all_tags(aws: Clients, values: Values) -> dict[str, Any]:
    """The provider's default tags and the resource's own."""
    return {**aws.default_tags, **(values.get("tags") or {})}


def tag_list(tags: Mapping[str, Any], urn: str) -> list[Any]:
    """`tags` and the mark, as S3 and IAM take them."""
    return [{"Key": key, "Value": value} for key, value in {**tags, MARK: _mark(urn)}.items()]


def retag(
    live: Iterable[Mapping[str, Any]],
    wanted: Mapping[str, Any],
    urn: str,
    *,
    untag: Callable[[list[str]], object],
    tag: Callable[[list[Any]], object],
) -> None:
    """Bring a resource's tags from `live` to `wanted` and the mark; `untag` takes keys, `tag` a `tag_list`."""
    keys = [str(t.get("Key", t.get("TagKey"))) for t in live]
    dropped = [key for key in keys if key not in {*wanted, MARK}]
    if dropped:
        untag(dropped)
    tag(tag_list(wanted, urn))


def tags_out(aws: Clients, tags: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """`tags` and `tagsAll` from a list of tags, without the mark."""
    every = {
        str(t.get("Key", t.get("TagKey"))): str(t.get("Value", t.get("TagValue")))
        for t in tags
        if t.get("Key", t.get("TagKey")) != MARK
    }
    own = {k: v for k, v in every.items() if aws.default_tags.get(k) != v}
    return {"tags": own, "tagsAll": every}


def marked(tags: Iterable[Mapping[str, Any]], urn: str) -> bool:
    """Whether `tags` say that a run of the same URN made the resource."""
    return any(t.get("Key", t.get("TagKey")) == MARK and t.get("Value", t.get("TagValue")) == _mark(urn) for t in tags)


def exists_already(what: str, id_: str) -> PluginError:
    """The refusal to take over what somebody else made."""
    return PluginError(f"{what} {id_} exists already, not made by this resource: import it, or choose another name")


def gone(error: Exception, *codes: str) -> bool:
    """Whether AWS says with one of `codes` that there is no such thing."""
    return error_code(error) in codes


def _mark(urn: str) -> str:
    # Tag values may have 256 characters, and not all that a URN may have.
    import hashlib

    return hashlib.sha256(urn.encode()).hexdigest()[:32]
