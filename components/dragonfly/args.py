"""What a Dragonfly instance is made from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seawall.components.dragonfly.settings import DragonflyClusterSettings
from seawall.components.kubernetes.metadata import owned_labels
from seawall.components.operators import DragonflyOperator
from seawall.components.platform import Platform
from seawall.operators.dragonfly import pod_labels

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class DragonflyClusterArgs:
    """One Dragonfly instance: its name, where it is, its settings, and the platform around it."""

    name: str
    """Name of the Dragonfly resource and of what the operator makes from it."""
    namespace: str
    """Namespace of all its objects; it must exist or be in `after`."""
    settings: DragonflyClusterSettings
    """The instance's own settings."""
    platform: Platform
    """The cluster that it runs on."""
    operator: DragonflyOperator
    """The operator that reconciles it; its version decides which fields may be set."""
    after: tuple["pulumi.Resource", ...] = ()
    """Resources that must be there first, such as the namespace."""

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object of the instance."""
        return owned_labels("dragonfly", self.name)

    @property
    def pods(self) -> dict[str, str]:
        """The labels by which objects of ours select the instance's pods."""
        return pod_labels(self.name)

    @property
    def service_name(self) -> str:
        """The name of the Service that clients use."""
        return self.settings.global_service.name if self.settings.global_service else self.name

    @property
    def host(self) -> str:
        """The host name that clients use."""
        return f"{self.service_name}.{self.namespace}.svc.cluster.local"
