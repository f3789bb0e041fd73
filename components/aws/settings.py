"""Settings of the AWS account that holds the backups: account, credentials, buckets, keys."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.deletion import UnprotectedReason, unprotected_problems, unprotected_reason
from seawall.components.fields import Count, Flag, Text
from seawall.components.problems import RefusedError


def _account(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise RefusedError('must be text: put the account in quotes, as "123456789012" (a number loses leading zeros)')
    return value


def _account_digits(value: str) -> str:
    if not re.fullmatch(r"[0-9]{12}", value):
        raise RefusedError("must be the 12 digits of an AWS account")
    return value


def _region(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-[0-9]", value):
        raise RefusedError("must be an AWS region like eu-central-1")
    return value


def _bucket(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,55}[a-z0-9]", value):
        raise RefusedError(
            "must be 3 to 57 lower-case letters, digits and `-`, starting and ending with a letter or digit (S3 allows "
            "dots, but its https certificate does not fit them; and 63, but the IAM name `<bucket>-writer` has 64)"
        )
    if value.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or value.endswith(("-s3alias", "--ol-s3", "--x-s3")):
        raise RefusedError("must not use a prefix or suffix that S3 reserves")
    return value


def _admin(value: str) -> str:
    if re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:root", value):
        raise RefusedError("must be a role or a user: the account's root would mean everybody whom IAM lets")
    if not re.fullmatch(r"arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[\w+=,.@/-]{1,512}", value, re.ASCII):
        raise RefusedError("must be the ARN of one IAM role or user like arn:aws:iam::123456789012:role/platform-admin")
    return value


def _key_arn(value: str) -> str:
    if not re.fullmatch(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-zA-Z-]{1,64}", value):
        raise RefusedError(
            "must be the ARN of a KMS key like arn:aws:kms:eu-central-1:123456789012:key/1234abcd-…, not an alias: "
            "the bucket policy compares the key that a request names"
        )
    return value


def _issuer(value: str) -> str:
    if not re.fullmatch(r"https://[a-z0-9.-]+(/[\w./-]*[\w-])?", value, re.ASCII):
        raise RefusedError("must be the https address of the issuer, without a slash at the end")
    return value


Account = Annotated[str, BeforeValidator(_account), AfterValidator(_account_digits)]
"""An AWS account: 12 digits, in quotes."""
Region = Annotated[str, AfterValidator(_region)]
"""An AWS region."""
BucketName = Annotated[str, AfterValidator(_bucket)]
"""The name of an S3 bucket, without dots."""
AdminArn = Annotated[str, AfterValidator(_admin)]
"""The ARN of an IAM role or user."""
KeyArn = Annotated[str, AfterValidator(_key_arn)]
"""The ARN of a KMS key."""
Issuer = Annotated[str, AfterValidator(_issuer)]
"""The address of a cluster's service-account issuer."""

Credentials = Literal["external_secret", "irsa"]


class IrsaSettings(Settings):
    """What AWS must know of the cluster before a pod can take an IAM role through its service account."""

    issuer: Issuer = Field(
        description="The cluster's service-account issuer, which the account already has as an OIDC provider and whose "
        "keys AWS can read; the pod identity webhook must run in the cluster"
    )

    @property
    def provider(self) -> str:
        """The issuer as the OIDC provider's ARN and the trust policy's condition name it: without `https://`."""
        return self.issuer.removeprefix("https://")


