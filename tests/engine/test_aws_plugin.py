"""The AWS stand-in against moto: where it goes, what it refuses, previews, what is there already."""

# ruff: noqa: F811 - a test takes a fixture by the name that was imported

from pathlib import Path
from typing import Any

import pytest
import urllib3
from aws_plugin import (  # noqa: F401
    ACCOUNT,
    SETTINGS,
    TRUST,
    bucket,
    client,
    document,
    endpoint,
    iam,
    moto,
    plugin,
    s3,
    shared,
    start,
)
from plugin_host import PluginHost, RefusedError, Resource, notes, together

from seawall.sandbox.plugins.properties import UNKNOWN

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
    assert len(client("kms", endpoint).list_keys()["Keys"]) == 1
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
