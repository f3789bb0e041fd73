"""docs/stories/STORY-DB-DRAGONFLY-OPERATOR-CLUSTER.md."""

from collections.abc import Iterator

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.settings import DragonflyClusterSettings, DragonflySettings
from seawall.operators.dragonfly import ADMIN_PORT, CLIENT_PORT, pod_labels
from seawall.pages import commands, markdown, stories
from seawall.pages.stacks import Stack, Stacks
from seawall.pages.traceability import link
from seawall.qa.gate.stories import STORIES
from seawall.qa.register import Register

TITLE = STORIES["dragonfly"].id
NAMESPACES = "dragonfly-allowed-namespaces"
"""The decision about who may connect."""


def page(stacks: Stacks, stack: Stack, register: Register) -> str:
    """The story, for the stack that makes the shared cache."""
    mine = stack.settings.dragonfly
    if mine is None:
        raise LookupError(f"the stack {stack.name} makes no Dragonfly")
    return stories.page(
        "dragonfly",
        TITLE,
        register,
        "The shared Dragonfly: what QA asks of the story, and where the answer is. Everything here is made from "
        f"`Pulumi.{stack.name}.yaml`.",
        "## Links",
        stories.links(stack, list(_links(mine))),
        "Connections of each client: [contracts](../contracts.md). Example for one tenant: "
        "[dragonfly-gitlab.yaml](../examples/dragonfly-gitlab.yaml). Procedures: [docs](../README.md#runbooks).",
        "## NetworkPolicy",
        _policy_intro(stack),
        *(part for name in mine.clusters for part in _policy(stack, name)),
        "## Who gets in",
        f"{_tests('DFLY-INT-010', 'DFLY-E2E-003')} On a real cluster, with this function:",
        markdown.block(commands.TRY, "sh"),
        *(part for name in mine.clusters for part in _walls(stacks, stack, mine, name, register)),
        "## Disruption, placement, readiness",
        _tests("DFLY-INT-004", "DFLY-INT-005", "DFLY-INT-007", "DFLY-E2E-005"),
        _drain(stack, mine),
        "## Metrics and alerts",
        _tests("DFLY-INT-008", "DFLY-E2E-001", "DFLY-E2E-004")
        + f" The scraper reads `/metrics` on port {ADMIN_PORT} of each pod. The alerts of the first instance; "
        "the others have the same, for their own series:",
        stories.alerts(stack, next(iter(mine.clusters))),
        "## Latency",
        _latency(register),
    )


def _links(mine: DragonflySettings) -> Iterator[tuple[str, str, str, str]]:
    first = next(iter(mine.clusters))
    folder = "kubernetes/workloads/platform/databases/dragonfly"
    yield f"`{folder}/networkpolicy.yaml`", f"`CiliumNetworkPolicy/{first}-traffic`", "DragonflyCluster", "dragonfly"
    yield f"`{folder}/dragonfly-pdb.yaml`", f"`Dragonfly/{first}`, `spec.pdb`", "DragonflyCluster", "dragonfly"
    yield (
        f"`{folder}/dragonfly.yaml`: placement, security contexts",
        f"`Dragonfly/{first}`, `spec.affinity`, `spec.podSecurityContext`, `spec.containerSecurityContext`",
        "DragonflyCluster",
        "dragonfly",
    )
    yield (
        "`kubernetes/bases/dragonfly-operator/operator/helmrelease.yaml`: the operator's budget",
        "`PodDisruptionBudget/dragonfly-operator`",
        "Operators",
        "operators",
    )


def _tests(*names: str) -> str:
    return "Tests " + ", ".join(link(name, stories.TRACEABILITY) for name in names) + "."


def _policy_intro(stack: Stack) -> str:
    return (
        f"Default deny both ways. Port {CLIENT_PORT} is for the declared clients. Port {ADMIN_PORT} takes no password, "
        "so it is open to the operator, the instance's own pods and exactly the scraper's pods, which may only read "
        f"the metrics. Written for `cni: {stack.settings.platform.cni}` {stack.settings.platform.cni_version}, with "
        "the cluster of every peer named."
    )


def _policy(stack: Stack, name: str) -> Iterator[str]:
    kind = "CiliumNetworkPolicy" if stack.settings.platform.cni == "cilium" else "NetworkPolicy"
    yield f"### {name}"
    yield stories.shown(stack, kind, f"{name}-traffic")


def _walls(stacks: Stacks, stack: Stack, mine: DragonflySettings, name: str, register: Register) -> Iterator[str]:
    instance, here = mine.clusters[name], stack.settings.platform.cluster
    known = commands.contexts(stacks)
    host = _host(stack, mine, name, instance)
    clients = stories.by_cluster(instance.clients, here)
    peers = stack.settings.platform.peers
    others = [stories.by_cluster(it.clients, here) for it in mine.clusters.values()]
    undecided = dict.fromkeys(peers, register.decisions[NAMESPACES].asked_also)
    yield f"### {name}"
    yield f"Port {CLIENT_PORT}:"
    yield stories.walls(
        clients, stories.strangers(clients, [*others, undecided], [here, *peers]), host, CLIENT_PORT, known
    )
    cluster, namespaces = next(iter(clients.items()))
    pod = f"kubectl --context={commands.context(here, known)} -n {mine.namespace} get pod {name}-0"
    address = f"\"$({pod} -o jsonpath='{{.status.podIP}}')\""
    yield f"Port {ADMIN_PORT} is in no Service; not even a client may reach it on a pod:"
    yield stories.walls({}, {cluster: namespaces[:1]}, address, ADMIN_PORT, known)


def _host(stack: Stack, mine: DragonflySettings, name: str, instance: DragonflyClusterSettings) -> str:
    platform, operator = stack.settings.platform, stack.settings.operators.dragonfly
    return DragonflyClusterArgs(
        name=name, namespace=mine.namespace, settings=instance, platform=platform, operator=operator
    ).host


def _drain(stack: Stack, mine: DragonflySettings) -> str:
    where = f"kubectl --context={stack.settings.platform.context} -n {mine.namespace}"
    lines: list[str] = []
    for name, instance in mine.clusters.items():
        pods = ",".join(f"{key}={value}" for key, value in pod_labels(name).items())
        lines += [
            f"# {name}: {instance.replicas} pods, each on another node, {instance.budget} of them always available",
            f"{where} get dragonfly {name} -o jsonpath='{{.status.phase}}'  # Ready",
            f"{where} get pods -l {pods} -o wide",
            f"{where} get pdb {name} -o jsonpath='{{.spec.minAvailable}}'  # {instance.budget}, and no other budget",
        ]
    node = "kubectl --context=" + stack.settings.platform.context
    lines += [
        "# one node after the other, and between them until every pod is ready again",
        f"{node} drain NODE --ignore-daemonsets --delete-emptydir-data",
        f"{node} uncordon NODE",
    ]
    return markdown.block("\n".join(lines), "sh")


def _latency(register: Register) -> str:
    slo = register.risks["DFLY-PERF-001"].slo
    limits = (
        f"The 95th percentile should stay under {slo.p95_intra_cluster_ms} ms inside the cluster and "
        f"{slo.p95_cross_cluster_ms} ms from the other one" + ("; missing it blocks nothing." if slo.advisory else ".")
        if slo
        else ""
    )
    return (
        f"{_tests('DFLY-E2E-002')} {limits} It is measured from the client's side, because the server has no histogram "
        "by command."
    )
