"""Settings of the operators that reconcile the data: where they run, in which version, with how many replicas."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Count, DnsName, Flag, LabelKey, LabelValue, Namespace, Version
from seawall.components.platform import Amounts, Resources
from seawall.operators import cnpg, dragonfly
from seawall.operators.versions import (
    BARMAN_PLUGIN,
    BARMAN_PLUGINS,
    CNPG_COMBINATIONS,
    CNPG_OPERATOR,
    DRAGONFLY_COMBINATIONS,
    DRAGONFLY_OPERATOR,
    barman_plugin,
    cnpg_combination,
    dragonfly_combination,
)

Replicas = Annotated[Count, Field(ge=2, le=5)]
"""Replicas of an operator: one leads, the others stand by; a budget over a single one would never let its node drain.
More than a few stand by for nothing."""

MANAGED: Final = (
    "Whether the stack installs it: a namespace that admits only restricted pods, the Helm release, a disruption "
    "budget and a network policy. With `false` nothing of it is made, for a cluster where something else installs it: "
    "the rest of this section then says what runs there, and versions are still checked. Where one runs already, it is "
    "handed over or removed first: namespaces and releases that exist are refused. Turned off later, the namespace and "
    "the release go on where they are, and are the stack's no more; budget and network policy go"
)


def _resources(cpu: str, memory: str, *, cpu_limit: str, memory_limit: str) -> Resources:
    return Resources(requests=Amounts(cpu=cpu, memory=memory), limits=Amounts(cpu=cpu_limit, memory=memory_limit))


class Toleration(Settings):
    """A taint of nodes that the operator's pods may run in spite of."""

    key: LabelKey = Field(description="Key of the taint")
    value: LabelValue | None = Field(default=None, description="Value of the taint; absent: any value")
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        default=None, description="Effect of the taint; absent: any effect"
    )

    def manifest(self) -> dict[str, str]:
        """The toleration as a pod has it."""
        match = {"operator": "Exists"} if self.value is None else {"operator": "Equal", "value": self.value}
        return {"key": self.key, **match, **({"effect": self.effect} if self.effect else {})}


class ManagedPods(Settings):
    """What the settings of an operator have in common: whether it is ours to install, and where its pods may run."""

    managed: Flag = Field(default=True, description=MANAGED)
    replicas: Replicas = Field(
        default=2, description="Replicas of the operator, each on a node of its own; its chart's 1 has no stand-by"
    )
    priority_class: DnsName | None = Field(
        default=None,
        description="Name of the PriorityClass of the pods; absent: the cluster's default. Without an operator nobody "
        "fails over, so it should not be the first to go",
    )
    node_selector: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, description="Labels of the nodes that the pods may run on; empty: any node"
    )
    tolerations: tuple[Toleration, ...] = Field(
        default=(), description="Taints of nodes that the pods may run in spite of"
    )

    _OF_RELEASES: ClassVar[tuple[str, ...]] = ("resources", "priority_class", "node_selector", "tolerations")
    """The keys that only a release of ours reads."""

    @rule
    def _is_read_by_a_release_only(self) -> Iterator[Problem]:
        if self.managed:
            return
        for key in self._OF_RELEASES:
            if key in self.model_fields_set:
                yield Problem((key,), "is read only with `managed: true`: nothing of the operator is made here")


class DragonflyOperator(ManagedPods):
    """The Dragonfly operator of the cluster."""

    namespace: Namespace = Field(
        default=dragonfly.OPERATOR_NAMESPACE, description="Namespace that the operator's pods run in"
    )
    version: Version = Field(
        default=DRAGONFLY_OPERATOR,
        description="Version of the operator, its CRD and its chart; decides what it makes of a resource",
    )
    resources: Resources = Field(
        default=_resources("50m", "128Mi", cpu_limit="500m", memory_limit="256Mi"),
        description="CPU and memory of the operator's container; its chart sets none",
    )
    metrics_reader: DnsName | None = Field(
        default=None,
        description="Name of the scraper's ServiceAccount in `platform.observability.namespace`. With it the "
        "operator's metrics are behind kube-rbac-proxy (https, port 8443) and this account may read them; without it "
        "they are plain on port 8080, open to the scraper's pods by network policy alone",
    )

    RISKS: ClassVar[Mapping[str, str]] = {"version": "DFLY-TECH-002", "replicas": "DFLY-TECH-002"}
    _OF_RELEASES: ClassVar[tuple[str, ...]] = (*ManagedPods._OF_RELEASES, "metrics_reader")

    @rule
    def _version_is_known(self) -> Iterator[Problem]:
        if dragonfly_combination(self.version) is None:
            known = ", ".join(row.operator for row in DRAGONFLY_COMBINATIONS)
            yield Problem(
                ("version",), f"must be a version whose behaviour is known: {known}", self.version, "DFLY-TECH-002"
            )


class CnpgOperator(ManagedPods):
    """The CloudNativePG operator of the cluster, and its barman plugin, which runs in the same namespace."""

    namespace: Namespace = Field(
        default=cnpg.OPERATOR_NAMESPACE, description="Namespace that the operator's and the plugin's pods run in"
    )
    version: Version = Field(default=CNPG_OPERATOR, description="Version of the operator and its CRDs")
    resources: Resources = Field(
        default=_resources("100m", "256Mi", cpu_limit="1", memory_limit="512Mi"),
        description="CPU and memory of the operator's container; its chart sets none",
    )
    plugin: Version = Field(
        default=BARMAN_PLUGIN, description="Version of the barman cloud plugin, which makes the backups"
    )
    plugin_resources: Resources = Field(
        default=_resources("50m", "128Mi", cpu_limit="500m", memory_limit="256Mi"),
        description="CPU and memory of the plugin's own container; its chart sets none. Backups run beside the "
        "database, not here",
    )

    _OF_RELEASES: ClassVar[tuple[str, ...]] = (*ManagedPods._OF_RELEASES, "plugin_resources")

    @rule
    def _versions_go_together(self) -> Iterator[Problem]:
        row = cnpg_combination(self.version)
        if row is None:
            known = ", ".join(row.operator for row in CNPG_COMBINATIONS)
            yield Problem(("version",), f"must be a version whose behaviour is known: {known}", self.version)
        elif self.plugin.removeprefix("v") not in row.plugins:
            known = ", ".join(row.plugins)
            yield Problem(("plugin",), f"must go with operator {self.version}: {known}", self.plugin)

    @rule
    def _the_plugin_has_a_chart(self) -> Iterator[Problem]:
        row = barman_plugin(self.plugin)
        if self.managed and row is not None and row.chart is None:
            known = ", ".join(row.version for row in BARMAN_PLUGINS if row.chart)
            yield Problem(
                ("plugin",),
                f"must be a version that a known chart installs: {known} (or `managed: false`: install it yourself)",
                self.plugin,
            )


class Operators(Settings):
    """The operators of the cluster."""

    dragonfly: DragonflyOperator = Field(
        default_factory=DragonflyOperator, description="The Dragonfly operator; only where the stack has `dragonfly`"
    )
    cnpg: CnpgOperator = Field(
        default_factory=CnpgOperator,
        description="The CloudNativePG operator and its barman plugin; only where the stack has `cnpg`",
    )
