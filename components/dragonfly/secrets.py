"""The ExternalSecrets of a Dragonfly instance, and the fields of its resource that refer to the Secrets they fill."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.secret_settings import Acl
from seawall.components.dragonfly.snapshot_settings import BucketKeys, SnapshotBucket
from seawall.components.kubernetes import service_account as accounts
from seawall.components.kubernetes.external_secret import OPAQUE, external_secret
from seawall.components.kubernetes.metadata import Manifest
from seawall.operators.dragonfly import TLS_CERTIFICATE, TLS_PRIVATE_KEY, TLS_SECRET_TYPE

DEFAULT_USER = "USER default ON resetpass #{{ .password | sha256sum }} ~* &* +@ALL"
"""The last line of a fetched ACL file, as a template of the External Secrets operator.

Dragonfly ignores the password in its environment once an ACL file was read, and gives a user `default` that the file
does not name every right without a password. Whatever stands above this line, it makes the password count again: the
last line about a user wins, and `resetpass` takes an earlier `nopass` back.
"""


def external_secrets(args: DragonflyClusterArgs) -> dict[str, Manifest]:
    """What each Secret is for → the ExternalSecret that fills it, of all Secrets that do not exist already."""
    settings = args.settings
    made = {"auth": _auth(args)}
    if settings.acl and settings.acl.path:
        made["acl"] = _acl(args, settings.acl, settings.acl.path)
    if settings.tls and settings.tls.path:
        fields = {
            TLS_CERTIFICATE: settings.tls.certificate_property,
            TLS_PRIVATE_KEY: settings.tls.private_key_property,
        }
        made["tls"] = _fetched(args, settings.tls.secret, settings.tls.path, fields, TLS_SECRET_TYPE)
    client_ca = settings.tls.client_ca if settings.tls else None
    if client_ca and client_ca.path:
        made["client-ca"] = _fetched(args, client_ca.secret, client_ca.path, {client_ca.key: client_ca.property})
    keys = _bucket_keys(args)
    if keys and keys.path:
        fields = {keys.access_key: keys.access_key, keys.secret_key: keys.secret_key}
        made["snapshot-keys"] = _fetched(args, keys.secret, keys.path, fields)
    return made


def secret_names(args: DragonflyClusterArgs) -> tuple[str, ...]:
    """The names of the ExternalSecrets, for the alert that watches whether they sync."""
    return tuple(manifest["metadata"]["name"] for manifest in external_secrets(args).values())


def references(args: DragonflyClusterArgs) -> Manifest:
    """The fields of the Dragonfly resource that name Secrets. The password is always among them, TLS or not."""
    settings = args.settings
    authentication: Manifest = {
        "passwordFromSecret": {"name": settings.auth_secret.name, "key": settings.auth_secret.key}
    }
    fields: Manifest = {"authentication": authentication}
    if settings.acl:
        fields["aclFromSecret"] = {"name": settings.acl.secret, "key": settings.acl.key}
    if settings.tls:
        fields["tlsSecretRef"] = {"name": settings.tls.secret}
        if settings.tls.client_ca:
            authentication["clientCaCertSecret"] = {
                "name": settings.tls.client_ca.secret,
                "key": settings.tls.client_ca.key,
            }
    return fields


def bucket_access(args: DragonflyClusterArgs) -> Manifest:
    """The fields of the Dragonfly resource by which the process gets into the bucket; none without one."""
    bucket = _bucket(args)
    if bucket is None:
        return {}
    env: list[Manifest] = [{"name": "AWS_REGION", "value": bucket.region}]
    if bucket.keys:
        for variable, key in (
            ("AWS_ACCESS_KEY_ID", bucket.keys.access_key),
            ("AWS_SECRET_ACCESS_KEY", bucket.keys.secret_key),
        ):
            reference = {"name": bucket.keys.secret, "key": key}
            env.append({"name": variable, "valueFrom": {"secretKeyRef": reference}})
    fields: Manifest = {"env": env}
    if bucket.role_arn:
        fields["serviceAccountName"] = args.name
    return fields


def service_account(args: DragonflyClusterArgs) -> Manifest | None:
    """The service account by which the pods take on the bucket's role; None when they have no role."""
    bucket = _bucket(args)
    if bucket is None or bucket.role_arn is None:
        return None
    return accounts.service_account(args.name, args.namespace, role=bucket.role_arn, labels=args.labels)


def _auth(args: DragonflyClusterArgs) -> Manifest:
    """The password; the process reads it at its start only."""
    secret = args.settings.auth_secret
    return _fetched(args, secret.name, secret.path, {secret.key: secret.property})


def _acl(args: DragonflyClusterArgs, acl: Acl, path: str) -> Manifest:
    """The ACL file, with the line for the user `default` put behind it."""
    password = args.settings.auth_secret
    made = _fetched(args, acl.secret, path, {"acl": acl.property})
    made["spec"]["data"].append(
        {"secretKey": "password", "remoteRef": {"key": password.path, "property": password.property}}
    )
    made["spec"]["target"]["template"]["data"] = {acl.key: f"{{{{ .acl | trim }}}}\n{DEFAULT_USER}\n"}
    return made


def _fetched(
    args: DragonflyClusterArgs, name: str, path: str, fields: dict[str, str], secret_type: str = OPAQUE
) -> Manifest:
    return external_secret(
        name,
        args.namespace,
        store=args.platform.secret_store.reference,
        path=path,
        fields=fields,
        secret_type=secret_type,
        labels=args.labels,
    )


def _bucket(args: DragonflyClusterArgs) -> SnapshotBucket | None:
    return args.settings.snapshot.bucket if args.settings.snapshot else None


def _bucket_keys(args: DragonflyClusterArgs) -> BucketKeys | None:
    bucket = _bucket(args)
    return bucket.keys if bucket else None
