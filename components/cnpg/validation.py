"""The CronJob that validates what the backups left in the object store, as plain data."""

from collections.abc import Mapping
from pathlib import Path

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.backup import ACCESS_KEY_ID, SECRET_ACCESS_KEY, environment
from seawall.components.cnpg.scripts import LATEST_START_SECONDS, MOUNT, PYTHON
from seawall.components.cnpg.validator.classes import CHECKS, Failure
from seawall.components.kubernetes import service_account as accounts
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.operators.annotations import VALIDATES, instance
from seawall.operators.cnpg import UID
from seawall.operators.versions import barman_sidecar_image

VALIDATOR = Path(__file__).parent / "validator"
"""What runs; its files go into the ConfigMap as they are, a key for each."""

_SHORT = Path(__file__).parent / "validation_scripts"
SCRIPTS: Mapping[str, Path] = {"aws-cli": _SHORT / "aws-cli.sh", "mc": _SHORT / "mc.sh"}
"""The short scripts of the other tools, for a POSIX shell."""
REPORT = _SHORT / "report.sh"
"""What they have in common."""
SHELL = "/bin/sh"
IMAGES: Mapping[str, str] = {
    "aws-cli": "docker.io/amazon/aws-cli:2.27.50",
    "mc": "quay.io/minio/mc:RELEASE.2025-08-13T08-35-41Z",
}
"""The vendors' images of the other tools, which have a shell."""
SEEN_BY_SHORT = frozenset({"store", "backup-age", "encryption-backup", "wal-age", "encryption-wal"})
"""The checks that the short scripts make, each at the newest object alone."""

_PASSING = (Failure.INTERNAL, Failure.STORE_UNREACHABLE, Failure.THROTTLED)
FINAL = tuple(sorted(int(code) for code in Failure if code not in _PASSING))
"""Exit codes after which a second run would find the same: the Job fails at once."""

TERMINATION_FILE = "/dev/termination-log"
"""Where Kubernetes takes the verdict from, which `kubectl describe pod` then shows; mounted into every container."""

RESOURCES = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}


def config_map(args: CnpgSharedClusterArgs) -> Manifest:
    """What runs."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(args.validation_name, args.namespace, labels=args.labels),
        "data": {name: path.read_text(encoding="utf-8") for name, path in _files(args).items()},
    }


def _files(args: CnpgSharedClusterArgs) -> dict[str, Path]:
    """Key of the ConfigMap → file."""
    tool = args.settings.validation.tool
    if tool != "validator":
        return {path.name: path for path in (REPORT, SCRIPTS[tool])}
    return {path.name: path for path in sorted(VALIDATOR.glob("*.py"))}


def service_account(args: CnpgSharedClusterArgs) -> Manifest:
    """An account without any right in the cluster; with IAM roles it is what AWS knows the reader by."""
    return accounts.service_account(
        args.validation_name, args.namespace, role=args.target.reader_role, labels=args.labels
    )


def cron_job(args: CnpgSharedClusterArgs) -> Manifest:
    """The CronJob: read-only credentials, no root, nothing writable but /tmp; with `validator` no shell either."""
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
                    "activeDeadlineSeconds": args.settings.validation.timeout_seconds,
                    "backoffLimit": 1,
                    "podFailurePolicy": {
                        "rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": list(FINAL)}}]
                    },
                    "template": {"metadata": {"labels": args.validation_pods}, "spec": _pod(args)},
                },
            },
        },
    }


def _pod(args: CnpgSharedClusterArgs) -> Manifest:
    return {
        "serviceAccountName": args.validation_name,
        "automountServiceAccountToken": False,
        # The environment, which holds the expectations, would otherwise name every Service of the namespace as well.
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": pod_security_context(UID, fs_group=UID),
        "containers": [
            {
                "name": "validate",
                **_program(args),
                "env": [*_expectations(args), *environment(args), *_credentials(args), *_tool_environment(args)],
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
            {"name": "script", "configMap": {"name": args.validation_name, "items": _items(args)}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *_ca_volume(args),
        ],
    }


def _program(args: CnpgSharedClusterArgs) -> Manifest:
    tool = args.settings.validation.tool
    if tool != "validator":
        return {"image": IMAGES[tool], "command": [SHELL, f"{MOUNT}/{SCRIPTS[tool].name}"]}
    return {
        "image": barman_sidecar_image(args.operator.plugin),
        "command": [PYTHON, "-B", "-m", VALIDATOR.name],
        "workingDir": MOUNT,
    }


def _items(args: CnpgSharedClusterArgs) -> list[Manifest]:
    """Where the files of the ConfigMap, which has no folders, are mounted."""
    folder = f"{VALIDATOR.name}/" if args.settings.validation.tool == "validator" else ""
    return [{"key": name, "path": f"{folder}{name}"} for name in _files(args)]


def _tool_environment(args: CnpgSharedClusterArgs) -> list[Manifest]:
    """What only this tool reads."""
    settings, backup = args.settings.validation, args.settings.backup
    if settings.tool == "validator":
        values = {
            "MAX_BACKUP_DURATION_SECONDS": str(settings.max_backup_duration_seconds),
            "SAMPLE": str(settings.sample),
            "PAGE_PERCENT": str(settings.page_percent),
            "DEEP": "true" if settings.deep else "false",
            "ALL_OBJECTS": "true" if settings.all_objects else "false",
            "TERMINATION_FILE": TERMINATION_FILE,
        }
    else:
        unseen = [check.name for check in CHECKS if check.name not in SEEN_BY_SHORT]
        values = {
            "SEEN_CHECKS": " ".join(sorted(SEEN_BY_SHORT)),
            "NOT_CHECKED": ",".join(f'"{name}"' for name in unseen),
            "HOME": "/tmp",  # noqa: S108
        }
        if settings.tool == "mc":
            # Kubernetes puts the two keys, which stand above, into the address; nothing of them is in the manifest.
            host = (backup.endpoint or "").removeprefix("https://")
            values["MC_HOST_store"] = f"https://$(AWS_ACCESS_KEY_ID):$(AWS_SECRET_ACCESS_KEY)@{host}"
            if backup.endpoint_ca is not None:
                values["SSL_CERT_FILE"] = f"{MOUNT}-ca/{backup.endpoint_ca.key}"
    return [{"name": name, "value": value} for name, value in values.items()]


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
