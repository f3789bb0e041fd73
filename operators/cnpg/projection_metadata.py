"""Names, labels and annotations of what CloudNativePG makes of a Cluster. Known from the source of operator 1.30.0.

Labels and annotations of `spec.inheritedMetadata` are written after the operator's own: they replace them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from seawall.operators import cnpg, versions
from seawall.operators.reading import UnprojectableError, integer, mapping, name, sequence, text

Manifest = dict[str, Any]

MAX_INSTANCES = 200
_RECOMMENDED_LABELS: versions.Version = (1, 28, 0)
"""The first operator that puts Kubernetes' recommended labels on pods and Services. Known from its source."""
OPERATOR_VERSION = "cnpg.io/operatorVersion"
"""The annotation by which everything made for a Cluster names the operator's version."""


@dataclass(frozen=True, eq=False)
class Source:
    """A Cluster with what is read of it again and again, and what decides beside it.

    Every property raises `UnprojectableError` when the field that decides it is not usable.
    """

    cluster: Mapping[str, Any]
    version: str = versions.CNPG_OPERATOR
    """Of the operator."""
    operator_image: str | None = None
    """The operator's own image when it is known, else the project's for the version."""
    stores: Mapping[str, Mapping[str, Any]] | None = None
    """The ObjectStores of the Cluster's namespace by name; None when nothing is known of them."""
    unknown: Any = None
    """Stands for a value that another object decides which is not known."""
    pooler_secrets: tuple[str, ...] = ()
    """The Secrets for PgBouncer's own user that the Cluster's poolers ask for."""

    @cached_property
    def name(self) -> str:
        """The Cluster's name."""
        return name(self.cluster)

    @cached_property
    def namespace(self) -> str | None:
        """The namespace, None when the resource does not say it."""
        return text(self.cluster, "metadata", "namespace")

    @cached_property
    def spec(self) -> Mapping[str, Any]:
        """`spec`."""
        return mapping(self.cluster, "spec")

    @cached_property
    def instances(self) -> int:
        """`spec.instances`, 1 when absent. More than `MAX_INSTANCES` is taken for a mistake."""
        count = integer(self.cluster, "spec", "instances", default=1)
        if not 1 <= count <= MAX_INSTANCES:
            raise UnprojectableError(("spec", "instances"), f"a number from 1 to {MAX_INSTANCES}")
        return count

    @cached_property
    def service_account(self) -> str:
        """The service account of instances and jobs: the Cluster's name unless one is given."""
        return text(self.cluster, "spec", "serviceAccountName") or self.name

    @cached_property
    def image(self) -> Any:
        """The image of instances and jobs; `unknown` when a catalogue decides it."""
        if self.spec.get("imageName") is not None:
            return self.spec["imageName"]
        if self.spec.get("imageCatalogRef") is not None:
            return self.unknown
        combination = versions.cnpg_combination(self.version)
        return combination.default_image if combination is not None else self.unknown

    @cached_property
    def bootstrap_image(self) -> str:
        """The image that copies the instance manager into each pod: the operator's own."""
        return self.operator_image or f"{versions.CNPG_OPERATOR_IMAGE}:{self.version}"

    @cached_property
    def major(self) -> str:
        """PostgreSQL's major version as the label `app.kubernetes.io/version` has it; `0` when nobody can tell."""
        if self.spec.get("imageCatalogRef") is not None:
            return str(integer(self.cluster, "spec", "imageCatalogRef", "major", default=0))
        image = self.image
        found = re.match(r"[0-9]+", versions.image_tag(image) or "") if isinstance(image, str) else None
        return found[0] if found else "0"

    @cached_property
    def inherited_labels(self) -> Mapping[str, Any]:
        """`spec.inheritedMetadata.labels`."""
        return mapping(self.cluster, "spec", "inheritedMetadata", "labels")

    @cached_property
    def annotations(self) -> Manifest:
        """The annotations of everything that is made."""
        inherited = mapping(self.cluster, "spec", "inheritedMetadata", "annotations")
        return {OPERATOR_VERSION: self.version, **inherited}

    @cached_property
    def app_labels(self) -> Manifest:
        """Kubernetes' recommended labels, as on every object that is made for PostgreSQL itself."""
        own = app_labels(self.name, "database", self.version)
        return {**own, "app.kubernetes.io/version": self.major} if own else own

    @cached_property
    def disabled_services(self) -> list[Any]:
        """Those of `rw`, `ro`, `r` that are not wanted."""
        return sequence(self.cluster, "spec", "managed", "services", "disabledDefaultServices")

    def object(self, api_version: str, kind: str, called: str, labels: Mapping[str, Any], **content: Any) -> Manifest:
        """An object that the Cluster owns, with what it inherits; `cnpg.io/cluster` is always the Cluster's name."""
        return self.bare(
            api_version, kind, called, {**labels, **self.inherited_labels, cnpg.CLUSTER_LABEL: self.name}, **content
        )

    def bare(self, api_version: str, kind: str, called: str, labels: Mapping[str, Any], **content: Any) -> Manifest:
        """An object with exactly these labels."""
        metadata: Manifest = {"name": called, "labels": dict(labels), "annotations": dict(self.annotations)}
        if self.namespace:
            metadata["namespace"] = self.namespace
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}


def app_labels(instance: str, component: str, operator: str) -> Manifest:
    """Kubernetes' recommended labels as the operator writes them: none before 1.28. `version` is added where it is."""
    number = versions.parse(operator)
    if number is not None and number < _RECOMMENDED_LABELS:
        return {}
    return {
        "app.kubernetes.io/name": "postgresql",
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/managed-by": "cloudnative-pg",
    }


MANAGED_BY = {"app.kubernetes.io/managed-by": "cloudnative-pg"}
"""The one label of Secrets, service accounts and roles."""
