"""The AWS stand-in against moto, driven over its protocol as the engine drives it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from plugin_host import PluginHost, RefusedError, Resource, notes, together

from seawall.sandbox.plugins.properties import UNKNOWN

ACCOUNT = "123456789012"
SETTINGS: dict[str, object] = {
    "region": "eu-central-1",
    "allowedAccountIds": json.dumps([ACCOUNT]),
    # What the vendor's SDK sends whether or not the program says so.
    "skipCredentialsValidation": "false",
    "skipRegionValidation": "true",
}


def document(action: str = "s3:GetObject", **more: object) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "arn:aws:s3:::b/*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}],
    }
)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def shared(moto: str) -> Iterator[PluginHost]:
    host = PluginHost("aws", {"AWS_ENDPOINT_URL": moto}).configure(SETTINGS)
    yield host
    host.stop()


@pytest.fixture
def endpoint(moto: str) -> str:
    """An empty account for each test: S3 buckets and IAM names are global."""
    urllib3.PoolManager().request("POST", f"{moto}/moto-api/reset")
    return moto


@pytest.fixture
def plugin(shared: PluginHost, endpoint: str) -> PluginHost:
    """A stand-in that other tests have used; what it said to them is forgotten."""
    return shared.forget()


@pytest.fixture
def start(endpoint: str, tmp_path: Path) -> Iterator[Any]:
    """Starts new stand-ins, as many runs as a test needs."""
    started: list[PluginHost] = []

    def run(**settings: object) -> PluginHost:
        environment = {"AWS_ENDPOINT_URL": endpoint, "SEAWALL_PLUGIN_NOTES": str(tmp_path / "notes")}
        started.append(PluginHost("aws", environment))
        return started[-1].configure({**SETTINGS, **settings})

    yield run
    for host in started:
        host.stop()


@pytest.fixture
def s3(endpoint: str) -> Any:
    return _client("s3", endpoint)


@pytest.fixture
def iam(endpoint: str) -> Any:
    return _client("iam", endpoint)


def _client(service: str, endpoint: str) -> Any:
    import boto3

    return boto3.client(  # type: ignore[call-overload]  # any service
        service,
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def bucket(plugin: PluginHost) -> Resource:
    made = plugin.resource("aws:s3/bucket:Bucket", "bucket")
    made.create({"bucket": "backups"})
    return made


# Where it goes


@pytest.mark.parametrize(
    ("environment", "reason"),
    [({}, "is not set"), ({"AWS_ENDPOINT_URL": "https://s3.eu-central-1.amazonaws.com"}, "not on loopback")],
)
def test_it_does_not_start_without_a_sandbox(environment: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        PluginHost("aws", environment)


def test_an_account_that_is_not_allowed_is_refused(start: Any) -> None:
    with pytest.raises(RefusedError, match=rf"is 999999999999, but the endpoint .* is account {ACCOUNT}"):
        start(allowedAccountIds='["999999999999"]')


def test_settings_that_would_be_ignored_are_refused(plugin: PluginHost) -> None:
    refused = dict(plugin.check_config({**SETTINGS, "profile": "prod", "assumeRoles": "[]"}))
    assert set(refused) == {"profile", "assumeRoles"}
    assert "region, allowedAccountIds" in refused["profile"]


def test_region_and_account_must_be_said(plugin: PluginHost) -> None:
    assert set(dict(plugin.check_config({}))) == {"region", "allowedAccountIds"}
    assert "allowedAccountIds" in dict(plugin.check_config({**SETTINGS, "allowedAccountIds": '["prod"]'}))


def test_an_endpoint_that_does_not_answer_is_named(tmp_path: Path) -> None:
    host = PluginHost("aws", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    try:
        with pytest.raises(RefusedError, match=r"endpoint http://127.0.0.1:9 does not answer: does the sandbox run\?"):
            host.configure(SETTINGS)
    finally:
        host.stop()


def test_the_simulation_is_noted(start: Any, tmp_path: Path) -> None:
    start()
    assert [n["kind"] for n in notes(tmp_path / "notes")] == ["simulated"]


# What is refused


def test_an_unknown_type_is_refused_with_those_that_there_are(plugin: PluginHost) -> None:
    with pytest.raises(RefusedError, match=r"bucketObject:BucketObject is not implemented .*aws:kms/alias:Alias"):
        plugin.resource("aws:s3/bucketObject:BucketObject", "it").check({})


@pytest.mark.parametrize(
    ("type_", "inputs", "reason"),
    [
        ("aws:s3/bucket:Bucket", {"bucket": "abc", "acl": "private"}, "acl is not implemented by the aws stand-in"),
        ("aws:s3/bucket:Bucket", {}, "bucket must be given"),
        ("aws:s3/bucket:Bucket", {"bucket": "No_Bucket"}, "3 to 63 lower case"),
        ("aws:kms/key:Key", {"deletionWindowInDays": 3}, "deletionWindowInDays is 3, but must be .* 7 to 30"),
        ("aws:kms/key:Key", {"policy": "{"}, "policy document as JSON text"),
        ("aws:kms/alias:Alias", {"name": "backups", "targetKeyId": "k"}, "must start with alias/"),
        (
            "aws:s3/bucketVersioning:BucketVersioning",
            {"bucket": "b", "versioningConfiguration": {"status": "enabled"}},
            "one of Enabled, Suspended",
        ),
        (
            "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
            {"bucket": "b", "rules": [{"id": "a", "status": "Enabled", "prefix": "x"}]},
            r"rules\[0\].prefix is not implemented",
        ),
        ("aws:iam/user:User", {"name": "u", "tags": {"a": 1}}, "tags is .* a map of texts"),
    ],
)
def test_properties_are_checked_by_name_type_and_range(
    plugin: PluginHost, type_: str, inputs: dict[str, object], reason: str
) -> None:
    with pytest.raises(RefusedError, match=reason):
        plugin.resource(type_, "it").check(inputs)


def test_data_sources_are_refused(plugin: PluginHost) -> None:
    import grpc
    from pulumi.runtime.proto import provider_pb2

    token = "aws:iam/getPolicyDocument:getPolicyDocument"
    with pytest.raises(grpc.RpcError, match=f"no function {token}"):
        plugin.stub.Invoke(provider_pb2.InvokeRequest(tok=token))


# Preview


def test_a_preview_knows_what_follows_from_the_name(plugin: PluginHost, s3: Any) -> None:
    outputs = plugin.resource("aws:s3/bucket:Bucket", "it").preview({"bucket": "backups", "tags": {"a": "b"}})
    assert outputs["arn"] == "arn:aws:s3:::backups"
    assert outputs["bucketRegionalDomainName"] == "backups.s3.eu-central-1.amazonaws.com"
    assert s3.list_buckets()["Buckets"] == []
    key = plugin.resource("aws:kms/key:Key", "key").preview({"description": "d"})
    assert (key["arn"], key["keyId"]) == (UNKNOWN, UNKNOWN)


def test_a_preview_takes_unknown_inputs(plugin: PluginHost) -> None:
    alias = plugin.resource("aws:kms/alias:Alias", "alias")
    outputs = alias.preview({"name": "alias/backups", "targetKeyId": UNKNOWN})
    assert outputs["targetKeyId"] is UNKNOWN
    rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": UNKNOWN}}]
    type_ = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    assert plugin.resource(type_, "it").preview({"bucket": UNKNOWN, "rules": rules})["rules"] == rules


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
    kms = _client("kms", endpoint)
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


# What is there already, and what is gone


def test_what_others_made_is_not_taken_over(plugin: PluginHost, s3: Any, iam: Any) -> None:
    s3.create_bucket(Bucket="theirs", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    iam.create_user(UserName="theirs")
    for type_, inputs in (("s3/bucket:Bucket", {"bucket": "theirs"}), ("iam/user:User", {"name": "theirs"})):
        resource = plugin.resource(f"aws:{type_}", "mine")
        said: dict[str, object] = dict(inputs)
        with pytest.raises(RefusedError, match="theirs exists already, not made by this resource: import it"):
            resource.preview(said)
        with pytest.raises(RefusedError, match="exists already"):
            resource.create(said)
        assert resource.import_("theirs")
        assert not resource.diff(said).changed


def test_what_an_interrupted_run_made_is_adopted(start: Any, endpoint: str) -> None:
    said: list[tuple[str, dict[str, object]]] = [
        ("aws:s3/bucket:Bucket", {"bucket": "backups"}),
        ("aws:kms/key:Key", {"description": "one"}),
        ("aws:iam/user:User", {"name": "writer"}),
        ("aws:iam/role:Role", {"name": "reader", "assumeRolePolicy": TRUST}),
        ("aws:iam/policy:Policy", {"name": "policy", "policy": document()}),
    ]
    first = start()
    ids = []
    for type_, inputs in said:
        made = first.resource(type_, "it")
        made.create(inputs)
        ids.append(made.id)
    again = start()
    for (type_, inputs), id_ in zip(said, ids, strict=True):
        resource = again.resource(type_, "it")
        resource.create(inputs)  # the state was lost
        assert resource.id == id_
    assert len(_client("kms", endpoint).list_keys()["Keys"]) == 1
    assert sum("it is taken over" in text for text in again.said("info")) == len(said)


def test_a_simulation_that_started_anew_has_lost_everything(
    plugin: PluginHost, bucket: Resource, endpoint: str
) -> None:
    key = plugin.resource("aws:kms/key:Key", "key")
    key.create({})
    urllib3.PoolManager().request("POST", f"{endpoint}/moto-api/reset")
    assert not bucket.refresh()
    assert not key.refresh()


def test_aws_refuses_verbatim(plugin: PluginHost) -> None:
    attachment = plugin.resource("aws:iam/userPolicyAttachment:UserPolicyAttachment", "it")
    with pytest.raises(RefusedError, match=r"it: NoSuchEntity: .* \(AttachUserPolicy\)"):
        attachment.create({"user": "nobody", "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/none"})


def test_many_at_once(plugin: PluginHost) -> None:
    buckets = [plugin.resource("aws:s3/bucket:Bucket", f"b{i}") for i in range(24)]
    together(*[lambda b=b, i=i: b.create({"bucket": f"bucket-{i}"}) for i, b in enumerate(buckets)])
    assert [b.id for b in buckets] == [f"bucket-{i}" for i in range(24)]


def test_a_secret_stays_secret(plugin: PluginHost, bucket: Resource) -> None:
    policy = plugin.resource("aws:s3/bucketPolicy:BucketPolicy", "it")
    policy.create({"bucket": bucket.id, "policy": document(Principal="*")}, frozenset({("policy",)}))
    assert policy.outputs.secrets == {("policy",)}
    assert policy.refresh()
    assert policy.inputs.secrets == {("policy",)}
