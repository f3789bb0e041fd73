"""What a stack says and declares, as the checks need it: arguments, contracts and objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from seawall.components.cnpg.args import BackupTarget, CnpgSharedClusterArgs
from seawall.components.cnpg.contract import postgres_connections
from seawall.components.consumers.services import ConsumedService, consumed_services
from seawall.components.contract import Connection
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.contract import dragonfly_connections
from seawall.components.settings import StackSettings
from seawall.qa.checks.model import UndecidedError
from seawall.qa.trace import RenderedObject

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Declared:
    """One stack."""

    name: str
    settings: StackSettings
    resources: Sequence[RenderedObject]
    """Everything that the program registers for it."""

    @property
    def cluster(self) -> str:
        """Name in the mesh of the cluster that it is for."""
        return self.settings.platform.cluster

    def objects(self, kind: str, namespace: str | None = None) -> list[Manifest]:
        """The objects of a kind that it declares, in one namespace or in all of them."""
        return [
            it.inputs
            for it in self.resources
            if it.kind == kind and "metadata" in it.inputs and namespace in (None, it.namespace)
        ]

    @cached_property
    def caches(self) -> list[DragonflyClusterArgs]:
        """The Dragonfly instances. Raises `UndecidedError` when there is none."""
        mine = self.settings.dragonfly
        if mine is None:
            raise UndecidedError(f"stack {self.name} has no Dragonfly instance")
        return [
            DragonflyClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=self.settings.platform,
                operator=self.settings.operators.dragonfly,
            )
            for name, cluster in sorted(mine.clusters.items())
        ]

    @cached_property
    def databases(self) -> list[CnpgSharedClusterArgs]:
        """The PostgreSQL clusters. Raises `UndecidedError` when there is none.

        Of the object store's side they know what the settings say; keys and roles that an update makes are stood in
        for by a text that nothing reads.
        """
        mine = self.settings.cnpg
        if mine is None:
            raise UndecidedError(f"stack {self.name} has no PostgreSQL cluster")
        region = self.settings.aws.region if self.settings.aws is not None else None
        made = "made by an update"
        target = BackupTarget(region=region, key=made, key_argument=made)
        with_roles = replace(target, writer_role=made, reader_role=made)
        return [
            CnpgSharedClusterArgs(
                name=name,
                namespace=mine.namespace,
                settings=cluster,
                platform=self.settings.platform,
                operator=self.settings.operators.cnpg,
                target=with_roles if cluster.secrets.backup_writer is None else target,
            )
            for name, cluster in sorted(mine.clusters.items())
        ]

    def cache_connections(self) -> list[Connection]:
        """How every client of every Dragonfly instance connects."""
        return [connection for cache in self.caches for connection in dragonfly_connections(cache)]

    def database_connections(self) -> list[Connection]:
        """How every client of every application connects."""
        return [connection for postgres in self.databases for connection in postgres_connections(postgres)]

    def consumed_on(self, cluster: str) -> tuple[ConsumedService, ...]:
        """What clients on another cluster of the mesh use."""
        return consumed_services(self.settings, cluster)

    @property
    def remote_clusters(self) -> list[str]:
        """The other clusters of the mesh that have clients of this stack."""
        peers = self.settings.platform.peers
        return [cluster for cluster in peers if self.consumed_on(cluster)]


def differences(declared: Any, live: Any, path: str = "") -> list[str]:
    """Where a live value is not as declared. A mapping may have more keys (defaults); a list may not be longer, for in
    a policy every element opens something. Numbers and texts are alike (`5` and `"5"`), as the API server reads them.
    """
    here = path or "the object"
    if isinstance(declared, Mapping):
        if not isinstance(live, Mapping):
            return [f"{here} is missing"]
        return [
            line
            for key, value in declared.items()
            for line in differences(value, live.get(key), f"{path}.{key}" if path else str(key))
        ]
    if isinstance(declared, list):
        if not isinstance(live, list) or len(live) != len(declared):
            return [f"{here} has {len(live) if isinstance(live, list) else 'no'} elements, declared {len(declared)}"]
        return [
            line
            for index, (value, found) in enumerate(zip(declared, live, strict=True))
            for line in differences(value, found, f"{path}[{index}]")
        ]
    same = declared == live or (not isinstance(declared, bool) and str(declared) == str(live))
    return [] if same else [f"{here} is {live!r}, declared {declared!r}"]
