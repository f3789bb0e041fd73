"""Settings of the platform that everything runs on: the cluster, its network, nodes, secret store and scraper."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import (
    ByteQuantity,
    Count,
    CpuQuantity,
    DnsLabel,
    DnsName,
    Flag,
    HttpsAddress,
    LabelValue,
    Namespace,
    PodLabelKey,
    Text,
    Version,
    local_clients,
    quantity_bytes,
    quantity_cores,
    remote_clients,
)
from seawall.components.problems import nearest
from seawall.operators import annotations
from seawall.operators.annotations import THIS_CLUSTER


class Amounts(Settings):
    """CPU and memory of one container."""

    cpu: CpuQuantity = Field(description="CPU cores, like 500m or 2")
    memory: ByteQuantity = Field(description="Memory, like 512Mi or 2Gi")


class Resources(Settings):
    """What a container asks for and what it may take at most."""

    requests: Amounts = Field(description="What the scheduler keeps free for it")
    limits: Amounts = Field(description="What it may take at most; above the memory limit it is killed")

    @rule
    def _requests_fit(self) -> Iterator[Problem]:
        if quantity_cores(self.requests.cpu) > quantity_cores(self.limits.cpu):
            yield Problem(("requests", "cpu"), f"must be at most the limit {self.limits.cpu}", self.requests.cpu)
        if quantity_bytes(self.requests.memory) > quantity_bytes(self.limits.memory):
            yield Problem(
                ("requests", "memory"), f"must be at most the limit {self.limits.memory}", self.requests.memory
            )

    def manifest(self) -> dict[str, dict[str, str]]:
        """The `resources` of a container."""
        return self.model_dump()


class Nodes(Settings):
    """The nodes that data may be placed on."""

    count: Count = Field(description="Nodes that take data pods; one data pod of a cluster per node, so no fewer")
    zones: tuple[LabelValue, ...] = Field(
        default=(),
        description="Zones that the nodes are labelled with; empty when they carry no zone label (one rack), and then "
        "nothing is spread over zones",
    )

    @rule
    def _zones_have_nodes(self) -> Iterator[Problem]:
        if len(set(self.zones)) < len(self.zones):
            yield Problem(("zones",), "must name each zone once", ", ".join(self.zones))
        if len(self.zones) > self.count:
            yield Problem(("zones",), f"must be at most as many as the {self.count} nodes", ", ".join(self.zones))


class SecretStore(Settings):
    """Where the External Secrets operator reads secrets from."""

    kind: Literal["ClusterSecretStore", "SecretStore"] = Field(description="Kind of the store object")
    name: DnsName = Field(description="Name of the store object")

    @property
    def reference(self) -> tuple[str, str]:
        """Kind and name, as an ExternalSecret refers to it."""
        return self.kind, self.name


class CertManager(Settings):
    """cert-manager, which the barman plugin needs for its certificates."""

    present: Flag = Field(description="Whether cert-manager runs on the cluster")


OF_MANY_PODS = frozenset(
    {
        "app.kubernetes.io/created-by",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/part-of",
        "app.kubernetes.io/version",
        "controller-revision-hash",
        "heritage",
        "kubernetes.io/metadata.name",
        "pod-template-generation",
        "pod-template-hash",
        "release",
    }
)
"""Labels by which tools mark everything that they make, or whose value changes with every rollout; and the label of
namespaces, which pods do not carry."""

OF_PLACES = ("kubernetes.io/", "node.kubernetes.io/", "topology.kubernetes.io/")
"""Prefixes of labels that say where a pod is."""


class Observability(Settings):
    """The pods that read the metrics; nobody else is let in to the metrics ports."""

    namespace: Namespace = Field(description="Namespace of the scraper")
    scraper_labels: Annotated[dict[PodLabelKey, LabelValue], Field(min_length=1)] = Field(
        description="Labels of exactly the scraper's pods: Dragonfly's metrics port is also its admin port, without a "
        "password, so never a whole namespace"
    )
    runbooks: HttpsAddress | None = Field(
        default=None,
        description="Where the runbook pages are published: an https address without a slash at the end, to which "
        "`/<AlertName>.md` is added in every alert. Without it alerts name the page in the repository, "
        "`docs/runbooks/<AlertName>.md`",
    )

    RISKS: ClassVar[Mapping[str, str]] = {"scraper_labels": "DFLY-SEC-001"}

    @rule
    def _labels_tell_the_scraper_from_others(self) -> Iterator[Problem]:
        if self.scraper_labels and all(key in OF_MANY_PODS or key.startswith(OF_PLACES) for key in self.scraper_labels):
            yield Problem(
                ("scraper_labels",),
                "must hold a label that only the scraper's pods carry, like app.kubernetes.io/name: these say who made "
                "a pod or where it is, and many pods carry them",
                dict(self.scraper_labels),
                "DFLY-SEC-001",
            )


class Platform(Settings):
    """The cluster that the stack is for, and what is there already."""

    cluster: DnsLabel = Field(description="Name of the cluster in the mesh (Cilium's cluster-name)")
    context: Text = Field(
        description="The kubeconfig context to deploy to; always said, so that no ambient context is ever used"
    )
    peers: tuple[DnsLabel, ...] = Field(default=(), description="Names of the other clusters of the mesh")
    cni: Literal["cilium", "generic"] = Field(
        description="The dialect of network policies: `cilium` (CiliumNetworkPolicy, clusters named) or `generic` "
        "(NetworkPolicy; no clients in other clusters)"
    )
    cni_version: Version = Field(description="Version of the CNI, like 1.18, in quotes")
    nodes: Nodes = Field(description="The nodes that data may be placed on")
    secret_store: SecretStore = Field(description="Where secrets come from; settings hold references only")
    cert_manager: CertManager = Field(
        default=CertManager(present=False),
        description="cert-manager, which the barman plugin needs: only where the stack has `cnpg`",
    )
    observability: Observability = Field(description="The pods that read the metrics")
    simulated: Flag = Field(
        default=False,
        description="Whether nothing really runs on the nodes, as in the sandbox: readiness, which no simulated pod "
        "ever reports, is not awaited then",
    )

    def awaited(self, annotation: Mapping[str, str]) -> Mapping[str, str]:
        """The annotation that makes Pulumi await readiness; none where nothing can become ready."""
        return {} if self.simulated else annotation

    @rule
    def _peers_are_others(self) -> Iterator[Problem]:
        if len(set(self.peers)) < len(self.peers):
            yield Problem(("peers",), "must name each cluster once", ", ".join(self.peers))
        for index, peer in enumerate(self.peers):
            if peer in (THIS_CLUSTER, self.cluster):
                yield Problem(("peers", index), f"must be another cluster than this one ({self.cluster})", peer)

    @rule
    def _only_a_mesh_has_peers(self) -> Iterator[Problem]:
        if self.peers and self.cni != "cilium":
            yield Problem(
                ("peers",), "must be empty with `cni: generic`: only a Cilium mesh has peers", list(self.peers)
            )

    def intent(self, *, operator_namespace: str, operator_version: str) -> dict[str, str]:
        """Annotations by which an object says where it is, who reconciles it and who scrapes it."""
        return {
            annotations.PLATFORM: annotations.platform(
                cluster=self.cluster, cni=self.cni, cni_version=self.cni_version
            ),
            annotations.OPERATOR: annotations.operator(
                namespace=operator_namespace, version=operator_version.removeprefix("v")
            ),
            annotations.SCRAPER: annotations.scraper(
                namespace=self.observability.namespace, labels=self.observability.scraper_labels
            ),
        }


def client_problems(
    path: tuple[str | int, ...], clients: Mapping[str, tuple[str, ...]], platform: Platform, risk: str | None
) -> Iterator[Problem]:
    """Clients in other clusters need a mesh, and a cluster of it that the platform knows."""
    for cluster in remote_clients(clients):
        here = (*path, cluster)
        if cluster == platform.cluster:
            yield Problem(here, "is this very cluster: write `this`", risk=risk)
        elif platform.cni != "cilium":
            yield Problem(here, "must be `this`: with `cni: generic` no policy can name another cluster", risk=risk)
        elif cluster not in platform.peers:
            meant = nearest(cluster, platform.peers)
            known = ", ".join(platform.peers) or "none"
            hint = f"; did you mean `{meant}`?" if meant else ""
            yield Problem(here, f"must be `this` or one of platform.peers ({known}){hint}", risk=risk)


def taken_problems(
    path: tuple[str | int, ...], clients: Mapping[str, tuple[str, ...]], taken: Mapping[str, str], risk: str | None
) -> Iterator[Problem]:
    """Clients on this cluster must not be in namespaces that have another purpose; `taken`: namespace → its purpose.

    A policy admits whole namespaces: whoever may start a pod where the data, an operator or the scraper lives would be
    a client of every service that lists it.
    """
    for name in local_clients(clients):
        if name in taken:
            yield Problem(
                (*path, THIS_CLUSTER),
                f"must not be {taken[name]}: whoever may start a pod there would be a client; applications have "
                "namespaces of their own",
                name,
                risk,
            )


def node_problems(path: tuple[str | int, ...], pods: int, platform: Platform, risk: str | None) -> Iterator[Problem]:
    """Every pod has a node of its own, so there must be as many nodes."""
    if pods > platform.nodes.count:
        yield Problem(
            path,
            f"must be at most platform.nodes.count ({platform.nodes.count}): each pod has a node of its own, and one "
            "without a node stays Pending",
            pods,
            risk,
        )
