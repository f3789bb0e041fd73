"""What people get wrong with the bucket of the backups, its key and its identities."""

from collections.abc import Callable
from typing import Any

from backup_changes import (
    BUCKET,
    BUCKET_POLICY,
    KEY,
    OTHER_KEY,
    READER_POLICY,
    WRITER_POLICY,
    default,
    deployed,
    document,
    statement,
    without,
)
from kill import Change, Kill, drop, edit

BLOCK = ("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock", "monosense-cnpg-public-access")
VERSIONS = ("aws:s3/bucketVersioning:BucketVersioning", "monosense-cnpg-versioning")
LIFECYCLE = ("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration", "monosense-cnpg-lifecycle")


HEADER = "s3:x-amz-server-side-encryption"
KEY_HEADER = f"{HEADER}-aws-kms-key-id"


def wants(sid: str, header: str, value: str) -> Callable[[list[dict[str, Any]]], None]:
    return statement(sid, Condition={"StringNotEquals": {header: value}})


def _granted(kind: str, called: str, *actions: str) -> Change:
    resources = ["arn:aws:s3:::monosense-cnpg", "arn:aws:s3:::monosense-cnpg/*"]
    more = {"Sid": "More", "Effect": "Allow", "Action": list(actions), "Resource": resources}
    return document(kind, called, lambda statements: statements.append(more))


ENCRYPTION = [
    ("bucket's default is AES256", default(sseAlgorithm="AES256", kmsMasterKeyId=None)),
    ("bucket's default is another key", default(kmsMasterKeyId=OTHER_KEY)),
    ("bucket policy takes other keys", document(*BUCKET_POLICY, without("RefuseOtherKeys"))),
    ("bucket policy names another key", document(*BUCKET_POLICY, wants("RefuseOtherKeys", KEY_HEADER, OTHER_KEY))),
    ("bucket policy wants AES256", document(*BUCKET_POLICY, wants("RefuseOtherEncryption", HEADER, "AES256"))),
    ("key policy without the writer", deployed(document(*KEY, without("WriterEncrypts")))),
    ("key policy without the reader", deployed(document(*KEY, without("ReaderDecrypts")))),
    ("writer may not decrypt", deployed(document(*KEY, statement("WriterEncrypts", Action="kms:GenerateDataKey")))),
]
BUCKETS = [
    ("public access not blocked", drop(*BLOCK)),
    ("public policies not blocked", edit(*BLOCK, lambda it: it.update(blockPublicPolicy=False))),
    (
        "bucket open to everybody",
        document(
            *BUCKET_POLICY,
            lambda it: it.append(
                {
                    "Effect": "Allow",
                    "Principal": "*",
                    "Action": "s3:GetObject",
                    "Resource": "arn:aws:s3:::monosense-cnpg/*",
                }
            ),
        ),
    ),
    ("bucket answers over http", document(*BUCKET_POLICY, without("RefusePlainHttp"))),
    ("http refused for uploads only", document(*BUCKET_POLICY, statement("RefusePlainHttp", Action="s3:PutObject"))),
    ("bucket deleted with what is in it", edit(*BUCKET, lambda it: it.update(forceDestroy=True))),
    ("no versions", drop(*VERSIONS)),
    ("versioning suspended", edit(*VERSIONS, lambda it: it["versioningConfiguration"].update(status="Suspended"))),
    (
        "lifecycle deletes backups after a week",
        edit(*LIFECYCLE, lambda it: it["rules"][0].update(expiration={"days": 7})),
    ),
    (
        "lifecycle freezes backups",
        edit(*LIFECYCLE, lambda it: it["rules"][0].update(transitions=[{"days": 1, "storageClass": "GLACIER"}])),
    ),
    (
        "writer may delete versions and the bucket",
        deployed(
            document(*BUCKET_POLICY, without("KeepVersions")),
            _granted(*WRITER_POLICY, "s3:DeleteBucket", "s3:DeleteObjectVersion"),
        ),
    ),
    (
        "writer may not write",
        deployed(document(*WRITER_POLICY, statement("Objects", Action=["s3:GetObject", "s3:DeleteObject"]))),
    ),
    ("key is never rotated", deployed(edit(*KEY, lambda it: it.update(enableKeyRotation=False)))),
    ("key ends within a week", deployed(edit(*KEY, lambda it: it.update(deletionWindowInDays=7)))),
    (
        "key open to everybody",
        deployed(
            document(
                *KEY,
                lambda it: it.append(
                    {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:*", "Resource": "*"}
                ),
            )
        ),
    ),
]


READERS = [
    (
        "validator's keys may write",
        deployed(
            document(*READER_POLICY, statement("Objects", Action=["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]))
        ),
    ),
]
_ROWS = {"CNPG-DATA-002": ENCRYPTION, "CNPG-SEC-001": READERS, "CNPG-SW-011": BUCKETS}
CASES = [Kill("infra", rule, what, change) for rule, rows in _ROWS.items() for what, change in rows]
