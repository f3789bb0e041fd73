"""Changes of what `infra` says about backups, for the kill matrix."""

import json
from collections.abc import Callable
from typing import Any

from kill import Change, Properties, both, edit
from known_stack import plant

STORE = ("ObjectStore", "databases/shared-postgres")
CLUSTER = ("Cluster", "databases/shared-postgres")
SCHEDULE = ("ScheduledBackup", "databases/shared-postgres")
VALIDATOR = ("CronJob", "databases/shared-postgres-validation")
DRILL = ("CronJob", "databases-drill/shared-postgres-drill")
BUCKET = ("aws:s3/bucket:Bucket", "monosense-cnpg-bucket")
DEFAULT = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "monosense-cnpg-encryption",
)
BUCKET_POLICY = ("aws:s3/bucketPolicy:BucketPolicy", "monosense-cnpg-policy")
KEY = ("aws:kms/key:Key", "monosense-cnpg-key")
WRITER_POLICY = ("aws:iam/policy:Policy", "monosense-cnpg-writer-policy")
READER_POLICY = ("aws:iam/policy:Policy", "monosense-cnpg-reader-policy")
OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/another"


def configuration(change: Callable[[dict[str, Any]], object]) -> Change:
    return edit(*STORE, lambda it: change(it["spec"]["configuration"]))


def document(kind: str, called: str, change: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Changes the statements of a policy document."""

    def apply(properties: Properties) -> None:
        policy = json.loads(properties["policy"])
        change(policy["Statement"])
        properties["policy"] = json.dumps(policy)

    return edit(kind, called, apply)


def without(*sids: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(statements: list[dict[str, Any]]) -> None:
        kept = [it for it in statements if it.get("Sid") not in sids]
        assert len(kept) == len(statements) - len(sids), "no statement of that name"
        statements[:] = kept

    return change


def statement(sid: str, **members: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda statements: next(it for it in statements if it.get("Sid") == sid).update(members)


def deployed(*changes: Change) -> Change:
    """The change in a stack whose ids and ARNs are known: rights can only be followed by them."""
    return both(plant, *changes)


def default(**changes: Any) -> Change:
    return edit(*DEFAULT, lambda it: it["rules"][0]["applyServerSideEncryptionByDefault"].update(changes))


def validator(change: Callable[[dict[str, Any]], object]) -> Change:
    return edit(*VALIDATOR, lambda it: change(it["spec"]))


def pod(change: Callable[[dict[str, Any]], object]) -> Change:
    return validator(lambda it: change(it["jobTemplate"]["spec"]["template"]["spec"]))


def container(change: Callable[[dict[str, Any]], object]) -> Change:
    return pod(lambda it: change(it["containers"][0]))


def security(**changes: Any) -> Change:
    return container(lambda it: it["securityContext"].update(changes))


def as_writer(it: dict[str, Any]) -> None:
    for variable in it["env"]:
        if "valueFrom" in variable:
            variable["valueFrom"]["secretKeyRef"]["name"] = "shared-postgres-backup-writer"


def runs(*command: str) -> Callable[[dict[str, Any]], None]:
    return lambda it: it.update(command=list(command))
