"""The policies of a BackupBucket before S3's API, and the judge that stands for AWS there, which is judged itself."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from bucket_policies import ADMIN, EVERYTHING, policies
from judged_store import JudgedStore, Policies
from object_store import ObjectStore
from s3_requests import SSE, SSE_KEY, UnknownRequestError, asked, parts

from seawall.components.aws.documents import KEEP_ACTIONS

Workplace = Callable[[str], Path]
FOLDER = "shared-postgres"
KEY = f"{FOLDER}/shared-postgres/base/1/data.tar"


@pytest.fixture(scope="module")
def made(module_store: ObjectStore) -> Policies:
    """What the component registers for the store's bucket, which keeps versions."""
    module_store.client().put_bucket_versioning(
        Bucket=module_store.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    return policies(module_store)


@pytest.fixture(scope="module")
def door(module_store: ObjectStore, made: Policies, module_workplace: Workplace) -> Iterator[JudgedStore]:
    """The store behind them."""
    with JudgedStore(module_store, made, module_workplace("judge")) as running:
        yield running


def encrypted(store: ObjectStore, **changes: str) -> dict[str, str]:
    """The arguments of an upload as it should be."""
    return {"Bucket": store.bucket, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": store.key, **changes}


def code_of(request: Callable[[], Any]) -> str:
    """The error code of S3's answer; empty when there is none."""
    try:
        request()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def api(client: Any, bucket: str, key: str, version: str) -> dict[str, Callable[[], Any]]:
    """One request of S3's API for every action that nobody with a stolen key may do."""
    at: dict[str, Any] = {"Bucket": bucket, "Key": key}
    acl = {"ACL": "public-read"}
    lock = {"Mode": "GOVERNANCE", "RetainUntilDate": "2040-01-01T00:00:00Z"}
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    expire = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    away = {"Status": "Enabled", "Priority": 1, "Filter": {"Prefix": ""}, "Destination": {"Bucket": "arn:aws:s3:::x"}}
    open_ = {"BlockPublicAcls": False, "BlockPublicPolicy": False}
    return {
        "s3:BypassGovernanceRetention": partial(
            client.delete_object, **at, VersionId=version, BypassGovernanceRetention=True
        ),
        "s3:PutBucketObjectLockConfiguration": partial(
            client.put_object_lock_configuration,
            Bucket=bucket,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"},
        ),
        "s3:PutObjectLegalHold": partial(client.put_object_legal_hold, **at, LegalHold={"Status": "ON"}),
        "s3:PutObjectRetention": partial(client.put_object_retention, **at, Retention=lock),
        "s3:DeleteBucket": partial(client.delete_bucket, Bucket=bucket),
        "s3:DeleteBucketPolicy": partial(client.delete_bucket_policy, Bucket=bucket),
        "s3:DeleteObjectVersion": partial(client.delete_object, **at, VersionId=version),
        "s3:PutBucketAcl": partial(client.put_bucket_acl, Bucket=bucket, **acl),
        "s3:PutBucketOwnershipControls": partial(
            client.put_bucket_ownership_controls,
            Bucket=bucket,
            OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]},
        ),
        "s3:PutBucketPolicy": partial(client.put_bucket_policy, Bucket=bucket, Policy="{}"),
        "s3:PutBucketPublicAccessBlock": partial(
            client.put_public_access_block, Bucket=bucket, PublicAccessBlockConfiguration=open_
        ),
        "s3:PutBucketVersioning": partial(
            client.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Suspended"}
        ),
        "s3:PutEncryptionConfiguration": partial(
            client.put_bucket_encryption, Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        ),
        "s3:PutLifecycleConfiguration": partial(
            client.put_bucket_lifecycle_configuration, Bucket=bucket, LifecycleConfiguration={"Rules": [expire]}
        ),
        "s3:PutObjectAcl": partial(client.put_object_acl, **at, **acl),
        "s3:PutObjectVersionAcl": partial(client.put_object_acl, **at, VersionId=version, **acl),
        "s3:PutReplicationConfiguration": partial(
            client.put_bucket_replication, Bucket=bucket, ReplicationConfiguration={"Role": "x", "Rules": [away]}
        ),
    }


