"""IAM, KMS and S3 policy documents, from plain strings, as JSON text that is the same for the same input."""

import json
from collections.abc import Mapping, Sequence

from seawall.components.aws.hosts import s3_host

Statement = dict[str, object]

OBJECT_WRITER_ACTIONS = (
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObject",
    "s3:ListMultipartUploadParts",
    "s3:PutObject",
)
"""What barman does with objects: uploads in parts, reads its catalogue back, applies the retention policy."""

OBJECT_READER_ACTIONS = ("s3:GetObject",)
"""What validation and restore do with objects; a HEAD request is a `GetObject` too."""

LOCK_ACTIONS = (
    "s3:BypassGovernanceRetention",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutObjectLegalHold",
    "s3:PutObjectRetention",
)
"""What lifts an object lock, or sets one that nobody planned: a lock for years is a bill for years."""

KEEP_ACTIONS = (
    *LOCK_ACTIONS,
    "s3:DeleteBucket",
    "s3:DeleteBucketPolicy",
    "s3:DeleteObjectVersion",
    "s3:PutBucketAcl",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning",
    "s3:PutEncryptionConfiguration",
    "s3:PutLifecycleConfiguration",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
    "s3:PutReplicationConfiguration",
)
"""What neither identity may ever do, whatever it is granted: with versions kept, a stolen key destroys nothing, and
neither opens the bucket nor copies it elsewhere."""

KEY_DESTROYING_ACTIONS = ("kms:DeleteImportedKeyMaterial", "kms:DisableKey", "kms:ScheduleKeyDeletion")
"""What makes every object under a key unreadable."""

KEY_CARE_ACTIONS = (
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListAliases",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
)
"""What keeping a key takes without destroying it: what the stack itself needs, and the account's way back to
a key whose admins are gone."""


def user_arn(partition: str, account: str, name: str, path: str = "/") -> str:
    """The ARN of an IAM user; `path` starts and ends with a slash."""
    return f"arn:{partition}:iam::{account}:user{path}{name}"


def role_arn(partition: str, account: str, name: str, path: str = "/") -> str:
    """The ARN of an IAM role; `path` starts and ends with a slash."""
    return f"arn:{partition}:iam::{account}:role{path}{name}"


def bucket_arn(partition: str, bucket: str) -> str:
    """The ARN of an S3 bucket."""
    return f"arn:{partition}:s3:::{bucket}"


def bucket_policy(*, bucket: str, key: str, identities: Sequence[str], lock_admins: Sequence[str] = ()) -> str:
    """The policy of a backup bucket: https only, the one encryption and key only, versions and locks kept.

    `bucket` and `key` are ARNs, `identities` the ARNs of writer and reader, `lock_admins` those who alone may lift a
    lock; none where the bucket has no object lock. Negated conditions hold as well for a request that lacks the header,
    so "without" and "with the wrong" are one statement. The parts of a large upload are `s3:PutObject` too, judged by
    the headers with which the upload was begun.
    """
    return _document(
        [
            {
                "Sid": "RefusePlainHttp",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket, f"{bucket}/*"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            },
            {
                "Sid": "RefuseOtherEncryption",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"{bucket}/*",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}},
            },
            {
                "Sid": "RefuseOtherKeys",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"{bucket}/*",
                "Condition": {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": key}},
            },
            {
                "Sid": "KeepVersions",
                "Effect": "Deny",
                "Principal": "*",
                "Action": list(KEEP_ACTIONS),
                "Resource": [bucket, f"{bucket}/*"],
                "Condition": {"ArnEquals": {"aws:PrincipalArn": list(identities)}},
            },
            *_kept_locks(bucket, lock_admins),
        ]
    )


def _kept_locks(bucket: str, admins: Sequence[str]) -> list[Statement]:
    if not admins:
        return []
    return [
        {
            "Sid": "KeepLocks",
            "Effect": "Deny",
            "Principal": "*",
            "Action": list(LOCK_ACTIONS),
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"ArnNotEquals": {"aws:PrincipalArn": list(admins)}},
        }
    ]


