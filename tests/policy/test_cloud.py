"""Buckets, keys and identities in one form; what is not known yet, and what is not seen."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from engine_doubles import UNKNOWN_TEXT, analyze_stack, resource, servicer, token, urn
from engine_doubles import name as called
from pulumi.runtime.proto import analyzer_pb2 as proto
from rule_fixtures import DATA, Fixture

from seawall.policy.estate.aws.cloud import Cloud
from seawall.policy.estate.aws.documents import Request
from seawall.policy.estate.doors import engine
from seawall.policy.estate.model import Estate
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

Parts = list[dict[str, Any]]
RULES = [rule for rule in load() if rule.id in ("CNPG-DATA-002", "CNPG-SW-011")]


def right() -> Parts:
    """The stack of a bucket as it should be."""
    path = DATA / "CNPG-DATA-002" / "success.cloud.stack.yaml"
    return [dict(part) for part in Fixture("CNPG-DATA-002", path).resources]


def part(parts: Parts, name: str) -> dict[str, Any]:
    return next(it for it in parts if it.get("name") == name)


def of(kind: str, resource_name: str, /, **properties: Any) -> dict[str, Any]:
    return {"type": kind, "name": resource_name, "properties": properties}


def estate(parts: Parts, awaits: tuple[str, ...] = ()) -> Estate:
    return engine.estate(
        engine.resource(token(it), urn(it), called(it), it if "apiVersion" in it else it["properties"], awaits)
        for it in parts
    )


def found(parts: Parts, *, awaits: tuple[str, ...] = (), preview: bool = False) -> list[tuple[str, Outcome, str]]:
    findings = judge(estate(parts, awaits), RULES, preview=preview)
    return [(it.rule.id, it.outcome, it.message) for it in findings]


def test_the_right_one_is_right() -> None:
    assert found(right()) == []


@pytest.mark.parametrize(
    "name", ["backups-block", "backups-versions", "backups-default", "backups-policy", "backups-lifecycle"]
)
def test_a_reference_that_is_not_known_yet_defers_and_never_passes(name: str) -> None:
    """In the preview of a bucket with a name that AWS will choose, its parts do not say whose they are."""
    parts = right()
    part(parts, name)["properties"]["bucket"] = UNKNOWN_TEXT
    outcomes = {outcome for _, outcome, _ in found(parts, awaits=("bucket",), preview=True)}
    assert outcomes == {Outcome.DEFERRED}
    assert {outcome for _, outcome, _ in found(parts)} == {Outcome.NOT_EVALUATED}, "anywhere else nobody will know"


@pytest.mark.parametrize(
    ("name", "key"), [("backups-policy", "policy"), ("backups-default", "rules"), ("writer-policy", "policy")]
)
def test_a_key_that_is_made_by_the_same_stack_defers(name: str, key: str) -> None:
    parts = right()
    part(parts, name)["properties"][key] = UNKNOWN_TEXT
    outcomes = {outcome for _, outcome, _ in found(parts, awaits=(key,), preview=True)}
    assert outcomes == {Outcome.DEFERRED}


def test_the_engine_reports_a_deferred_verdict_as_advisory_only() -> None:
    parts = right()
    part(parts, "backups-policy")["properties"]["policy"] = UNKNOWN_TEXT
    said = analyze_stack(parts, preview=True, awaits=("policy",))
    waiting = [it for it in said if "CNPG-DATA-002" in it.message or "CNPG-SW-011" in it.message]
    assert {it.policyName for it in waiting} == {"SEAWALL-DEFERRED"}
    assert {it.enforcementLevel for it in waiting} == {proto.ADVISORY}


def test_secrets_are_read_and_never_shown() -> None:
    parts = right()
    policy = part(parts, "backups-policy")["properties"]
    secret = "4dabf18193072939515e22adb298388d"
    mark = "1b47061264138c4ac30d75fd1eb44270"
    opened = json.loads(policy["policy"])
    opened["Statement"] = [{"Sid": "hunter2", "Effect": "Deny", "Principal": "*", "Action": "s3:x", "Resource": "*"}]
    policy["policy"] = {secret: mark, "value": json.dumps(opened)}
    response = servicer().AnalyzeStack(proto.AnalyzeStackRequest(resources=[resource(it) for it in parts]), None)
    said = [it.message for it in response.diagnostics if it.policyName in ("CNPG-DATA-002", "CNPG-SW-011")]
    assert any("takes uploads" in message for message in said)
    assert not any("hunter2" in message for message in said)


def test_a_bucket_has_its_name_from_its_id_where_the_name_was_left_to_aws() -> None:
    parts = right()
    part(parts, "backups")["properties"].update({"bucket": "", "id": "backups"})
    assert list(Cloud(estate(parts)).buckets) == ["backups"]


@pytest.mark.parametrize("reference", ["alias/backups", "0f0f", "arn:aws:kms:eu-central-1:111122223333:key/0f0f"])
def test_a_key_is_found_by_each_of_its_names(reference: str) -> None:
    seen = Cloud(estate(right()))
    assert seen.key(reference) is seen.keys[0]
    assert seen.key("alias/other") is None


def test_a_policy_of_the_key_apart_from_it() -> None:
    parts = right()
    key = part(parts, "backups-key")["properties"]
    parts.append(of("aws:kms/keyPolicy:KeyPolicy", "apart", keyId="0f0f", policy=key.pop("policy")))
    assert found(parts) == []
    part(parts, "apart")["properties"]["policy"] = json.dumps({"Statement": []})
    findings = [it for it in judge(estate(parts), RULES) if it.outcome is Outcome.VIOLATED]
    assert [(it.rule.id, it.about.name if it.about else "") for it in findings] == [("CNPG-DATA-002", "apart")] * 2


@pytest.mark.parametrize("policy", [None, UNKNOWN_TEXT])
def test_a_key_without_a_policy_leaves_it_to_the_account(policy: str | None) -> None:
    """Whether none is given, or it is for AWS to choose."""
    parts = right()
    part(parts, "backups-key")["properties"]["policy"] = policy
    findings = judge(estate(parts), RULES)
    assert {(it.rule.id, it.outcome) for it in findings} == {("CNPG-DATA-002", Outcome.VIOLATED)}, (
        "nor do the account's"
    )
    assert {it.about.name for it in findings if it.about is not None} == {"backups-key"}
    uses = {"Effect": "Allow", "Action": "kms:*", "Resource": "*"}
    for name, user in (("writer-key", "pg-writer"),):
        parts.append(of("aws:iam/userPolicy:UserPolicy", name, user=user, policy=json.dumps({"Statement": [uses]})))
    parts.append(of("aws:iam/rolePolicy:RolePolicy", "r", role="pg-reader", policy=json.dumps({"Statement": [uses]})))
    assert found(parts) == []


def _writer(parts: Parts) -> Any:
    seen = Cloud(estate(parts))
    return next(it for it in seen.identities.all() if it.title == "user pg-writer")


PUT = Request("s3:PutObject", "arn:aws:s3:::backups/pg/x", "arn:aws:iam::111122223333:user/pg-writer")


def _attachment(parts: Parts, **properties: Any) -> None:
    parts[:] = [it for it in parts if it.get("name") != "writer-policy"]
    parts.append(of("aws:iam/userPolicyAttachment:UserPolicyAttachment", "a", user="pg-writer", **properties))


def _foreign(parts: Parts) -> None:
    _attachment(parts, policyArn="arn:aws:iam::111122223333:policy/elsewhere")


def _of_aws(parts: Parts) -> None:
    _attachment(parts, policyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")


def _read_only(parts: Parts) -> None:
    _attachment(parts, policyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")


def _of_several(parts: Parts) -> None:
    policy = part(parts, "writer-policy")["properties"]["policy"]
    parts[:] = [it for it in parts if it.get("name") != "writer-policy"]
    parts.append(of("aws:iam/policy:Policy", "p", name="pg", path="/team/", policy=policy))
    arn = "arn:aws:iam::111122223333:policy/team/pg"
    parts.append(of("aws:iam/policyAttachment:PolicyAttachment", "a", users=["pg-writer"], policyArn=arn))


def _bounded(parts: Parts) -> None:
    part(parts, "writer")["properties"]["permissionsBoundary"] = "arn:aws:iam::111122223333:policy/boundary"


@pytest.mark.parametrize(
    ("change", "may"),
    [
        (lambda parts: None, True),
        (_foreign, None),
        (_of_aws, True),
        (_read_only, False),
        (_of_several, True),
        (_bounded, None),
    ],
)
def test_what_an_identity_may_do(change: Callable[[Parts], None], may: bool | None) -> None:
    parts = right()
    change(parts)
    assert _writer(parts).may(PUT, None) is may


def test_who_is_near_a_bucket() -> None:
    """Those whose policies speak of it, and those with rights everywhere; nobody who uses another."""
    parts: Parts = []
    for user, buckets in {"one": "pg", "other": "logs", "all": "*", "some": "p?"}.items():
        statement = {"Effect": "Allow", "Action": "s3:*", "Resource": f"arn:aws:s3:::{buckets}/*"}
        policy = json.dumps({"Statement": [statement]})
        parts.append(of("aws:iam/user:User", user, name=user, arn=f"arn:aws:iam::111122223333:user/{user}"))
        parts.append(of("aws:iam/userPolicy:UserPolicy", f"{user}-policy", user=user, policy=policy))
    identities = Cloud(estate(parts)).identities
    assert {it.title for it in identities.near("pg", ())} == {"user one", "user all", "user some"}
    assert {it.title for it in identities.near("logs", ())} == {"user other", "user all", "user some"}
    named = identities.near("pg", ["arn:aws:iam::111122223333:user/other"])
    assert {it.title for it in named} == {"user one", "user other", "user all", "user some"}


def test_rights_that_cannot_be_told_are_not_evaluated() -> None:
    """The only ones who may write have a policy that is not in the stack: whether it lets them use the key is open."""
    parts = [it for it in right() if it.get("name") != "admin"]
    statements = [{"Effect": "Allow", "Action": "kms:*", "Resource": "*", "Principal": {"AWS": "111122223333"}}]
    part(parts, "backups-key")["properties"]["policy"] = json.dumps({"Statement": statements})
    arn = "arn:aws:iam::111122223333:policy/elsewhere"
    parts.append(of("aws:iam/userPolicyAttachment:UserPolicyAttachment", "a", user="pg-writer", policyArn=arn))
    said = [message for rule, outcome, message in found(parts) if outcome is Outcome.NOT_EVALUATED]
    assert len(said) == 1
    assert "policy/elsewhere is not in this stack" in said[0]


def test_a_network_condition_on_the_encryption_is_not_evaluated() -> None:
    parts = right()
    policy = part(parts, "backups-policy")["properties"]
    document = json.loads(policy["policy"])
    for statement in document["Statement"][1:]:
        statement["Condition"]["StringEquals"] = {"aws:SourceVpce": "vpce-1"}
    policy["policy"] = json.dumps(document)
    [finding] = judge(estate(parts), RULES)
    assert (finding.rule.id, finding.outcome) == ("CNPG-DATA-002", Outcome.NOT_EVALUATED)
    assert finding.path == ("policy",)
    assert finding.about is not None
    assert finding.about.name == "backups-policy"


def test_a_network_condition_beside_it_changes_nothing() -> None:
    parts = right()
    policy = part(parts, "backups-policy")["properties"]
    document = json.loads(policy["policy"])
    outside = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    document["Statement"].append({**outside, "Condition": {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}})
    policy["policy"] = json.dumps(document)
    assert found(parts) == []


STORE = "ObjectStore databases/pg"
ELSEWHERE = "arn:aws:kms:eu-central-1:111122223333:key/1f1f"
"""A key that is not in the stack."""


def _default(parts: Parts, key: str) -> None:
    rule = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": key}}
    part(parts, "backups-default")["properties"]["rules"] = [rule]


def _store(parts: Parts) -> dict[str, Any]:
    [configuration] = [it["spec"]["configuration"] for it in parts if it.get("kind") == "ObjectStore"]
    return dict(configuration)


@pytest.mark.parametrize(
    ("part_of_it", "field"), [("data", "additionalCommandArgs"), ("wal", "archiveAdditionalCommandArgs")]
)
def test_a_key_that_one_part_names_is_the_stores(part_of_it: str, field: str) -> None:
    parts = right()
    store = _store(parts)
    for name in ("data", "wal"):
        store[name].clear()
        store[name]["encryption"] = "aws:kms"
    store[part_of_it][field] = [f"--sse-kms-key-id={ELSEWHERE}"]
    _default(parts, "arn:aws:kms:eu-central-1:111122223333:key/0f0f")
    assert [message for _, _, message in found(parts) if f"by default, and {STORE} names {ELSEWHERE}" in message]


@pytest.mark.parametrize(("named", "said"), [("1f1f", False), ("2f2f", True), ("alias/1f1f", True), (ELSEWHERE, False)])
def test_a_key_by_an_id_that_nothing_explains(named: str, said: bool) -> None:
    parts = right()
    store = _store(parts)
    store["data"]["additionalCommandArgs"] = [f"--sse-kms-key-id={ELSEWHERE}"]
    store["wal"]["archiveAdditionalCommandArgs"] = [f"--sse-kms-key-id={ELSEWHERE}"]
    _default(parts, named)
    open_questions = [message for _, outcome, message in found(parts) if outcome is Outcome.NOT_EVALUATED]
    assert any(f"whether the key {named} of the bucket's default" in message for message in open_questions) is said


@pytest.mark.parametrize(("endpoint", "judged"), [(None, True), ("https://s3.example.org", False)])
def test_a_bucket_of_the_same_name_elsewhere_is_not_this_one(endpoint: str | None, judged: bool) -> None:
    parts = right()
    part(parts, "backups-default")["properties"]["rules"] = []
    [store] = [it for it in parts if it.get("kind") == "ObjectStore"]
    store["spec"]["configuration"]["endpointURL"] = endpoint
    said = [message for _, _, message in found(parts) if "encrypts with AES256 by default" in message]
    assert bool(said) is judged


def test_whether_plain_http_is_refused_by_a_network_condition_is_not_evaluated() -> None:
    parts = right()
    policy = part(parts, "backups-policy")["properties"]
    document = json.loads(policy["policy"])
    document["Statement"][0]["Condition"]["StringEquals"] = {"aws:SourceVpce": "vpce-1"}
    policy["policy"] = json.dumps(document)
    [(rule, outcome, message)] = found(parts)
    assert (rule, outcome) == ("CNPG-SW-011", Outcome.NOT_EVALUATED)
    assert "whether bucket backups refuses plain http" in message


def test_tls_is_wanted_for_every_archive_of_a_bucket() -> None:
    parts = right()
    [store], [cluster] = ([it for it in parts if it.get("kind") == kind] for kind in ("ObjectStore", "Cluster"))
    other = json.loads(json.dumps([store, cluster]).replace('"pg"', '"crm"').replace("backups/pg", "backups/crm"))
    policy = part(parts, "backups-policy")["properties"]
    document = json.loads(policy["policy"])
    document["Statement"][0]["Resource"] = ["arn:aws:s3:::backups", "arn:aws:s3:::backups/pg/*"]
    policy["policy"] = json.dumps(document)
    plain = "bucket backups answers over plain http (s3:GetObject, s3:PutObject)"
    assert not [message for _, _, message in found(parts) if plain in message]
    assert [message for _, _, message in found([*parts, *other]) if plain in message]
    assert [message for _, _, message in found([*other, *parts]) if plain in message]


def test_a_bucket_that_nobody_declares_is_not_judged() -> None:
    parts = [it for it in right() if "aws:s3" not in it.get("type", "")]
    assert found(parts) == []