def test_neither_identity_destroys_or_opens_anything_whatever_it_is_granted(
    module_store: ObjectStore, made: Policies, door: JudgedStore, module_workplace: Workplace
) -> None:
    """As granted by us, and again with a careless grant of everything."""
    door.client("writer").put_object(Key=KEY, Body=b"kept", **encrypted(module_store))
    version = door.store.head(KEY)["VersionId"]
    people = {name: replace(it, policy=json.dumps(EVERYTHING)) for name, it in made.people.items()}
    with JudgedStore(module_store, replace(made, people=people), module_workplace("careless")) as careless:
        for judge, by in ((door, {"bucket policy: KeepVersions"}), (careless, {"bucket policy: KeepVersions"})):
            for who in ("writer", "reader"):
                requests = api(judge.client(who), module_store.bucket, KEY, version)
                assert set(requests) == set(KEEP_ACTIONS)
                for action, request in requests.items():
                    assert code_of(request) == "AccessDenied", (who, action)
                    assert {judge.judged[-1].refused_by} == by, judge.judged[-1]
    client = module_store.client()
    assert client.get_object(Bucket=module_store.bucket, Key=KEY, VersionId=version)["Body"].read() == b"kept"
    assert client.get_bucket_versioning(Bucket=module_store.bucket)["Status"] == "Enabled"


def test_the_accounts_admins_may(store: ObjectStore, workplace: Workplace) -> None:
    """So what refuses the others is the policy, and not that the judge knows no such request."""
    with JudgedStore(store, policies(store), workplace("judge")) as judge:
        for action, request in api(judge.client(ADMIN), store.bucket, KEY, "1").items():
            assert code_of(request) != "AccessDenied", action
            assert judge.judged[-1].refused_by is None and judge.judged[-1].who == ADMIN


def test_the_writer_deletes_with_a_marker_and_reads_what_it_wrote(module_store: ObjectStore, door: JudgedStore) -> None:
    writer, key = door.client("writer"), f"{KEY}.2"
    writer.put_object(Key=key, Body=b"once", **encrypted(module_store))
    assert writer.get_object(Bucket=module_store.bucket, Key=key)["Body"].read() == b"once"
    version = module_store.head(key)["VersionId"]
    assert writer.delete_object(Bucket=module_store.bucket, Key=key)["DeleteMarker"] is True
    assert code_of(lambda: module_store.head(key)) == "404"
    assert module_store.client().get_object(Bucket=module_store.bucket, Key=key, VersionId=version)["Body"].read()
    gone = {"Objects": [{"Key": key, "VersionId": version}]}
    said = writer.delete_objects(Bucket=module_store.bucket, Delete=gone)
    assert [it["Code"] for it in said["Errors"]] == ["AccessDenied"]


@pytest.mark.parametrize("who", ["writer", "reader"])
def test_other_folders_are_nobodys_business(who: str, module_store: ObjectStore, door: JudgedStore) -> None:
    client, other = door.client(who), f"{FOLDER}-2/x"
    module_store.client().put_object(Key=other, Body=b"x", Bucket=module_store.bucket)
    at = {"Bucket": module_store.bucket, "Key": other}
    for request in (
        partial(client.get_object, **at),
        partial(client.delete_object, **at),
        partial(client.put_object, Key=other, Body=b"y", **encrypted(module_store)),
    ):
        assert code_of(request) == "AccessDenied"
        assert door.judged[-1].refused_by == "nothing allows it"


ENCRYPTION, KEYS, TRANSPORT, KEEP = (
    f"bucket policy: {statement}"
    for statement in ("RefuseOtherEncryption", "RefuseOtherKeys", "RefusePlainHttp", "KeepVersions")
)
NONE: dict[str, str | None] = {"ServerSideEncryption": None, "SSEKMSKeyId": None}
AES: dict[str, str | None] = {"ServerSideEncryption": "AES256", "SSEKMSKeyId": None}
LOCK: dict[str, str | None] = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2040-01-01T00:00:00Z"}
UPLOADS: dict[str, tuple[dict[str, str | None], str, bool, str | None]] = {
    # (what is changed in the arguments, who, over TLS, by what it is refused)
    "as it should be": ({}, "writer", True, None),
    "by the reader": ({}, "reader", True, "nothing allows it"),
    "by a stranger": ({}, "stranger", True, "nothing allows it"),
    "by an admin, who may not use the key": ({}, ADMIN, True, "key: kms:GenerateDataKey"),
    "by an admin without encryption": (NONE, ADMIN, True, ENCRYPTION),
    "without encryption": (NONE, "writer", True, ENCRYPTION),
    "AES256": (AES, "writer", True, ENCRYPTION),
    "encrypted twice": ({"ServerSideEncryption": "aws:kms:dsse"}, "writer", True, ENCRYPTION),
    "another key": ({"SSEKMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/2"}, "writer", True, KEYS),
    "the key's alias": ({"SSEKMSKeyId": "alias/seawall/backups"}, "writer", True, KEYS),
    "the default key": ({"SSEKMSKeyId": None}, "writer", True, KEYS),
    "plain HTTP": ({}, "writer", False, TRANSPORT),
    "with a public ACL": ({"ACL": "public-read"}, "writer", True, KEEP),
    "with a lock": (LOCK, "writer", True, KEEP),
}


