"""Settings of the operators that reconcile the data: where they run, in which version, with how many replicas."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Count, Namespace, Version
from seawall.operators import cnpg, dragonfly
from seawall.operators.versions import (
    BARMAN_PLUGIN,
    CNPG_COMBINATIONS,
    CNPG_OPERATOR,
    DRAGONFLY_COMBINATIONS,
    DRAGONFLY_OPERATOR,
    cnpg_combination,
    dragonfly_combination,
)

Replicas = Annotated[Count, Field(ge=2)]
"""Replicas of an operator: one leads, one stands by; a budget over a single one would never let its node drain."""


class DragonflyOperator(Settings):
    """The Dragonfly operator of the cluster."""

    namespace: Namespace = Field(
        default=dragonfly.OPERATOR_NAMESPACE, description="Namespace that the operator's pods run in"
    )
    version: Version = Field(
        default=DRAGONFLY_OPERATOR,
        description="Version of the operator and its CRD; decides what it makes of a resource",
    )
    replicas: Replicas = Field(
        default=2, description="Replicas of the operator; its chart's default of 1 has no stand-by"
    )

    RISKS: ClassVar[Mapping[str, str]] = {"version": "DFLY-TECH-002", "replicas": "DFLY-TECH-002"}

    @rule
    def _version_is_known(self) -> Iterator[Problem]:
        if dragonfly_combination(self.version) is None:
            known = ", ".join(row.operator for row in DRAGONFLY_COMBINATIONS)
            yield Problem(
                ("version",), f"must be a version whose behaviour is known: {known}", self.version, "DFLY-TECH-002"
            )


class CnpgOperator(Settings):
    """The CloudNativePG operator of the cluster, and its barman plugin, which runs in the same namespace."""

    namespace: Namespace = Field(
        default=cnpg.OPERATOR_NAMESPACE, description="Namespace that the operator's and the plugin's pods run in"
    )
    version: Version = Field(default=CNPG_OPERATOR, description="Version of the operator and its CRDs")
    replicas: Replicas = Field(
        default=2, description="Replicas of the operator; its chart's default of 1 has no stand-by"
    )
    plugin: Version = Field(
        default=BARMAN_PLUGIN, description="Version of the barman cloud plugin, which makes the backups"
    )

    @rule
    def _versions_go_together(self) -> Iterator[Problem]:
        row = cnpg_combination(self.version)
        if row is None:
            known = ", ".join(row.operator for row in CNPG_COMBINATIONS)
            yield Problem(("version",), f"must be a version whose behaviour is known: {known}", self.version)
        elif self.plugin.removeprefix("v") not in row.plugins:
            known = ", ".join(row.plugins)
            yield Problem(("plugin",), f"must go with operator {self.version}: {known}", self.plugin)


class Operators(Settings):
    """The operators of the cluster."""

    dragonfly: DragonflyOperator = Field(default_factory=DragonflyOperator, description="The Dragonfly operator")
    cnpg: CnpgOperator = Field(
        default_factory=CnpgOperator, description="The CloudNativePG operator and its barman plugin"
    )
