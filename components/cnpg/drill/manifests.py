"""The restore drill's objects, as plain data: everything is in the drill's namespace, and nothing in the cluster's."""

import json
from pathlib import Path

from seawall.components.cnpg import backup
from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.components.cnpg.drill import recovery
from seawall.components.cnpg.drill.names import ROLE, drill_name, reader_secret, report_name
from seawall.components.cnpg.drill.network import runner_pods
from seawall.components.cnpg.drill_settings import CLEANUP, RestoreDrill
from seawall.components.cnpg.scripts import LATEST_START_SECONDS, MOUNT, PYTHON
from seawall.components.fields import duration
from seawall.components.kubernetes import service_account as accounts
from seawall.components.kubernetes.external_secret import OPAQUE, external_secret
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.operators import barman
from seawall.operators.annotations import RESTORES, instance
from seawall.operators.cnpg import UID
from seawall.operators.versions import barman_sidecar_image

RUNNER = Path(__file__).parent / "runner"
"""The program, which goes into the ConfigMap as it is, a key per file."""
PACKAGE = "runner"

AUTHORITY_MOUNT = "/etc/seawall"

CLEANUP_SECONDS = int(CLEANUP.total_seconds())
"""For the removal after a run: the instance stops, its claims and volumes go."""
GRACE_SECONDS = 120
"""Between SIGTERM and SIGKILL."""
GRACE_CLEANUP_SECONDS = 100
"""What of it the removal may take; the rest is for the report."""
START_SECONDS = 120
"""For a node and the image, on top of the Job's deadline."""

RESOURCES = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}


def config_map(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """The program, what it is to do, and the Cluster that it makes: all that it knows of the source is in here."""
    documents = {"drill.json": _settings(args, drill), "cluster.json": recovery.cluster(args, drill)}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(drill_name(args.name), drill.namespace, labels=args.labels),
        "data": {
            **{name: json.dumps(document, indent=1, sort_keys=True) for name, document in documents.items()},
            **{path.name: path.read_text(encoding="utf-8") for path in _files()},
        },
    }


def report(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """Where the runner keeps its last report and its last good one; without `data` here, so that updates leave it."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(report_name(args.name), drill.namespace, labels=args.labels),
    }


def object_store(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """The source's ObjectStore once more, with the reader's identity and without what only a writer needs.

    It has no retention: whoever reads deletes nothing. What is encrypted in the store is decrypted by the store.
    """
    configuration: Manifest = {"destinationPath": args.destination, "s3Credentials": _store_credentials(args)}
    if args.settings.backup.endpoint is not None:
        configuration["endpointURL"] = args.settings.backup.endpoint
    authority = args.settings.backup.endpoint_ca
    if authority is not None:
        configuration["endpointCA"] = {"name": authority.secret, "key": authority.key}
    return {
        "apiVersion": barman.API_VERSION,
        "kind": barman.KIND,
        "metadata": metadata(drill_name(args.name), drill.namespace, labels=args.labels, annotations=_restores(args)),
        "spec": {
            "configuration": configuration,
            "instanceSidecarConfiguration": {
                "env": backup.environment(args),
                "resources": args.settings.sidecar_resources.manifest(),
            },
        },
    }


def secrets(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> dict[str, Manifest]:
    """Purpose → ExternalSecret: the reader's keys, and the authority of a store of one's own."""
    paths, made = args.settings.secrets, {}
    if not args.uses_roles and paths.backup_reader is not None:
        keys = {
            backup.ACCESS_KEY_ID: paths.backup_fields.access_key,
            backup.SECRET_ACCESS_KEY: paths.backup_fields.secret_key,
        }
        made["backup-reader"] = _secret(args, drill, reader_secret(args.name), paths.backup_reader, keys)
    authority = args.settings.backup.endpoint_ca
    if authority is not None and paths.endpoint_ca is not None:
        keys = {authority.key: authority.key}
        made["endpoint-ca"] = _secret(args, drill, authority.secret, paths.endpoint_ca, keys)
    return made


def service_account(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """The runner's account, whose rights are in `access`; with IAM roles also what AWS knows the reader by."""
    return accounts.service_account(
        drill_name(args.name), drill.namespace, role=args.target.reader_role, labels=args.labels
    )


def cron_job(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """The CronJob: one drill at a time, ended when it hangs, with time to clean up.

    A drill that fails is not tried again, or the report of the first try would be overwritten by that of the second;
    one whose node was drained is.
    """
    deadline = drill.timeout_seconds + CLEANUP_SECONDS + START_SECONDS
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata(
            drill_name(args.name),
            drill.namespace,
            labels=args.labels,
            annotations=_restores(args),
        ),
        "spec": {
            "schedule": drill.schedule,
            "timeZone": "Etc/UTC",
            "suspend": False,  # said, so that an update ends what was suspended by hand
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": LATEST_START_SECONDS,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "metadata": {"labels": runner_pods(args)},
                "spec": {
                    "activeDeadlineSeconds": deadline,
                    "backoffLimit": 0,
                    "podFailurePolicy": {
                        "rules": [
                            {
                                "action": "Ignore",
                                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
                            }
                        ]
                    },
                    "template": {"metadata": {"labels": runner_pods(args)}, "spec": _pod(args, drill)},
                },
            },
        },
    }