@pytest.mark.parametrize("in_parts", [False, True], ids=["at once", "in parts"])
@pytest.mark.parametrize("case", UPLOADS)
def test_an_upload(case: str, in_parts: bool, module_store: ObjectStore, door: JudgedStore) -> None:
    changes, who, tls, by = UPLOADS[case]
    given: dict[str, Any] = {**encrypted(module_store), **changes}
    arguments = {name: value for name, value in given.items() if value is not None}
    key = f"{FOLDER}/uploads/{case}/{in_parts}"
    code = code_of(partial(_upload, door.client(who, tls=tls), key, arguments, in_parts=in_parts))
    refused = [it.refused_by for it in door.judged if it.resource.endswith(key)]
    if by is None:
        assert code == "" and set(refused) == {None}
        head = module_store.head(key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", module_store.key)
    else:
        assert code == "AccessDenied" and refused == [by]
        assert code_of(lambda: module_store.head(key)) == "404"
        assert "Uploads" not in module_store.client().list_multipart_uploads(Bucket=module_store.bucket)


def _upload(client: Any, key: str, arguments: Mapping[str, Any], *, in_parts: bool) -> None:
    if not in_parts:
        client.put_object(Key=key, Body=b"x", **arguments)
        return
    at = {"Bucket": arguments["Bucket"], "Key": key}
    upload = {**at, "UploadId": client.create_multipart_upload(Key=key, **arguments)["UploadId"]}
    made = [client.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]]
    listed = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(made, 1)]
    client.complete_multipart_upload(**upload, MultipartUpload={"Parts": listed})


@pytest.mark.parametrize("statement", ["RefuseOtherEncryption", "RefuseOtherKeys", "RefusePlainHttp"])
def test_a_policy_without_the_statement_lets_it_through(
    statement: str, module_store: ObjectStore, made: Policies, module_workplace: Workplace
) -> None:
    """What each statement is for: so the refusals above are its work."""
    document = json.loads(made.bucket)
    kept = [it for it in document["Statement"] if it["Sid"] != statement]
    if statement == "RefuseOtherEncryption":  # one without a key would be refused for its key
        kept = [it for it in kept if it["Sid"] != "RefuseOtherKeys"]
    weaker = replace(made, bucket=json.dumps({**document, "Statement": kept}))
    how: dict[str, dict[str, str]] = {
        "RefuseOtherEncryption": {"Bucket": module_store.bucket},
        "RefuseOtherKeys": {"Bucket": module_store.bucket, "ServerSideEncryption": "aws:kms"},
        "RefusePlainHttp": encrypted(module_store),
    }
    with JudgedStore(module_store, weaker, module_workplace("weaker")) as judge:
        client = judge.client("writer", tls=statement != "RefusePlainHttp")
        assert code_of(partial(client.put_object, Key=f"{FOLDER}/weaker", Body=b"x", **how[statement])) == ""


@pytest.mark.parametrize("who", ["writer", "reader"])
def test_without_the_keys_policy_nobody_reads(
    who: str, module_store: ObjectStore, made: Policies, door: JudgedStore, module_workplace: Workplace
) -> None:
    key = f"{FOLDER}/read/{who}"
    door.client("writer").put_object(Key=key, Body=b"x", **encrypted(module_store))
    document = json.loads(made.key)
    kept = [it for it in document["Statement"] if it["Sid"] not in ("WriterEncrypts", "ReaderDecrypts")]
    other = replace(made, key=json.dumps({**document, "Statement": kept}))
    with JudgedStore(module_store, other, module_workplace("keyless")) as judge:
        read = {"Bucket": module_store.bucket, "Key": key}
        assert code_of(partial(judge.client(who).get_object, **read)) == "AccessDenied"
        assert judge.judged[-1].refused_by == "key: kms:Decrypt"
        assert code_of(partial(door.client(who).get_object, **read)) == ""


def test_parts_carry_no_encryption(module_store: ObjectStore, door: JudgedStore) -> None:
    """S3 refuses those headers there; a client that needed them could not upload to such a bucket."""
    client = door.client("writer")
    key = f"{FOLDER}/parts"
    upload = client.create_multipart_upload(Key=key, **encrypted(module_store))["UploadId"]
    part = partial(client.upload_part, Bucket=module_store.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"x")
    event, header = "before-sign.s3.UploadPart", lambda request, **_: request.headers.add_header(SSE, "aws:kms")
    client.meta.events.register(event, header)
    assert code_of(part) == "InvalidArgument"
    client.meta.events.unregister(event, header)
    assert code_of(part) == ""
    client.abort_multipart_upload(Bucket=module_store.bucket, Key=key, UploadId=upload)


