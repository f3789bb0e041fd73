"""Where backups go and when they are made, as plain data."""

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.operators import barman
from seawall.operators.cnpg import API_VERSION

ACCESS_KEY_ID = "ACCESS_KEY_ID"
SECRET_ACCESS_KEY = "SECRET_ACCESS_KEY"  # noqa: S105  # the name of a key, not a key
"""Keys of the Secrets with the object store's credentials."""

PARALLEL_UPLOADS = 2
"""Parts of a base backup that are uploaded at once."""


def object_store(args: CnpgSharedClusterArgs) -> Manifest:
    """The ObjectStore: destination, encryption of base backups **and** of WAL, retention, credentials by reference."""
    backup, target = args.settings.backup, args.target
    data: Manifest = {
        "compression": backup.compression.data,
        "encryption": backup.encryption,
        "jobs": PARALLEL_UPLOADS,
    }
    wal: Manifest = {"compression": backup.compression.wal, "encryption": backup.encryption}
    if backup.encryption == "aws:kms":
        data["additionalCommandArgs"] = [target.key_argument]
        wal["archiveAdditionalCommandArgs"] = [target.key_argument]
    configuration: Manifest = {
        "destinationPath": args.destination,
        "s3Credentials": _credentials(args),
        "data": data,
        "wal": wal,
    }
    if backup.endpoint is not None:
        configuration["endpointURL"] = backup.endpoint
    if backup.endpoint_ca is not None:
        configuration["endpointCA"] = {"name": backup.endpoint_ca.secret, "key": backup.endpoint_ca.key}
    return {
        "apiVersion": barman.API_VERSION,
        "kind": barman.KIND,
        "metadata": metadata(args.name, args.namespace, labels=args.labels),
        "spec": {
            "configuration": configuration,
            "retentionPolicy": backup.retention,
            "instanceSidecarConfiguration": {
                "env": environment(args),
                "resources": args.settings.sidecar_resources.manifest(),
            },
        },
    }


def environment(args: CnpgSharedClusterArgs) -> list[Manifest]:
    """What every client of the object store needs to know besides its credentials."""
    values = dict(barman.CHECKSUM_ENV) if args.settings.backup.endpoint is not None else {}
    if args.target.region is not None:
        values["AWS_DEFAULT_REGION"] = args.target.region
    return [{"name": name, "value": value} for name, value in sorted(values.items())]


def _credentials(args: CnpgSharedClusterArgs) -> Manifest:
    if args.uses_roles:
        return {"inheritFromIAMRole": True}
    return {
        "accessKeyId": {"name": args.writer_secret, "key": ACCESS_KEY_ID},
        "secretAccessKey": {"name": args.writer_secret, "key": SECRET_ACCESS_KEY},
    }


def scheduled_backup(args: CnpgSharedClusterArgs) -> Manifest:
    """The ScheduledBackup, through the plugin; the first backup is made at once, not at the first hour that fits.

    Method and plugin name must both be said: the webhook checks neither, and their absence means the in-tree backup.
    Backups belong to the schedule (`self`), or their objects would pile up for ever.
    """
    return {
        "apiVersion": API_VERSION,
        "kind": "ScheduledBackup",
        "metadata": metadata(args.name, args.namespace, labels=args.labels),
        "spec": {
            "cluster": {"name": args.name},
            "schedule": args.settings.backup.schedule,
            "suspend": False,  # said, so that an update ends what was suspended by hand
            "immediate": True,
            "method": barman.BACKUP_METHOD,
            "pluginConfiguration": {"name": barman.PLUGIN_NAME},
            "target": args.settings.backup.target,
            "backupOwnerReference": "self",
        },
    }
