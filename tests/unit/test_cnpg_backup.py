"""Where a Postgres cluster's backups go, with whose rights, and the CronJob that validates them."""

from typing import Any

import pytest
from cnpg_samples import KEY, ROLES, args, on_own_store

from seawall.components.cnpg import backup, manifests, secrets, validation
from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.errors import UserError


def test_base_backups_and_wal_are_both_encrypted_under_the_key() -> None:
    configuration = backup.object_store(args())["spec"]["configuration"]
    assert configuration["data"]["encryption"] == configuration["wal"]["encryption"] == "aws:kms"
    assert configuration["data"]["additionalCommandArgs"] == [f"--sse-kms-key-id={KEY}"]
    assert configuration["wal"]["archiveAdditionalCommandArgs"] == [f"--sse-kms-key-id={KEY}"]
    assert "serverName" not in configuration


def test_an_own_store_is_spoken_to_as_it_needs() -> None:
    made = backup.object_store(on_own_store())["spec"]
    configuration = made["configuration"]
    assert configuration["endpointURL"] == "https://minio.example.org:9000"
    assert configuration["endpointCA"] == {"name": "minio-ca", "key": "ca.crt"}
    assert configuration["data"]["encryption"] == configuration["wal"]["encryption"] == "AES256"
    assert "additionalCommandArgs" not in configuration["data"]
    assert {"name": "AWS_REQUEST_CHECKSUM_CALCULATION", "value": "when_required"} in made[
        "instanceSidecarConfiguration"
    ]["env"]


def test_credentials_are_references_or_a_role_and_never_both() -> None:
    keys = backup.object_store(args())["spec"]["configuration"]["s3Credentials"]
    assert keys["accessKeyId"] == {"name": "main-backup-writer", "key": "ACCESS_KEY_ID"}
    role = args(target=ROLES)
    assert backup.object_store(role)["spec"]["configuration"]["s3Credentials"] == {"inheritFromIAMRole": True}
    assert manifests.cluster(role)["spec"]["serviceAccountTemplate"]["metadata"]["annotations"] == {
        "eks.amazonaws.com/role-arn": ROLES.writer_role
    }
    assert secrets.other_secrets(role) == {}
    assert "serviceAccountTemplate" not in manifests.cluster(args())["spec"]


def test_the_schedule_goes_through_the_plugin_and_owns_its_backups() -> None:
    assert backup.scheduled_backup(args())["spec"] == {
        "cluster": {"name": "main"},
        "schedule": "0 0 2 * * *",
        "suspend": False,
        "immediate": True,
        "method": "plugin",
        "pluginConfiguration": {"name": "barman-cloud.cloudnative-pg.io"},
        "target": "prefer-standby",
        "backupOwnerReference": "self",
    }


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (BackupTarget(), "region and KMS key"),
        (BackupTarget(region="eu-central-1"), "region and KMS key"),
        (BackupTarget("eu-central-1", KEY, "--x", writer_role="arn:x"), "for neither"),
    ],
)
def test_a_target_that_does_not_fit_is_refused(target: BackupTarget, says: str) -> None:
    with pytest.raises(UserError, match=says):
        args(target=target)


def test_without_roles_the_entries_with_keys_must_be_named() -> None:
    with pytest.raises(UserError, match=r"secrets\.backup_writer"):
        args(("secrets.backup_reader", None))
    args(("secrets.backup_reader", None), ("secrets.backup_writer", None), target=ROLES)


def container(made: CnpgSharedClusterArgs) -> dict[str, Any]:
    [one] = pod(made)["containers"]
    return dict(one)


def pod(made: CnpgSharedClusterArgs) -> dict[str, Any]:
    return dict(validation.cron_job(made)["spec"]["jobTemplate"]["spec"]["template"]["spec"])


def test_the_validator_is_unprivileged_and_can_only_read() -> None:
    made = pod(args())
    one = container(args())
    assert made["securityContext"]["runAsNonRoot"] is True
    assert made["automountServiceAccountToken"] is False
    assert made["enableServiceLinks"] is False
    assert one["securityContext"]["readOnlyRootFilesystem"] is True
    assert one["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert one["securityContext"]["allowPrivilegeEscalation"] is False
    assert one["securityContext"]["runAsUser"] == 26
    assert one["image"] == "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar:v0.14.0"
    assert one["command"][0] == "/venv/bin/python"
    used = {item["valueFrom"]["secretKeyRef"]["name"] for item in one["env"] if "valueFrom" in item}
    assert used == {"main-backup-reader"}
    writable = [mount["mountPath"] for mount in one["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/tmp"]


def test_the_validator_knows_what_to_expect() -> None:
    values = {item["name"]: item["value"] for item in container(args())["env"] if "value" in item}
    assert values == {
        "BACKUP_BUCKET": "backups",
        "BACKUP_ARCHIVE": "main/main",
        "MAX_BACKUP_AGE_SECONDS": "93600",
        "MAX_WAL_AGE_SECONDS": "900",
        "EXPECTED_ENCRYPTION": "aws:kms",
        "EXPECTED_KMS_KEY": KEY,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "MAX_BACKUP_DURATION_SECONDS": "21600",
        "SAMPLE": "20",
        "PAGE_PERCENT": "20",
        "DEEP": "false",
        "ALL_OBJECTS": "false",
        "TERMINATION_FILE": "/dev/termination-log",
    }


def test_the_validator_runs_in_utc_one_at_a_time() -> None:
    made = validation.cron_job(args())["spec"]
    assert (made["timeZone"], made["concurrencyPolicy"], made["schedule"]) == ("Etc/UTC", "Forbid", "0 3 * * *")


def test_the_validator_takes_the_readers_role() -> None:
    made = args(target=ROLES)
    account = validation.service_account(made)["metadata"]["annotations"]
    assert account == {"eks.amazonaws.com/role-arn": ROLES.reader_role}
    assert not [item for item in container(made)["env"] if "valueFrom" in item]


def test_the_validator_trusts_an_own_stores_authority_without_seeing_its_key() -> None:
    [authority] = [volume for volume in pod(on_own_store())["volumes"] if volume["name"] == "ca"]
    assert authority["secret"]["items"] == [{"key": "ca.crt", "path": "ca.crt"}]
    values = {item["name"]: item.get("value") for item in container(on_own_store())["env"]}
    assert values["AWS_CA_BUNDLE"] == "/opt/seawall-ca/ca.crt"
    assert "EXPECTED_KMS_KEY" not in values
