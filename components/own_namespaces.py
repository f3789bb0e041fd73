"""The namespaces that a stack makes for its data, besides those of the operators that it installs."""

from typing import TYPE_CHECKING

from seawall.components.consumers.services import consumed_services

if TYPE_CHECKING:
    from seawall.components.settings import StackSettings


def data_namespaces(settings: "StackSettings") -> dict[str, bool]:
    """The namespaces of the stack's own services → whether data in them must outlive a mistake.

    Removing a namespace removes everything in it, whatever protects the things themselves.
    """
    made: dict[str, bool] = {}
    if settings.dragonfly is not None:
        made[settings.dragonfly.namespace] = any(cluster.protected for cluster in settings.dragonfly.clusters.values())
    if settings.cnpg is not None:
        clusters = settings.cnpg.clusters.values()
        made[settings.cnpg.namespace] = any(cluster.deletion_protection for cluster in clusters)
        made |= {cluster.restore_drill.namespace: False for cluster in clusters if cluster.restore_drill}
    return made


def own_namespaces(settings: "StackSettings") -> dict[str, bool]:
    """Every namespace that the stack makes: those, and the ones of the Services that it consumes.

    A Service is one over the mesh when it has the same namespace on both clusters.
    """
    used = consumed_services(settings.producer, settings.platform.cluster) if settings.producer else ()
    return {**{service.namespace: False for service in used}, **data_namespaces(settings)}
