"""Names, labels and annotations of the objects that this project makes."""

from collections.abc import Mapping
from typing import Any

from seawall.operators.annotations import MANAGED_BY, MANAGED_BY_LABEL

Manifest = dict[str, Any]
"""A complete Kubernetes object as plain data: apiVersion, kind, metadata, spec."""


def metadata(
    name: str,
    namespace: str | None = None,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Manifest:
    """The metadata of an object of ours: every one says by a label that this project manages it."""
    made: Manifest = {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY, **(labels or {})}}
    if namespace is not None:
        made["namespace"] = namespace
    if annotations:
        made["annotations"] = dict(annotations)
    return made


def owned_labels(application: str, instance: str) -> dict[str, str]:
    """Labels for finding all objects of one instance of an application (`dragonfly`, `postgresql`)."""
    return {"app.kubernetes.io/name": application, "app.kubernetes.io/instance": instance}
