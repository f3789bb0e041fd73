"""The Kubernetes objects around the operators that no chart of theirs brings: namespaces, budgets, network policies."""

from seawall.components.kubernetes import network
from seawall.components.kubernetes.budget import disruption_budget
from seawall.components.kubernetes.metadata import Manifest
from seawall.components.kubernetes.network import Entity, Pods, Policy, Rule
from seawall.components.operators.settings import CnpgOperator, DragonflyOperator
from seawall.components.platform import Platform
from seawall.operators import barman, cnpg, dragonfly

INSTANCES = {cnpg.POD_ROLE_LABEL: "instance"}
"""The PostgreSQL instances of every Cluster."""


def dragonfly_budget(operator: DragonflyOperator) -> Manifest:
    """One replica always stays: it leads, or takes over at once."""
    return disruption_budget(
        "dragonfly-operator", operator.namespace, pods=dragonfly.OPERATOR_POD_LABELS, min_available=1
    )


def cnpg_budget(operator: CnpgOperator) -> Manifest:
    """One replica always stays: without it the API server refuses every change of a Cluster, as its webhook is gone."""
    return disruption_budget("cloudnative-pg", operator.namespace, pods=cnpg.OPERATOR_POD_LABELS, min_available=1)


def barman_budget(operator: CnpgOperator) -> Manifest:
    """Only one may go at a time. There is only one, so a drain is never held up: backups wait until it is back."""
    return disruption_budget("barman-cloud", operator.namespace, pods=barman.POD_LABELS, max_unavailable=1)


def dragonfly_policy(operator: DragonflyOperator, platform: Platform, data: tuple[str, ...]) -> Manifest:
    """The Dragonfly operator: the scraper reaches it; it reaches the admin port of each Dragonfly in namespaces `data`.

    Whoever reaches the admin port can do anything without a password, so nobody else may take the operator's place.
    """
    port = dragonfly.OPERATOR_PROXY_PORT if operator.metrics_reader else dragonfly.OPERATOR_METRICS_PORT
    pods = tuple(Pods(namespace, dragonfly.COMMON_POD_LABELS) for namespace in data)
    return _rendered(
        Policy(
            name="dragonfly-operator-traffic",
            namespace=operator.namespace,
            pods=dragonfly.OPERATOR_POD_LABELS,
            ingress=(Rule(peers=(_scraper(platform),), tcp=(port,)),),
            egress=(network.DNS, Rule(peers=(Entity.API_SERVER,)), Rule(peers=pods, tcp=(dragonfly.ADMIN_PORT,))),
        ),
        platform,
    )


def cnpg_policy(operator: CnpgOperator, platform: Platform, data: tuple[str, ...]) -> Manifest:
    """The CloudNativePG operator: the API server calls its webhook; it asks the instances in `data`, and the plugin.

    Where the API server reaches pods through a tunnel (rke2, AKS, GKE), its calls come from a node's address. Without
    the nodes every write to a Cluster would be refused there; the webhook asks for TLS, and decides nothing by caller.
    """
    instances = tuple(Pods(namespace, INSTANCES) for namespace in data)
    return _rendered(
        Policy(
            name="cloudnative-pg-traffic",
            namespace=operator.namespace,
            pods=cnpg.OPERATOR_POD_LABELS,
            ingress=(
                Rule(peers=(Entity.API_SERVER, Entity.NODE, Entity.OTHER_NODES), tcp=(cnpg.OPERATOR_WEBHOOK_PORT,)),
                Rule(peers=(_scraper(platform),), tcp=(cnpg.OPERATOR_METRICS_PORT,)),
            ),
            egress=(
                network.DNS,
                Rule(peers=(Entity.API_SERVER,)),
                Rule(peers=instances, tcp=(cnpg.STATUS_PORT, cnpg.POSTGRES_PORT)),
                Rule(peers=(Pods(operator.namespace, barman.POD_LABELS),), tcp=(barman.PLUGIN_PORT,)),
            ),
        ),
        platform,
    )


def barman_policy(operator: CnpgOperator, platform: Platform) -> Manifest:
    """The barman plugin: only the operator calls it. What reaches the store are its sidecars in the instances' pods."""
    return _rendered(
        Policy(
            name="barman-cloud-traffic",
            namespace=operator.namespace,
            pods=barman.POD_LABELS,
            ingress=(Rule(peers=(Pods(operator.namespace, cnpg.OPERATOR_POD_LABELS),), tcp=(barman.PLUGIN_PORT,)),),
            egress=(network.DNS, Rule(peers=(Entity.API_SERVER,))),
        ),
        platform,
    )


def _scraper(platform: Platform) -> Pods:
    return Pods(platform.observability.namespace, platform.observability.scraper_labels)


def _rendered(policy: Policy, platform: Platform) -> Manifest:
    return network.render(policy, cni=platform.cni, cluster=platform.cluster)
