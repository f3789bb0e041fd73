"""The command lines that the barman plugin makes of an ObjectStore."""

from typing import Any

import pytest
from cnpg_samples import KEY, args, on_own_store

from seawall.components.cnpg import backup
from seawall.operators.barman import commands
from seawall.operators.reading import UnprojectableError

AWS = backup.object_store(args())
OWN = backup.object_store(on_own_store())
PLACE = ("--cloud-provider", "aws-s3", "s3://backups/main", "main")
ENDPOINT = ("--endpoint-url", "https://minio.example.org:9000")


def store(**configuration: Any) -> dict[str, Any]:
    """An ObjectStore of which only this is said."""
    said = {"destinationPath": "s3://backups/main", "s3Credentials": {"inheritFromIAMRole": True}, **configuration}
    return {"metadata": {"name": "main"}, "spec": {"configuration": said}}


def test_wal_is_archived_with_compression_encryption_and_key() -> None:
    assert commands.wal_archive(AWS, "main", "pg_wal/0") == (
        "barman-cloud-wal-archive",
        "--gzip",
        "-e",
        "aws:kms",
        f"--sse-kms-key-id={KEY}",
        *PLACE,
        "pg_wal/0",
    )
    own = ("barman-cloud-wal-archive", "--gzip", "-e", "AES256", *ENDPOINT, *PLACE, "pg_wal/0")
    assert commands.wal_archive(OWN, "main", "pg_wal/0") == own


def test_a_base_backup_is_made_with_compression_encryption_key_and_jobs() -> None:
    options = ("--user", "postgres", "--name", "today", "--gzip", "--encryption")
    assert commands.backup(AWS, "main", "today") == (
        "barman-cloud-backup",
        *options,
        "aws:kms",
        "--jobs",
        "2",
        f"--sse-kms-key-id={KEY}",
        *PLACE,
    )
    own = ("barman-cloud-backup", *options, "AES256", "--jobs", "2", *ENDPOINT, *PLACE)
    assert commands.backup(OWN, "main", "today") == own
    now = commands.backup(store(data={"immediateCheckpoint": True}), "main", "today")
    assert now == ("barman-cloud-backup", "--user", "postgres", "--name", "today", "--immediate-checkpoint", *PLACE)


def test_reading_needs_neither_compression_nor_key() -> None:
    for made, place in ((AWS, PLACE), (OWN, (*ENDPOINT, *PLACE))):
        assert commands.check_wal_archive(made, "main") == ("barman-cloud-check-wal-archive", *place)
        assert commands.backup_list(made, "main") == ("barman-cloud-backup-list", "--format", "json", *place)
        assert commands.wal_restore(made, "main", "0", "to") == ("barman-cloud-wal-restore", *place, "0", "to")
    provider, destination = PLACE[:2], PLACE[2:]
    restore = ("barman-cloud-restore", *provider, *ENDPOINT, *destination, "20260102T030405", "to")
    assert commands.restore(OWN, "main", "20260102T030405", "to") == restore


def test_further_arguments_stand_where_the_plugin_puts_them() -> None:
    made = store(
        data={"restoreAdditionalCommandArgs": ["--read-timeout=60"]},
        wal={"restoreAdditionalCommandArgs": ["--no-partial"], "archiveAdditionalCommandArgs": ["--read-timeout=60"]},
    )
    assert commands.wal_restore(made, "main", "0", "to")[1:] == (*PLACE, "--no-partial", "0", "to")
    assert commands.restore(made, "main", "x", "to")[1:] == (*PLACE[:2], "--read-timeout=60", *PLACE[2:], "x", "to")
    assert commands.wal_archive(made, "main", "0")[1:] == ("--read-timeout=60", *PLACE, "0")


def test_an_argument_that_the_plugin_gives_itself_is_left_out() -> None:
    data = {"compression": "gzip", "encryption": "aws:kms", "additionalCommandArgs": ["--gzip", "--encryption=AES256"]}
    options = commands.backup(store(data=data), "main", "today")
    assert options[5:-4] == ("--gzip", "--encryption", "aws:kms")
    twice = store(data={"additionalCommandArgs": ["--immediate-checkpoint", "--immediate-checkpoint", "--jobs=1"]})
    assert commands.backup(twice, "main", "today")[5:-4] == ("--immediate-checkpoint", "--jobs=1")


def test_tags_are_pairs_after_one_option() -> None:
    made = store(tags={"b": "2", "a": "1"}, historyTags={"c": "3"})
    assert commands.wal_archive(made, "main", "0")[1:6] == ("--tags", "a,1", "b,2", "--history-tags", "c,3")
    assert "--history-tags" not in commands.backup(made, "main", "today")


@pytest.mark.parametrize(
    ("policy", "kept"), [("30d", "WINDOW OF 30 DAYS"), ("4w", "WINDOW OF 4 WEEKS"), ("6m", "WINDOW OF 6 MONTHS")]
)
def test_retention_is_a_recovery_window(policy: str, kept: str) -> None:
    made = {**OWN, "spec": {**OWN["spec"], "retentionPolicy": policy}}
    command = ("barman-cloud-backup-delete", *ENDPOINT, *PLACE[:2], "--retention-policy", f"RECOVERY {kept}")
    assert commands.backup_delete(made, "main") == (*command, *PLACE[2:])


def test_without_retention_nothing_is_deleted() -> None:
    with pytest.raises(UnprojectableError, match="retentionPolicy"):
        commands.backup_delete(store(), "main")


def test_the_environment_has_the_keys_the_region_and_what_the_store_needs() -> None:
    def secret(name: str, key: str) -> str:
        return f"{name}/{key}"

    keys = {
        "AWS_ACCESS_KEY_ID": "main-backup-writer/ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY": "main-backup-writer/SECRET_ACCESS_KEY",
    }
    assert commands.environment(AWS, secret) == {"AWS_DEFAULT_REGION": "eu-central-1", **keys}
    assert commands.environment(OWN, secret) == {
        "AWS_CA_BUNDLE": "/barman-certificates/main/barman-ca.crt",
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        **keys,
    }
    assert commands.environment(store(), secret) == {}


@pytest.mark.parametrize("taken", ["s3Credentials", "destinationPath"])
def test_another_kind_of_store_is_refused(taken: str) -> None:
    made = store()
    del made["spec"]["configuration"][taken]
    with pytest.raises(UnprojectableError, match=taken):
        commands.wal_archive(made, "main", "0")
