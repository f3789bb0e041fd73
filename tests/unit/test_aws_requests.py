"""Requests to bucket and key, each decided over all policies together: who may do what, and who may not."""

import json
from typing import Final

import pytest
from aws_judge import ANONYMOUS, ROOT, Request, allowed, allowed_by_key

from seawall.components.aws import documents

BUCKET: Final = "arn:aws:s3:::backups"
OBJECT: Final = f"{BUCKET}/main/base/1/data.tar"
KEY: Final = "arn:aws:kms:eu-central-1:123456789012:key/1"
WRITER: Final = "arn:aws:iam::123456789012:user/seawall/backups-writer"
READER: Final = "arn:aws:iam::123456789012:user/seawall/backups-reader"
ADMIN: Final = "arn:aws:iam::123456789012:role/platform-admin"
OTHER_ADMIN: Final = "arn:aws:iam::123456789012:role/somebody-with-everything"

EVERYTHING: Final = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
)
"""What an administrator of the account is granted, and what a stolen or careless grant could be."""
GRANTED: Final = {
    WRITER: documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["main"]),
    READER: documents.reader_policy(bucket=BUCKET, key=KEY, prefixes=["main"]),
    ADMIN: EVERYTHING,
    OTHER_ADMIN: EVERYTHING,
    ROOT: EVERYTHING,
    ANONYMOUS: None,
}
LOCKED: Final = documents.bucket_policy(bucket=BUCKET, key=KEY, identities=[WRITER, READER], lock_admins=[ADMIN])
UNLOCKED: Final = documents.bucket_policy(bucket=BUCKET, key=KEY, identities=[WRITER, READER])
KEY_POLICY: Final = documents.key_policy(
    partition="aws", account="123456789012", region="eu-central-1", admins=[ADMIN], writer=WRITER, reader=READER
)

