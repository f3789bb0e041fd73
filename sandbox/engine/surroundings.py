"""What a stack expects to find on its cluster and does not make itself; a sandbox must have it as well."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.components.fields import local_clients

if TYPE_CHECKING:
    from seawall.components.settings import StackSettings


def namespaces(settings: "StackSettings") -> list[str]:
    """The namespaces of the operators, of the clients on this cluster and of the metrics scraper."""
    wanted = [
        settings.operators.dragonfly.namespace,
        settings.operators.cnpg.namespace,
        settings.platform.observability.namespace,
        *_clients(settings),
    ]
    return list(dict.fromkeys(wanted))


def storage_classes(settings: "StackSettings") -> list[str]:
    """The storage classes that volumes ask for by name."""
    snapshots = [cluster.snapshot for cluster in settings.dragonfly.clusters.values()]
    wanted = [
        *(snapshot.storage_class for snapshot in snapshots if snapshot),
        *(cluster.storage.storage_class for cluster in settings.cnpg.clusters.values()),
    ]
    return list(dict.fromkeys(wanted))


def _clients(settings: "StackSettings") -> Iterator[str]:
    for dragonfly in settings.dragonfly.clusters.values():
        yield from local_clients(dragonfly.clients)
    for postgres in settings.cnpg.clusters.values():
        for application in postgres.applications.values():
            yield from local_clients(application.clients)
