"""What a stack file says that the page holds the cluster against: what should be there, and how old things may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from seawall.components.settings import StackSettings


@dataclass(frozen=True)
class ExpectedCluster:
    """A PostgreSQL cluster of the stack."""

    max_backup_age_s: int
    max_drill_age_s: int | None
    """None where the stack says why it has no drill."""
    connections_percent: int


@dataclass(frozen=True)
class Expected:
    """The stack's part in the page; without a stack nothing is expected."""

    stack: str = ""
    context: str | None = None
    """The kubeconfig context that the stack names."""
    clusters: Mapping[str, ExpectedCluster] = field(default_factory=dict)
    """`namespace/name` → what is expected of it."""
    caches: tuple[str, ...] = ()
    """`namespace/name` of each Dragonfly."""


NOTHING: Final = Expected()


def of_stack(stack: str, settings: StackSettings) -> Expected:
    """What a stack's settings lead to expect."""
    clusters = {}
    if settings.cnpg is not None:
        for name, one in settings.cnpg.clusters.items():
            clusters[f"{settings.cnpg.namespace}/{name}"] = ExpectedCluster(
                one.validation.max_backup_age_seconds,
                one.restore_drill.max_age_seconds if one.restore_drill is not None else None,
                one.alerts.connections_percent,
            )
    dragonfly = settings.dragonfly
    caches = tuple(f"{dragonfly.namespace}/{name}" for name in dragonfly.clusters) if dragonfly is not None else ()
    return Expected(stack, settings.platform.context, clusters, caches)
