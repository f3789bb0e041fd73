"""The settings of a bucket, each a resource of its own whose id is the bucket's name."""

from abc import abstractmethod
from typing import Any, ClassVar, Final

from seawall.sandbox.plugins.aws.clients import Clients
from seawall.sandbox.plugins.aws.resource import AwsResource, Values, gone
from seawall.sandbox.plugins.aws.schema import Between, Choice, Document, Schema, Tags
from seawall.sandbox.plugins.errors import Refusal

# The names in the API that are not simply the property with a capital letter.
_API_NAMES: Final = {"id": "ID", "sseAlgorithm": "SSEAlgorithm", "kmsMasterKeyId": "KMSMasterKeyID"}
_PROPERTY_NAMES: Final = {api: name for name, api in _API_NAMES.items()}


class BucketSetting(AwsResource):
    """One setting: put, read and deleted as a whole."""

    required: ClassVar[tuple[str, ...]] = ("bucket",)
    replaced_by: ClassVar[tuple[str, ...]] = ("bucket",)
    absent: ClassVar[tuple[str, ...]]
    """S3's codes for a setting that is not there."""

    def id_of(self, aws: Clients, values: Values) -> str | None:
        """The bucket's name."""
        return str(values["bucket"])

    def create(self, aws: Clients, values: Values, urn: str) -> str:
        """S3 has no creation apart from putting."""
        bucket = str(values["bucket"])
        self.put(aws, bucket, values)
        return bucket

    def configure(self, aws: Clients, id_: str, old: Values, new: Values, urn: str) -> None:
        """Puts the setting anew when it changes."""
        if old:
            self.put(aws, id_, new)

    def read(self, aws: Clients, id_: str) -> dict[str, Any] | None:
        """The setting; gone with its bucket."""
        try:
            found = self.get(aws, id_)
        except Exception as error:
            if gone(error, "NoSuchBucket", *self.absent):
                return None
            raise
        return None if found is None else {"bucket": id_, "region": aws.region, **found}

    def delete(self, aws: Clients, id_: str, values: Values) -> None:
        """Back to S3's default."""
        try:
            self.remove(aws, id_)
        except Exception as error:
            if not gone(error, "NoSuchBucket", *self.absent):
                raise

    computed: ClassVar[tuple[str, ...]] = ("region",)

    @abstractmethod
    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Set it."""

    @abstractmethod
    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """Its properties; `None` when it is not set."""

    @abstractmethod
    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""


class BucketVersioning(BucketSetting):
    """Whether old versions of objects are kept."""

    token = "aws:s3/bucketVersioning:BucketVersioning"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "versioningConfiguration": {"status": Choice(("Enabled", "Suspended"))},
    }
    required = ("bucket", "versioningConfiguration")
    absent = ()

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Set it."""
        configuration = to_api(values["versioningConfiguration"])
        aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=configuration)

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """A bucket that never had versioning has no status."""
        status = aws.s3.get_bucket_versioning(Bucket=bucket).get("Status")
        return {"versioningConfiguration": {"status": status}} if status else None

    def remove(self, aws: Clients, bucket: str) -> None:
        """Versioning cannot be taken off a bucket, only suspended."""
        aws.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})


class BucketObjectLock(BucketSetting):
    """How long new versions are locked. Setting it turns object lock on, for a bucket that is there as well."""

    token = "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "objectLockEnabled": Choice(("Enabled",)),
        "rule": {
            "defaultRetention": {
                "mode": Choice(("COMPLIANCE", "GOVERNANCE")),
                "days": Between(1, 36500),
                "years": Between(1, 100),
            }
        },
    }
    replaced_by = ("bucket", "objectLockEnabled")
    defaults: ClassVar[dict[str, object]] = {"objectLockEnabled": "Enabled"}
    absent = ("ObjectLockConfigurationNotFoundError",)

    def check(self, values: Values) -> list[Refusal]:
        """S3 takes days or years."""
        retention = (values.get("rule") or {}).get("defaultRetention") or {}
        if "days" in retention and "years" in retention:
            return [Refusal("rule", "rule.defaultRetention has days and years, but must have one of them")]
        return []

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Refused for a bucket without versions, and by moto, unlike S3, for one that holds objects."""
        self._put(aws, bucket, {"Rule": to_api(values["rule"])} if values.get("rule") else {})

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """Only with a rule: a bucket whose rule was removed keeps object lock and has no setting."""
        found = aws.s3.get_object_lock_configuration(Bucket=bucket)["ObjectLockConfiguration"]
        retention = found.get("Rule", {}).get("DefaultRetention", {})
        if found.get("ObjectLockEnabled") != "Enabled" or not retention.get("Mode"):
            return None
        # moto says 0 for what is not set.
        rule = {"defaultRetention": from_api({name: value for name, value in retention.items() if value})}
        return {"objectLockEnabled": "Enabled", "rule": rule}

    def remove(self, aws: Clients, bucket: str) -> None:
        """The rule goes; object lock itself stays for good, as in S3."""
        self._put(aws, bucket, {})

    def _put(self, aws: Clients, bucket: str, rule: dict[str, Any]) -> None:
        configuration: Any = {"ObjectLockEnabled": "Enabled", **rule}
        aws.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)


class BucketEncryption(BucketSetting):
    """How new objects are encrypted."""

    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "rules": [
            {
                "applyServerSideEncryptionByDefault": {
                    "sseAlgorithm": Choice(("AES256", "aws:kms", "aws:kms:dsse")),
                    "kmsMasterKeyId": str,
                },
                "bucketKeyEnabled": bool,
            }
        ],
    }
    required = ("bucket", "rules")
    absent = ("ServerSideEncryptionConfigurationNotFoundError",)

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Set it."""
        configuration = {"Rules": to_api(values["rules"])}
        aws.s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)  # type: ignore[arg-type]  # built by name

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """Its rules."""
        found = aws.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
        return {"rules": from_api(found["Rules"])}

    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""
        aws.s3.delete_bucket_encryption(Bucket=bucket)


