"""The values that we give to each operator's chart, as a model: what is not a field here cannot be set.

The fields are a part of what the charts read (`seawall.operators.charts`), in Python's spelling. The charts' other
values keep their defaults.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from seawall.components.kubernetes.metadata import Manifest


class Values(BaseModel):
    """A part of a chart's values; what is None is left to the chart."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True)

    def rendered(self) -> dict[str, Any]:
        """The values as Helm takes them."""
        return self.model_dump(by_alias=True, exclude_none=True)


class Image(Values):
    """An image in a registry that is part of its repository's name."""

    repository: str
    tag: str


class RegistryImage(Image):
    """An image whose registry is given apart."""

    registry: str


class Placement(Values):
    """Where pods may run, and what they may take."""

    resources: Manifest
    priority_class_name: str | None
    node_selector: dict[str, str] | None
    tolerations: list[Manifest] | None
    topology_spread_constraints: list[Manifest] | None


# ── dragonfly-operator ───────────────────────────────────────────────────────────────────────────────────────────────


class InstalledCrds(Values):
    """Templates of the chart: created and replaced with every release, kept when it is removed."""

    install: bool
    keep: bool


class Manager(Placement):
    """The operator's own container; the chart reads its placement here as well."""

    image: Image
    security_context: Manifest


class RbacProxy(Values):
    """The container before the operator's metrics."""

    enabled: bool
    image: Image | None = None
    resources: Manifest | None = None
    security_context: Manifest | None = None


class MetricsReader(Values):
    """Who may read the metrics through the proxy."""

    create: bool
    service_account_name: str
    service_account_namespace: str


class ServiceMonitor(Values):
    """How the metrics are found."""

    enabled: bool
    rbac_proxy_metrics_reader: MetricsReader | None = None


class DragonflyOperatorValues(Values):
    """Values of chart dragonfly-operator v1.6.1."""

    replica_count: int
    crds: InstalledCrds
    pod_security_context: Manifest
    manager: Manager
    rbac_proxy: RbacProxy
    service_monitor: ServiceMonitor


# ── cloudnative-pg and plugin-barman-cloud ───────────────────────────────────────────────────────────────────────────


class CreatedCrds(Values):
    """Templates of the chart: created and replaced with every release; the chart always keeps them on removal."""

    create: bool


class Monitoring(Values):
    """How the metrics are found."""

    pod_monitor_enabled: bool


class CloudNativePgValues(Placement):
    """Values of chart cloudnative-pg 0.29.0."""

    replica_count: int
    crds: CreatedCrds
    image: Image
    pod_security_context: Manifest
    container_security_context: Manifest
    monitoring: Monitoring


class Certificates(Values):
    """The certificates that cert-manager makes for plugin and operator."""

    create_issuer: bool
    create_client_certificate: bool
    create_server_certificate: bool


class PluginBarmanCloudValues(Placement):
    """Values of chart plugin-barman-cloud 0.7.0."""

    replica_count: int
    crds: CreatedCrds
    image: RegistryImage
    sidecar_image: RegistryImage
    pod_security_context: Manifest
    container_security_context: Manifest
    certificate: Certificates