class ObjectLock(Settings):
    """How long every new version of an object cannot be deleted by anybody, not even with the account's keys.

    It can be turned on for a bucket that is there: in place, with nothing replaced; what was written before is not
    locked. S3 never turns it off again: without the setting the bucket keeps the rule that it has, until one of the
    admins removes it there, and every lock runs to its end.
    """

    mode: Literal["GOVERNANCE", "COMPLIANCE"] = Field(
        description="`GOVERNANCE`: the named admins can lift a lock. `COMPLIANCE`: nobody can, AWS included; needs "
        "`reason`"
    )
    days: Annotated[Count, Field(ge=1, le=3650)] = Field(
        description="Days that a new version is locked, from the upload; at most the bucket's `noncurrent_days`"
    )
    reason: Text | None = Field(
        default=None, description="Why nobody at all may delete for `days`; needed for `COMPLIANCE`"
    )
    admins: tuple[AdminArn, ...] = Field(
        default=(),
        description="IAM roles or users who alone may lift a lock, change its rule or set legal holds; by default "
        "`kms_admins`. Whoever deploys a change of this section must be among them",
    )

    @rule
    def _compliance_has_a_reason(self) -> Iterator[Problem]:
        if self.mode == "COMPLIANCE" and self.reason is None:
            yield Problem(
                ("reason",),
                "is missing: with COMPLIANCE nobody can delete a version before its time, neither for cost nor by law; "
                "say why that is wanted, or use GOVERNANCE",
                risk="CNPG-DATA-002",
            )


class BucketSettings(Settings):
    """One bucket for backups, and the key that encrypts it."""

    existing: Flag = Field(
        default=False,
        description="The bucket is there and configured by somebody else: only the identities (and, unless `kms_key` "
        "is given, the key) are made here",
    )
    kms_key: KeyArn | None = Field(
        default=None,
        description="An existing KMS key to encrypt with; its policy must allow the writer kms:GenerateDataKey and "
        "kms:Decrypt, the reader kms:Decrypt. Without it a key is made",
    )
    noncurrent_days: Annotated[Count, Field(ge=1, le=3650)] = Field(
        default=30,
        description="Days for which a deleted or overwritten object can be brought back: the way out when somebody "
        "deletes backups with the writer's keys",
    )
    abort_upload_days: Annotated[Count, Field(ge=1, le=30)] = Field(
        default=2,
        description="Days after which the parts of an unfinished upload are removed; a base backup takes hours",
    )
    deletion_protection: Flag = Field(
        default=True,
        description="Bucket and key are protected from deletion, and stay when they leave the stack. `false` is for "
        "stacks whose backups nobody will miss",
    )
    unprotected_reason: UnprotectedReason = unprotected_reason()
    key_deletion_days: Annotated[Count, Field(ge=7, le=30)] = Field(
        default=30, description="Days between the order to delete the key and its end; KMS allows 7 to 30"
    )
    object_lock: ObjectLock | None = Field(
        default=None, description="Optional: versions that nobody can delete for some days (S3 Object Lock)"
    )

    @rule
    def _locks_end_with_the_lifecycle(self) -> Iterator[Problem]:
        if self.object_lock is not None and self.object_lock.days > self.noncurrent_days:
            yield Problem(
                ("object_lock", "days"),
                f"must be at most noncurrent_days ({self.noncurrent_days}): the lifecycle removes a version that many "
                "days after its deletion, which may come right after the upload, but S3 keeps a locked one longer, and "
                "bills it; raise noncurrent_days to the same",
                self.object_lock.days,
            )

    @rule
    def _unprotected_for_a_reason(self) -> Iterator[Problem]:
        return unprotected_problems(unprotected=not self.deletion_protection, reason=self.unprotected_reason)

    @rule
    def _a_locked_bucket_stays(self) -> Iterator[Problem]:
        if self.object_lock is not None and not self.deletion_protection:
            yield Problem(
                ("deletion_protection",),
                "must be true with `object_lock`: S3 deletes no bucket that holds a locked version",
                False,
            )

    @rule
    def _nothing_is_said_in_vain(self) -> Iterator[Problem]:
        """A setting of what is not made here would be kept, and nobody would read it."""
        said = self.model_fields_set
        if self.existing:
            for name in sorted(said & {"abort_upload_days", "noncurrent_days", "object_lock"}):
                yield Problem((name,), "is read only for a bucket made here; with `existing: true` remove it")
        if self.kms_key is not None and "key_deletion_days" in said:
            yield Problem(("key_deletion_days",), "is read only for a key made here; with `kms_key` remove it")
        if self.existing and self.kms_key is not None and "deletion_protection" in said:
            yield Problem(
                ("deletion_protection",), "is read only for what is made here; bucket and key are both given: remove it"
            )


