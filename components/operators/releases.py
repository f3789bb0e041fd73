"""The operators' Helm releases as plain data: chart, version, namespace, values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.spread import host_spread, zone_spread
from seawall.components.operators.settings import CnpgOperator, DragonflyOperator, ManagedPods
from seawall.components.operators.values import (
    Certificates,
    CloudNativePgValues,
    CreatedCrds,
    DragonflyOperatorValues,
    Image,
    InstalledCrds,
    Manager,
    MetricsReader,
    Monitoring,
    PluginBarmanCloudValues,
    RbacProxy,
    RegistryImage,
    ServiceMonitor,
    Values,
)
from seawall.components.platform import Platform
from seawall.errors import UserError
from seawall.operators import barman, charts, cnpg, dragonfly, versions
from seawall.operators.charts import Chart

TIMEOUT_S: Final = 600
"""Seconds until an installation that is not ready is rolled back: images are pulled, certificates made."""
HISTORY: Final = 10
"""Old revisions of a release that are kept to roll back to; Helm's own default keeps every one for ever."""

DRAGONFLY_UID: Final = 65532
"""User of the Dragonfly operator's image and of kube-rbac-proxy's."""
CNPG_UID: Final = 10001
"""User of the pods of the charts cloudnative-pg and plugin-barman-cloud."""
PLUGIN_REPLICAS: Final = 1
"""Only the plugin's leader listens, and the chart's probes do not see that: a second replica would be Ready and refuse
every other call of the operator."""


@dataclass(frozen=True)
class HelmRelease:
    """One release."""

    chart: Chart
    namespace: str
    values: dict[str, Any]

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of the engine's release resource.

        Raises `UserError` when a value is one that the chart does not read.
        """
        for path, problem in self.chart.unread(self.values):
            raise UserError(f"{'.'.join(path)} {problem}")
        return {
            "name": self.chart.name,
            "chart": self.chart.reference,
            "version": self.chart.version,
            "namespace": self.namespace,
            "create_namespace": False,  # it is ours, with the labels of Pod Security Admission
            "skip_crds": True,  # of a chart's folder `crds/`, which Helm never updates; these charts have templates
            "atomic": True,
            "cleanup_on_fail": True,
            "max_history": HISTORY,
            "timeout": TIMEOUT_S,
            "values": self.values,
        }


def dragonfly_release(operator: DragonflyOperator, platform: Platform) -> HelmRelease:
    """The Dragonfly operator's release."""
    row = versions.dragonfly_combination(operator.version)
    chart = _chart("dragonfly-operator", row.chart if row else operator.version)
    security = container_security_context(DRAGONFLY_UID)
    values = DragonflyOperatorValues(
        replica_count=operator.replicas,
        crds=InstalledCrds(install=True, keep=True),
        pod_security_context=pod_security_context(DRAGONFLY_UID),
        manager=Manager(
            image=Image(repository=versions.DRAGONFLY_OPERATOR_IMAGE, tag=_tag(operator.version)),
            security_context=security,
            **_placement(operator, platform, dragonfly.OPERATOR_CHART_LABELS, operator.resources.manifest()),
        ),
        rbac_proxy=_proxy(operator, security),
        service_monitor=_service_monitor(operator, platform),
    )
    return _release(chart, operator.namespace, values)


def _proxy(operator: DragonflyOperator, security: Manifest) -> RbacProxy:
    if operator.metrics_reader is None:
        return RbacProxy(enabled=False)
    repository, _, tag = versions.RBAC_PROXY_IMAGE.rpartition(":")
    return RbacProxy(enabled=True, image=Image(repository=repository, tag=tag), security_context=security)


def _service_monitor(operator: DragonflyOperator, platform: Platform) -> ServiceMonitor:
    if operator.metrics_reader is None:
        return ServiceMonitor(enabled=True)
    reader = MetricsReader(
        create=True,
        service_account_name=operator.metrics_reader,
        service_account_namespace=platform.observability.namespace,
    )
    return ServiceMonitor(enabled=True, rbac_proxy_metrics_reader=reader)


