"""Operators: the Dragonfly and CloudNativePG operators and the barman plugin, installed and fenced in."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.helm import v3 as helm

from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.register import register
from seawall.components.operators import manifests, releases, settings
from seawall.components.operators.releases import HelmRelease
from seawall.components.platform import Platform


@dataclass(frozen=True)
class OperatorsArgs:
    """The operators of a stack, and the namespaces in which they act."""

    operators: settings.Operators
    """Namespaces, versions, replicas; and for each operator whether it is made here (`managed`)."""
    platform: Platform
    """The cluster that they run on."""
    dragonfly: tuple[str, ...] = ()
    """The namespaces of Dragonfly instances; without any, no Dragonfly operator is made."""
    postgres: tuple[str, ...] = ()
    """The namespaces of PostgreSQL clusters, drills included; without any, no CloudNativePG operator is made."""
    after: tuple[pulumi.Resource, ...] = ()
    """Resources that must be there first."""


class Operators(pulumi.ComponentResource):
    """The operators that are managed here: namespace, Helm release, disruption budget and network policy of each.

    The CRDs come with the releases, so what the operators reconcile waits for `dragonfly` and `postgres`. A release and
    its namespace stay where they are when they leave the stack: without its operator no data fails over or is backed
    up, and `managed: false` says who installs it, not that nobody does. Formerly this was OperatorBudgets, which made
    the budgets alone.

    Raises `UserError` for a version whose chart is not known.
    """

    dragonfly: tuple[pulumi.Resource, ...]
    """What a Dragonfly resource must wait for; empty when something else installs its operator."""
    postgres: tuple[pulumi.Resource, ...]
    """What a PostgreSQL resource must wait for, the barman plugin included; empty likewise."""

    def __init__(self, name: str, args: OperatorsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        former = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="seawall:data:OperatorBudgets")])
        super().__init__("seawall:data:Operators", name, None, pulumi.ResourceOptions.merge(opts, former))
        self.dragonfly = self._dragonfly(name, args) if args.dragonfly and args.operators.dragonfly.managed else ()
        self.postgres = self._postgres(name, args) if args.postgres and args.operators.cnpg.managed else ()
        self.register_outputs({})

    def _dragonfly(self, name: str, args: OperatorsArgs) -> tuple[pulumi.Resource, ...]:
        operator, platform = args.operators.dragonfly, args.platform
        home = self._register(f"{name}-namespace-dragonfly", namespace(operator.namespace), args.after, keep=True)
        self._register(f"{name}-dragonfly", manifests.dragonfly_budget(operator), (home,))
        fence = self._register(
            f"{name}-network-dragonfly", manifests.dragonfly_policy(operator, platform, args.dragonfly), (home,)
        )
        return (self._release(f"{name}-release-dragonfly", releases.dragonfly_release(operator, platform), (fence,)),)

    def _postgres(self, name: str, args: OperatorsArgs) -> tuple[pulumi.Resource, ...]:
        operator, platform = args.operators.cnpg, args.platform
        home = self._register(f"{name}-namespace-cnpg", namespace(operator.namespace), args.after, keep=True)
        self._register(f"{name}-cnpg", manifests.cnpg_budget(operator), (home,))
        self._register(f"{name}-barman", manifests.barman_budget(operator), (home,))
        fence = self._register(
            f"{name}-network-cnpg", manifests.cnpg_policy(operator, platform, args.postgres), (home,)
        )
        plugins = self._register(f"{name}-network-barman", manifests.barman_policy(operator, platform), (home,))
        made = self._release(f"{name}-release-cnpg", releases.cnpg_release(operator, platform), (fence,))
        # The plugin watches resources whose CRDs the operator's release brings.
        plugin = self._release(f"{name}-release-barman", releases.barman_release(operator, platform), (made, plugins))
        return made, plugin

    def _register(
        self, name: str, manifest: Manifest, after: tuple[pulumi.Resource, ...], *, keep: bool = False
    ) -> pulumi.Resource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(after), retain_on_delete=keep)
        return register(name, manifest, opts)

    def _release(self, name: str, release: HelmRelease, after: tuple[pulumi.Resource, ...]) -> pulumi.Resource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=list(after), retain_on_delete=True)
        return helm.Release(name, opts=opts, **release.arguments)
