"""Clients are applications: the namespaces of the data, the operators and the scraper admit no clients."""

from collections.abc import Callable, Iterator
from functools import partial

from seawall.components.base import NotSettledError, Problem, each
from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.settings import CnpgSettings
from seawall.components.dragonfly.settings import DragonflyClusterSettings, DragonflySettings
from seawall.components.operators import Operators
from seawall.components.platform import Platform, taken_problems


def clients_apart(
    platform: Platform, operators: Operators, dragonfly: DragonflySettings | None, cnpg: CnpgSettings | None
) -> Iterator[Problem]:
    """No client of a Dragonfly instance or an application's pooler is in a namespace that has another purpose."""
    taken = _taken(platform, operators, dragonfly, cnpg)

    def cache(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
        path = ("dragonfly", "clusters", name, "clients")
        yield from taken_problems(path, cluster.clients, taken, "DFLY-SEC-001")

    def postgres(name: str, cluster: PostgresCluster) -> Iterator[Problem]:
        def application(app: str, settings: Application) -> Iterator[Problem]:
            path = ("cnpg", "clusters", name, "applications", app, "clients")
            yield from taken_problems(path, settings.clients, taken, "CNPG-OPS-001")

        yield from each(cluster.applications, application)

    if dragonfly is not None:
        yield from each(dragonfly.clusters, cache)
    if cnpg is not None:
        yield from each(cnpg.clusters, postgres)


def _taken(
    platform: Platform, operators: Operators, dragonfly: DragonflySettings | None, cnpg: CnpgSettings | None
) -> dict[str, str]:
    """Namespace → whose it is, as far as it could be read."""
    found: dict[str, str] = {}

    def add(namespace: Callable[[], str | None], whose: str) -> None:
        try:
            name = namespace()
        except NotSettledError:  # refused itself, and reported
            return
        if name is not None:
            found.setdefault(name, whose)

    add(lambda: platform.observability.namespace, "the scraper's namespace (platform.observability.namespace)")
    if dragonfly is not None:
        add(lambda: operators.dragonfly.namespace, "the operator's namespace (operators.dragonfly.namespace)")
        add(lambda: dragonfly.namespace, "the namespace of the data (dragonfly.namespace)")
    if cnpg is not None:
        add(lambda: operators.cnpg.namespace, "the operator's namespace (operators.cnpg.namespace)")
        add(lambda: cnpg.namespace, "the namespace of the data (cnpg.namespace)")
        for cluster in cnpg.clusters.values():
            add(partial(_drill, cluster), "the namespace of a restore drill")
    return found


def _drill(cluster: PostgresCluster) -> str | None:
    return cluster.restore_drill.namespace if cluster.restore_drill else None
