"""AWS settings that are refused, each with its key and what is allowed."""

from typing import Any

import pytest
from cnpg_samples import AWS, GONE, KEY, changed
from pydantic import ValidationError

from seawall.components.aws.args import BackupBucketArgs
from seawall.components.aws.settings import AwsSettings
from seawall.errors import UserError

LOCK = "buckets.backups.object_lock"
HOSTILE: list[tuple[str, Any, str, str]] = [
    ("account", 123456789012, "account", "in quotes"),
    ("account", "12345", "account", "12 digits"),
    ("account", GONE, "account", "is missing"),
    ("region", "Frankfurt", "region", "like eu-central-1"),
    ("region", "eu-central", "region", "like eu-central-1"),
    ("partition", "aws-eu", "partition", "'aws'"),
    ("credentials", "static", "credentials", "'external_secret' or 'irsa'"),
    ("credentials", "irsa", "irsa", "irsa.issuer"),
    ("irsa", {"issuer": "https://oidc.example.org"}, "irsa", "only with"),
    ("irsa", {"issuer": "http://oidc.example.org"}, "irsa.issuer", "https"),
    ("irsa", {"issuer": "https://oidc.example.org/"}, "irsa.issuer", "without a slash"),
    ("access_key", "AKIAIOSFODNN7EXAMPLE", "access_key", "unknown key"),
    ("kms_admins", [], "kms_admins", "at least one"),
    ("kms_admins", ["platform-admin"], "kms_admins[0]", "must be the ARN"),
    ("kms_admins", ["*"], "kms_admins[0]", "must be the ARN"),
    ("kms_admins", ["arn:aws:iam::123456789012:root"], "kms_admins[0]", "everybody"),
    ("kms_admins", ["arn:aws:iam::123456789012:role/*"], "kms_admins[0]", "must be the ARN"),
    ("kms_admins", ["arn:aws:iam::999999999999:role/x"], "kms_admins[0]", "of the account"),
    ("kms_admins", [AWS["kms_admins"][0]] * 2, "kms_admins[1]", "twice"),
    ("buckets", {"Backups": {}}, "buckets.Backups", "lower-case"),
    ("buckets", {"a.b": {}}, "buckets.a.b", "dots"),
    ("buckets", {"xn--abc": {}}, "buckets.xn--abc", "reserves"),
    ("buckets", {"b" * 58: {}}, f"buckets.{'b' * 58}", "3 to 57"),
    ("buckets.backups", {"kms_key": "alias/backups"}, "buckets.backups.kms_key", "not an alias"),
    ("buckets.backups", {"kms_key": KEY.replace("eu-central", "us-east")}, "buckets.backups.kms_key", "region"),
    ("buckets.backups", {"noncurrent_days": 0}, "buckets.backups.noncurrent_days", "must be at least"),
    ("buckets.backups", {"key_deletion_days": 3}, "buckets.backups.key_deletion_days", "must be at least"),
    ("buckets.backups", {"abort_upload_days": 1.5}, "buckets.backups.abort_upload_days", "whole number"),
    ("buckets.backups", {"existing": "no"}, "buckets.backups.existing", "true or false"),
    ("buckets.backups", {"versioning": False}, "buckets.backups.versioning", "unknown key"),
    ("account", "\u0661" * 12, "account", "12 digits"),
    ("account", True, "account", "must be text"),
    ("region", "cn-north-1", "partition", "must be aws-cn"),
    ("partition", "aws-us-gov", "partition", "must be aws for"),
    ("region", "us-gov-west-1", "partition", "must be aws-us-gov"),
    ("kms_admins", ["arn:aws-cn:iam::123456789012:role/x"], "kms_admins[0]", "in aws"),
    ("buckets.backups", {"kms_key": KEY.replace("arn:aws:", "arn:aws-cn:")}, "buckets.backups.kms_key", "region"),
    ("buckets.backups", {"existing": True, "noncurrent_days": 30}, "buckets.backups.noncurrent_days", "made here"),
    ("buckets.backups", {"existing": True, "abort_upload_days": 2}, "buckets.backups.abort_upload_days", "made here"),
    ("buckets.backups", {"kms_key": KEY, "key_deletion_days": 30}, "buckets.backups.key_deletion_days", "made here"),
    (
        "buckets.backups",
        {"existing": True, "kms_key": KEY, "deletion_protection": True},
        "buckets.backups.deletion_protection",
        "both given",
    ),
    # object lock
    ("buckets.backups", {"object_lock": True}, "buckets.backups.object_lock", "must be a mapping"),
    ("buckets.backups", {"object_lock": {"days": 7}}, f"{LOCK}.mode", "is missing"),
    ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE"}}, f"{LOCK}.days", "is missing"),
    ("buckets.backups", {"object_lock": {"mode": "governance", "days": 7}}, f"{LOCK}.mode", "'GOVERNANCE'"),
    ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": 0}}, f"{LOCK}.days", "at least 1"),
    ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": "7d"}}, f"{LOCK}.days", "without a unit"),
    ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": 31}}, f"{LOCK}.days", "noncurrent_days (30)"),
    ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": 9999}}, f"{LOCK}.days", "at most 3650"),
    ("buckets.backups", {"object_lock": {"mode": "COMPLIANCE", "days": 7}}, f"{LOCK}.reason", "nobody can delete"),
    (
        "buckets.backups",
        {"object_lock": {"mode": "COMPLIANCE", "days": 7, "reason": ""}},
        f"{LOCK}.reason",
        "must be text",
    ),
    (
        "buckets.backups",
        {"object_lock": {"mode": "GOVERNANCE", "days": 7}, "deletion_protection": False},
        "buckets.backups.deletion_protection",
        "must be true with `object_lock`",
    ),
    (
        "buckets.backups",
        {"object_lock": {"mode": "GOVERNANCE", "days": 7}, "existing": True},
        LOCK,
        "is read only for a bucket made here",
    ),
    (
        "buckets.backups",
        {"object_lock": {"mode": "GOVERNANCE", "days": 7, "admins": ["arn:aws:iam::999999999999:role/x"]}},
        f"{LOCK}.admins[0]",
        "of the account",
    ),
    (
        "buckets.backups",
        {"object_lock": {"mode": "GOVERNANCE", "days": 7, "admins": ["arn:aws:iam::123456789012:root"]}},
        f"{LOCK}.admins[0]",
        "everybody",
    ),
    # several buckets: each is judged for itself
    (
        "buckets",
        {"one": {}, "two": {"existing": True, "noncurrent_days": 5}},
        "buckets.two.noncurrent_days",
        "made here",
    ),
    (
        "buckets",
        {"one": {"kms_key": KEY}, "two": {"kms_key": KEY.replace("central-1", "west-1")}},
        "buckets.two.kms_key",
        "region",
    ),
    ("buckets", ["backups"], "buckets", "must be a mapping"),
    ("buckets", {"backups": None}, "buckets.backups", "must be a mapping"),
]


