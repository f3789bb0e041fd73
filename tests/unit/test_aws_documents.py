"""The policy documents, decided request by request as AWS would, as far as their conditions go."""

import fnmatch
import json
from typing import Any

import pytest

from seawall.components.aws import documents

BUCKET = "arn:aws:s3:::backups"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/1"
WRITER = "arn:aws:iam::123456789012:user/seawall/backups-writer"
READER = "arn:aws:iam::123456789012:user/seawall/backups-reader"
ADMIN = "arn:aws:iam::123456789012:role/platform-admin"
ROOT = "arn:aws:iam::123456789012:root"

PUT = {
    "aws:SecureTransport": "true",
    "s3:x-amz-server-side-encryption": "aws:kms",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": KEY,
    "aws:PrincipalArn": WRITER,
}


def decide(document: str, action: str, resource: str, context: dict[str, str], principal: str | None = None) -> str:
    """`deny` beats `allow` beats `nothing`."""
    verdict = "nothing"
    for statement in json.loads(document)["Statement"]:
        if _applies(statement, action, resource, context, principal):
            if statement["Effect"] == "Deny":
                return "deny"
            verdict = "allow"
    return verdict


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _applies(
    statement: dict[str, Any], action: str, resource: str, context: dict[str, str], principal: str | None
) -> bool:
    named = statement.get("Principal", "*")
    if named != "*" and "*" not in (who := _listed(named["AWS"])) and principal not in who:
        return False
    if not any(fnmatch.fnmatchcase(action, pattern) for pattern in _listed(statement["Action"])):
        return False
    if not any(fnmatch.fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"])):
        return False
    for operator, keys in statement.get("Condition", {}).items():
        for key, values in keys.items():
            equal = context.get(key) in _listed(values)  # absent: equal to nothing
            if equal is ("Not" in operator):
                return False
    return True


def bucket(action: str, context: dict[str, str], resource: str = f"{BUCKET}/main/x") -> str:
    document = documents.bucket_policy(bucket=BUCKET, key=KEY, identities=[WRITER, READER])
    return decide(document, action, resource, context)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, "nothing"),  # and so the identity's own policy decides
        ({"aws:SecureTransport": "false"}, "deny"),
        ({"s3:x-amz-server-side-encryption": None}, "deny"),
        ({"s3:x-amz-server-side-encryption": "AES256"}, "deny"),
        ({"s3:x-amz-server-side-encryption-aws-kms-key-id": None}, "deny"),
        ({"s3:x-amz-server-side-encryption-aws-kms-key-id": "arn:aws:kms:eu-central-1:1:key/2"}, "deny"),
    ],
)
def test_the_bucket_takes_only_what_is_encrypted_under_its_key_over_https(
    changes: dict[str, str | None], verdict: str
) -> None:
    context = {key: value for key, value in {**PUT, **changes}.items() if value is not None}
    assert bucket("s3:PutObject", context) == verdict


def test_the_bucket_is_read_over_https_only() -> None:
    assert bucket("s3:GetObject", {"aws:SecureTransport": "true"}) == "nothing"
    assert bucket("s3:GetObject", {"aws:SecureTransport": "false"}) == "deny"


@pytest.mark.parametrize("who", [WRITER, READER])
@pytest.mark.parametrize("action", documents.KEEP_ACTIONS)
def test_writer_and_reader_can_destroy_no_version_and_change_no_rule(who: str, action: str) -> None:
    context = {"aws:SecureTransport": "true", "aws:PrincipalArn": who}
    assert bucket(action, context) == "deny"
    assert bucket(action, context | {"aws:PrincipalArn": ADMIN}) == "nothing"


WRITER_RIGHTS = documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["main"])
READER_RIGHTS = documents.reader_policy(bucket=BUCKET, key=KEY, prefixes=["main"])


