"""What the Dragonfly settings must agree on with the rest of the stack."""

from collections.abc import Iterator

from seawall.components.base import Problem, each
from seawall.components.dragonfly.settings import DragonflyClusterSettings, DragonflySettings
from seawall.components.operators import Operators
from seawall.components.platform import Platform, client_problems, node_problems
from seawall.operators.versions import dragonfly_combination, image_tag, parse


def clients(platform: Platform, dragonfly: DragonflySettings) -> Iterator[Problem]:
    """Who reaches the pods, and whom they reach: clients are known, and the scraper does not live among the data."""
    yield from _scraper(platform, dragonfly)

    def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
        path = ("dragonfly", "clusters", name)
        yield from client_problems((*path, "clients"), cluster.clients, platform, "DFLY-SEC-001")
        bucket = cluster.snapshot.bucket if cluster.snapshot else None
        if bucket and bucket.egress == "fqdn" and platform.cni != "cilium":
            yield Problem(
                (*path, "snapshot", "bucket", "egress"),
                "must be `world` with `cni: generic`, whose policies cannot name a host: every address is open on the "
                "store's port then, so say why in `egress_reason`",
                bucket.egress,
                "DFLY-SEC-001",
            )

    yield from each(dragonfly.clusters, check)


def _scraper(platform: Platform, dragonfly: DragonflySettings) -> Iterator[Problem]:
    if dragonfly.namespace == platform.observability.namespace:
        yield Problem(
            ("dragonfly", "namespace"),
            "must not be platform.observability.namespace: the scraper's pods would stand beside the data",
            dragonfly.namespace,
            "DFLY-SEC-001",
        )


def placement(platform: Platform, dragonfly: DragonflySettings) -> Iterator[Problem]:
    """There is a node for every pod that needs one of its own."""

    def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
        path = ("dragonfly", "clusters", name, "replicas")
        if cluster.placement.one_per_node:
            yield from node_problems(path, cluster.replicas, platform, "DFLY-TECH-001")

    yield from each(dragonfly.clusters, check)


def global_services(platform: Platform, dragonfly: DragonflySettings) -> Iterator[Problem]:
    """A global Service is exported from here, and only where there is a mesh."""

    def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
        if cluster.global_service is None:
            return
        path = ("dragonfly", "clusters", name, "global_service")
        if cluster.global_service.name in dragonfly.clusters:
            yield Problem(
                (*path, "name"),
                "must not be the name of an instance: the operator makes a Service of that name",
                cluster.global_service.name,
            )
        if platform.cni != "cilium":
            yield Problem(path, "needs `cni: cilium`: only a Cilium mesh has global Services")
        if cluster.global_service.exported_from != platform.cluster:
            yield Problem(
                (*path, "exported_from"),
                f"must be {platform.cluster}, the cluster that this instance runs on: two independent masters behind "
                "one Service split writes",
                cluster.global_service.exported_from,
            )

    yield from each(dragonfly.clusters, check)


def versions(operators: Operators, dragonfly: DragonflySettings) -> Iterator[Problem]:
    """The image goes with the operator."""
    row = dragonfly_combination(operators.dragonfly.version)
    if row is None:
        return
    first, last = (".".join(map(str, version[:2])) for version in (row.image_first, row.image_last))

    def check(name: str, cluster: DragonflyClusterSettings) -> Iterator[Problem]:
        tag = image_tag(cluster.image)
        version = parse(tag) if tag else None
        if tag and (version is None or not row.image_first <= version <= row.image_last):
            yield Problem(
                ("dragonfly", "clusters", name, "image"),
                f"must be a version that goes with operator {row.operator}: v{first} to v{last}",
                cluster.image,
                "DFLY-TECH-002",
            )

    yield from each(dragonfly.clusters, check)


def namespaces(operators: Operators, dragonfly: DragonflySettings) -> Iterator[Problem]:
    """Data and operators do not share a namespace."""
    if dragonfly.namespace in (operators.dragonfly.namespace, operators.cnpg.namespace):
        yield Problem(
            ("dragonfly", "namespace"),
            "must not be an operator's namespace: who may act on the data must not act on the operator",
            dragonfly.namespace,
        )
