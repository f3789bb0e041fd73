"""BackupBucket: which resources, whose children, after what, protected how, and no access key among them."""

import json
from typing import Any

import pulumi
import pulumi_aws
import pytest
from cnpg_samples import KEY, aws
from recorder import Recorder, run

from seawall.components.aws.backup_bucket import BackupBucket, BackupBucketArgs

ALLOWED = {
    "aws:s3/bucket:Bucket",
    "aws:s3/bucketVersioning:BucketVersioning",
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPolicy:BucketPolicy",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:kms/key:Key",
    "aws:kms/alias:Alias",
    "aws:iam/user:User",
    "aws:iam/policy:Policy",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment",
    "aws:iam/role:Role",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
}
IRSA = (("credentials", "irsa"), ("irsa", {"issuer": "https://oidc.example.org"}))


def deploy(*changes: tuple[str, Any], preview: bool = False) -> Recorder:
    def program() -> None:
        provider = pulumi_aws.Provider("account", region="eu-central-1")
        given = BackupBucketArgs("backups", aws(*changes), ("main",), ("databases:main",), ("databases:check",))
        BackupBucket("store", given, pulumi.ResourceOptions(providers=[provider], protect=False))

    return run(program, preview=preview)


@pytest.fixture(scope="module")
def recorded() -> Recorder:
    return deploy()


def test_every_resource_is_a_child_with_the_explicit_provider_and_of_a_known_type(recorded: Recorder) -> None:
    children = {name for name in recorded.requests if recorded.parent(name) == "store"}
    assert len(children) == 15
    for name in children:
        assert name.startswith("store-")
        assert recorded.requests[name].type in ALLOWED
        assert recorded.requests[name].provider.endswith("pulumi:providers:aws::account::account-id")


