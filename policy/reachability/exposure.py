"""What is wrong with who can open protected pods, from their matrix: isolation that is missing, peers that nobody
declared, and those who need a port and are shut out."""

from collections.abc import Iterator

from seawall.operators.annotations import THIS_CLUSTER
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Violation
from seawall.policy.reachability.cilium_ports import RefusedError
from seawall.policy.reachability.clauses import Kind, Peer, Rule
from seawall.policy.reachability.decision import Cell, Effect, egress_open
from seawall.policy.reachability.expectations import Protected, Role
from seawall.policy.reachability.matrix import Matrix
from seawall.policy.reachability.scope import Scope

_WIDE = ("all", "world", "world-ipv4", "world-ipv6", "cluster")
"""Entities that mean any pod, or the world."""


def too_wide(matrix: Matrix) -> Iterator[Violation]:
    """Rules that admit others than those who are declared, each with the ports of it. The pods must be isolated."""
    case = matrix.protected
    for rule in matrix.rules:
        for peer in () if rule.denies else rule.peers:
            by_reason: dict[str, list[int]] = {}
            for port in case.ports:
                reason = _objection(case, peer, port.number) if matrix.is_about(rule, port.number) else None
                if reason is not None and matrix.opened_by(rule, peer, port.number):
                    by_reason.setdefault(reason, []).append(port.number)
            for reason, ports in by_reason.items():
                yield _violation(case, rule, peer, sorted(ports), reason)


def _violation(case: Protected, rule: Rule, peer: Peer, ports: list[int], reason: str) -> Violation:
    made = rule.policy.projected
    return Violation(
        f"{rule.title}{' (made by the operator)' if made else ''} admits {peer.title} to {listed(ports)}: {reason}",
        _mend(case, rule, ports),
        () if made else peer.path,
        None if made else rule.policy,
        {"ports": listed(ports), "admitted": peer.title},
        key=f"{peer.title} {listed(ports)}",
    )


def _objection(case: Protected, peer: Peer, port: int) -> str | None:
    """Why a peer may not open a port, None when it may."""
    if case.clients is None and port not in case.judged:
        return None
    asked = peer.scope
    entity = peer.entity or asked.reserved
    if peer.anyone or peer.everywhere or entity in _WIDE or (peer.kind is Kind.PODS and _everything(asked)):
        return "that is everybody"
    if peer.kind is not Kind.PODS or entity:
        return _no_pods(case, port, entity)
    if asked.every_namespace:
        which = "every" if asked.namespace_selector.everything else "every other"
        return f"that is pods of {which} namespace, and whoever may create a pod may give it these labels"
    if asked.every_cluster:
        return "that is pods of every cluster of the mesh"
    if asked.clusters is None and case.intent.cni == "cilium" and not peer.local:
        version = case.platform.version or "(version not declared)"
        return f"no cluster is named, and Cilium {version} lets such a selector match every cluster of the mesh"
    return _of_pods(case, asked, port)


def _everything(asked: Scope) -> bool:
    return asked.namespaces is None and asked.namespace_selector.everything and asked.pods.everything


def _no_pods(case: Protected, port: int, entity: str) -> str | None:
    if port not in case.client_ports:
        return f"{case.private[port]}; {_strangers(case)}"
    if case.clients is None or entity == "host":  # its own node gets in whatever a policy says
        return None
    return "that is no pod of a declared client"


def _of_pods(case: Protected, asked: Scope, port: int) -> str | None:
    """The objection to pods of named namespaces, or of namespaces with labels."""
    client = port in case.client_ports
    if client and case.clients is None:
        return None
    if asked.namespaces is None:
        what = "the clients are declared by name" if client else case.private[port]
        return f"whoever may label a namespace gets in; {what}"
    clusters = [None] if asked.clusters is None else [case.cluster_key(name) for name in sorted(asked.clusters)]
    strangers = [
        (namespace, cluster)
        for cluster in clusters
        for namespace in sorted(asked.namespaces)
        if case.role_of(asked, namespace, cluster, port) is None
    ]
    if not strangers or (port == case.metrics_port and _may_be_scraper(case, asked)):
        return None
    if client:
        named = ", ".join(_place(case, asked, *stranger) for stranger in strangers)
        return f"not among the declared clients: {named}"
    if asked.pods.everything:
        return f"{case.private[port]}; that is a whole namespace"
    if any(cluster is not None for _, cluster in strangers) and case.intent.cluster is not None:
        return f"{case.private[port]}; that is another cluster"
    return f"{case.private[port]}; {_strangers(case)}"


def _place(case: Protected, asked: Scope, namespace: str, cluster: str | None) -> str:
    if asked.clusters is None:
        return namespace
    return f"{namespace} of cluster {cluster or case.platform.cluster or THIS_CLUSTER}"


def _may_be_scraper(case: Protected, asked: Scope) -> bool:
    """Without a declared scraper: exact pods of a named namespace that is no client's."""
    if case.intent.scraper is not None or asked.namespaces is None or not asked.pods.exact:
        return False
    return not any(asked.namespaces & names for names in (case.clients or {}).values())


def _strangers(case: Protected) -> str:
    scraper = "the declared scraper" if case.intent.scraper is not None else "exact scraper pods"
    return f"that is neither the operator, nor these pods, nor {scraper}"


