"""What people get wrong with backups: schedules, encryption, wiring, the validator."""

import copy
from collections.abc import Callable
from typing import Any

from backup_changes import (
    CLUSTER,
    OTHER_KEY,
    SCHEDULE,
    STORE,
    VALIDATOR,
    as_writer,
    configuration,
    container,
    pod,
    runs,
    security,
    validator,
)
from kill import Change, Kill, Stack, both, drop, edit, find

ENCRYPTION = [
    ("base backups not encrypted", configuration(lambda it: it["data"].pop("encryption"))),
    ("base backups encrypted, WAL not", configuration(lambda it: it["wal"].pop("encryption"))),
    ("neither half encrypted", configuration(lambda it: (it["data"].pop("encryption"), it["wal"].pop("encryption")))),
    ("WAL with AES256, base backups with the key", configuration(lambda it: it["wal"].update(encryption="AES256"))),
    (
        "both halves with AES256",
        configuration(lambda it: [it[part].update(encryption="AES256") for part in ("data", "wal")]),
    ),
    ("no key for base backups", configuration(lambda it: it["data"].pop("additionalCommandArgs"))),
    ("no key for WAL", configuration(lambda it: it["wal"].pop("archiveAdditionalCommandArgs"))),
    (
        "key for restores of WAL only",
        configuration(
            lambda it: it["wal"].update(restoreAdditionalCommandArgs=it["wal"].pop("archiveAdditionalCommandArgs"))
        ),
    ),
    (
        "two keys",
        configuration(lambda it: it["wal"].update(archiveAdditionalCommandArgs=[f"--sse-kms-key-id={OTHER_KEY}"])),
    ),
    ("store over plain http", configuration(lambda it: it.update(endpointURL="http://s3.eu-central-1.amazonaws.com"))),
]


VALIDATION = [
    ("validator image latest", container(lambda it: it.update(image=it["image"].replace("v0.14.0", "latest")))),
    ("validator image without a tag", container(lambda it: it.update(image=it["image"].replace(":v0.14.0", "")))),
    ("validator may gain privileges", security(allowPrivilegeEscalation=True)),
    ("validator keeps its capabilities", security(capabilities={})),
    ("validator writes to its root", security(readOnlyRootFilesystem=False)),
    ("validator is root", security(runAsNonRoot=False, runAsUser=0)),
    (
        "validator without a seccomp profile",
        both(security(seccompProfile=None), pod(lambda it: it["securityContext"].pop("seccompProfile"))),
    ),
    (
        "validator installs packages",
        container(runs("sh", "-c", "apt-get update && apt-get install -y awscli && aws s3 ls s3://monosense-cnpg")),
    ),
    (
        "validator installs with pip in its script",
        edit(
            "ConfigMap",
            "databases/shared-postgres-validation",
            lambda it: it["data"].update({"check.sh": "pip install --quiet barman[cloud]"}),
        ),
    ),
    (
        "validator checks for an empty archive",
        container(runs("barman-cloud-check-wal-archive", "s3://monosense-cnpg/shared-postgres", "shared-postgres")),
    ),
    (
        "validator lists backups and looks at nothing",
        container(runs("barman-cloud-backup-list", "s3://monosense-cnpg/shared-postgres", "shared-postgres")),
    ),
    ("validator with the writer's Secret", container(as_writer)),
    (
        "validator with the writer's keys under another name",
        edit(
            "ExternalSecret",
            "databases/shared-postgres-backup-reader",
            lambda it: [
                entry["remoteRef"].update(key="kubernetes/infra/cloudnative-pg/backup-writer")
                for entry in it["spec"]["data"]
            ],
        ),
    ),
    ("validator before the backup", validator(lambda it: it.update(schedule="0 1 * * *"))),
    ("validator beside the backup", validator(lambda it: it.update(schedule="5 2 * * *"))),
    ("validator in another time zone before the backup", validator(lambda it: it.update(timeZone="Asia/Tokyo"))),
    ("validator with six fields", validator(lambda it: it.update(schedule="0 0 3 * * *"))),
    ("validator without a time zone", validator(lambda it: it.pop("timeZone"))),
    ("validator in a zone that is none", validator(lambda it: it.update(timeZone="Mars/Olympus"))),
    ("validator suspended", validator(lambda it: it.update(suspend=True))),
    ("validator once a month", validator(lambda it: it.update(schedule="0 3 1 * *"))),
    ("validator every other day, limit 26 h", validator(lambda it: it.update(schedule="0 3 */2 * *"))),
    ("validator's limit shorter than the gap between backups", container(lambda it: it["env"][2].update(value="3600"))),
    ("validator that hangs for ever", validator(lambda it: it["jobTemplate"]["spec"].pop("activeDeadlineSeconds"))),
]