def test_the_bucket_keeps_versions_and_is_nobody_elses(recorded: Recorder) -> None:
    assert recorded.inputs("store-bucket")["bucket"] == "backups"
    assert recorded.inputs("store-bucket")["forceDestroy"] is False
    assert recorded.inputs("store-versioning")["versioningConfiguration"] == {"status": "Enabled"}
    assert recorded.inputs("store-ownership")["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    blocked = recorded.inputs("store-public-access")
    assert {key: value for key, value in blocked.items() if key != "bucket"} == dict.fromkeys(
        ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True
    )


def test_the_default_encryption_is_the_key_that_the_policy_demands(recorded: Recorder) -> None:
    key = "arn:aws:test:::store-key"
    [rule] = recorded.inputs("store-encryption")["rules"]
    assert rule == {
        "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key},
        "bucketKeyEnabled": True,
    }
    policy = json.loads(recorded.inputs("store-policy")["policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == [
        "RefusePlainHttp",
        "RefuseOtherEncryption",
        "RefuseOtherKeys",
        "KeepVersions",
    ]
    assert key in recorded.inputs("store-policy")["policy"]
    assert key in recorded.inputs("store-writer-policy")["policy"]


def test_the_key_rotates_and_waits_for_those_whom_its_policy_names(recorded: Recorder) -> None:
    key = recorded.inputs("store-key")
    assert key["enableKeyRotation"] is True
    assert key["deletionWindowInDays"] == 30
    assert "arn:aws:iam::123456789012:user/seawall/backups-writer" in key["policy"]
    assert {"store-writer", "store-reader"} <= recorded.needs("store-key")
    assert recorded.inputs("store-key-alias")["name"] == "alias/seawall/backups"


def test_the_lifecycle_cleans_up_what_is_gone_and_nothing_else(recorded: Recorder) -> None:
    deleted, uploads = recorded.inputs("store-lifecycle")["rules"]
    assert deleted["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert deleted["expiration"] == {"expiredObjectDeleteMarker": True}
    assert uploads["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 2}
    assert "store-versioning" in recorded.needs("store-lifecycle")


def test_users_have_policies_and_no_keys(recorded: Recorder) -> None:
    assert recorded.of_type("aws:iam/user:User") == {"store-writer", "store-reader"}
    assert not recorded.of_type("aws:iam/accessKey:AccessKey")
    assert recorded.inputs("store-writer-attachment")["user"] == "backups-writer"
    assert recorded.inputs("store-reader-attachment")["policyArn"] == "arn:aws:test:::store-reader-policy"
    assert "PutObject" not in recorded.inputs("store-reader-policy")["policy"]


def test_roles_take_the_users_place_with_irsa() -> None:
    made = deploy(*IRSA)
    assert made.of_type("aws:iam/role:Role") == {"store-writer", "store-reader"}
    assert made.of_type("aws:iam/rolePolicyAttachment:RolePolicyAttachment") == {
        "store-writer-attachment",
        "store-reader-attachment",
    }
    assert not made.of_type("aws:iam/user:User")
    assert "system:serviceaccount:databases:main" in made.inputs("store-writer")["assumeRolePolicy"]
    assert "role/seawall/backups-writer" in made.inputs("store-key")["policy"]


WALLS = {f"store-{wall}" for wall in ("ownership", "public-access", "versioning", "encryption", "policy", "lifecycle")}
"""What keeps the bucket safe. Deleting one of these undoes it: versioning is suspended, the policy is gone."""


def protected(made: Recorder) -> set[str]:
    return {name for name, request in made.requests.items() if request.protect}


def retained(made: Recorder) -> set[str]:
    return {name for name, request in made.requests.items() if request.retainOnDelete}


def test_bucket_and_key_are_protected_and_their_walls_stay_with_them(recorded: Recorder) -> None:
    assert protected(recorded) == {"store-bucket", "store-key"}
    assert retained(recorded) == {"store-bucket", "store-key"} | WALLS


def test_a_bucket_that_nobody_will_miss_goes_with_everything() -> None:
    made = deploy(("buckets.backups", {"deletion_protection": False, "unprotected_reason": "a test"}))
    assert protected(made) == retained(made) == set()


LOCK = ("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": 14}})


def test_a_lock_is_a_rule_beside_the_bucket_so_that_turning_it_on_replaces_nothing(recorded: Recorder) -> None:
    made = deploy(LOCK)
    assert set(made.requests) - set(recorded.requests) == {"store-object-lock"}
    assert made.inputs("store-object-lock") == {
        "bucket": "backups",
        "objectLockEnabled": "Enabled",
        "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 14}},
    }
    assert made.inputs("store-bucket") == recorded.inputs("store-bucket")
    assert retained(made) == retained(recorded) | {"store-object-lock"}
    assert "store-versioning" in made.needs("store-object-lock")


def test_locks_are_lifted_by_the_named_admins_only_and_the_policy_comes_after_the_rule() -> None:
    made = deploy(LOCK)
    statement = json.loads(made.inputs("store-policy")["policy"])["Statement"][-1]
    assert statement["Sid"] == "KeepLocks"
    assert statement["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": ["arn:aws:iam::123456789012:role/platform-admin"]}
    }
    assert "store-object-lock" in made.needs("store-policy")
    other = "arn:aws:iam::123456789012:role/locksmith"
    made = deploy(("buckets.backups", {"object_lock": {"mode": "GOVERNANCE", "days": 14, "admins": [other]}}))
    assert json.loads(made.inputs("store-policy")["policy"])["Statement"][-1]["Condition"] == {
        "ArnNotEquals": {"aws:PrincipalArn": [other]}
    }


def test_an_existing_bucket_is_left_alone_and_an_existing_key_used() -> None:
    made = deploy(("buckets.backups", {"existing": True, "kms_key": KEY}))
    assert {name for name in made.requests if made.parent(name) == "store"} == {
        f"store-{role}{part}" for role in ("writer", "reader") for part in ("", "-policy", "-attachment")
    }
    [outputs] = [values for urn, values in made.outputs if urn.endswith("::store")]
    assert outputs == {
        "bucket": "backups",
        "keyArn": KEY,
        "writerArn": "arn:aws:iam::123456789012:user/seawall/backups-writer",
        "readerArn": "arn:aws:iam::123456789012:user/seawall/backups-reader",
    }


def test_a_new_key_for_an_existing_bucket() -> None:
    made = deploy(("buckets.backups", {"existing": True}))
    assert made.of_type("aws:kms/key:Key") == {"store-key"}
    assert not made.of_type("aws:s3/bucket:Bucket")


def test_outputs_are_registered_once(recorded: Recorder) -> None:
    [outputs] = [values for urn, values in recorded.outputs if urn.endswith("::store")]
    assert set(outputs) == {"bucket", "keyArn", "writerArn", "readerArn"}