def key_policy(*, partition: str, account: str, region: str, admins: Sequence[str], writer: str, reader: str) -> str:
    """The policy of a backup key: the account keeps it, admins alone may end it, writer and reader use it in S3.

    `admins`, `writer` and `reader` are ARNs. KMS refuses a policy that names an identity which is not there yet.
    """
    through_s3 = {"StringEquals": {"kms:ViaService": s3_host(region)}}
    return _document(
        [
            {
                "Sid": "AccountKeeps",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:{partition}:iam::{account}:root"},
                "Action": list(KEY_CARE_ACTIONS),
                "Resource": "*",
            },
            {
                "Sid": "AdminsMayEnd",
                "Effect": "Allow",
                "Principal": {"AWS": list(admins)},
                "Action": sorted({*KEY_CARE_ACTIONS, *KEY_DESTROYING_ACTIONS}),
                "Resource": "*",
            },
            {
                "Sid": "NobodyElseMayEnd",
                "Effect": "Deny",
                "Principal": {"AWS": "*"},
                "Action": list(KEY_DESTROYING_ACTIONS),
                "Resource": "*",
                "Condition": {"ArnNotEquals": {"aws:PrincipalArn": list(admins)}},
            },
            {
                "Sid": "WriterEncrypts",
                "Effect": "Allow",
                "Principal": {"AWS": writer},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
                "Resource": "*",
                "Condition": through_s3,
            },
            {
                "Sid": "ReaderDecrypts",
                "Effect": "Allow",
                "Principal": {"AWS": reader},
                "Action": "kms:Decrypt",
                "Resource": "*",
                "Condition": through_s3,
            },
        ]
    )


def writer_policy(*, bucket: str, key: str, prefixes: Sequence[str]) -> str:
    """What archiving and base backups need, and no more. `bucket` and `key` are ARNs, `prefixes` folders in the bucket.

    `ListBucket` has no condition on the prefix: barman first asks whether the bucket exists, and that request has none.
    """
    return _access(bucket, prefixes, OBJECT_WRITER_ACTIONS, key, ["kms:Decrypt", "kms:GenerateDataKey"])


def reader_policy(*, bucket: str, key: str, prefixes: Sequence[str]) -> str:
    """What validation and restore need, and no more; the arguments are those of `writer_policy`."""
    return _access(bucket, prefixes, OBJECT_READER_ACTIONS, key, ["kms:Decrypt"])


def trust_policy(*, partition: str, account: str, provider: str, service_accounts: Sequence[str]) -> str:
    """Who may take a role: the named service accounts (`namespace:name`) of the cluster behind the OIDC `provider`."""
    subjects = [f"system:serviceaccount:{name}" for name in service_accounts]
    return _document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": f"arn:{partition}:iam::{account}:oidc-provider/{provider}"},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {f"{provider}:aud": "sts.amazonaws.com", f"{provider}:sub": sorted(subjects)}
                },
            }
        ]
    )


def _access(bucket: str, prefixes: Sequence[str], actions: Sequence[str], key: str, uses: Sequence[str]) -> str:
    bucket_actions = ["s3:GetBucketLocation", "s3:ListBucket"] if "s3:PutObject" in actions else ["s3:ListBucket"]
    return _document(
        [
            {"Sid": "Bucket", "Effect": "Allow", "Action": bucket_actions, "Resource": bucket},
            {
                "Sid": "Objects",
                "Effect": "Allow",
                "Action": list(actions),
                "Resource": [f"{bucket}/{prefix.strip('/')}/*" for prefix in sorted(prefixes)],
            },
            {"Sid": "Key", "Effect": "Allow", "Action": list(uses), "Resource": key},
        ]
    )


def _document(statements: Sequence[Mapping[str, object]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, separators=(",", ":"))
