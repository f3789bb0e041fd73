"""Secrets that the External Secrets operator fetches; only references to them appear in this project."""

from collections.abc import Mapping

from seawall.components.kubernetes.metadata import Manifest, metadata

API_VERSION = "external-secrets.io/v1"
"""v1beta1 is no longer served."""

REFRESH_INTERVAL = "1h"
OPAQUE = "Opaque"
BASIC_AUTH = "kubernetes.io/basic-auth"


def external_secret(
    name: str,
    namespace: str,
    *,
    store: tuple[str, str],
    path: str,
    fields: Mapping[str, str],
    secret_type: str = OPAQUE,
    secret_labels: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    refresh: str = REFRESH_INTERVAL,
) -> Manifest:
    """An ExternalSecret that fills the Secret of the same name.

    `store` is the kind and name of the secret store, `path` the entry in it, `fields` the keys of the Secret → the
    entry's properties. `secret_type` and `secret_labels` shape the Secret. The Secret is kept when the entry vanishes
    from the store, so that a mistake there does not take the service down; it is removed with the ExternalSecret.
    """
    kind, store_name = store
    template: Manifest = {"type": secret_type}
    if secret_labels:
        template["metadata"] = {"labels": dict(secret_labels)}
    return {
        "apiVersion": API_VERSION,
        "kind": "ExternalSecret",
        "metadata": metadata(name, namespace, labels=labels),
        "spec": {
            "refreshInterval": refresh,
            "secretStoreRef": {"kind": kind, "name": store_name},
            "target": {"name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain", "template": template},
            "data": [
                {"secretKey": key, "remoteRef": {"key": path, "property": field}} for key, field in fields.items()
            ],
        },
    }
