"""AWS settings that are refused, each with its key and what is allowed."""

from typing import Any

import pytest
from cnpg_samples import AWS, GONE, KEY, changed
from pydantic import ValidationError

from seawall.components.aws.args import BackupBucketArgs
from seawall.components.aws.settings import AwsSettings
from seawall.errors import UserError

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
]


@pytest.mark.parametrize(("key", "value", "where", "says"), HOSTILE)
def test_refused(key: str, value: Any, where: str, says: str) -> None:
    with pytest.raises(ValidationError) as refused:
        AwsSettings.model_validate(changed(AWS, (key, value)))
    problems = [problem for line in refused.value.errors() for problem in line["ctx"]["error"].problems]
    mine = [it for it in problems if it.key.removesuffix(".[key]") == where and says in it.message]
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