class BucketPublicAccessBlock(BucketSetting):
    """What public access is refused whatever a policy says."""

    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "blockPublicAcls": bool,
        "blockPublicPolicy": bool,
        "ignorePublicAcls": bool,
        "restrictPublicBuckets": bool,
    }
    absent = ("NoSuchPublicAccessBlockConfiguration",)

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """A part that is not given is off, as in the vendor's provider."""
        parts = {name: bool(values.get(name)) for name in self.schema if name != "bucket"}
        aws.s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=to_api(parts))

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """The four parts."""
        found = aws.s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        return dict(from_api(found))

    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""
        aws.s3.delete_public_access_block(Bucket=bucket)


class BucketOwnershipControls(BucketSetting):
    """Who owns objects that others write."""

    token = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "rule": {"objectOwnership": Choice(("BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"))},
    }
    required = ("bucket", "rule")
    absent = ("OwnershipControlsNotFoundError",)

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Set it."""
        aws.s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={"Rules": [to_api(values["rule"])]})

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """The one rule."""
        rules = aws.s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
        return {"rule": from_api(rules[0])} if rules else None

    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""
        aws.s3.delete_bucket_ownership_controls(Bucket=bucket)


class BucketPolicy(BucketSetting):
    """Who may do what with the bucket."""

    token = "aws:s3/bucketPolicy:BucketPolicy"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {"bucket": str, "policy": Document()}
    required = ("bucket", "policy")
    absent = ("NoSuchBucketPolicy",)

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """Set it."""
        aws.s3.put_bucket_policy(Bucket=bucket, Policy=str(values["policy"]))

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """The document."""
        return {"policy": aws.s3.get_bucket_policy(Bucket=bucket)["Policy"]}

    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""
        aws.s3.delete_bucket_policy(Bucket=bucket)


_SELECTED: Final[dict[str, Schema]] = {"prefix": str, "objectSizeGreaterThan": int, "objectSizeLessThan": int}
_STORAGE: Final = Choice(("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"))


class BucketLifecycle(BucketSetting):
    """When objects, old versions and unfinished uploads are deleted or moved."""

    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"  # noqa: S105
    schema: ClassVar[dict[str, Schema]] = {
        "bucket": str,
        "rules": [
            {
                "id": str,
                "status": Choice(("Enabled", "Disabled")),
                "filter": {
                    **_SELECTED,
                    "tag": {"key": str, "value": str},
                    "and": {**_SELECTED, "tags": Tags()},
                },
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": int},
                "expiration": {"days": int, "expiredObjectDeleteMarker": bool},
                "noncurrentVersionExpiration": {"noncurrentDays": int, "newerNoncurrentVersions": int},
                "noncurrentVersionTransitions": [
                    {"noncurrentDays": int, "newerNoncurrentVersions": int, "storageClass": _STORAGE}
                ],
                "transitions": [{"days": int, "storageClass": _STORAGE}],
            }
        ],
    }
    required = ("bucket", "rules")
    absent = ("NoSuchLifecycleConfiguration",)

    def put(self, aws: Clients, bucket: str, values: Values) -> None:
        """A rule without a filter is for every object."""
        rules = [{"Filter": {"Prefix": ""}, **to_api(rule)} for rule in values["rules"]]
        aws.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})  # type: ignore[typeddict-item]  # built by name

    def get(self, aws: Clients, bucket: str) -> dict[str, Any] | None:
        """The rules."""
        return {"rules": from_api(aws.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"])}

    def remove(self, aws: Clients, bucket: str) -> None:
        """Unset it."""
        aws.s3.delete_bucket_lifecycle(Bucket=bucket)


def to_api(value: Any) -> Any:
    """A property as the S3 API spells it."""
    if isinstance(value, list):
        return [to_api(item) for item in value]
    if isinstance(value, dict):
        return {_API_NAMES.get(k, k[:1].upper() + k[1:]): _tags_or(v, k) for k, v in value.items() if v is not None}
    return value


def from_api(value: Any) -> Any:
    """What the S3 API says, as a property."""
    if isinstance(value, list):
        return [from_api(item) for item in value]
    if isinstance(value, dict):
        return {
            _PROPERTY_NAMES.get(k, k[:1].lower() + k[1:]): {t["Key"]: t["Value"] for t in v}
            if k == "Tags"
            else from_api(v)
            for k, v in value.items()
        }
    return value


def _tags_or(value: Any, name: str) -> Any:
    return [{"Key": k, "Value": v} for k, v in value.items()] if name == "tags" else to_api(value)
