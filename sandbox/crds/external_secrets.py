"""Model of the `ExternalSecret` custom resource (external-secrets.io/v1), for a sandbox that has no vendor's CRD."""

from typing import Annotated, Literal

from pydantic import Field, WithJsonSchema

from seawall.sandbox.crds.schema import Kind, Model

_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

Name = Annotated[str, Field(min_length=1, max_length=253, pattern=_NAME)]
SecretKey = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[-._a-zA-Z0-9]+$")]
Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]


class StoreReference(Model):
    """Which secret store is asked."""

    name: Name | None = Field(default=None, description="Name of the store.")
    kind: Literal["SecretStore", "ClusterSecretStore"] | None = Field(default=None, description="Kind of the store.")


class Remote(Model):
    """Where a value is in the store."""

    key: str = Field(description="Path of the entry.")
    property: str | None = Field(default=None, description="Field of the entry.")
    version: str | None = Field(default=None, description="Version of the entry.")
    conversion_strategy: Literal["Default", "Unicode"] | None = Field(default=None, description="Conversion of keys.")
    decoding_strategy: Literal["Auto", "Base64", "Base64URL", "None"] | None = Field(
        default=None, description="Decoding of values."
    )
    metadata_policy: Literal["None", "Fetch"] | None = Field(default=None, description="Tags instead of the value.")


class Data(Model):
    """One key of the Secret."""

    secret_key: SecretKey = Field(description="Key in the Secret.")
    remote_ref: Remote = Field(description="Where its value is.")


class NamePattern(Model):
    """Entries by name."""

    regexp: str | None = Field(default=None, description="Regular expression.")


class Find(Model):
    """Entries of the store by name or tag."""

    path: str | None = Field(default=None, description="Only below this path.")
    name: NamePattern | None = Field(default=None, description="By name.")
    tags: dict[str, str] | None = Field(default=None, description="By tags.")


class DataFrom(Model):
    """Every field of an entry, or entries that match."""

    extract: Remote | None = Field(default=None, description="Every field of one entry.")
    find: Find | None = Field(default=None, description="Entries that match.")


class TemplateMetadata(Model):
    """Labels and annotations of the Secret."""

    labels: dict[str, str] | None = Field(default=None, description="Labels.")
    annotations: dict[str, str] | None = Field(default=None, description="Annotations.")


class Template(Model):
    """Shape of the Secret."""

    type: str | None = Field(default=None, description="Type of the Secret.")
    engine_version: Literal["v2"] = Field(default="v2", description="Template engine.")
    merge_policy: Literal["Replace", "Merge"] = Field(default="Replace", description="With the fetched keys.")
    metadata: TemplateMetadata | None = Field(default=None, description="Labels and annotations.")
    data: dict[str, str] | None = Field(default=None, description="Templates by key.")


class Target(Model):
    """The Secret that is made."""

    name: Name | None = Field(default=None, description="Name; the custom resource's when absent.")
    creation_policy: Literal["Owner", "Orphan", "Merge", "None", "CreateOrMerge"] = Field(
        default="Owner", description="Who owns the Secret."
    )
    deletion_policy: Literal["Delete", "Merge", "Retain"] = Field(
        default="Retain", description="What happens when the entry is gone."
    )
    immutable: bool | None = Field(default=None, description="The Secret cannot be changed.")
    template: Template | None = Field(default=None, description="Shape of the Secret.")


class ExternalSecretSpec(Model):
    """What an `ExternalSecret` may ask for."""

    secret_store_ref: StoreReference | None = Field(default=None, description="The store.")
    refresh_interval: str = Field(default="1h0m0s", description="How often the store is asked.")
    refresh_policy: Literal["CreatedOnce", "Periodic", "OnChange"] | None = Field(
        default=None, description="When the store is asked."
    )
    target: Target | None = Field(default=None, description="The Secret.")
    data: list[Data] | None = Field(default=None, description="Keys one by one.")
    data_from: list[DataFrom] | None = Field(default=None, description="Many keys at once.")


class Condition(Model):
    """One condition."""

    type: str = Field(description="Type.")
    status: str = Field(description="True, False or Unknown.")
    reason: str | None = Field(default=None, description="Reason in one word.")
    message: str | None = Field(default=None, description="Message.")
    last_transition_time: Time | None = Field(default=None, description="Since when.")


class ExternalSecretStatus(Model):
    """What the operator says of it."""

    conditions: list[Condition] | None = Field(default=None, description="Conditions.")
    refresh_time: Time | None = Field(default=None, description="Last time the store was asked.")
    synced_resource_version: str | None = Field(default=None, description="Version that was synced.")


EXTERNAL_SECRET = Kind(
    group="external-secrets.io",
    version="v1",
    kind="ExternalSecret",
    plural="externalsecrets",
    spec=ExternalSecretSpec,
    status=ExternalSecretStatus,
)
