"""What the clients' namespaces need to reach the producer's pods, and nothing that they reach already is cut."""

from seawall.components.consumers.args import SharedServiceConsumerArgs
from seawall.components.kubernetes import network
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Pods, Policy, Rule
from seawall.components.probes.latency import PROBE

NAME_LABEL = "app.kubernetes.io/name"


def client_egress(args: SharedServiceConsumerArgs, namespace: str) -> Manifest:
    """Egress of every application's pod of a client namespace to exactly the pods of its services, and to name service.

    The namespace belongs to its applications. Any policy with egress rules would switch the default deny on for all
    their pods and cut whatever no policy of theirs lists; `enableDefaultDeny` keeps it as it is: where the namespace
    denies by default this opens the services, elsewhere it changes nothing. The wall is the producer's ingress.

    Our own probe's pods are left out: each has a policy of its own that opens the one instance it measures, and what
    is allowed by two policies adds up.
    """
    policy = Policy(
        name=args.object_name,
        namespace=namespace,
        labels=args.labels,
        pods={},
        ingress=(),
        egress=(
            network.DNS,
            *(
                Rule(peers=(Pods(service.namespace, service.pods, cluster=args.producer),), tcp=(service.port,))
                for service in args.clients[namespace]
            ),
        ),
    )
    manifest = network.render(policy, cni=args.platform.cni, cluster=args.platform.cluster)
    spec = manifest["spec"]
    return {
        **manifest,
        "spec": {
            "endpointSelector": {"matchExpressions": [{"key": NAME_LABEL, "operator": "NotIn", "values": [PROBE]}]},
            "enableDefaultDeny": {"egress": False, "ingress": False},
            "egress": spec["egress"],
        },
    }