@pytest.mark.parametrize(
    ("action", "resource", "writer", "reader"),
    [
        ("s3:ListBucket", BUCKET, "allow", "allow"),
        ("s3:GetBucketLocation", BUCKET, "allow", "nothing"),
        ("s3:GetObject", f"{BUCKET}/main/x", "allow", "allow"),
        ("s3:PutObject", f"{BUCKET}/main/x", "allow", "nothing"),
        ("s3:DeleteObject", f"{BUCKET}/main/x", "allow", "nothing"),
        ("s3:AbortMultipartUpload", f"{BUCKET}/main/x", "allow", "nothing"),
        ("s3:ListMultipartUploadParts", f"{BUCKET}/main/x", "allow", "nothing"),
        ("s3:DeleteObjectVersion", f"{BUCKET}/main/x", "nothing", "nothing"),
        ("s3:PutLifecycleConfiguration", BUCKET, "nothing", "nothing"),
        ("s3:PutBucketVersioning", BUCKET, "nothing", "nothing"),
        ("s3:CreateBucket", BUCKET, "nothing", "nothing"),
        ("s3:GetObject", f"{BUCKET}/other/x", "nothing", "nothing"),
        ("s3:PutObject", f"{BUCKET}/mainx/x", "nothing", "nothing"),
        ("kms:GenerateDataKey", KEY, "allow", "nothing"),
        ("kms:Decrypt", KEY, "allow", "allow"),
        ("kms:Decrypt", KEY.replace("key/1", "key/2"), "nothing", "nothing"),
        ("kms:ScheduleKeyDeletion", KEY, "nothing", "nothing"),
    ],
)
def test_writer_and_reader_have_the_least_rights(action: str, resource: str, writer: str, reader: str) -> None:
    assert decide(WRITER_RIGHTS, action, resource, {}) == writer
    assert decide(READER_RIGHTS, action, resource, {}) == reader


def key(action: str, principal: str, context: dict[str, str] | None = None) -> str:
    document = documents.key_policy(
        partition="aws", account="123456789012", region="eu-central-1", admins=[ADMIN], writer=WRITER, reader=READER
    )
    return decide(document, action, "*", {"aws:PrincipalArn": principal, **(context or {})}, principal)


@pytest.mark.parametrize("action", documents.KEY_DESTROYING_ACTIONS)
def test_only_the_admins_end_the_key(action: str) -> None:
    assert key(action, ADMIN) == "allow"
    for other in (ROOT, WRITER, READER, "arn:aws:iam::123456789012:role/other"):
        assert key(action, other) == "deny"


def test_the_account_keeps_the_key_and_cannot_use_it() -> None:
    assert key("kms:PutKeyPolicy", ROOT) == "allow"  # KMS refuses a policy that locks its author out
    assert key("kms:EnableKeyRotation", ROOT) == "allow"
    assert key("kms:Decrypt", ROOT) == "nothing"
    assert key("kms:CreateGrant", ROOT) == "nothing"


def test_writer_and_reader_use_the_key_through_s3_only() -> None:
    through_s3 = {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}
    assert key("kms:GenerateDataKey", WRITER, through_s3) == "allow"
    assert key("kms:Decrypt", WRITER, through_s3) == "allow"
    assert key("kms:Decrypt", READER, through_s3) == "allow"
    assert key("kms:GenerateDataKey", READER, through_s3) == "nothing"
    assert key("kms:Decrypt", READER) == "nothing"


def test_only_the_named_service_accounts_take_the_role() -> None:
    document = documents.trust_policy(
        partition="aws", account="123456789012", provider="oidc.example.org/id/1", service_accounts=["db:b", "db:a"]
    )
    [statement] = json.loads(document)["Statement"]
    assert statement["Principal"]["Federated"] == "arn:aws:iam::123456789012:oidc-provider/oidc.example.org/id/1"
    assert statement["Condition"]["StringEquals"] == {
        "oidc.example.org/id/1:aud": "sts.amazonaws.com",
        "oidc.example.org/id/1:sub": ["system:serviceaccount:db:a", "system:serviceaccount:db:b"],
    }


def test_the_same_input_gives_the_same_text() -> None:
    again = documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["b", "/a/"])
    assert again == documents.writer_policy(bucket=BUCKET, key=KEY, prefixes=["a", "b"])


def test_names_give_arns() -> None:
    assert documents.user_arn("aws", "1", "u", "/seawall/") == "arn:aws:iam::1:user/seawall/u"
    assert documents.role_arn("aws-cn", "1", "r") == "arn:aws-cn:iam::1:role/r"
    assert documents.bucket_arn("aws", "b") == "arn:aws:s3:::b"
