"""Policy documents of AWS, decided in three values."""

import json
from typing import Any

import pytest

from seawall.policy.estate.aws.documents import SOMEBODY, Document, Request, every, read, same_arn, some
from seawall.policy.estate.kinds import PULUMI
from seawall.policy.estate.objects import KubeObject, Origin
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError, UnknownValueError, View

BUCKET = "arn:aws:s3:::backups"
OBJECT = f"{BUCKET}/pg/base"
WRITER = "arn:aws:iam::111122223333:user/pg/writer"
HEADER = "s3:x-amz-server-side-encryption"


def document(*statements: dict[str, Any], as_text: bool = True) -> Document:
    value: Any = {"Version": "2012-10-17", "Statement": list(statements)}
    holder = KubeObject(PULUMI, "x", "", "x", {}, Origin())
    made = read(holder, View(json.dumps(value) if as_text else value, ("policy",)))
    assert made is not None
    return made


def allow(**members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "s3:*", "Resource": "*", **members}


def deny(**members: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*", **members}


def put(principal: str = SOMEBODY, **context: str | None) -> Request:
    return Request("s3:PutObject", OBJECT, principal, {key.replace("__", ":"): value for key, value in context.items()})


@pytest.mark.parametrize(
    ("members", "allowed"),
    [
        ({}, True),
        ({"Action": "s3:PutObject"}, True),
        ({"Action": ["s3:GetObject", "S3:putobject"]}, True),  # actions are compared in any case
        ({"Action": "s3:Put*"}, True),
        ({"Action": "s3:Put?bject"}, True),
        ({"Action": "s3:Get*"}, False),
        ({"Action": "*"}, True),
        ({"Action": None, "NotAction": "s3:PutObject"}, False),
        ({"Action": None, "NotAction": ["iam:*"]}, True),
        ({"Resource": f"{BUCKET}/*"}, True),
        ({"Resource": [BUCKET, f"{BUCKET}/pg/*"]}, True),
        ({"Resource": BUCKET}, False),
        ({"Resource": f"{BUCKET.upper()}/*"}, False),
        ({"Resource": None, "NotResource": f"{BUCKET}/pg/*"}, False),
        ({"Resource": None, "NotResource": f"{BUCKET}/other/*"}, True),
        ({"Resource": "arn:*:s3:::backups/*"}, True),
    ],
)
def test_what_a_statement_covers(members: dict[str, Any], allowed: bool) -> None:
    assert document(allow(**members)).allows(put()) is allowed
    assert document(allow(**members), as_text=False).allows(put()) is allowed


@pytest.mark.parametrize(
    ("principal", "named", "account"),
    [
        ("*", True, False),
        ({"AWS": "*"}, True, False),
        ({"AWS": WRITER}, True, False),
        ({"AWS": ["arn:aws:iam::111122223333:user/other", WRITER]}, True, False),
        ({"AWS": "arn:aws:iam::111122223333:root"}, False, True),
        ({"AWS": "111122223333"}, False, True),
        ({"AWS": "arn:aws:iam::444455556666:root"}, False, False),
        ({"Service": "backup.amazonaws.com"}, False, False),
        (None, True, False),  # an identity's own policy names nobody
    ],
)
def test_whom_a_statement_is_about(principal: Any, named: bool, account: bool) -> None:
    members = {} if principal is None else {"Principal": principal}
    assert document(allow(**members)).allows(put(WRITER)) is named
    assert document(allow(**members)).leaves_to_account(put(WRITER)) is account
    assert document({**allow(**members), "Effect": "Deny"}).denies(put(WRITER)) is (named or account)


def test_everybody_but() -> None:
    but_writer = allow(NotPrincipal={"AWS": WRITER})
    assert document(but_writer).allows(put(WRITER)) is False
    assert document(but_writer).allows(put()) is True
    assert document(allow(NotPrincipal="*")).allows(put()) is False


@pytest.mark.parametrize(
    ("operator", "value", "asked", "holds"),
    [
        ("StringEquals", "aws:kms", "aws:kms", True),
        ("StringEquals", ["AES256", "aws:kms"], "aws:kms", True),
        ("StringEquals", "aws:kms", "AES256", False),
        ("StringEquals", "aws:kms", None, False),
        ("StringEqualsIfExists", "aws:kms", None, True),
        ("StringEqualsIfExists", "aws:kms", "AES256", False),
        ("StringEqualsIgnoreCase", "AWS:KMS", "aws:kms", True),
        ("StringNotEquals", "aws:kms", "AES256", True),
        ("StringNotEquals", "aws:kms", "aws:kms", False),
        ("StringNotEquals", "aws:kms", None, True),
        ("StringNotEqualsIfExists", "aws:kms", None, True),
        ("StringNotEqualsIfExists", "aws:kms", "aws:kms", False),
        ("StringNotEquals", ["aws:kms", "AES256"], "AES256", False),
        ("StringLike", "aws:*", "aws:kms", True),
        ("StringNotLike", "aws:*", "aws:kms", False),
        ("Null", "true", None, True),
        ("Null", "true", "aws:kms", False),
        ("Null", "false", None, False),
        ("Null", "false", "aws:kms", True),
        ("Bool", "false", "false", True),
        ("Bool", True, "true", True),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
        ("StringEquals", "${aws:username}", "aws:kms", None),
        ("ForAllValues:StringEquals", "aws:kms", "aws:kms", None),
        ("NumericLessThan", "5", "4", None),
        ("IpAddress", "10.0.0.0/8", "10.1.1.1", None),
    ],
)
def test_conditions(operator: str, value: Any, asked: str | None, holds: bool | None) -> None:
    statement = deny(Condition={operator: {"S3:X-amz-server-side-encryption": value}})  # keys in any case
    assert document(statement).denies(put(**{HEADER: asked})) is holds


def test_what_is_not_in_the_request_cannot_be_told() -> None:
    network = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    assert document(deny(Condition=network)).denies(put()) is None
    assert document(deny(Condition=network, Action="s3:GetObject")).denies(put()) is False, "it is about something else"
    both = {**network, "Bool": {"aws:SecureTransport": "false"}}
    assert document(deny(Condition=both)).denies(put(aws__securetransport="true")) is False, "one that fails decides"
    assert document(deny(Condition=network), deny()).denies(put()) is True, "one statement that applies decides"


def test_principals_in_conditions() -> None:
    others = deny(Condition={"ArnNotEquals": {"aws:PrincipalArn": [WRITER]}})
    assert document(others).denies(put(WRITER)) is False
    assert document(others).denies(put()) is True
    mine = deny(Condition={"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::111122223333:user/pg/*"}})
    assert document(mine).denies(put(WRITER)) is True


