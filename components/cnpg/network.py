"""Who may talk to instances, poolers and jobs, and to whom they may talk: everything else is denied, both ways."""

from collections.abc import Iterator

from seawall.components.aws.hosts import domain, s3_host, sts_host
from seawall.components.cnpg import certificates
from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.components.kubernetes import network
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Entity, Hosts, Pods, Policy, Rule
from seawall.operators.cnpg import (
    INSTANCE_METRICS_PORT,
    OPERATOR_POD_LABELS,
    POOLER_METRICS_PORT,
    POOLER_PORT,
    POSTGRES_PORT,
    STATUS_PORT,
    cluster_labels,
    pooler_labels,
)

HTTPS_PORT = 443


def policies(args: CnpgSharedClusterArgs) -> Iterator[Policy]:
    """All policies of one cluster. They add up: the first is for every pod of it, the others for some."""
    yield common(args)
    yield instances(args)
    for application in args.applications:
        yield pooler(application)
    yield validation(args)
    yield isolation(args)


def common(args: CnpgSharedClusterArgs) -> Policy:
    """What instances, poolers and the operator's jobs all need: names, the API server, PostgreSQL on the instances.

    It also covers pods that carry the cluster's label and no other of ours, such as the jobs that initialise or join
    an instance: they may be reached by nobody.
    """
    return Policy(
        name=f"{args.name}-common",
        namespace=args.namespace,
        labels=args.labels,
        pods=cluster_labels(args.name),
        ingress=(),
        egress=(
            network.DNS,
            Rule(peers=(Entity.API_SERVER,)),
            Rule(peers=(Pods(args.namespace, args.instances),), tcp=(POSTGRES_PORT,)),
        ),
    )


def instances(args: CnpgSharedClusterArgs) -> Policy:
    """The instances: the operator, each other, poolers, joining jobs, SQL Jobs, the certificate probe and the scraper.

    Applications never come in.
    A primary asks its peers on the status port whether it is isolated, so they need that port of each other.
    """
    operator = Pods(args.operator.namespace, OPERATOR_POD_LABELS)
    peers = Pods(args.namespace, args.instances)
    return Policy(
        name=f"{args.name}-instances",
        namespace=args.namespace,
        labels=args.labels,
        pods=args.instances,
        ingress=(
            Rule(peers=(operator,), tcp=(STATUS_PORT, POSTGRES_PORT)),
            Rule(peers=(peers,), tcp=(STATUS_PORT,)),
            # The cluster's label is on its instances, its poolers and its jobs, and on nothing else.
            Rule(peers=(Pods(args.namespace, cluster_labels(args.name)),), tcp=(POSTGRES_PORT,)),
            Rule(
                peers=(Pods(args.namespace, args.isolation_pods), certificates.probing_pods(args)), tcp=(POSTGRES_PORT,)
            ),
            Rule(peers=(_scraper(args),), tcp=(INSTANCE_METRICS_PORT,), get="/metrics"),
        ),
        egress=(
            *(() if args.settings.backup.egress == "world" else (network.DNS_SEEN,)),
            Rule(peers=(peers,), tcp=(STATUS_PORT,)),
            object_store(args),
        ),
    )


def pooler(application: ApplicationArgs) -> Policy:
    """One pooler: its application's namespaces, the certificate probe and the scraper come in."""
    args = application.cluster
    return Policy(
        name=application.pooler,
        namespace=args.namespace,
        labels=args.labels,
        pods=pooler_labels(application.pooler),
        ingress=(
            Rule(peers=network.client_pods(application.settings.clients), tcp=(POOLER_PORT,)),
            Rule(peers=(certificates.probing_pods(args),), tcp=(POOLER_PORT,)),
            Rule(peers=(_scraper(args),), tcp=(POOLER_METRICS_PORT,), get="/metrics"),
        ),
        egress=(),
    )


def validation(args: CnpgSharedClusterArgs) -> Policy:
    """The pods that validate backups: they reach the object store and nothing else, and nobody reaches them."""
    return Policy(
        name=args.validation_name,
        namespace=args.namespace,
        labels=args.labels,
        pods=args.validation_pods,
        ingress=(),
        egress=(
            network.DNS if args.settings.backup.egress == "world" else network.DNS_SEEN,
            object_store(args),
        ),
    )


def isolation(args: CnpgSharedClusterArgs) -> Policy:
    """The Jobs that close databases to other roles: they reach the instances and nothing else; nobody reaches them."""
    return Policy(
        name=f"{args.name}-isolation",
        namespace=args.namespace,
        labels=args.labels,
        pods=args.isolation_pods,
        ingress=(),
        egress=(network.DNS, Rule(peers=(Pods(args.namespace, args.instances),), tcp=(POSTGRES_PORT,))),
    )


def network_policies(args: CnpgSharedClusterArgs) -> dict[str, Manifest]:
    """The policies by name, in the dialect of the platform's CNI."""
    return {
        policy.name: network.render(policy, cni=args.platform.cni, cluster=args.platform.cluster)
        for policy in policies(args)
    }


def object_store_hosts(args: CnpgSharedClusterArgs) -> tuple[str, ...]:
    """Every host name by which barman and the validator may call the object store, and STS with IAM roles.

    A client puts the bucket into the host name or into the path, as its settings and the bucket's name have it. In
    us-east-1 and for STS older clients call the name without a region.
    """
    backup, region = args.settings.backup, args.target.region
    if region is None:
        hosts = [backup.endpoint_host or ""]
    else:
        hosts = [s3_host(region), *([f"s3.{domain(region)}"] if region == "us-east-1" else [])]
    names = [name for host in hosts for name in (host, f"{backup.bucket}.{host}")]
    if region is not None and args.uses_roles:
        names += [sts_host(region), f"sts.{domain(region)}"]
    return tuple(names)


def _scraper(args: CnpgSharedClusterArgs) -> Pods:
    observability = args.platform.observability
    return Pods(observability.namespace, observability.scraper_labels)


def object_store(args: CnpgSharedClusterArgs) -> Rule:
    """The object store, and with IAM roles the token service beside it: both are outside the cluster, on https."""
    backup = args.settings.backup
    port = (backup.endpoint or "").rpartition(":")[2]
    peer = Entity.INTERNET if backup.egress == "world" else Hosts(object_store_hosts(args))
    return Rule(peers=(peer,), tcp=(int(port) if port.isdecimal() else HTTPS_PORT,))