def cnpg_release(operator: CnpgOperator, platform: Platform) -> HelmRelease:
    """The CloudNativePG operator's release."""
    row = versions.cnpg_combination(operator.version)
    chart = _chart("cloudnative-pg", row.chart if row else operator.version)
    values = CloudNativePgValues(
        replica_count=operator.replicas,
        crds=CreatedCrds(create=True),
        image=Image(repository=versions.CNPG_OPERATOR_IMAGE, tag=operator.version.removeprefix("v")),
        pod_security_context=pod_security_context(CNPG_UID),
        container_security_context=container_security_context(CNPG_UID),
        monitoring=Monitoring(pod_monitor_enabled=True),
        **_placement(operator, platform, cnpg.OPERATOR_POD_LABELS, operator.resources.manifest()),
    )
    return _release(chart, operator.namespace, values)


def barman_release(operator: CnpgOperator, platform: Platform) -> HelmRelease:
    """The barman plugin's release. Both image tags are said, because the chart's own version may be older."""
    row = versions.barman_plugin(operator.plugin)
    chart = _chart("plugin-barman-cloud", (row.chart if row else None) or operator.plugin)
    values = PluginBarmanCloudValues(
        replica_count=PLUGIN_REPLICAS,
        crds=CreatedCrds(create=True),
        image=_registry_image(f"{versions.BARMAN_PLUGIN_IMAGE}:{_tag(operator.plugin)}"),
        sidecar_image=_registry_image(versions.barman_sidecar_image(operator.plugin)),
        pod_security_context=pod_security_context(CNPG_UID),
        container_security_context=container_security_context(CNPG_UID),
        certificate=Certificates(create_issuer=True, create_client_certificate=True, create_server_certificate=True),
        **(
            _placement(operator, platform, barman.POD_LABELS, operator.plugin_resources.manifest())
            | {"topology_spread_constraints": None}  # there is one
        ),
    )
    return _release(chart, operator.namespace, values)


def _placement(
    operator: ManagedPods, platform: Platform, labels: Mapping[str, str], resources: Manifest
) -> dict[str, Any]:
    return {
        "resources": resources,
        "priority_class_name": operator.priority_class,
        "node_selector": dict(operator.node_selector) or None,
        "tolerations": [toleration.manifest() for toleration in operator.tolerations] or None,
        "topology_spread_constraints": spread(operator, platform, labels),
    }


def spread(operator: ManagedPods, platform: Platform, labels: Mapping[str, str]) -> list[Manifest]:
    """No two replicas on one node, and evenly over the zones where there are zones.

    As many domains as replicas makes the spread over nodes as strict as an anti-affinity. Only pods of the same
    revision are counted: a rollout brings up one more pod than there are replicas, and an anti-affinity that also sees
    the old pods would never find a node for it on a cluster with as many nodes as replicas.
    """
    rules = (*host_spread(labels, operator.replicas), *zone_spread(labels, platform.nodes.zones))
    return [{**rule, "matchLabelKeys": ["pod-template-hash"]} for rule in rules]


def _chart(name: str, version: str) -> Chart:
    chart = charts.chart(name, version)
    if chart is None:
        known = ", ".join(row.version for row in charts.CHARTS if row.name == name)
        raise UserError(f"chart {name} {version} is not known, so neither are its values; known: {known}")
    return chart


def _release(chart: Chart, namespace: str, values: Values) -> HelmRelease:
    return HelmRelease(chart, namespace, values.rendered())


def _registry_image(reference: str) -> RegistryImage:
    registry, _, rest = reference.partition("/")
    repository, _, tag = rest.rpartition(":")
    return RegistryImage(registry=registry, repository=repository, tag=tag)


def _tag(version: str) -> str:
    return f"v{version.removeprefix('v')}"