def plugin(change: Callable[[dict[str, Any]], object]) -> Change:
    return edit(*CLUSTER, lambda it: change(it["spec"]["plugins"][0]))


SCHEDULES = [
    ("five fields", edit(*SCHEDULE, lambda it: it["spec"].update(schedule="0 2 * * *"))),
    ("backups every second of an hour", edit(*SCHEDULE, lambda it: it["spec"].update(schedule="* * 2 * * *"))),
    ("Sunday written as 7", edit(*SCHEDULE, lambda it: it["spec"].update(schedule="0 0 2 * * 7"))),
    ("backups suspended", edit(*SCHEDULE, lambda it: it["spec"].update(suspend=True))),
    ("method left out", edit(*SCHEDULE, lambda it: it["spec"].pop("method"))),
    ("method of the in-tree backups", edit(*SCHEDULE, lambda it: it["spec"].update(method="barmanObjectStore"))),
    ("no plugin named", edit(*SCHEDULE, lambda it: it["spec"].pop("pluginConfiguration"))),
    (
        "plugin's name misspelt",
        edit(*SCHEDULE, lambda it: it["spec"]["pluginConfiguration"].update(name="barman-cloud.cnpg.io")),
    ),
]

WRITER_KEYS = {
    name: {"name": "shared-postgres-backup-writer", "key": key}
    for name, key in {"accessKeyId": "ACCESS_KEY_ID", "secretAccessKey": "SECRET_ACCESS_KEY"}.items()
}
_MOCK_KEY = "--sse-kms-key-id=arn:aws:test:::monosense-cnpg-key"
IN_TREE_STORE = {
    "destinationPath": "s3://monosense-cnpg/in-tree",
    "s3Credentials": WRITER_KEYS,
    "data": {"encryption": "aws:kms", "additionalCommandArgs": [_MOCK_KEY]},
    "wal": {"encryption": "aws:kms", "archiveAdditionalCommandArgs": [_MOCK_KEY]},
}

WIRING = [
    ("isWALArchiver false", plugin(lambda it: it.update(isWALArchiver=False))),
    ("isWALArchiver left out", plugin(lambda it: it.pop("isWALArchiver"))),
    ("ObjectStore misspelt", plugin(lambda it: it["parameters"].update(barmanObjectName="shared-postgre"))),
    ("no ObjectStore named", plugin(lambda it: it["parameters"].pop("barmanObjectName"))),
    ("ObjectStore in another namespace", edit(*STORE, lambda it: it["metadata"].update(namespace="databases-drill"))),
    ("ObjectStore gone", drop(*STORE)),
    ("ScheduledBackup gone", drop(*SCHEDULE)),
    (
        "two archivers",
        edit(*CLUSTER, lambda it: it["spec"]["plugins"].append({"name": "other.example.org", "isWALArchiver": True})),
    ),
    (
        "in-tree backups beside the plugin",
        edit(*CLUSTER, lambda it: it["spec"].update(backup={"barmanObjectStore": IN_TREE_STORE})),
    ),
    (
        "retention where only the in-tree backups look",
        edit(*CLUSTER, lambda it: it["spec"].update(backup={"retentionPolicy": "30d"})),
    ),
    ("retention that the store refuses", edit(*STORE, lambda it: it["spec"].update(retentionPolicy="30 days"))),
    ("serverName in the ObjectStore", configuration(lambda it: it.update(serverName="shared-postgres"))),
    ("no credentials", configuration(lambda it: it.pop("s3Credentials"))),
    ("half of the credentials", configuration(lambda it: it["s3Credentials"].pop("secretAccessKey"))),
    (
        "a key's value in the ObjectStore",
        edit(
            *STORE,
            lambda it: it["spec"]["instanceSidecarConfiguration"]["env"].append(
                {"name": "AWS_SECRET_ACCESS_KEY", "value": "not-a-real-one"}
            ),
        ),
    ),
    ("an IAM role that nothing names", configuration(lambda it: it.update(s3Credentials={"inheritFromIAMRole": True}))),
    (
        "S3-compatible store without checksum settings",
        configuration(lambda it: it.update(endpointURL="https://s3.example.net")),
    ),
]


