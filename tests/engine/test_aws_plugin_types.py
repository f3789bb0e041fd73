"""The whole life of each AWS resource type against moto."""

# ruff: noqa: F811 - a test takes a fixture by the name that was imported

import json
from typing import Any

import pytest
from aws_plugin import ACCOUNT, TRUST, bucket, client, document, endpoint, iam, moto, plugin, s3, shared, start  # noqa: F401
from plugin_host import PluginHost, RefusedError, Resource

# The whole life of each type

BUCKET_SETTINGS: dict[str, dict[str, object]] = {
    "bucketVersioning:BucketVersioning": {"versioningConfiguration": {"status": "Enabled"}},
    "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "rules": [
            {
                "applyServerSideEncryptionByDefault": {
                    "sseAlgorithm": "aws:kms",
                    "kmsMasterKeyId": "arn:aws:kms:x:y:key/z",
                },
                "bucketKeyEnabled": True,
            }
        ]
    },
    "bucketPublicAccessBlock:BucketPublicAccessBlock": {
        "blockPublicAcls": True,
        "blockPublicPolicy": True,
        "ignorePublicAcls": True,
        "restrictPublicBuckets": True,
    },
    "bucketOwnershipControls:BucketOwnershipControls": {"rule": {"objectOwnership": "BucketOwnerEnforced"}},
    "bucketPolicy:BucketPolicy": {"policy": document(Principal="*")},
    "bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
        "rules": [
            {
                "id": "old-versions",
                "status": "Enabled",
                "filter": {"prefix": "wal/"},
                "noncurrentVersionExpiration": {"noncurrentDays": 35},
                "abortIncompleteMultipartUpload": {"daysAfterInitiation": 7},
            },
            {
                "id": "cold",
                "status": "Enabled",
                "filter": {"and": {"prefix": "base/", "tags": {"a": "b"}}},
                "transitions": [{"days": 30, "storageClass": "STANDARD_IA"}],
            },
        ]
    },
}
CHANGED: dict[str, dict[str, object]] = {
    "bucketVersioning:BucketVersioning": {"versioningConfiguration": {"status": "Suspended"}},
    "bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": {
        "rules": [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}]
    },
    "bucketPublicAccessBlock:BucketPublicAccessBlock": {"blockPublicAcls": True},
    "bucketOwnershipControls:BucketOwnershipControls": {"rule": {"objectOwnership": "ObjectWriter"}},
    "bucketPolicy:BucketPolicy": {"policy": document("s3:PutObject", Principal="*")},
    "bucketLifecycleConfiguration:BucketLifecycleConfiguration": {
        "rules": [{"id": "all", "status": "Enabled", "expiration": {"days": 3}}]
    },
}


@pytest.mark.parametrize("type_", BUCKET_SETTINGS)
def test_a_bucket_setting_lives_through_everything(plugin: PluginHost, bucket: Resource, type_: str) -> None:
    said = {"bucket": bucket.id, **BUCKET_SETTINGS[type_]}
    setting = plugin.resource(f"aws:s3/{type_}", "it")
    outputs = setting.create(said)
    assert outputs.items() >= said.items()
    assert setting.refresh()
    assert setting.inputs.values == said
    assert not setting.diff(said).changed

    imported = plugin.resource(f"aws:s3/{type_}", "other")
    assert imported.import_(bucket.id)
    assert imported.inputs.values == said

    changed = {"bucket": bucket.id, **CHANGED[type_]}
    difference = setting.diff(changed)
    assert difference.changed
    assert not difference.replaces
    setting.update(changed)
    assert imported.refresh()  # what the other one wrote is drift here
    assert imported.diff(said).changed

    elsewhere = setting.diff({**changed, "bucket": "elsewhere"})
    assert elsewhere.replaces == ["bucket"]
    setting.delete()
    assert setting.refresh() is (type_ == "bucketVersioning:BucketVersioning")  # suspended: S3 knows no other end


