"""What a stack expects to find on its cluster and does not make itself; a sandbox must have it as well."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from seawall.components.consumers.services import consumed_services
from seawall.components.fields import local_clients
from seawall.components.own_namespaces import own_namespaces

if TYPE_CHECKING:
    from seawall.components.operators.settings import CnpgOperator, DragonflyOperator
    from seawall.components.settings import StackSettings


def namespaces(settings: "StackSettings") -> list[str]:
    """The namespaces that must be there already: of operators that the stack does not install, of the scraper, of the
    clients on this cluster, and those in which former names of Services are served.
    """
    wanted = [
        *(operator.namespace for operator in _operators(settings) if not operator.managed),
        settings.platform.observability.namespace,
        *_clients(settings),
        *_former(settings),
        *_consumed(settings),
    ]
    own = made(settings)
    return [name for name in dict.fromkeys(wanted) if name not in own]


def made(settings: "StackSettings") -> list[str]:
    """The namespaces that the stack makes itself."""
    wanted = [operator.namespace for operator in _operators(settings) if operator.managed]
    return list(dict.fromkeys([*wanted, *own_namespaces(settings)]))


def storage_classes(settings: "StackSettings") -> list[str]:
    """The storage classes that volumes ask for by name."""
    snapshots = [cluster.snapshot for cluster in settings.dragonfly.clusters.values()] if settings.dragonfly else []
    wanted = [
        *(snapshot.storage_class for snapshot in snapshots if snapshot and snapshot.storage_class),
        *(cluster.storage.storage_class for cluster in (settings.cnpg.clusters.values() if settings.cnpg else ())),
    ]
    return list(dict.fromkeys(wanted))


def _clients(settings: "StackSettings") -> Iterator[str]:
    for dragonfly in settings.dragonfly.clusters.values() if settings.dragonfly else ():
        yield from local_clients(dragonfly.clients)
    for postgres in settings.cnpg.clusters.values() if settings.cnpg else ():
        for application in postgres.applications.values():
            yield from local_clients(application.clients)


def _former(settings: "StackSettings") -> Iterator[str]:
    for postgres in settings.cnpg.clusters.values() if settings.cnpg else ():
        if postgres.names.serve_old_hosts:
            for application in postgres.applications:
                yield from (namespace for _, namespace in postgres.names.former_services_of(application))


def _consumed(settings: "StackSettings") -> Iterator[str]:
    """What the consumer side needs: its clients' namespaces, and those of former names."""
    if settings.producer is None:
        return
    for service in consumed_services(settings.producer, settings.platform.cluster):
        yield from service.clients
        yield from (namespace for _, namespace in service.aliases)


def _operators(settings: "StackSettings") -> Iterator["DragonflyOperator | CnpgOperator"]:
    """Those that the stack's data needs."""
    if settings.dragonfly is not None:
        yield settings.operators.dragonfly
    if settings.cnpg is not None:
        yield settings.operators.cnpg
