"""The CronJob that validates what the backups left in the object store, as plain data."""

from pathlib import Path

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.backup import ACCESS_KEY_ID, SECRET_ACCESS_KEY, environment
from seawall.components.kubernetes import service_account as accounts
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.operators.annotations import VALIDATES, instance
from seawall.operators.cnpg import UID
from seawall.operators.versions import barman_sidecar_image

SCRIPT = Path(__file__).parent / "validator" / "check.py"
"""What runs; it goes into the ConfigMap as it is."""

MOUNT = "/opt/seawall"
PYTHON = "/venv/bin/python"
"""The interpreter of the sidecar's image, which has no shell."""

TIMEOUT_SECONDS = 600
LATEST_START_SECONDS = 3600
"""A run that could not start for this long is given up; the next one comes."""

RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}


def config_map(args: CnpgSharedClusterArgs) -> Manifest:
    """The script."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(args.validation_name, args.namespace, labels=args.labels),
        "data": {SCRIPT.name: SCRIPT.read_text(encoding="utf-8")},
    }


def service_account(args: CnpgSharedClusterArgs) -> Manifest:
    """An account without any right in the cluster; with IAM roles it is what AWS knows the reader by."""
    return accounts.service_account(
        args.validation_name, args.namespace, role=args.target.reader_role, labels=args.labels
    )


def cron_job(args: CnpgSharedClusterArgs) -> Manifest:
    """The CronJob: our script on the sidecar's image, read-only credentials, no root, nothing writable but /tmp."""
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(
            args.validation_name,
            args.namespace,
            labels=args.labels,
            annotations={VALIDATES: instance(namespace=args.namespace, name=args.name)},
        ),
        "spec": {
            "schedule": args.settings.validation.schedule,
            "timeZone": "Etc/UTC",
            "suspend": False,  # said, so that an update ends what was suspended by hand
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATEST_START_SECONDS,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": args.validation_pods},
                "spec": {
                    "activeDeadlineSeconds": TIMEOUT_SECONDS,
                    "backoffLimit": 1,
                    "template": {"metadata": {"labels": args.validation_pods}, "spec": _pod(args)},
                },
            },
        },
    }


def _pod(args: CnpgSharedClusterArgs) -> Manifest:
    return {
        "serviceAccountName": args.validation_name,
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "securityContext": pod_security_context(UID, fs_group=UID),
        "containers": [
            {
                "name": "validate",
                "image": barman_sidecar_image(args.operator.plugin),
                "command": [PYTHON, "-B", f"{MOUNT}/{SCRIPT.name}"],
                "env": [*_expectations(args), *environment(args), *_credentials(args)],
                "resources": RESOURCES,
                "securityContext": container_security_context(UID),
                "volumeMounts": [
                    {"name": "script", "mountPath": MOUNT, "readOnly": True},
                    {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # an emptyDir of the pod
                    *([{"name": "ca", "mountPath": f"{MOUNT}-ca", "readOnly": True}] if _has_ca(args) else []),
                ],
            }
        ],
        "volumes": [
            {"name": "script", "configMap": {"name": args.validation_name}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *_ca_volume(args),
        ],
    }


def _expectations(args: CnpgSharedClusterArgs) -> list[Manifest]:
    settings = args.settings
    values = {
        "BACKUP_BUCKET": settings.backup.bucket,
        "BACKUP_ARCHIVE": f"{settings.backup.prefix}/{args.server_name}",
        "MAX_BACKUP_AGE_SECONDS": str(settings.validation.max_backup_age_seconds),
        "MAX_WAL_AGE_SECONDS": str(settings.validation.max_wal_age_seconds),
        "EXPECTED_ENCRYPTION": settings.backup.encryption,
    }
    if settings.backup.endpoint is not None:
        values["BACKUP_ENDPOINT"] = settings.backup.endpoint
    if settings.backup.encryption == "aws:kms":
        values["EXPECTED_KMS_KEY"] = args.target.key
    if settings.backup.endpoint_ca is not None:
        values["AWS_CA_BUNDLE"] = f"{MOUNT}-ca/{settings.backup.endpoint_ca.key}"
    return [{"name": name, "value": value} for name, value in values.items()]


def _credentials(args: CnpgSharedClusterArgs) -> list[Manifest]:
    if args.uses_roles:
        return []
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": args.reader_secret, "key": key}}}
        for name, key in keys.items()
    ]


def _has_ca(args: CnpgSharedClusterArgs) -> bool:
    return args.settings.backup.endpoint_ca is not None


def _ca_volume(args: CnpgSharedClusterArgs) -> list[Manifest]:
    authority = args.settings.backup.endpoint_ca
    if authority is None:
        return []
    # Only the certificate: the same Secret may hold a private key.
    items = [{"key": authority.key, "path": authority.key}]
    return [{"name": "ca", "secret": {"secretName": authority.secret, "items": items}}]