@pytest.mark.parametrize(("key", "value", "where", "says"), HOSTILE)
def test_refused(key: str, value: Any, where: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsSettings.model_validate(changed(AWS, (key, value)))
    problems = [problem for line in refused.value.errors() for problem in line["ctx"]["error"].problems]
    mine = [it for it in problems if it.key == where and says in it.message]
    assert mine, "\n".join(map(str, problems))
    assert "AKIA" not in "\n".join(map(str, problems))


def test_the_sample_is_accepted_and_protected() -> None:
    made = AwsSettings.model_validate(AWS).buckets["backups"]
    assert (made.deletion_protection, made.existing, made.noncurrent_days, made.key_deletion_days) == (
        True,
        False,
        30,
        30,
    )


def test_an_existing_key_needs_no_admins() -> None:
    AwsSettings.model_validate(changed(AWS, ("kms_admins", []), ("buckets.backups", {"kms_key": KEY})))


def test_a_lock_needs_somebody_who_may_change_its_rule() -> None:
    lock = ("buckets.backups", {"kms_key": KEY, "object_lock": {"mode": "GOVERNANCE", "days": 7}})
    with pytest.raises(ValidationError, match=r"object_lock.admins = \[\]: must name at least one"):
        AwsSettings.model_validate(changed(AWS, ("kms_admins", []), lock))
    made = AwsSettings.model_validate(changed(AWS, lock))
    assert made.lock_admins(made.buckets["backups"]) == tuple(AWS["kms_admins"])


def test_a_lock_for_ever_is_possible_with_a_reason_and_as_long_as_the_lifecycle_keeps_versions() -> None:
    lock = {"mode": "COMPLIANCE", "days": 90, "reason": "the insurer demands backups that nobody can delete"}
    made = AwsSettings.model_validate(changed(AWS, ("buckets.backups", {"object_lock": lock, "noncurrent_days": 90})))
    assert made.buckets["backups"].object_lock is not None


def test_without_a_lock_nobody_is_named() -> None:
    made = AwsSettings.model_validate(AWS)
    assert made.lock_admins(made.buckets["backups"]) == ()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bucket": "others", "prefixes": ("main",)}, "has no `others`"),
        ({"bucket": "backups", "prefixes": ()}, "at least one folder"),
        ({"bucket": "backups", "prefixes": ("main", "/")}, "none of them empty"),
    ],
)
def test_args_that_do_not_fit_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        BackupBucketArgs(aws=AwsSettings.model_validate(AWS), **given)


def test_roles_need_service_accounts() -> None:
    roles = changed(AWS, ("credentials", "irsa"), ("irsa", {"issuer": "https://oidc.example.org"}))
    with pytest.raises(UserError, match="service accounts"):
        BackupBucketArgs(bucket="backups", aws=AwsSettings.model_validate(roles), prefixes=("main",))