class AwsSettings(Settings):
    """The one AWS account and region that the stack may touch, and what it makes there."""

    account: Account = Field(description="The only account that the AWS provider accepts: 12 digits, in quotes")
    region: Region = Field(description="Region of the buckets and keys")
    partition: Literal["aws", "aws-cn", "aws-us-gov"] = Field(default="aws", description="The partition in ARNs")
    credentials: Credentials = Field(
        description="How pods sign in: `external_secret` (access keys that the account's admins put into the secret "
        "store) or `irsa` (IAM roles through service accounts)"
    )
    kms_admins: tuple[AdminArn, ...] = Field(
        default=(), description="IAM roles or users who alone may disable or delete the keys made here"
    )
    irsa: IrsaSettings | None = Field(default=None, description="Needed for, and only for, `credentials: irsa`")
    buckets: dict[BucketName, BucketSettings] = Field(
        default_factory=dict, description="The buckets for backups by name; a Postgres backup names one of them"
    )

    @rule
    def _irsa_needs_an_issuer(self) -> Iterator[Problem]:
        if self.credentials == "irsa" and self.irsa is None:
            yield Problem(
                ("irsa",),
                "is missing: `credentials: irsa` needs `irsa.issuer`, a service-account issuer that AWS trusts; a "
                "platform of its own hardware uses `credentials: external_secret`",
            )
        if self.credentials == "external_secret" and self.irsa is not None:
            yield Problem(("irsa",), "is read only with `credentials: irsa`; remove it")

    @rule
    def _a_new_key_needs_admins(self) -> Iterator[Problem]:
        made = [name for name, bucket in self.buckets.items() if bucket.kms_key is None]
        if made and not self.kms_admins:
            yield Problem(
                ("kms_admins",),
                f"must name at least one IAM role or user: a key is made for {', '.join(made)}, and only its admins "
                "may delete it",
                [],
                "CNPG-DATA-002",
            )

    @rule
    def _admins_are_of_the_account(self) -> Iterator[Problem]:
        yield from self._admins(("kms_admins",), self.kms_admins)
        for name, bucket in self.buckets.items():
            if bucket.object_lock is not None:
                yield from self._admins(("buckets", name, "object_lock", "admins"), bucket.object_lock.admins)

    def _admins(self, path: tuple[str | int, ...], admins: tuple[str, ...]) -> Iterator[Problem]:
        for index, admin in enumerate(admins):
            if not admin.startswith(f"arn:{self.partition}:iam::{self.account}:"):
                yield Problem((*path, index), f"must be of the account {self.account} in {self.partition}", admin)
            if admins.index(admin) != index:
                yield Problem((*path, index), "is named twice", admin)

    def lock_admins(self, bucket: BucketSettings) -> tuple[str, ...]:
        """Who may lift the locks of a bucket; nobody needs to where there is none."""
        return (bucket.object_lock.admins or self.kms_admins) if bucket.object_lock is not None else ()

    @rule
    def _locks_have_admins(self) -> Iterator[Problem]:
        for name, bucket in self.buckets.items():
            if bucket.object_lock is not None and not self.lock_admins(bucket):
                yield Problem(
                    ("buckets", name, "object_lock", "admins"),
                    "must name at least one IAM role or user, or `kms_admins` must: else nobody could ever change the "
                    "rule",
                    [],
                )

    @rule
    def _the_region_is_of_the_partition(self) -> Iterator[Problem]:
        prefix = self.region.split("-", 1)[0]
        there = "aws-cn" if prefix == "cn" else "aws-us-gov" if self.region.startswith("us-gov-") else "aws"
        if self.partition != there:
            yield Problem(("partition",), f"must be {there} for the region {self.region}", self.partition)

    @rule
    def _keys_are_of_the_region(self) -> Iterator[Problem]:
        for name, bucket in self.buckets.items():
            at = f"arn:{self.partition}:kms:{self.region}:"
            if bucket.kms_key is not None and not bucket.kms_key.startswith(at):
                yield Problem(
                    ("buckets", name, "kms_key"),
                    f"must be a key of the bucket's region {self.region} ({at}…): S3 takes no other",
                    bucket.kms_key,
                )