def test_an_upload_that_nobody_began_is_refused(module_store: ObjectStore, door: JudgedStore) -> None:
    part = partial(door.client("writer").upload_part, Bucket=module_store.bucket, Key=KEY, PartNumber=1, Body=b"x")
    assert code_of(partial(part, UploadId="unknown")) == "AccessDenied"


@pytest.mark.parametrize(
    ("method", "target", "headers", "needs"),
    [
        ("GET", "/b?list-type=2&prefix=a%2F", {}, [("s3:ListBucket", "b")]),
        ("HEAD", "/b", {}, [("s3:ListBucket", "b")]),
        ("GET", "/b/a/b%20c", {}, [("s3:GetObject", "b/a/b c")]),
        ("GET", "/b/a?versionId=1", {}, [("s3:GetObjectVersion", "b/a")]),
        ("HEAD", "/b/a", {}, [("s3:GetObject", "b/a")]),
        ("PUT", "/b/a?x-id=PutObject", {}, [("s3:PutObject", "b/a")]),
        ("PUT", "/b/a", {"x-amz-tagging": "a=b"}, [("s3:PutObject", "b/a"), ("s3:PutObjectTagging", "b/a")]),
        ("PUT", "/b/a?partNumber=1&uploadId=u", {}, [("s3:PutObject", "b/a")]),
        ("POST", "/b/a?uploads", {"x-amz-acl": "private"}, [("s3:PutObject", "b/a"), ("s3:PutObjectAcl", "b/a")]),
        ("DELETE", "/b/a?uploadId=u", {}, [("s3:AbortMultipartUpload", "b/a")]),
        ("DELETE", "/b/a?versionId=1", {}, [("s3:DeleteObjectVersion", "b/a")]),
        ("PUT", "/b?policy", {}, [("s3:PutBucketPolicy", "b")]),
    ],
)
def test_what_requests_need(method: str, target: str, headers: dict[str, str], needs: list[tuple[str, str]]) -> None:
    assert list(asked(method, target, headers, b"").needs) == needs


def test_a_request_says_its_condition_keys() -> None:
    request = asked("PUT", "/b/a", {SSE: "aws:kms", SSE_KEY: "k", "x-amz-date": "now"}, b"")
    assert request.context == {f"s3:{SSE}": "aws:kms", f"s3:{SSE_KEY}": "k"}


def test_each_object_of_a_deletion_is_judged() -> None:
    body = b"<Delete><Object><Key>a</Key></Object><Object><Key>b/c</Key><VersionId>1</VersionId></Object></Delete>"
    request = asked("POST", "/b?delete", {}, body)
    assert [(it.key, it.needs) for it in parts(request)] == [
        ("a", (("s3:DeleteObject", "b/a"),)),
        ("b/c", (("s3:DeleteObjectVersion", "b/b/c"),)),
    ]


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", {}),
        ("PATCH", "/b/a", {}),
        ("POST", "/b/a?restore", {}),
        ("GET", "/b/a?torrent", {}),
        ("PUT", "/b/a?acl&tagging", {}),
        ("POST", "/b/a", {}),
        ("PUT", "/b/a", {"x-amz-copy-source": "/b/c"}),
        ("PUT", "/b/a", {"x-amz-grant-read": "everybody"}),
        ("POST", "/b?delete", {}),
    ],
)
def test_what_it_does_not_know_it_does_not_let_through(method: str, target: str, headers: dict[str, str]) -> None:
    with pytest.raises(UnknownRequestError):
        asked(method, target, headers, b"<Delete></Delete>")


def test_what_it_does_not_know_is_answered_with_501(module_store: ObjectStore, door: JudgedStore) -> None:
    seen = len(door.judged)
    copy = partial(door.client(ADMIN).copy_object, CopySource={"Bucket": module_store.bucket, "Key": KEY})
    assert code_of(partial(copy, Bucket=module_store.bucket, Key=f"{KEY}.copy")) == "NotImplemented"
    assert len(door.judged) == seen


def test_a_policy_that_it_cannot_judge_lets_nothing_through(
    module_store: ObjectStore, made: Policies, module_workplace: Workplace
) -> None:
    document = json.loads(made.bucket)
    document["Statement"][0]["Condition"] = {"NumericLessThan": {"s3:TlsVersion": "1.2"}}
    with JudgedStore(module_store, replace(made, bucket=json.dumps(document)), module_workplace("unknown")) as judge:
        upload = partial(judge.client("writer").put_object, Key=KEY, Body=b"x", **encrypted(module_store))
        assert code_of(upload) == "NotImplemented"
        assert judge.judged == []
