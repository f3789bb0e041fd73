"""Secrets, service accounts and roles that CloudNativePG makes of a Cluster. Known from the source of operator 1.30.0.

Secrets have their keys and no values: what is in them is nobody's business here.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import cnpg
from seawall.operators.barman.projection import credential_secrets, rbac, sidecar_of
from seawall.operators.cnpg import names
from seawall.operators.cnpg.projection_metadata import MANAGED_BY, Manifest, Source
from seawall.operators.reading import boolean, mapping, text

USER_KEYS = (
    "username",
    "user",
    "password",
    "dbname",
    "host",
    "port",
    "pgpass",
    "uri",
    "jdbc-uri",
    "fqdn-uri",
    "fqdn-jdbc-uri",
)
"""The keys of a Secret with a user's password (`-app`, `-superuser`); its type is `kubernetes.io/basic-auth`."""
TLS_KEYS = ("tls.key", "tls.crt")
CA_KEYS = ("ca.key", "ca.crt")


def secrets(source: Source) -> list[Manifest]:
    """The Secrets that the operator makes, those left out that the Cluster says it is given."""
    made = []
    own = names.cluster_secrets(source.name)
    given = {
        field: text(source.cluster, "spec", "certificates", field)
        for field in ("serverCASecret", "clientCASecret", "serverTLSSecret", "replicationTLSSecret")
    }
    # the authority is made when either side lacks one of its own; both sides share it
    if not given["serverCASecret"] or not given["clientCASecret"]:
        made.append(_secret(source, own["ca"], "Opaque", CA_KEYS))
    if not given["serverTLSSecret"]:
        made.append(_secret(source, own["server"], "kubernetes.io/tls", TLS_KEYS))
    if not given["replicationTLSSecret"]:
        made.append(_secret(source, own["replication"], "kubernetes.io/tls", TLS_KEYS))
    for called in source.pooler_secrets:
        made.append(_secret(source, called, "kubernetes.io/tls", TLS_KEYS, {cnpg.RELOAD_LABEL: "true"}))
    if _makes_application_secret(source.cluster):
        made.append(_user_secret(source, own["app"], "app"))
    if boolean(source.cluster, "spec", "enableSuperuserAccess", default=False) and not text(
        source.cluster, "spec", "superuserSecret", "name"
    ):
        made.append(_user_secret(source, own["superuser"], "superuser"))
    return made


def _makes_application_secret(cluster: Mapping[str, Any]) -> bool:
    """Whether the application's password is made up: not for a replica cluster, nor where a Secret is named."""
    bootstrap = mapping(cluster, "spec", "bootstrap")
    for method in ("recovery", "pg_basebackup"):
        if bootstrap.get(method) is not None:
            replica = boolean(cluster, "spec", "replica", "enabled", default=False)
            return not replica and not text(cluster, "spec", "bootstrap", method, "secret", "name")
    if text(cluster, "spec", "bootstrap", "initdb", "import", "type") == "monolith":
        return bool(text(cluster, "spec", "bootstrap", "initdb", "database")) and not _own_secret(cluster)
    return not _own_secret(cluster)


def _own_secret(cluster: Mapping[str, Any]) -> bool:
    return bool(text(cluster, "spec", "bootstrap", "initdb", "secret", "name"))


def _secret(
    source: Source, called: str, kind: str, keys: tuple[str, ...], labels: Mapping[str, str] | None = None
) -> Manifest:
    made = source.bare("v1", "Secret", called, {**MANAGED_BY, **(labels or {})}, type=kind, data=dict.fromkeys(keys))
    made["metadata"]["annotations"] = {}  # certificates inherit nothing
    return made


def _user_secret(source: Source, called: str, user: str) -> Manifest:
    labels = {"cnpg.io/userType": user, cnpg.RELOAD_LABEL: "true", **MANAGED_BY}
    data = dict.fromkeys(USER_KEYS)
    return source.object("v1", "Secret", called, labels, type="kubernetes.io/basic-auth", data=data)


def access(source: Source) -> list[Manifest]:
    """The service account of the pods, unless one is given, and the Role and RoleBinding of the instance manager."""
    made = []
    if not text(source.cluster, "spec", "serviceAccountName"):
        account = source.object("v1", "ServiceAccount", source.name, MANAGED_BY)
        template = ("spec", "serviceAccountTemplate", "metadata")
        account["metadata"]["labels"].update(mapping(source.cluster, *template, "labels"))
        account["metadata"]["annotations"].update(mapping(source.cluster, *template, "annotations"))
        made.append(account)
    api = "rbac.authorization.k8s.io/v1"
    subject: Manifest = {"kind": "ServiceAccount", "name": source.service_account}
    if source.namespace:
        subject["namespace"] = source.namespace
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": source.name}
    made.append(source.object(api, "Role", source.name, MANAGED_BY))
    made.append(source.object(api, "RoleBinding", source.name, MANAGED_BY, subjects=[subject], roleRef=role))
    sidecar = sidecar_of(source.cluster, source.stores, unknown=source.unknown)
    if sidecar.names:
        stores = source.stores or {}
        read = tuple(
            secret for store in sidecar.names if store in stores for secret in credential_secrets(stores[store])
        )
        made += rbac(source.name, source.namespace, sidecar.names, read)
    return made


def pooler_secret(pooler: Mapping[str, Any]) -> str | None:
    """The Secret for PgBouncer's own user that the operator makes because of a Pooler; None when it is given one."""
    given = mapping(pooler, "spec", "pgbouncer")
    automatic = not given.get("authQuery") and not any(
        text(pooler, "spec", "pgbouncer", field, "name") for field in ("authQuerySecret", "serverTLSSecret")
    )
    cluster = text(pooler, "spec", "cluster", "name")
    return names.cluster_secrets(cluster)["pooler"] if automatic and cluster else None
