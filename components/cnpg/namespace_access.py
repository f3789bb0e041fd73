"""NamespaceAccess: the rights of people in the namespace of the databases, once for all clusters in it."""

from dataclasses import dataclass

import pulumi

from seawall.components.cnpg import access
from seawall.components.cnpg.object_names import break_glass_secret
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.kubernetes.register import register


@dataclass(frozen=True)
class NamespaceAccessArgs:
    """The namespace with its clusters, and what must be there first."""

    settings: CnpgSettings
    """The clusters, their namespace, and the groups of people."""
    after: tuple[pulumi.Resource, ...] = ()
    """Resources that must be there first, such as the namespace."""


class NamespaceAccess(pulumi.ComponentResource):
    """Roles for admins and viewers of the databases, bound to the groups that the settings name."""

    def __init__(self, name: str, args: NamespaceAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("seawall:data:NamespaceAccess", name, None, opts)
        settings = args.settings
        open_now = [break_glass_secret(name) for name, it in settings.clusters.items() if it.superuser_access]
        child = pulumi.ResourceOptions(parent=self, depends_on=list(args.after))
        for purpose, manifest in access.manifests(settings.namespace, settings.access, open_now).items():
            register(f"{name}-{purpose}", manifest, child)
        self.register_outputs({})