def _twin(stack: Stack) -> None:
    """The same Cluster once more under another name: copied, and the plugin's parameters left as they were."""
    twin = copy.deepcopy(find(stack, *CLUSTER))
    twin.name += "-twin"
    twin.properties["metadata"]["name"] = "another"
    stack.append(twin)
    schedule = copy.deepcopy(find(stack, *SCHEDULE))
    schedule.name += "-twin"
    schedule.properties["metadata"]["name"] = "another"
    schedule.properties["spec"]["cluster"]["name"] = "another"
    stack.append(schedule)


def _in_tree_only(stack: Stack) -> None:
    """Everything as before the plugin: store, schedule and Cluster."""
    spec = find(stack, *CLUSTER).properties["spec"]
    store = find(stack, *STORE)
    spec.pop("plugins")
    spec["backup"] = {"barmanObjectStore": store.properties["spec"]["configuration"], "retentionPolicy": "30d"}
    stack.remove(store)
    schedule = find(stack, *SCHEDULE).properties["spec"]
    schedule.update(method="barmanObjectStore")
    schedule.pop("pluginConfiguration")


def _no_backup(stack: Stack) -> None:
    for kind, called in (STORE, SCHEDULE, VALIDATOR):
        stack.remove(find(stack, kind, called))
    find(stack, *CLUSTER).properties["spec"].pop("plugins")


_ROWS: dict[str, list[tuple[str, Change]]] = {
    "CNPG-DATA-001": SCHEDULES,
    "CNPG-DATA-002": ENCRYPTION,
    "CNPG-SEC-001": VALIDATION,
    "CNPG-SW-010": [*WIRING, ("a second cluster in the same archive", _twin)],
    "CNPG-SW-012": [("in-tree backups", _in_tree_only)],
    "CNPG-SW-013": [
        ("Backup objects without an owner", edit(*SCHEDULE, lambda it: it["spec"].pop("backupOwnerReference"))),
        ("backups kept for ever", edit(*STORE, lambda it: it["spec"].pop("retentionPolicy"))),
    ],
    "CNPG-SW-014": [("no backup at all", _no_backup)],
    "CNPG-SW-015": [("validator gone", drop(*VALIDATOR))],
}
_POLICY = "the network policy opens AWS's own hosts on 443 only"
_ALSO: dict[str, dict[str, str]] = {
    "store over plain http": {"CNPG-SW-001": _POLICY},
    "S3-compatible store without checksum settings": {"CNPG-SW-001": _POLICY},
    "ObjectStore in another namespace": {"CNPG-OPS-003": "where nothing makes the writer's Secret"},
    "in-tree backups beside the plugin": {"CNPG-SW-012": "the field is deprecated as well"},
    "a second cluster in the same archive": {
        "CNPG-SW-001": "the copy has no network policies",
        "CNPG-MON-001": "nor monitors and alerts",
        "CNPG-SW-015": "nor a validator",
        "CNPG-OPS-002": "nor a drill",
    },
}
CASES = [
    Kill("infra", rule, what, change, _ALSO.get(what, {})) for rule, rows in _ROWS.items() for what, change in rows
]
