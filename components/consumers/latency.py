"""The latency of the producer's Dragonfly instances, measured by a client on this cluster."""

from collections.abc import Iterable

from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.consumers.services import ConsumedService
from seawall.components.consumers.settings import ConsumerLatency
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Pods
from seawall.components.probes.latency import Entry, LatencyTarget, manifests


def measured(latency: ConsumerLatency, services: Iterable[ConsumedService]) -> tuple[ConsumedService, ...]:
    """The Dragonfly instances that the probe measures: those that its namespace may use, or those of them it names."""
    return tuple(
        service
        for service in services
        if service.instance
        and latency.namespace in service.clients
        and (not latency.instances or service.instance in latency.instances)
    )


def probes(args: SharedServiceConsumerArgs) -> dict[str, dict[str, Manifest]]:
    """Instance → the probe's objects by purpose."""
    if args.latency is None:
        return {}
    return {
        str(service.instance): manifests(args.latency, _target(args, service), args.platform)
        for service in measured(args.latency, args.services)
    }


def _target(args: SharedServiceConsumerArgs, service: ConsumedService) -> LatencyTarget:
    connection = service.connections[0]
    credentials, ca = connection.credentials, connection.ca
    return LatencyTarget(
        dragonfly=connection.name,
        host=connection.host,
        port=connection.port,
        pods=Pods(service.namespace, service.pods, cluster=args.producer),
        path="cross-cluster",
        password=Entry(credentials.path, credentials.fields["password"]),
        tls=connection.tls_mode != "disable",
        ca=Entry(ca.path, ca.key) if ca and ca.path else None,
    )
