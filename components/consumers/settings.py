"""Settings of the consumer side: whose services the clients on this cluster use."""

from pydantic import Field

from seawall.components.base import Settings
from seawall.components.fields import DnsLabel, ServiceName
from seawall.components.probes.settings import LatencyProbe


class ConsumerLatency(LatencyProbe):
    """The measuring of the producer's Dragonfly instances from one client namespace on this cluster."""

    instances: tuple[ServiceName, ...] = Field(
        default=(), description="Which instances. Default: every one that the namespace may use"
    )


class ConsumersSettings(Settings):
    """What clients on this cluster use of another stack; which services and which clients, that stack's file says."""

    producer: DnsLabel = Field(
        description="The stack whose services they use: everything is derived from its `Pulumi.<producer>.yaml`, so "
        "that each name, port and path has one home"
    )
    latency: ConsumerLatency | None = Field(
        default=None, description="The probe that measures the latency of Dragonfly from here, over the mesh"
    )
