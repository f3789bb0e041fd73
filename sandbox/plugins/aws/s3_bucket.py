"""aws:s3/bucket:Bucket."""

import re
from typing import Any, ClassVar, Final

from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.resource import (
    AwsResource,
    Values,
    all_tags,
    exists_already,
    gone,
    marked,
    tag_list,
    tags_out,
)
from seawall.sandbox.plugins.aws.schema import Schema, Tags
from seawall.sandbox.plugins.errors import Refusal
from seawall.sandbox.plugins.properties import UNKNOWN

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3's rules for general purpose buckets


class Bucket(AwsResource):
    """A bucket. Its versioning, encryption, policy and so on are resources of their own."""

    token = "aws:s3/bucket:Bucket"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "forceDestroy": bool,
        "objectLockEnabled": bool,
        "tags": Tags(),
    }
    required = ("bucket",)
    replaced_by = ("bucket", "objectLockEnabled")
    kept = ("forceDestroy",)
    computed = ("arn", "bucketDomainName", "bucketRegion", "bucketRegionalDomainName", "region", "tagsAll")
    tagged = True

    def check(self, values: Values) -> list[Refusal]:
        """The name follows S3's rules."""
        name = values.get("bucket")
        if isinstance(name, str) and not _NAME.fullmatch(name):
            reason = f"bucket is {name!r}, but must be 3 to 63 lower case letters, digits, dots and hyphens"
            return [Refusal("bucket", reason)]
        return []

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The name."""
        return str(values["bucket"])

    def found(self, aws: Clients, values: Values, urn: str) -> str | None:
        """By name; S3 has one owner per name."""
        name = str(values["bucket"])
        if not self._there(aws, name):
            return None
        if marked(self._tags(aws, name), urn):
            return name
        raise exists_already("bucket", name)

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """In the provider's region."""
        name = str(values["bucket"])
        request: dict[str, Any] = {"Bucket": name}
        if aws.region != "us-east-1":
            request["CreateBucketConfiguration"] = {"LocationConstraint": aws.region}
        if values.get("objectLockEnabled"):
            request["ObjectLockEnabledForBucket"] = True
        aws.s3.create_bucket(**request)
        return name

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Sets the tags."""
        aws.s3.put_bucket_tagging(Bucket=id_, Tagging={"TagSet": tag_list(all_tags(aws, new), urn)})

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """Name, names in DNS, tags."""
        if not self._there(aws, id_):
            return None
        located: Any = aws.s3.get_bucket_location(Bucket=id_)
        region = located.get("LocationConstraint") or "us-east-1"  # S3's first region has no name there
        return {
            **_names(id_, str(region)),
            "objectLockEnabled": self._locks(aws, id_),
            **tags_out(aws, self._tags(aws, id_)),
        }

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Refused by S3 when the bucket holds objects, unless `forceDestroy` says to delete them first."""
        try:
            if values.get("forceDestroy"):
                _empty(aws, id_)
            aws.s3.delete_bucket(Bucket=id_)
        except Exception as error:
            if not gone(error, "NoSuchBucket"):
                raise

    def predicted(self, aws: Clients, values: Values) -> dict[str, object]:
        """Everything follows from the name and the region."""
        name = values["bucket"]
        return {} if name is UNKNOWN else _names(str(name), aws.region)

    def _there(self, aws: Clients, name: str) -> bool:
        try:
            aws.s3.head_bucket(Bucket=name)
        except Exception as error:
            if gone(error, "404", "NoSuchBucket"):
                return False
            raise
        return True

    def _tags(self, aws: Clients, name: str) -> list[Any]:
        try:
            return list(aws.s3.get_bucket_tagging(Bucket=name)["TagSet"])
        except Exception as error:
            if gone(error, "NoSuchTagSet"):
                return []
            raise

    def _locks(self, aws: Clients, name: str) -> bool:
        try:
            configuration = aws.s3.get_object_lock_configuration(Bucket=name)["ObjectLockConfiguration"]
        except Exception as error:
            if gone(error, "ObjectLockConfigurationNotFoundError"):
                return False
            raise
        return configuration.get("ObjectLockEnabled") == "Enabled"


def _names(name: str, region: str) -> dict[str, object]:
    return {
        "bucket": name,
        "arn": f"arn:aws:s3:::{name}",
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        "bucketRegion": region,
        "region": region,
    }


def _empty(aws: Clients, name: str) -> None:
    pages = aws.s3.get_paginator("list_object_versions").paginate(Bucket=name)
    for page in pages:
        held = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        objects: list[Any] = [{"Key": o.get("Key"), "VersionId": o.get("VersionId")} for o in held]
        if objects:
            aws.s3.delete_objects(Bucket=name, Delete={"Objects": objects, "Quiet": True})