HTTPS: Final = {"aws:SecureTransport": "true"}
HTTP: Final = {"aws:SecureTransport": "false"}
ENCRYPTED: Final = {
    **HTTPS,
    "s3:x-amz-server-side-encryption": "aws:kms",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY,
}
OTHER_KEY: Final = {**ENCRYPTED, "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY.replace("key/1", "key/2")}
BY_ALIAS: Final = {**ENCRYPTED, "s3:x-amz-server-side-encryption-aws-kms-key-id": "alias/seawall/backups"}
NO_KEY: Final = {name: value for name, value in ENCRYPTED.items() if not name.endswith("key-id")}
AES: Final = {**HTTPS, "s3:x-amz-server-side-encryption": "AES256"}
DOUBLE: Final = {**ENCRYPTED, "s3:x-amz-server-side-encryption": "aws:kms:dsse"}
OWN_KEY: Final = {**HTTPS, "s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}
"""SSE-C: the caller's own key, which nobody else has."""

ALL: Final = (WRITER, READER, ADMIN, OTHER_ADMIN, ROOT, ANONYMOUS)
REQUESTS: Final = [
    # (what, action, resource, condition keys, who may)
    ("list", "s3:ListBucket", BUCKET, HTTPS, {WRITER, READER, ADMIN, OTHER_ADMIN, ROOT}),
    ("list over http", "s3:ListBucket", BUCKET, HTTP, set()),
    ("where is it", "s3:GetBucketLocation", BUCKET, HTTPS, {WRITER, ADMIN, OTHER_ADMIN, ROOT}),
    ("read", "s3:GetObject", OBJECT, HTTPS, {WRITER, READER, ADMIN, OTHER_ADMIN, ROOT}),
    ("read over http", "s3:GetObject", OBJECT, HTTP, set()),
    ("read another folder", "s3:GetObject", f"{BUCKET}/other/x", HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("read a folder of like name", "s3:GetObject", f"{BUCKET}/main2/x", HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("read an old version", "s3:GetObjectVersion", OBJECT, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("write", "s3:PutObject", OBJECT, ENCRYPTED, {WRITER, ADMIN, OTHER_ADMIN, ROOT}),
    ("write another folder", "s3:PutObject", f"{BUCKET}/other/x", ENCRYPTED, {ADMIN, OTHER_ADMIN, ROOT}),
    ("write over http", "s3:PutObject", OBJECT, {**ENCRYPTED, **HTTP}, set()),
    ("write, not encrypted", "s3:PutObject", OBJECT, HTTPS, set()),
    ("write with S3's key", "s3:PutObject", OBJECT, AES, set()),
    ("write with another key", "s3:PutObject", OBJECT, OTHER_KEY, set()),
    ("write with the key's alias", "s3:PutObject", OBJECT, BY_ALIAS, set()),
    ("write with the account's default key", "s3:PutObject", OBJECT, NO_KEY, set()),
    ("write, encrypted twice", "s3:PutObject", OBJECT, DOUBLE, set()),
    ("write with a key of one's own", "s3:PutObject", OBJECT, OWN_KEY, set()),
    # CreateMultipartUpload, UploadPart and CompleteMultipartUpload are all authorised as s3:PutObject
    ("a large upload's parts", "s3:ListMultipartUploadParts", OBJECT, HTTPS, {WRITER, ADMIN, OTHER_ADMIN, ROOT}),
    ("give a large upload up", "s3:AbortMultipartUpload", OBJECT, HTTPS, {WRITER, ADMIN, OTHER_ADMIN, ROOT}),
    ("delete (a marker)", "s3:DeleteObject", OBJECT, HTTPS, {WRITER, ADMIN, OTHER_ADMIN, ROOT}),
    ("delete another folder", "s3:DeleteObject", f"{BUCKET}/other/x", HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("delete a version", "s3:DeleteObjectVersion", OBJECT, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("suspend versioning", "s3:PutBucketVersioning", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("change the lifecycle", "s3:PutLifecycleConfiguration", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("change the encryption", "s3:PutEncryptionConfiguration", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("change the policy", "s3:PutBucketPolicy", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("remove the policy", "s3:DeleteBucketPolicy", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("open it to the public", "s3:PutBucketPublicAccessBlock", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("copy it elsewhere", "s3:PutReplicationConfiguration", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("remove the bucket", "s3:DeleteBucket", BUCKET, HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
    ("bypass a lock", "s3:BypassGovernanceRetention", OBJECT, HTTPS, {ADMIN}),
    ("change a lock", "s3:PutObjectRetention", OBJECT, HTTPS, {ADMIN}),
    ("hold for the law", "s3:PutObjectLegalHold", OBJECT, HTTPS, {ADMIN}),
    ("change the lock's rule", "s3:PutBucketObjectLockConfiguration", BUCKET, HTTPS, {ADMIN}),
    ("change the lock's rule over http", "s3:PutBucketObjectLockConfiguration", BUCKET, HTTP, set()),
    ("make a bucket", "s3:CreateBucket", f"{BUCKET}-2", HTTPS, {ADMIN, OTHER_ADMIN, ROOT}),
]


@pytest.mark.parametrize(
    ("action", "resource", "context", "may"), [it[1:] for it in REQUESTS], ids=[it[0] for it in REQUESTS]
)
def test_who_may_do_what_with_the_bucket(action: str, resource: str, context: dict[str, str], may: set[str]) -> None:
    passed = {
        who for who in ALL if allowed(Request(who, action, resource, context), identity=GRANTED[who], resource=LOCKED)
    }
    assert passed == may


@pytest.mark.parametrize("who", [WRITER, READER])
@pytest.mark.parametrize("action", documents.KEEP_ACTIONS)
def test_a_careless_grant_gives_writer_and_reader_nothing_that_destroys(who: str, action: str) -> None:
    for policy in (LOCKED, UNLOCKED):
        for resource in (BUCKET, OBJECT):
            assert not allowed(Request(who, action, resource, HTTPS), identity=EVERYTHING, resource=policy)


@pytest.mark.parametrize("action", documents.LOCK_ACTIONS)
def test_without_a_lock_the_accounts_admins_are_not_held_up(action: str) -> None:
    request = Request(OTHER_ADMIN, action, OBJECT, HTTPS)
    assert allowed(request, identity=EVERYTHING, resource=UNLOCKED)
    assert not allowed(request, identity=EVERYTHING, resource=LOCKED)


THROUGH_S3: Final = {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
ELSEWHERE: Final = {"kms:ViaService": "s3.us-east-1.amazonaws.com"}
KEY_REQUESTS: Final = [
    ("encrypt through S3", "kms:GenerateDataKey", THROUGH_S3, {WRITER}),
    ("decrypt through S3", "kms:Decrypt", THROUGH_S3, {WRITER, READER}),
    ("decrypt in another region", "kms:Decrypt", ELSEWHERE, set()),
    ("decrypt directly", "kms:Decrypt", {}, set()),
    ("hand the use on", "kms:CreateGrant", THROUGH_S3, set()),
    ("delete", "kms:ScheduleKeyDeletion", {}, {ADMIN}),
    ("disable", "kms:DisableKey", {}, {ADMIN}),
    ("forget imported material", "kms:DeleteImportedKeyMaterial", {}, {ADMIN}),
    ("save from deletion", "kms:CancelKeyDeletion", {}, {ADMIN, OTHER_ADMIN, ROOT}),
    ("rotate", "kms:EnableKeyRotation", {}, {ADMIN, OTHER_ADMIN, ROOT}),
    ("stop the rotation", "kms:DisableKeyRotation", {}, set()),
    ("change the policy", "kms:PutKeyPolicy", {}, {ADMIN, OTHER_ADMIN, ROOT}),
]


@pytest.mark.parametrize(
    ("action", "context", "may"), [it[1:] for it in KEY_REQUESTS], ids=[it[0] for it in KEY_REQUESTS]
)
def test_who_may_do_what_with_the_key(action: str, context: dict[str, str], may: set[str]) -> None:
    """What the key's policy gives to the account is given on by the identity's own policy; else it must name it."""
    passed = {
        who
        for who in ALL
        if allowed_by_key(Request(who, action, KEY, context), identity=GRANTED[who], policy=KEY_POLICY)
    }
    assert passed == may


def test_the_policies_fit_into_what_aws_takes() -> None:
    assert len(LOCKED) <= 20 * 1024
    assert len(KEY_POLICY) <= 32 * 1024
    many = [f"cluster-{n:03}" for n in range(60)]
    assert len(documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=many)) <= 6144  # without blanks, as IAM counts
