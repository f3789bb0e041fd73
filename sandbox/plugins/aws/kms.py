"""aws:kms/key:Key and aws:kms/alias:Alias."""

from typing import Any, ClassVar

from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.resource import (
    AwsResource,
    Values,
    all_tags,
    exists_already,
    gone,
    marked,
    retag,
    tag_list,
    tags_out,
)
from seawall.sandbox.plugins.aws.schema import Between, Choice, Document, Schema, Tags
from seawall.sandbox.plugins.errors import Refusal

_WINDOW_DAYS = 30  # KMS's own default


class Key(AwsResource):
    """A customer managed key. Deleting one schedules its deletion, and it counts as gone from then on."""

    token = "aws:kms/key:Key"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "description": str,
        "policy": Document(),
        "deletionWindowInDays": Between(7, 30),
        "enableKeyRotation": bool,
        "rotationPeriodInDays": Between(90, 2560),
        "isEnabled": bool,
        "keyUsage": Choice(("ENCRYPT_DECRYPT", "SIGN_VERIFY", "GENERATE_VERIFY_MAC")),
        "customerMasterKeySpec": str,
        "multiRegion": bool,
        "tags": Tags(),
    }
    required = ()
    replaced_by = ("keyUsage", "customerMasterKeySpec", "multiRegion")
    kept = ("deletionWindowInDays",)
    defaults: ClassVar[dict[str, object]] = {
        "keyUsage": "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "isEnabled": True,
        "rotationPeriodInDays": 365,
        "deletionWindowInDays": _WINDOW_DAYS,
    }
    computed = ("arn", "keyId", "region", "tagsAll")
    tagged = True

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """KMS makes the id."""
        return None

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By the mark: a key has no name."""
        for page in aws.kms.get_paginator("list_keys").paginate():
            for key in page["Keys"]:
                id_ = key["KeyId"]
                if marked(_tags(aws, id_), urn) and self.read(aws, id_) is not None:
                    return id_
        return None

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """With its policy and tags at once, so that no key is ever without them."""
        request: dict[str, Any] = {
            "Description": values.get("description") or "",
            "KeyUsage": values.get("keyUsage") or "ENCRYPT_DECRYPT",
            "KeySpec": values.get("customerMasterKeySpec") or "SYMMETRIC_DEFAULT",
            "MultiRegion": bool(values.get("multiRegion")),
            "Tags": _spelled(tag_list(all_tags(aws, values), urn)),
        }
        if values.get("policy"):
            request["Policy"] = values["policy"]
        return aws.kms.create_key(**request)["KeyMetadata"]["KeyId"]

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Rotation, state, description, policy, tags."""
        rotation = ("enableKeyRotation", "rotationPeriodInDays")
        if any((old.get(name) or 0) != (new.get(name) or 0) for name in rotation):
            if new.get("enableKeyRotation"):
                period = new.get("rotationPeriodInDays")
                aws.kms.enable_key_rotation(KeyId=id_, **({"RotationPeriodInDays": period} if period else {}))
            else:
                aws.kms.disable_key_rotation(KeyId=id_)
        if old.get("isEnabled", True) != new.get("isEnabled", True):
            (aws.kms.enable_key if new.get("isEnabled", True) else aws.kms.disable_key)(KeyId=id_)
        if not old:
            return
        if old.get("description") != new.get("description"):
            aws.kms.update_key_description(KeyId=id_, Description=new.get("description") or "")
        if old.get("policy") != new.get("policy") and new.get("policy"):
            aws.kms.put_key_policy(KeyId=id_, PolicyName="default", Policy=new["policy"])
        retag(
            _tags(aws, id_),
            all_tags(aws, new),
            urn,
            untag=lambda keys: aws.kms.untag_resource(KeyId=id_, TagKeys=keys),
            tag=lambda tags: aws.kms.tag_resource(KeyId=id_, Tags=_spelled(tags)),
        )

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """Gone when there is no such key or its deletion is scheduled."""
        try:
            key = aws.kms.describe_key(KeyId=id_)["KeyMetadata"]
        except Exception as error:
            if gone(error, "NotFoundException"):
                return None
            raise
        if key.get("KeyState") == "PendingDeletion":
            return None
        found: dict[str, Any] = {
            "arn": key.get("Arn"),
            "keyId": key["KeyId"],
            "region": aws.region,
            "description": key.get("Description", ""),
            "isEnabled": key.get("Enabled", True),
            "keyUsage": key.get("KeyUsage"),
            "customerMasterKeySpec": key.get("KeySpec"),
            "multiRegion": key.get("MultiRegion", False),
            "policy": aws.kms.get_key_policy(KeyId=id_, PolicyName="default")["Policy"],
            **tags_out(aws, _tags(aws, id_)),
        }
        if key.get("KeySpec") == "SYMMETRIC_DEFAULT":  # no other key can be rotated
            rotation = aws.kms.get_key_rotation_status(KeyId=id_)
            found["enableKeyRotation"] = rotation["KeyRotationEnabled"]
            if found["enableKeyRotation"]:
                found["rotationPeriodInDays"] = rotation.get("RotationPeriodInDays", 365)
        return found

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Schedules the deletion."""
        window = int(values.get("deletionWindowInDays") or _WINDOW_DAYS)
        try:
            aws.kms.schedule_key_deletion(KeyId=id_, PendingWindowInDays=window)
        except Exception as error:
            if not gone(error, "NotFoundException", "KMSInvalidStateException"):
                raise


class Alias(AwsResource):
    """A name for a key."""

    token = "aws:kms/alias:Alias"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {"name": str, "targetKeyId": str}
    required = ("name", "targetKeyId")
    replaced_by = ("name",)
    computed = ("arn", "region", "targetKeyArn")
    recomputed = ("targetKeyArn",)

    def check(self, values: Values) -> list[Refusal]:
        """The name starts with `alias/`."""
        name = values.get("name")
        if isinstance(name, str) and (not name.startswith("alias/") or name.startswith("alias/aws/")):
            reason = f"name is {name!r}, but must start with alias/, and not with alias/aws/"
            return [Refusal("name", reason)]
        return []

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The name."""
        return str(values["name"])

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By name, when it points at the same key."""
        name = str(values["name"])
        there = self.read(aws, name)
        if there is None:
            return None
        if same_key(there["targetKeyId"], values["targetKeyId"]):
            return name
        raise exists_already("alias", name)

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """For the target key."""
        aws.kms.create_alias(AliasName=values["name"], TargetKeyId=values["targetKeyId"])
        return str(values["name"])

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Points it at another key."""
        if old and not same_key(old.get("targetKeyId"), new["targetKeyId"]):
            aws.kms.update_alias(AliasName=id_, TargetKeyId=new["targetKeyId"])

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """Found in the list of all aliases: KMS has no other way."""
        for page in aws.kms.get_paginator("list_aliases").paginate():
            for alias in page["Aliases"]:
                if alias.get("AliasName") == id_:
                    key = str(alias.get("TargetKeyId"))
                    arn = str(alias.get("AliasArn"))
                    target = f"{arn.partition(':alias/')[0]}:key/{key}"
                    region = aws.region
                    return {"name": id_, "targetKeyId": key, "arn": arn, "targetKeyArn": target, "region": region}
        return None

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """The key stays."""
        try:
            aws.kms.delete_alias(AliasName=id_)
        except Exception as error:
            if not gone(error, "NotFoundException"):
                raise


def same_key(one: object, other: object) -> bool:
    """Whether two key ids or ARNs name the same key."""
    return str(one).rpartition("/")[2] == str(other).rpartition("/")[2]


def _spelled(tags: list[Any]) -> list[Any]:
    """Tags as KMS takes them."""
    return [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in tags]


def _tags(aws: Clients, id_: str) -> list[Any]:
    return list(aws.kms.list_resource_tags(KeyId=id_)["Tags"])
