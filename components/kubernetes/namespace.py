"""Namespaces for data: Pod Security Admission is the wall that holds even when a policy pack is skipped."""

from collections.abc import Mapping

from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.operators.labels import PSA_AUDIT, PSA_ENFORCE, PSA_WARN

RESTRICTED = "restricted"


def namespace(name: str, *, labels: Mapping[str, str] | None = None) -> Manifest:
    """A namespace that admits only pods of the level `restricted`, and warns and audits by the same level."""
    levels = dict.fromkeys((PSA_ENFORCE, PSA_AUDIT, PSA_WARN), RESTRICTED)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata(name, labels={**(labels or {}), **levels})}
