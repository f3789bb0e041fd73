"""Which services of a producer the clients on one cluster use, derived from the producer's own settings.

Nothing of it is said a second time: names, ports, labels and places of secrets are those that the producer deploys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seawall.components.cnpg import contract as postgres
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.object_names import role_secret
from seawall.components.contract import Connection
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.contract import dragonfly_connections
from seawall.components.kubernetes.external_secret import BASIC_AUTH, OPAQUE
from seawall.operators.cnpg import CA_KEY, POOLER_PORT_NAME, pooler_labels
from seawall.operators.dragonfly import CLIENT_PORT_NAME, pod_labels

if TYPE_CHECKING:
    from seawall.components.settings import StackSettings


@dataclass(frozen=True)
class ClientSecret:
    """A Secret that a client namespace gets from the secret store."""

    name: str
    """Name of the Secret."""
    path: str
    """Entry in the secret store."""
    fields: Mapping[str, str]
    """Key of the Secret → property of the entry."""
    type: str = OPAQUE
    """Type of the Secret."""


@dataclass(frozen=True)
class ConsumedService:
    """One Service of the producer, as the cluster needs it whose clients use it."""

    name: str
    """Name of the Service; the same on every cluster of the mesh, or it would not be the same Service."""
    namespace: str
    """Its namespace, likewise."""
    port: int
    """TCP port of the Service and of the pods behind it."""
    port_name: str
    """Name of the port: Cilium finds the pods of the other cluster by it."""
    pods: Mapping[str, str]
    """Labels of the producer's pods behind it."""
    connections: tuple[Connection, ...]
    """The clients on this cluster, at least one."""
    secrets: tuple[ClientSecret, ...]
    """What each of their namespaces gets."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Former names that are still served: Service and namespace."""

    @property
    def instance(self) -> str | None:
        """The Dragonfly instance that it is; None for a database."""
        first = self.connections[0]
        return first.name if first.service == "dragonfly" else None

    @property
    def host(self) -> str:
        """The full host name."""
        return self.connections[0].host

    @property
    def clients(self) -> tuple[str, ...]:
        """The client namespaces."""
        return tuple(connection.namespace for connection in self.connections)


def consumed_services(producer: "StackSettings", cluster: str) -> tuple[ConsumedService, ...]:
    """The services of a producer that it declares clients of on `cluster` (its name in the mesh), by name.

    A namespace that the producer does not declare is not in it, whatever its pods may want.
    """
    return (*_dragonflies(producer, cluster), *_databases(producer, cluster))


def _dragonflies(producer: "StackSettings", cluster: str) -> Iterator[ConsumedService]:
    mine = producer.dragonfly
    if mine is None:
        return
    for name, settings in sorted(mine.clusters.items()):
        args = DragonflyClusterArgs(
            name=name,
            namespace=mine.namespace,
            settings=settings,
            platform=producer.platform,
            operator=producer.operators.dragonfly,
        )
        connections = _here(dragonfly_connections(args), cluster)
        if connections:
            yield ConsumedService(
                name=args.service_name,
                namespace=args.namespace,
                port=connections[0].port,
                port_name=CLIENT_PORT_NAME,
                pods=pod_labels(name),
                connections=connections,
                secrets=(
                    ClientSecret(
                        settings.auth_secret.name,
                        connections[0].credentials.path,
                        {settings.auth_secret.key: settings.auth_secret.property},
                    ),
                    *_authority(f"{name}-server-ca", connections[0]),
                ),
                aliases=tuple((alias, args.namespace) for alias in settings.aliases),
            )


def _databases(producer: "StackSettings", cluster: str) -> Iterator[ConsumedService]:
    mine = producer.cnpg
    if mine is None:
        return
    for name, settings in sorted(mine.clusters.items()):
        seen = _here(postgres.connections(name, mine.namespace, settings, producer.platform.cluster), cluster)
        for application in sorted({connection.name for connection in seen}):
            connections = tuple(connection for connection in seen if connection.name == application)
            yield _database(name, mine.namespace, settings, application, connections)


def _database(
    cluster: str, namespace: str, settings: PostgresCluster, application: str, connections: tuple[Connection, ...]
) -> ConsumedService:
    pooler, first = settings.names.pooler_of(application), connections[0]
    former = settings.names.former_services_of(application) if settings.names.serve_old_hosts else []
    return ConsumedService(
        name=pooler,
        namespace=namespace,
        port=first.port,
        port_name=POOLER_PORT_NAME,
        pods=pooler_labels(pooler),
        connections=connections,
        secrets=(
            ClientSecret(
                role_secret(cluster, application), first.credentials.path, first.credentials.fields, BASIC_AUTH
            ),
            *_authority(f"{cluster}-server-ca", first),
        ),
        aliases=tuple(former),
    )


def _authority(name: str, connection: Connection) -> Iterator[ClientSecret]:
    """The authority's certificate; no private key comes this way, because the entry needs nothing else."""
    if connection.ca is not None and connection.ca.path is not None:
        yield ClientSecret(name, connection.ca.path, {CA_KEY: connection.ca.key})


def _here(connections: tuple[Connection, ...], cluster: str) -> tuple[Connection, ...]:
    return tuple(connection for connection in connections if connection.remote and connection.cluster == cluster)
