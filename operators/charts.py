"""The operators' Helm charts: where they are, in which version, and every value that their templates read.

A value that a chart does not read is silently ignored by Helm, so a wrong path is a protection that is not there. Paths
are dotted, as in `manager.resources`. Read in the charts' own templates and defaults; only what a template reads is
here, so a few defaults that a chart lists and never uses are not.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["text", "number", "flag", "map", "list"]
"""What a value must be. Below a map or a list anything goes: it is copied into an object as it is."""

_WRONG: Final[Mapping[Kind, str]] = {
    "text": "a text",
    "number": "a whole number",
    "flag": "true or false",
    "map": "a mapping",
    "list": "a list",
}


@dataclass(frozen=True)
class Chart:
    """One version of a chart."""

    name: str
    """Also the release's name: the names of the chart's objects are then the chart's own."""
    reference: str
    """The chart in its OCI registry."""
    version: str
    app_version: str
    """The version of the program that the chart installs when no image tag is given."""
    values: Mapping[str, Kind]
    """Dotted path → what the value must be."""

    def unread(self, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], str]]:
        """What is wrong with values: the path of each that the chart does not read or cannot use, and what to do."""
        yield from self._unread(values, ())

    def _unread(self, values: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
        for key, value in values.items():
            path = (*above, str(key))
            dotted = ".".join(path)
            kind = self.values.get(dotted)
            if kind is not None:
                if not _is(kind, value):
                    yield path, f"must be {_WRONG[kind]}"
            elif any(known.startswith(f"{dotted}.") for known in self.values):
                if isinstance(value, Mapping):
                    yield from self._unread(value, path)
                else:
                    yield path, f"must be a mapping: chart {self.name} {self.version} reads {self._below(dotted)}"
            else:
                yield path, f"is not read by chart {self.name} {self.version}, which would ignore it{self._meant(path)}"

    def _below(self, dotted: str) -> str:
        return ", ".join(known for known in self.values if known.startswith(f"{dotted}."))

    def _meant(self, path: tuple[str, ...]) -> str:
        """The paths that end alike come first: a value at the wrong depth is the common mistake."""
        parts = [known.split(".") for known in self.values]
        alike = list(dict.fromkeys(".".join(p[: p.index(path[-1]) + 1]) for p in parts if path[-1] in p[1:]))
        near = alike or difflib.get_close_matches(".".join(path), self.values, n=2, cutoff=0.6)
        return f"; did you mean {' or '.join(f'`{known}`' for known in near)}?" if near else ""


def paths(values: Mapping[str, Any], chart: Chart) -> Iterator[str]:
    """The dotted paths that values set, down to the depth at which the chart reads them."""

    def walk(inner: Mapping[str, Any], above: str) -> Iterator[str]:
        for key, value in inner.items():
            dotted = f"{above}.{key}" if above else str(key)
            if isinstance(value, Mapping) and value and dotted not in chart.values:
                yield from walk(value, dotted)
            else:
                yield dotted

    yield from walk(values, "")


def chart(name: str, version: str) -> Chart | None:
    """The chart of this name and version, with or without a leading v; None when the table does not know it."""
    wanted = (name, version.removeprefix("v"))
    return next((row for row in CHARTS if (row.name, row.version.removeprefix("v")) == wanted), None)


def _is(kind: Kind, value: object) -> bool:
    if kind == "number":
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return whole and not isinstance(value, bool)
    types: Mapping[str, type] = {"text": str, "flag": bool, "map": Mapping, "list": list}
    return isinstance(value, types[kind]) or (kind == "list" and isinstance(value, tuple))


def _table(**kinds: str) -> dict[str, Kind]:
    """Kind → paths in one text, as `{path: kind}`."""
    made: dict[str, Kind] = {}
    for kind in _WRONG:
        made |= dict.fromkeys(kinds.get(kind, "").split(), kind)
    return made


DRAGONFLY_OPERATOR: Final = Chart(
    "dragonfly-operator",
    "oci://ghcr.io/dragonflydb/dragonfly-operator/helm/dragonfly-operator",
    "v1.6.1",
    "v1.6.1",
    _table(
        number="replicaCount service.port service.metricsPort terminationGracePeriodSeconds",
        flag="""crds.install crds.keep createAggregateRoles serviceAccount.create serviceAccount.automount
            rbacProxy.enabled serviceMonitor.enabled serviceMonitor.rbacProxyMetricsReader.create
            grafanaDashboard.enabled grafanaDashboard.grafanaOperator.enabled
            grafanaDashboard.grafanaOperator.allowCrossNamespaceImport""",
        text="""nameOverride fullnameOverride namespaceOverride dragonflyImage serviceAccount.name service.type
            rbacProxy.image.repository rbacProxy.image.tag rbacProxy.image.pullPolicy
            manager.image.repository manager.image.tag manager.image.pullPolicy manager.priorityClassName
            serviceMonitor.interval serviceMonitor.path serviceMonitor.timeout
            serviceMonitor.rbacProxyMetricsReader.serviceAccountName
            serviceMonitor.rbacProxyMetricsReader.serviceAccountNamespace
            grafanaDashboard.folder grafanaDashboard.annotations.name grafanaDashboard.labels.name""",
        map="""crds.annotations additionalLabels serviceAccount.annotations podAnnotations podLabels
            deploymentAnnotations deploymentLabels podSecurityContext service.annotations rbacProxy.resources
            rbacProxy.securityContext manager.resources manager.livenessProbe manager.readinessProbe
            manager.securityContext manager.nodeSelector manager.affinity serviceMonitor.labels
            grafanaDashboard.grafanaOperator.matchLabels""",
        list="""imagePullSecrets rbacProxy.extraArgs manager.extraArgs manager.volumes manager.volumeMounts
            manager.tolerations manager.topologySpreadConstraints serviceMonitor.relabelings
            serviceMonitor.metricRelabelings""",
    ),
)
"""Leader election is always on. `rbacProxy` is a container beside the operator: with it the metrics are on 8443 for
tokens with a cluster role, and the operator's own 8080 listens inside the pod only; without it 8080 is plain."""

CLOUDNATIVE_PG: Final = Chart(
    "cloudnative-pg",
    "oci://ghcr.io/cloudnative-pg/charts/cloudnative-pg",
    "0.29.0",
    "1.30.0",
    _table(
        number="""replicaCount webhook.port webhook.livenessProbe.initialDelaySeconds
            webhook.readinessProbe.initialDelaySeconds webhook.startupProbe.failureThreshold
            webhook.startupProbe.periodSeconds config.maxConcurrentReconciles service.port""",
        flag="""crds.create hostNetwork webhook.mutating.create webhook.validating.create config.create config.secret
            config.clusterWide serviceAccount.create rbac.create rbac.aggregateClusterRoles
            monitoring.podMonitorEnabled monitoring.grafanaDashboard.create""",
        text="""nameOverride fullnameOverride namespaceOverride image.repository image.tag image.pullPolicy dnsPolicy
            webhook.mutating.failurePolicy webhook.validating.failurePolicy config.name serviceAccount.name
            priorityClassName service.type service.name service.ipFamilyPolicy
            monitoring.grafanaDashboard.namespace monitoring.grafanaDashboard.configMapName
            monitoring.grafanaDashboard.sidecarLabel monitoring.grafanaDashboard.sidecarLabelValue
            monitoringQueriesConfigMap.name monitoringQueriesConfigMap.queries""",
        map="""updateStrategy config.data rbac.annotations commonAnnotations podAnnotations podLabels
            containerSecurityContext podSecurityContext resources nodeSelector affinity
            monitoring.podMonitorAdditionalLabels monitoring.grafanaDashboard.labels
            monitoring.grafanaDashboard.annotations""",
        list="""imagePullSecrets additionalArgs additionalEnv service.ipFamilies topologySpreadConstraints tolerations
            monitoring.podMonitorMetricRelabelings monitoring.podMonitorRelabelings""",
    ),
)
"""Leader election is always on. CRDs are kept when the release is removed, whatever the values say."""

PLUGIN_BARMAN_CLOUD: Final = Chart(
    "plugin-barman-cloud",
    "oci://ghcr.io/cloudnative-pg/charts/plugin-barman-cloud",
    "0.7.0",
    "v0.13.0",
    _table(
        number="replicaCount service.port",
        flag="""crds.create serviceAccount.create rbac.create certificate.createClientCertificate
            certificate.createServerCertificate certificate.createIssuer""",
        text="""nameOverride fullnameOverride namespaceOverride image.registry image.repository image.tag
            sidecarImage.registry sidecarImage.repository sidecarImage.tag serviceAccount.name rbac.cnpgGroup
            priorityClassName service.name service.ipFamilyPolicy certificate.issuerName certificate.duration
            certificate.renewBefore""",
        map="""commonAnnotations podLabels containerSecurityContext podSecurityContext resources nodeSelector
            affinity""",
        list="""imagePullSecrets additionalArgs additionalEnv service.ipFamilies topologySpreadConstraints
            tolerations""",
    ),
)
"""Leader election is always on, and only the leader listens on 9090, while the chart's probes ask another port: a
second replica would be Ready, and every other call of the operator would be refused. So one replica, replaced by
`Recreate`, is all that this chart can run. CRDs are kept when the release is removed, whatever the values say. Its
defaults list `hostNetwork`, `dnsPolicy`, `updateStrategy`, `podAnnotations` and `image.pullPolicy`; no template reads
them."""

CHARTS: Final = (DRAGONFLY_OPERATOR, CLOUDNATIVE_PG, PLUGIN_BARMAN_CLOUD)
