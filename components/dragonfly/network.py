"""Who may talk to a Dragonfly instance, and to whom it may talk: everything else is denied, both ways."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.kubernetes import network
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Entity, Hosts, Pods, Rule
from seawall.operators.dragonfly import ADMIN_PORT, CLIENT_PORT, METRICS_PATH, OPERATOR_POD_LABELS


def policy(args: DragonflyClusterArgs) -> network.Policy:
    """The instance's whole policy.

    The admin port needs no password, so it is open to exactly three: the operator (without it no pod ever becomes
    master, and the Service stays empty), the other pods of the instance (replication, always on this port), and the
    scraper, which with Cilium may only `GET /metrics`. Its traffic is plaintext with TLS as well.

    Nothing goes out but to the name service and to the other pods; with snapshots in a bucket, to the object store.
    """
    platform = args.platform
    operator = Pods(args.operator.namespace, OPERATOR_POD_LABELS)
    peers = Pods(args.namespace, args.pods)
    scraper = Pods(platform.observability.namespace, platform.observability.scraper_labels)
    return network.Policy(
        name=f"{args.name}-traffic",
        namespace=args.namespace,
        labels=args.labels,
        pods=args.pods,
        ingress=(
            Rule(peers=network.client_pods(args.settings.clients), tcp=(CLIENT_PORT,)),
            Rule(peers=(operator, peers), tcp=(ADMIN_PORT,)),
            Rule(peers=(scraper,), tcp=(ADMIN_PORT,), get=METRICS_PATH),
        ),
        egress=(*_object_store(args), Rule(peers=(peers,), tcp=(ADMIN_PORT,))),
    )


def _object_store(args: DragonflyClusterArgs) -> tuple[Rule, ...]:
    """Egress to the name service, and to the bucket's host where there is a bucket."""
    bucket = args.settings.snapshot.bucket if args.settings.snapshot else None
    if bucket is None:
        return (network.DNS,)
    if bucket.egress == "world":
        return (network.DNS, Rule(peers=(Entity.INTERNET,), tcp=(bucket.port,)))
    return (network.DNS_SEEN, Rule(peers=(Hosts(bucket.hosts),), tcp=(bucket.port,)))


def network_policy(args: DragonflyClusterArgs) -> Manifest:
    """The policy in the dialect of the platform's CNI."""
    return network.render(policy(args), cni=args.platform.cni, cluster=args.platform.cluster)
