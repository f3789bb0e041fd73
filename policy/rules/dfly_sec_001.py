"""DFLY-SEC-001: a cache that more can open than was declared."""

from collections.abc import Iterator
from dataclasses import dataclass

from seawall.operators import dragonfly as facts
from seawall.operators.annotations import THIS_CLUSTER
from seawall.policy.estate.intent import Intent, intent_of
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import ContainerPort, Estate, KubeObject, Operator, PodSet
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.admissions import Admission, Ingress, ingress
from seawall.policy.reachability.peers import Peer


@dataclass(frozen=True)
class _Case:
    """One Dragonfly with all that its policies are judged by."""

    dragonfly: KubeObject
    pods: PodSet
    intent: Intent
    operator: Operator
    ingress: Ingress

    def is_self(self, peer: Peer) -> bool:
        """Whether the peer is this Dragonfly's own pods and no others."""
        return peer.only_namespace(self.pods.namespace) and peer.pods.demands({"app": self.dragonfly.name})

    def is_operator(self, peer: Peer) -> bool:
        """Whether the peer is the operator's pods; where its namespace is assumed only, those of any one namespace."""
        one = peer.namespaces is not None and len(peer.namespaces) == 1
        if not (one if self.operator.assumed else peer.only_namespace(self.operator.namespace)):
            return False
        return peer.pods.demands(facts.OPERATOR_POD_LABELS) or peer.pods.demands(facts.OPERATOR_CHART_LABELS)

    def is_scraper(self, peer: Peer) -> bool:
        """Whether the peer is the declared scraper; without a declaration: exact pods of a named namespace."""
        scraper = self.intent.scraper
        if scraper is not None:
            return peer.only_namespace(scraper.namespace) and peer.pods.demands(scraper.labels)
        if peer.namespaces is None or not peer.pods.exact:
            return False
        return self.intent.clients is None or not any(peer.namespaces & c for c in self.intent.clients.values())


