"""What the consumer side of one cluster is made from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from seawall.components.consumers.services import ConsumedService
from seawall.components.consumers.settings import ConsumerLatency
from seawall.components.kubernetes.metadata import owned_labels
from seawall.components.platform import Platform
from seawall.errors import UserError

if TYPE_CHECKING:
    import pulumi


@dataclass(frozen=True)
class SharedServiceConsumerArgs:
    """The services of one other cluster that clients on this one use.

    Raises `UserError` when the platform is no Cilium mesh with that cluster in it, or nothing is consumed.
    """

    producer: str
    """Name in the mesh of the cluster that the services run on."""
    platform: Platform
    """The cluster that the clients are on."""
    services: tuple[ConsumedService, ...]
    """The services, from `consumed_services`."""
    latency: ConsumerLatency | None = None
    """The probe over the mesh; None: nothing is measured from here."""
    after: tuple["pulumi.Resource", ...] = ()
    """Resources that must be there first, such as the namespaces of the Services."""

    def __post_init__(self) -> None:
        platform = self.platform
        if platform.cni != "cilium" or self.producer not in platform.peers:
            raise UserError(
                f"services of cluster {self.producer} cannot be consumed on {platform.cluster}: platform.cni must be "
                f"cilium and platform.peers must hold {self.producer}"
            )
        if not self.services:
            raise UserError(f"cluster {self.producer} declares no clients on {platform.cluster}: nothing is consumed")

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every object."""
        return owned_labels("shared-services", self.producer)

    @property
    def object_name(self) -> str:
        """The name of what there is one of in each client namespace."""
        return f"shared-services-{self.producer}"

    @property
    def clients(self) -> dict[str, tuple[ConsumedService, ...]]:
        """Client namespace → the services that it uses."""
        names = sorted({client for service in self.services for client in service.clients})
        return {name: tuple(service for service in self.services if name in service.clients) for name in names}

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of the Services, which are the producer's."""
        return tuple(dict.fromkeys(service.namespace for service in self.services))