def test_arns_of_which_something_is_not_known() -> None:
    assert same_arn(WRITER, "arn::iam:::user/pg/writer")
    assert not same_arn(WRITER, "arn::iam:::user/writer")
    assert not same_arn(WRITER, "arn:aws:iam::444455556666:user/pg/writer")
    assert not same_arn(WRITER, "arn::iam:::role/pg/writer")
    assert same_arn("arn:aws:rds:eu-central-1:111122223333:db:pg", "arn::rds:::db:pg"), "a name may hold colons"


@pytest.mark.parametrize(
    ("resource", "buckets"),
    [
        (OBJECT, {"backups"}),
        ([BUCKET, "arn:aws:s3:::other/*"], {"backups", "other"}),
        ("*", {"*"}),
        ("arn:aws:s3:::pg-*/x", {"pg-*"}),
        ("arn:aws:dynamodb:eu-central-1:111122223333:table/x", set()),
    ],
)
def test_which_buckets_a_statement_is_about(resource: Any, buckets: set[str]) -> None:
    assert document(allow(Resource=resource)).statements[0].buckets() == buckets
    assert document(allow(Resource=resource, Action="kms:Decrypt")).statements[0].buckets() == set()


def test_three_values() -> None:
    assert every([True, None]) is None
    assert every([False, None]) is False
    assert every([]) is True
    assert some([False, None]) is None
    assert some([True, None]) is True
    assert some([]) is False


@pytest.mark.parametrize(
    "value",
    ["{", "[1]", json.dumps({"Statement": [{"Effect": "allow"}]}), json.dumps({"Statement": "x"}), 7, "[" * 100_000],
)
def test_what_cannot_be_read(value: Any) -> None:
    holder = KubeObject(PULUMI, "x", "", "x", {}, Origin())
    with pytest.raises(CannotEvaluateError) as problem:
        read(holder, View(value, ("policy",)))
    assert problem.value.subject is holder
    assert problem.value.path[0] == "policy"


def test_absent_and_unknown() -> None:
    holder = KubeObject(PULUMI, "x", "", "x", {}, Origin())
    assert read(holder, View(None, ("policy",))) is None
    assert read(holder, View("", ("policy",))) is None
    with pytest.raises(UnknownValueError):
        read(holder, View(UNKNOWN, ("policy",)))
