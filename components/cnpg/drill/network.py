"""Who may talk to whom during a restore drill: everything else is denied, both ways."""

from collections.abc import Iterator

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill.names import drill_name, restored_name
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.network import object_store
from seawall.components.kubernetes import network
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Entity, Pods, Policy, Rule
from seawall.operators.cnpg import OPERATOR_POD_LABELS, POSTGRES_PORT, STATUS_PORT, cluster_labels, instance_labels


def runner_pods(args: CnpgSharedClusterArgs) -> dict[str, str]:
    """The labels of the runner's pods; without `cnpg.io/cluster`, which would let them in."""
    return {"app.kubernetes.io/name": "restore-drill", "app.kubernetes.io/instance": args.name}


def policies(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Iterator[Policy]:
    """The runner's, and that of everything that the operator makes for the recovery Cluster."""
    names = network.DNS if args.settings.backup.egress == "world" else network.DNS_SEEN
    restored = Pods(drill.namespace, instance_labels(restored_name(args.name)))
    common = (names, Rule(peers=(Entity.API_SERVER,)), object_store(args))
    yield Policy(
        name=drill_name(args.name),
        namespace=drill.namespace,
        labels=args.labels,
        pods=runner_pods(args),
        ingress=(),
        egress=(*common, Rule(peers=(restored,), tcp=(POSTGRES_PORT,))),
    )
    yield Policy(
        name=restored_name(args.name),
        namespace=drill.namespace,
        labels=args.labels,
        pods=cluster_labels(restored_name(args.name)),
        ingress=(
            Rule(peers=(Pods(args.operator.namespace, OPERATOR_POD_LABELS),), tcp=(STATUS_PORT, POSTGRES_PORT)),
            Rule(peers=(Pods(drill.namespace, runner_pods(args)),), tcp=(POSTGRES_PORT,)),
        ),
        egress=common,
    )


def network_policies(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> dict[str, Manifest]:
    """The policies by name, in the dialect of the platform's CNI."""
    return {
        policy.name: network.render(policy, cni=args.platform.cni, cluster=args.platform.cluster)
        for policy in policies(args, drill)
    }