def check(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly whose pods are not isolated, or whose policies admit others than those it declares."""
    pods = next(iter(estate.pods_of(dragonfly)))
    case = _Case(dragonfly, pods, intent_of(dragonfly), estate.operator_of(dragonfly), ingress(pods, estate))
    if not case.ingress.isolating:
        yield _not_isolated(case, estate)
        return
    for admission in case.ingress.admissions:
        for peer in admission.peers:
            yield from _judge(case, admission, peer)
    yield from _missing(case)


def _not_isolated(case: _Case, estate: Estate) -> Violation:
    ports = _listed([port.number for port in case.pods.ports])
    off = not case.dragonfly.at("spec", "networkPolicyEnabled").boolean(default=True)
    if off:
        reason = "spec.networkPolicyEnabled is false and no policy of the namespace selects them"
    else:
        reason = f"operator {case.operator.version} makes no NetworkPolicy and none of the namespace selects them"
    labels = ", ".join(f"{key}={value}" for key, value in facts.pod_labels(case.dragonfly.name).items())
    return Violation(
        f"every pod of the cluster may open {ports} of its {case.pods.count} pods, {facts.ADMIN_PORT} without a "
        f"password: {reason}",
        f"Add a policy in namespace {case.pods.namespace} that selects {labels} and admits only declared clients to "
        f"{facts.CLIENT_PORT}, the operator, the pods themselves and the exact scraper to {facts.ADMIN_PORT}.",
        ("spec", "networkPolicyEnabled") if off else (),
    )


def _judge(case: _Case, admission: Admission, peer: Peer) -> Iterator[Violation]:
    """One peer of one rule: the ports that it may not have been admitted to, by reason."""
    by_reason: dict[str, list[int]] = {}
    for port in case.pods.ports:
        if admission.admits(port):
            reason = _objection(case, peer, port)
            if reason is not None:
                by_reason.setdefault(reason, []).append(port.number)
    for reason, numbers in by_reason.items():
        yield Violation(
            f"{admission.title}{_made(admission)} admits {peer.title} to {_listed(numbers)}: {reason}",
            _mend(case, admission, numbers),
            () if admission.policy.projected else peer.path,
            None if admission.policy.projected else admission.policy,
            {"ports": _listed(numbers), "admitted": peer.title},
        )


def _objection(case: _Case, peer: Peer, port: ContainerPort) -> str | None:
    """Why a peer may not open a port, None when it may."""
    if peer.everyone:
        return "that is everybody"
    if peer.every_namespace:
        which = "every" if peer.namespace_selector.everything else "every other"
        return f"that is pods of {which} namespace, and whoever may create a pod may give it these labels"
    if peer.every_cluster:
        return "that is pods of every cluster of the mesh"
    if peer.address is None and peer.clusters is None and case.intent.mesh_wide_selectors:
        return (
            f"no cluster is named, and Cilium {case.intent.cni_version} lets such a selector match every cluster of "
            "the mesh"
        )
    return _admin_objection(case, peer) if port.number == facts.ADMIN_PORT else _client_objection(case, peer)


def _admin_objection(case: _Case, peer: Peer) -> str | None:
    away = peer.clusters is not None and case.intent.cluster is not None and peer.clusters != {case.intent.cluster}
    if not away and (case.is_self(peer) or case.is_operator(peer) or case.is_scraper(peer)):
        return None
    what = f"{facts.ADMIN_PORT} needs no password and can write, flush and re-parent"
    if peer.address is None and peer.pods.everything:
        return f"{what}; that is a whole namespace"
    if away:
        return f"{what}; that is another cluster"
    scraper = "the declared scraper" if case.intent.scraper is not None else "exact scraper pods"
    return f"{what}; that is neither the operator, nor these pods, nor {scraper}"


def _client_objection(case: _Case, peer: Peer) -> str | None:
    if case.is_self(peer):
        return None
    if peer.address is not None:
        return "that is no pod of a declared client"
    if case.intent.clients is None:
        return None
    if peer.namespaces is None:
        return "whoever may label a namespace gets in; the clients are declared by name"
    clusters = peer.clusters if peer.clusters is not None else {case.intent.cluster or THIS_CLUSTER}
    undeclared = [
        f"{namespace} of cluster {cluster}" if peer.clusters is not None else namespace
        for cluster in sorted(clusters)
        for namespace in sorted(peer.namespaces - case.intent.declared_in(cluster))
    ]
    return f"not among the declared clients: {', '.join(undeclared)}" if undeclared else None


def _missing(case: _Case) -> Iterator[Violation]:
    """Those who must get in and do not: the policies are then an outage, or will be opened in a hurry."""
    admin = [p for a in case.ingress.admissions if _covers(case, a, facts.ADMIN_PORT) for p in a.peers]
    client = [p for a in case.ingress.admissions if _covers(case, a, facts.CLIENT_PORT) for p in a.peers]
    policies = ", ".join(policy.title for policy in case.ingress.isolating)
    if not any(peer.everyone or peer.every_namespace or case.is_operator(peer) for peer in admin):
        yield Violation(
            f"no policy ({policies}) admits the operator (namespace {case.operator.namespace}) to {facts.ADMIN_PORT}: "
            "no pod becomes master and the Service has no endpoints",
            f"Admit pods with control-plane=controller-manager of namespace {case.operator.namespace} to "
            f"{facts.ADMIN_PORT}.",
        )
    if case.pods.count > 1 and not any(_admits_self(case, peer) for peer in admin):
        yield Violation(
            f"no policy ({policies}) admits its own {case.pods.count} pods to {facts.ADMIN_PORT}: replicas never sync",
            f"Admit pods with app={case.dragonfly.name} of namespace {case.pods.namespace} to {facts.ADMIN_PORT}.",
        )
    for cluster, namespaces in sorted((case.intent.clients or {}).items()):
        for namespace in sorted(namespaces):
            if not any(_admits_client(case, peer, cluster, namespace) for peer in client):
                yield Violation(
                    f"no policy ({policies}) admits the declared client {namespace} (cluster {cluster}) to "
                    f"{facts.CLIENT_PORT}",
                    f"Admit namespace {namespace} to {facts.CLIENT_PORT}, or take it out of the declared clients.",
                )


def _covers(case: _Case, admission: Admission, number: int) -> bool:
    return any(admission.admits(port) for port in case.pods.ports if port.number == number)


def _admits_self(case: _Case, peer: Peer) -> bool:
    if peer.everyone:
        return True
    in_namespace = peer.namespaces is None or case.pods.namespace in peer.namespaces
    return peer.address is None and in_namespace and peer.pods.matches(case.pods.labels)


def _admits_client(case: _Case, peer: Peer, cluster: str, namespace: str) -> bool:
    if peer.everyone:
        return True
    if peer.address is not None or (peer.namespaces is not None and namespace not in peer.namespaces):
        return False
    if peer.clusters is None:
        return cluster == THIS_CLUSTER or case.intent.mesh_wide_selectors
    if cluster == THIS_CLUSTER:
        own = case.intent.cluster
        return own in peer.clusters if own is not None else bool(peer.clusters - set(case.intent.clients or {}))
    return cluster in peer.clusters


def _made(admission: Admission) -> str:
    return " (made by the operator)" if admission.policy.projected else ""


def _mend(case: _Case, admission: Admission, ports: list[int]) -> str:
    if admission.policy.projected:
        return "Set spec.networkPolicyEnabled: false and write a policy of your own; policies only ever add up."
    if facts.ADMIN_PORT in ports:
        return (
            f"Admit to {facts.ADMIN_PORT} only the operator's pods, the pods of {case.dragonfly.name} and the exact "
            "scraper pods, each with namespace and pod labels in one peer."
        )
    declared = case.intent.clients
    if declared is None:
        return "Name the client namespaces (kubernetes.io/metadata.name), one peer each."
    names = ", ".join(f"{n} ({cluster})" for cluster, ns in sorted(declared.items()) for n in sorted(ns))
    return f"Admit only the declared clients by name: {names or 'none are declared'}."


def _listed(numbers: list[int]) -> str:
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


RULE = Rule(
    id="DFLY-SEC-001",
    risks=("DFLY-SEC-001",),
    title="Only declared clients can open the cache",
    score=6,
    why=(
        "Pods accept connections from everywhere unless a policy isolates them, policies only ever add up, and the "
        "operator writes one of its own, by its version. The admin port 9999 needs no password."
    ),
    mend=(
        "Isolate the pods; admit declared client namespaces to 6379 and, to 9999, only the operator, the pods "
        "themselves and the exact scraper."
    ),
    kinds=(DRAGONFLY,),
    together=(check,),
)
