"""The Secrets that the cluster reads, as ExternalSecrets: references only."""

from collections.abc import Mapping

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.backup import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from seawall.components.kubernetes.external_secret import BASIC_AUTH, OPAQUE, external_secret
from seawall.components.kubernetes.metadata import Manifest
from seawall.operators.cnpg import RELOAD_LABEL

RELOAD = {RELOAD_LABEL: "true"}
"""A changed password is applied without a restart."""


def role_secrets(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """Application → the Secret with its role and password."""
    fields = args.settings.secrets.role_fields
    keys = {"username": fields.username, "password": fields.password}
    return {
        application.name: _secret(
            args, application.role_secret, args.settings.secret_path(application.name), keys, BASIC_AUTH
        )
        for application in args.applications
    }


def other_secrets(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """Purpose → Secret: the object store's keys (`backup-writer`, `backup-reader`), the superuser's (`break-glass`)."""
    secrets = args.settings.secrets
    made: dict[str, Manifest] = {}
    if not args.uses_roles:
        keys = {ACCESS_KEY_ID: secrets.backup_fields.access_key, SECRET_ACCESS_KEY: secrets.backup_fields.secret_key}
        for purpose, name, path in (
            ("backup-writer", args.writer_secret, secrets.backup_writer),
            ("backup-reader", args.reader_secret, secrets.backup_reader),
        ):
            if path is not None:
                made[purpose] = _secret(args, name, path, keys, OPAQUE)
    if args.settings.superuser_access and secrets.superuser is not None:
        keys = {"username": secrets.role_fields.username, "password": secrets.role_fields.password}
        made["break-glass"] = _secret(args, args.superuser_secret, secrets.superuser, keys, BASIC_AUTH)
    return made


def _secret(args: CnpgSharedClusterArgs, name: str, path: str, keys: Mapping[str, str], secret_type: str) -> Manifest:
    return external_secret(
        name,
        args.namespace,
        store=args.platform.secret_store.reference,
        path=path,
        fields=keys,
        secret_type=secret_type,
        secret_labels=RELOAD,
        labels=args.labels,
    )