def _restores(args: CnpgSharedClusterArgs) -> dict[str, str]:
    return {RESTORES: instance(namespace=args.namespace, name=args.name)}


def _settings(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    settings = args.settings
    return {
        "source": instance(namespace=args.namespace, name=args.name),
        "bucket": settings.backup.bucket,
        "archive": f"{settings.backup.prefix}/{args.server_name}",
        "endpoint": settings.backup.endpoint,
        "report": report_name(args.name),
        "role": ROLE,
        "databases": [application.database for application in args.applications],
        "checks": [check for application in args.applications for check in _checks(application, drill)],
    }


def _checks(application: ApplicationArgs, drill: RestoreDrill) -> list[Manifest]:
    made = []
    for assertion in drill.assertions.get(application.name, ()):
        check: Manifest = {"database": application.database, **assertion.model_dump(exclude_none=True)}
        if assertion.newer_than is not None:
            check["newer_than"] = int(duration(assertion.newer_than).total_seconds())
        made.append(check)
    return made


def _pod(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    script = {"name": "script", "mountPath": MOUNT, "readOnly": True}
    tmp = {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108  # an emptyDir of the pod
    authority = {"name": "ca", "mountPath": AUTHORITY_MOUNT, "readOnly": True}
    return {
        "serviceAccountName": drill_name(args.name),
        # It creates and removes the recovery Cluster.
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": GRACE_SECONDS,
        "securityContext": pod_security_context(UID, fs_group=UID),
        "containers": [
            {
                "name": "drill",
                "image": barman_sidecar_image(args.operator.plugin),
                "command": [PYTHON, "-B", "-m", PACKAGE],
                "workingDir": MOUNT,
                "env": [*_environment(args, drill), *backup.environment(args), *_keys(args)],
                "resources": RESOURCES,
                "securityContext": container_security_context(UID),
                "volumeMounts": [script, tmp, *([authority] if args.settings.backup.endpoint_ca else [])],
            }
        ],
        "volumes": [
            {"name": "script", "configMap": {"name": drill_name(args.name), "items": _items()}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *_authority_volume(args),
        ],
    }


def _environment(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> list[Manifest]:
    values = {
        "DRILL_TARGET": drill.target,
        "DRILL_TIMEOUT_SECONDS": str(drill.timeout_seconds),
        "DRILL_CLEANUP_SECONDS": str(CLEANUP_SECONDS),
        "DRILL_GRACE_SECONDS": str(GRACE_CLEANUP_SECONDS),
    }
    if args.target.reader_role is not None:
        values["DRILL_IAM_ROLE"] = args.target.reader_role
    if args.settings.backup.endpoint_ca is not None:
        values["AWS_CA_BUNDLE"] = f"{AUTHORITY_MOUNT}/{args.settings.backup.endpoint_ca.key}"
    fields = {
        "DRILL_POD": "metadata.name",
        "DRILL_JOB": "metadata.labels['batch.kubernetes.io/job-name']",
        "DRILL_JOB_UID": "metadata.labels['batch.kubernetes.io/controller-uid']",
    }
    return [
        *({"name": name, "value": value} for name, value in values.items()),
        *({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}} for name, path in fields.items()),
    ]


def _keys(args: CnpgSharedClusterArgs) -> list[Manifest]:
    if args.uses_roles:
        return []
    keys = {"AWS_ACCESS_KEY_ID": backup.ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": backup.SECRET_ACCESS_KEY}
    return [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": reader_secret(args.name), "key": key}}}
        for name, key in keys.items()
    ]


def _store_credentials(args: CnpgSharedClusterArgs) -> Manifest:
    if args.uses_roles:
        return {"inheritFromIAMRole": True}
    return {
        "accessKeyId": {"name": reader_secret(args.name), "key": backup.ACCESS_KEY_ID},
        "secretAccessKey": {"name": reader_secret(args.name), "key": backup.SECRET_ACCESS_KEY},
    }


def _secret(args: CnpgSharedClusterArgs, drill: RestoreDrill, name: str, path: str, keys: dict[str, str]) -> Manifest:
    return external_secret(
        name,
        drill.namespace,
        store=args.platform.secret_store.reference,
        path=path,
        fields=keys,
        secret_type=OPAQUE,
        labels=args.labels,
    )


def _authority_volume(args: CnpgSharedClusterArgs) -> list[Manifest]:
    authority = args.settings.backup.endpoint_ca
    if authority is None:
        return []
    items = [{"key": authority.key, "path": authority.key}]
    return [{"name": "ca", "secret": {"secretName": authority.secret, "items": items}}]


def _files() -> list[Path]:
    return sorted(RUNNER.glob("*.py"))


def _items() -> list[Manifest]:
    """Where the ConfigMap's keys go: the program into a package, what it reads beside it."""
    documents = [{"key": name, "path": name} for name in ("cluster.json", "drill.json")]
    return [*documents, *({"key": path.name, "path": f"{PACKAGE}/{path.name}"} for path in _files())]