def _mend(case: Protected, rule: Rule, ports: list[int]) -> str:
    if rule.policy.projected:
        return "Set spec.networkPolicyEnabled: false and write a policy of your own; policies only ever add up."
    private = [port for port in ports if port not in case.client_ports]
    if private:
        who = [role.title for role in case.roles if role.may & set(private) and role.labels is not None]
        if case.intent.scraper is None and case.metrics_port in private:
            who.append("exact scraper pods")
        return (
            f"Admit to {listed(private)} only {', '.join(dict.fromkeys(who))}, each with namespace and pod labels in "
            "one peer."
        )
    if case.clients is None:
        return "Name the client namespaces (kubernetes.io/metadata.name), one peer each."
    names = ", ".join(
        f"{namespace} ({cluster or THIS_CLUSTER})"
        for cluster, namespaces in sorted(case.clients.items(), key=lambda pair: pair[0] or "")
        for namespace in sorted(namespaces)
    )
    if not names and case.thing.group_kind != DRAGONFLY:
        return "Admit only the operator, the instances, the poolers and the scraper; applications come by a pooler."
    return f"Admit only the declared clients by name: {names or 'none are declared'}."


def shut_out(matrix: Matrix) -> Iterator[Violation]:
    """Those who need a port and do not get in: an outage, or policies that will be opened in a hurry."""
    case = matrix.protected
    names = ", ".join(dict.fromkeys(ground.policy.title for ground in matrix.side.isolating))
    for role in case.roles:
        closed: dict[int, Cell] = {}
        for port in sorted(role.must):
            cells = [matrix.into(source.party, port) for source in matrix.sources_of(role)]
            if all(cell.open is False for cell in cells):
                closed[port] = cells[0]
        denied = {port: cell for port, cell in closed.items() if cell.by and cell.by[0].effect is Effect.DENIES}
        for port, cell in denied.items():
            yield Violation(
                f"{cell.by[0].rule.title if cell.by[0].rule else cell.by[0].policy.title} denies {_named(role)} "
                f"{port}{_harm(role)}",
                f"Take {_named(role)} out of what is denied.",
                cell.by[0].path,
                cell.by[0].policy,
                key=f"{role.title} {port}",
            )
        ports = [port for port in closed if port not in denied]
        if ports:
            yield Violation(
                f"no policy ({names}) admits {_named(role)} to {listed(ports)}{_harm(role)}",
                _admit(case, role, ports),
                key=f"{role.title} {listed(ports)}",
            )


def locked_in(matrix: Matrix) -> Iterator[Violation]:
    """Those who need a port, and whose own side does not let them out to it. The operator's side is not looked at.

    Raises `CannotEvaluateError` at the end when a part of a policy that could not be read may decide.
    """
    case = matrix.protected
    unread: CannotEvaluateError | None = None
    for role in case.roles:
        if role.cluster is not None or (role.pods is None and role.labels is not None):
            continue
        cells = [(port, _out(matrix, role, port)) for port in sorted(role.must)]
        cut = [(port, cell) for port, cell in cells if cell.open is False]
        unread = unread or next((cell.doubt for _, cell in cells if cell.doubt is not None), None)
        if not cut:
            continue
        ports, ground = [port for port, _ in cut], cut[0][1].by[0]
        policies = ", ".join(dict.fromkeys(it.policy.title for _, cell in cut for it in cell.by))
        denies = ground.effect is Effect.DENIES
        yield Violation(
            f"{_named(role)} cannot reach {listed(ports)} from its own side: {policies} "
            f"{'denies it' if denies else 'isolates it for egress and allows no such connection'}{_harm(role)}",
            f"Allow egress to {listed(ports)} of these pods for {_named(role)}.",
            ground.path,
            ground.policy,
            key=f"{role.title} {listed(ports)}",
        )
    if unread is not None:
        raise unread.with_traceback(None)


def _out(matrix: Matrix, role: Role, port: int) -> Cell:
    case = matrix.protected
    return egress_open(matrix.policies, role.endpoint(), case.target, case.port(port))


def _named(role: Role) -> str:
    """A role for a person, with where it is when its title does not say that."""
    if role.labels is None:
        return f"{role.title} (cluster {role.cluster or THIS_CLUSTER})"
    return f"{role.title} (namespace {role.namespace})" if role.pods is None else role.title


def _harm(role: Role) -> str:
    return f": {role.harm}" if role.harm else ""


def _admit(case: Protected, role: Role, ports: list[int]) -> str:
    if role.labels is None:
        return f"Admit namespace {role.namespace} to {listed(ports)}, or take it out of the declared clients."
    labels = ", ".join(f"{key}={value}" for mark in (role.marks or (role.labels,))[:1] for key, value in mark.items())
    return f"Admit pods with {labels} of namespace {role.namespace} to {listed(ports)}."


def refused(matrix: Matrix) -> Iterator[Violation]:
    """Policies about the pods that Cilium does not accept."""
    seen: set[object] = set()
    for subject, _ in matrix.side.selecting:
        problem = subject.unread
        if isinstance(problem, RefusedError) and subject.policy not in seen:
            seen.add(subject.policy)
            yield Violation(
                f"{problem.why}, so nothing of {subject.policy.title} is enforced, and it is about these pods",
                "Correct the policy; its status says the same once it is applied.",
                problem.path,
                subject.policy,
            )


def listed(numbers: list[int]) -> str:
    """Numbers for a person: `6379 and 9999`."""
    words = [str(number) for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