def test_object_lock_is_turned_on_for_a_bucket_that_is_there_and_its_rule_can_go(
    plugin: PluginHost, bucket: Resource, s3: Any
) -> None:
    said: dict[str, object] = {
        "bucket": bucket.id,
        "objectLockEnabled": "Enabled",
        "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}},
    }
    lock = plugin.resource("aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration", "lock")
    with pytest.raises(RefusedError, match="Versioning must be 'Enabled'"):
        lock.create(said)
    s3.put_bucket_versioning(Bucket=bucket.id, VersioningConfiguration={"Status": "Enabled"})
    assert lock.create(said).items() >= said.items()
    assert lock.refresh()
    assert lock.inputs.values == said
    assert not lock.diff(said).changed
    assert bucket.refresh()
    assert not bucket.diff({"bucket": bucket.id}).changed  # locked now, and still the same bucket

    longer = {**said, "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 40}}}
    assert lock.diff(longer).paths == {"rule.defaultRetention.days": "UPDATE"}
    assert not lock.diff(longer).replaces
    lock.update(longer)
    with pytest.raises(RefusedError, match="days and years"):
        lock.check({**said, "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 1, "years": 1}}})

    s3.put_object(Bucket=bucket.id, Key="a", Body=b"1")
    version = s3.list_object_versions(Bucket=bucket.id)["Versions"][0]["VersionId"]
    with pytest.raises(s3.exceptions.ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket.id, Key="a", VersionId=version)
    s3.delete_object(Bucket=bucket.id, Key="a", VersionId=version, BypassGovernanceRetention=True)
    lock.delete()
    assert not lock.refresh()
    assert (
        s3.get_object_lock_configuration(Bucket=bucket.id)["ObjectLockConfiguration"]["ObjectLockEnabled"] == "Enabled"
    )


def test_a_bucket_lives_through_everything(start: Any, s3: Any) -> None:
    plugin = start(defaultTags='{"tags": {"by": "seawall"}}')
    bucket = plugin.resource("aws:s3/bucket:Bucket", "bucket")
    outputs = bucket.create({"bucket": "backups", "tags": {"a": "b"}})
    assert outputs["tags"] == {"a": "b"}
    assert outputs["tagsAll"] == {"a": "b", "by": "seawall"}
    assert {t["Key"] for t in s3.get_bucket_tagging(Bucket="backups")["TagSet"]} == {"a", "by", "seawall:urn"}
    assert bucket.diff({"bucket": "backups", "tags": {"a": "c"}}).paths == {"tags.a": "UPDATE"}
    assert bucket.update({"bucket": "backups", "tags": {"a": "c"}})["tags"] == {"a": "c"}

    s3.put_bucket_tagging(Bucket="backups", Tagging={"TagSet": [{"Key": "a", "Value": "by hand"}]})
    assert bucket.refresh()
    assert bucket.diff({"bucket": "backups", "tags": {"a": "c"}}).paths == {"tags.a": "UPDATE"}
    renamed = bucket.diff({"bucket": "elsewhere"})
    assert (renamed.replaces, renamed.delete_first) == (["bucket"], False)


def test_a_bucket_with_objects_is_deleted_only_by_force(plugin: PluginHost, bucket: Resource, s3: Any) -> None:
    s3.put_bucket_versioning(Bucket="backups", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"1", b"2"):
        s3.put_object(Bucket="backups", Key="a", Body=body)
    s3.delete_object(Bucket="backups", Key="a")
    with pytest.raises(RefusedError, match="BucketNotEmpty"):
        bucket.delete()
    assert bucket.refresh()
    bucket.update({"bucket": "backups", "forceDestroy": True})
    bucket.delete()
    assert s3.list_buckets()["Buckets"] == []
    bucket.delete()  # gone already


def test_a_key_and_its_alias_live_through_everything(plugin: PluginHost, endpoint: str) -> None:
    kms = client("kms", endpoint)
    policy = document("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Resource="*")
    said: dict[str, object] = {
        "description": "backups",
        "policy": policy,
        "enableKeyRotation": True,
        "deletionWindowInDays": 7,
        "tags": {"a": "b"},
    }
    key = plugin.resource("aws:kms/key:Key", "key")
    outputs = key.create(said)
    assert outputs["keyId"] == key.id
    assert outputs["arn"] == f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/{key.id}"
    assert kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"]
    assert key.refresh()
    assert key.inputs.values == said
    assert not key.diff({**said, "policy": json.dumps(json.loads(policy), indent=4)}).changed

    alias = plugin.resource("aws:kms/alias:Alias", "alias")
    assert alias.create({"name": "alias/backups", "targetKeyId": outputs["arn"]})["targetKeyArn"] == outputs["arn"]
    assert alias.refresh()
    assert not alias.diff({"name": "alias/backups", "targetKeyId": key.id}).changed

    kms.disable_key_rotation(KeyId=key.id)
    assert key.refresh()
    assert key.diff(said).paths == {"enableKeyRotation": "UPDATE"}
    key.update({**said, "description": "other", "tags": {"c": "d"}})
    assert kms.get_key_rotation_status(KeyId=key.id)["KeyRotationEnabled"]
    assert kms.describe_key(KeyId=key.id)["KeyMetadata"]["Description"] == "other"
    assert key.diff({**said, "keyUsage": "SIGN_VERIFY"}).replaces == ["keyUsage"]

    imported = plugin.resource("aws:kms/key:Key", "other")
    assert imported.import_(key.id)
    assert imported.inputs.values["tags"] == {"c": "d"}

    second = plugin.resource("aws:kms/key:Key", "second")
    second.create({"description": "second"})
    assert alias.update({"name": "alias/backups", "targetKeyId": second.id})["targetKeyId"] == second.id
    alias.delete()
    key.delete()
    assert kms.describe_key(KeyId=key.id)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert not key.refresh()
    assert not alias.refresh()


def test_identities_live_through_everything(plugin: PluginHost, iam: Any) -> None:
    user = plugin.resource("aws:iam/user:User", "writer")
    role = plugin.resource("aws:iam/role:Role", "reader")
    policy = plugin.resource("aws:iam/policy:Policy", "policy")
    said_user: dict[str, object] = {"name": "writer", "path": "/seawall/", "tags": {"a": "b"}}
    said_role: dict[str, object] = {"name": "reader", "assumeRolePolicy": TRUST, "maxSessionDuration": 7200}
    said_policy: dict[str, object] = {"name": "backups", "policy": document(), "description": "d"}
    assert user.create(said_user)["arn"] == f"arn:aws:iam::{ACCOUNT}:user/seawall/writer"
    assert role.create(said_role)["arn"] == f"arn:aws:iam::{ACCOUNT}:role/reader"
    assert policy.create(said_policy)["arn"] == policy.id == f"arn:aws:iam::{ACCOUNT}:policy/backups"
    on_user = plugin.resource("aws:iam/userPolicyAttachment:UserPolicyAttachment", "a")
    on_role = plugin.resource("aws:iam/rolePolicyAttachment:RolePolicyAttachment", "b")
    on_user.create({"user": "writer", "policyArn": policy.id})
    on_role.create({"role": "reader", "policyArn": policy.id})

    for resource, said in ((user, said_user), (role, said_role), (policy, said_policy)):
        assert resource.refresh()
        assert resource.inputs.values == said
        assert not resource.diff(said).changed
    assert policy.diff({**said_policy, "path": "/x/"}).replaces == ["path"]
    for number in range(7):  # more than the five versions that IAM keeps
        policy.update({**said_policy, "policy": document(f"s3:Get{number}")})
    assert "s3:Get6" in str(policy.outputs.values["policy"])
    assert len(iam.list_policy_versions(PolicyArn=policy.id)["Versions"]) == 5
    user.update({**said_user, "tags": {"c": "d"}})
    assert {t["Key"] for t in iam.list_user_tags(UserName="writer")["Tags"]} == {"c", "seawall:urn"}
    role.update({**said_role, "description": "new"})
    assert iam.get_role(RoleName="reader")["Role"]["Description"] == "new"

    for resource in (policy, user, role):
        with pytest.raises(RefusedError, match="DeleteConflict"):
            resource.delete()
    iam.detach_user_policy(UserName="writer", PolicyArn=policy.id)
    assert not on_user.refresh()
    for resource in (on_user, on_role, policy, user, role):
        resource.delete()
        assert not resource.refresh()


def test_a_user_with_access_keys_is_deleted_only_by_force(plugin: PluginHost, iam: Any) -> None:
    user = plugin.resource("aws:iam/user:User", "writer")
    user.create({"name": "writer"})
    iam.create_access_key(UserName="writer")
    with pytest.raises(RefusedError, match="must delete access keys first"):
        user.delete()
    user.update({"name": "writer", "forceDestroy": True})
    user.delete()
    assert not user.refresh()
