"""The judge of policies is itself judged: what each operator says of a request with, without and with another value."""

import json
from typing import Any, Final

import pytest
from aws_judge import ANONYMOUS, ROOT, Request, allowed, allowed_by_key, decide, explained

WHO: Final = "arn:aws:iam::123456789012:user/seawall/backups-writer"
KEY: Final = "s3:x-amz-server-side-encryption"
OBJECT: Final = "arn:aws:s3:::backups/main/x"


def document(**changes: Any) -> str:
    statement = {"Sid": "One", "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [{**statement, **changes}]})


CONDITIONS: Final = [
    # (operator, wanted, holds for aws:kms, for AES256, without the key)
    ("StringEquals", "aws:kms", True, False, False),
    ("StringEquals", ["aws:kms", "AES256"], True, True, False),
    ("StringEqualsIfExists", "aws:kms", True, False, True),
    ("StringNotEquals", "aws:kms", False, True, True),
    ("StringNotEquals", ["aws:kms", "AES256"], False, False, True),
    ("StringNotEqualsIfExists", "aws:kms", False, True, True),
    ("StringLike", "aws:*", True, False, False),
    ("StringLike", "aws?kms", True, False, False),
    ("StringLike", "[a]ws:kms", False, False, False),
    ("StringNotLike", "aws:*", False, True, True),
    ("StringNotLikeIfExists", "aws:*", False, True, True),
    ("Null", "true", False, False, True),
    ("Null", "false", True, True, False),
]


@pytest.mark.parametrize(("operator", "wanted", "kms", "aes", "without"), CONDITIONS)
def test_conditions_on_a_header(operator: str, wanted: Any, kms: bool, aes: bool, without: bool) -> None:
    policy = document(Condition={operator: {KEY: wanted}})
    requests = [Request(WHO, "s3:PutObject", OBJECT, given) for given in ({KEY: "aws:kms"}, {KEY: "AES256"}, {})]
    assert [decide(policy, request) == "deny" for request in requests] == [kms, aes, without]


@pytest.mark.parametrize(
    ("operator", "over_tls", "plain", "unknown"),
    [("Bool", False, True, False), ("BoolIfExists", False, True, True)],
)
def test_conditions_on_the_transport(operator: str, over_tls: bool, plain: bool, unknown: bool) -> None:
    policy = document(Condition={operator: {"aws:SecureTransport": "false"}})
    contexts: list[dict[str, str]] = [{"aws:SecureTransport": "true"}, {"aws:SecureTransport": "false"}, {}]
    denied = [decide(policy, Request(WHO, "s3:PutObject", OBJECT, context)) == "deny" for context in contexts]
    assert denied == [over_tls, plain, unknown]


@pytest.mark.parametrize(
    ("operator", "wanted", "writer", "other", "anonymous"),
    [
        ("ArnEquals", WHO, True, False, False),
        ("ArnLike", "arn:aws:iam::*:user/seawall/*", True, False, False),
        ("ArnLike", "arn:aws:iam::*", False, False, False),
        ("ArnNotEquals", WHO, False, True, True),
        ("ArnNotLike", "arn:aws:iam::*:user/seawall/*", False, True, True),
        ("ArnNotEqualsIfExists", [WHO, "arn:aws:iam::123456789012:role/admin"], False, False, True),
    ],
)
def test_conditions_on_the_principal(operator: str, wanted: Any, writer: bool, other: bool, anonymous: bool) -> None:
    policy = document(Condition={operator: {"aws:PrincipalArn": wanted}})
    people = (WHO, "arn:aws:iam::123456789012:role/admin", ANONYMOUS)
    denied = [decide(policy, Request(who, "s3:PutObject", OBJECT)) == "deny" for who in people]
    assert denied == [writer, other, anonymous]


def test_all_conditions_of_a_statement_must_hold() -> None:
    policy = document(Condition={"Null": {KEY: "false"}, "StringNotEquals": {KEY: "aws:kms", "s3:other": "x"}})
    assert decide(policy, Request(WHO, "s3:PutObject", OBJECT, {KEY: "AES256"})) == "deny"
    assert decide(policy, Request(WHO, "s3:PutObject", OBJECT, {KEY: "AES256", "s3:other": "x"})) == "nothing"
    assert decide(policy, Request(WHO, "s3:PutObject", OBJECT)) == "nothing"


@pytest.mark.parametrize(
    ("changes", "applies"),
    [
        ({"Action": "s3:*"}, True),
        ({"Action": ["s3:GetObject", "s3:putobject"]}, True),
        ({"Action": "s3:PutObjectAcl"}, False),
        ({"Resource": "arn:aws:s3:::backups/*"}, True),
        ({"Resource": "arn:aws:s3:::backups/main*"}, True),
        ({"Resource": "arn:aws:s3:::backups"}, False),
        ({"Resource": "arn:aws:s3:::backups/[m]ain/x"}, False),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": [WHO]}}, True),
        ({"Principal": {"AWS": ROOT}}, False),
    ],
)
def test_what_a_statement_is_about(changes: dict[str, Any], applies: bool) -> None:
    assert (decide(document(**changes), Request(WHO, "s3:PutObject", OBJECT)) == "deny") == applies


@pytest.mark.parametrize(
    "changes",
    [
        {"Condition": {"NumericLessThan": {"s3:max-keys": "10"}}},
        {"Condition": {"ForAllValues:StringEquals": {KEY: "aws:kms"}}},
        {"Condition": {"StringEquals": {KEY: "other"}, "DateGreaterThan": {"aws:CurrentTime": "2026-01-01"}}},
        {"Condition": {"NullIfExists": {KEY: "true"}}},
        {"Condition": {"Null": {KEY: "yes"}}},
        {"Principal": {"Service": "s3.amazonaws.com"}},
        {"NotPrincipal": {"AWS": WHO}},
        {"NotAction": "s3:GetObject"},
        {"NotResource": "*"},
        {"Effect": "Maybe"},
    ],
)
def test_what_it_does_not_know_is_an_error_and_never_a_yes(changes: dict[str, Any]) -> None:
    with pytest.raises(AssertionError, match="not known to this judge"):
        decide(document(**changes), Request(WHO, "s3:PutObject", OBJECT, {KEY: "aws:kms"}))


def test_a_denial_says_which_statement_it_was() -> None:
    assert explained(document(), Request(WHO, "s3:PutObject", OBJECT)) == ("deny", "One")
    assert explained(document(), Request(WHO, "s3:GetObject", OBJECT)) == ("nothing", "")


def test_somebody_must_allow_and_nobody_deny() -> None:
    deny, allow, other = document(), document(Effect="Allow"), document(Action="s3:GetObject")
    request = Request(WHO, "s3:PutObject", OBJECT)
    assert allowed(request, identity=allow, resource=other)
    assert allowed(request, identity=None, resource=allow)
    assert not allowed(request, identity=None, resource=other)
    assert not allowed(request, identity=allow, resource=deny)
    assert not allowed(request, identity=deny, resource=allow)


def test_a_keys_policy_must_name_whoever_uses_it_or_leave_it_to_the_account() -> None:
    def says(effect: str, principal: Any = None) -> str:
        return document(Action="kms:Decrypt", Effect=effect, Principal=principal)

    request = Request(WHO, "kms:Decrypt", "arn:aws:kms:eu-central-1:123456789012:key/1")
    account, own = {"AWS": ROOT}, says("Allow")
    assert allowed_by_key(request, identity=None, policy=says("Allow", {"AWS": WHO}))
    assert allowed_by_key(request, identity=own, policy=says("Allow", account))
    assert not allowed_by_key(request, identity=None, policy=says("Allow", account))
    assert not allowed_by_key(request, identity=own, policy=says("Allow", {"AWS": "arn:aws:iam::123456789012:user/x"}))
    assert not allowed_by_key(request, identity=own, policy=says("Deny", "*"))
    assert not allowed_by_key(request, identity=says("Deny"), policy=says("Allow", {"AWS": WHO}))
