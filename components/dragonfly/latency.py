"""The latency probe of a Dragonfly instance on its own cluster, in the namespace of one of its clients."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Pods
from seawall.components.probes import latency
from seawall.components.probes.latency import Entry, LatencyTarget
from seawall.operators.dragonfly import CLIENT_PORT


def probe(args: DragonflyClusterArgs) -> dict[str, Manifest]:
    """The probe's objects by purpose, all in the client's namespace; empty when nobody measures."""
    wanted = args.settings.latency
    return latency.manifests(wanted, target(args), args.platform) if wanted else {}


def target(args: DragonflyClusterArgs) -> LatencyTarget:
    """The instance as clients on its own cluster see it."""
    secret, tls = args.settings.auth_secret, args.settings.tls
    return LatencyTarget(
        dragonfly=args.name,
        host=args.host,
        port=CLIENT_PORT,
        pods=Pods(args.namespace, args.pods),
        path="intra-cluster",
        password=Entry(secret.path, secret.property),
        tls=tls is not None,
        ca=Entry(tls.ca.path, tls.ca.property) if tls and tls.ca else None,
    )
