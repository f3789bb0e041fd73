"""What pods of PostgreSQL must reach, where their egress is isolated: the API server, DNS and their object store."""

import re
from collections.abc import Iterator

from seawall.policy.estate.backups.archives import Store, archives_of
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Violation
from seawall.policy.reachability.cilium_ports import RefusedError
from seawall.policy.reachability.clauses import Direction
from seawall.policy.reachability.decision import egress_open
from seawall.policy.reachability.matrix import Matrix
from seawall.policy.reachability.parties import Endpoint, Entity, Name, Party, Port

_HTTPS = 443
API_PORTS = (6443, 443)
"""Policies see the API server's own port or its Service's, by the CNI."""
_OWN_NODE = Entity("host")
_DNS: tuple[tuple[Party, Port], ...] = tuple(
    (party, Port(number, protocol))
    for party, number in (
        (Endpoint("kube-system"), 53),
        (Endpoint("openshift-dns"), 5353),
        (Entity("world"), 53),
        (_OWN_NODE, 53),
        (Entity("remote-node"), 53),
    )
    for protocol in ("UDP", "TCP")
)
"""Where DNS is answered: pods of the cluster's own, or an address on the node or elsewhere."""


def missing(matrix: Matrix, estate: Estate) -> Iterator[Violation]:
    """What the pods need and cannot reach. Without isolation for egress they reach everything.

    Raises `CannotEvaluateError` at the end when a part of a policy that could not be read may decide.
    """
    side = matrix.policies.side(matrix.protected.target, Direction.EGRESS)
    if side.isolated is False:
        return
    if not side.isolated:
        for problem in (problem for problem in side.unread if not isinstance(problem, RefusedError)):
            raise problem.with_traceback(None)
        return
    unread: list[CannotEvaluateError] = []
    yield from _unreached(matrix, estate, unread)
    for problem in unread:
        raise problem.with_traceback(None)


def _unreached(matrix: Matrix, estate: Estate, unread: list[CannotEvaluateError]) -> Iterator[Violation]:
    """The same where egress is isolated; what could not be read and may decide goes to `unread`."""
    side = matrix.policies.side(matrix.protected.target, Direction.EGRESS)
    policies = ", ".join(dict.fromkeys(ground.policy.title for ground in side.isolating))
    thing = matrix.protected.thing
    cilium = matrix.policies.platform.cilium

    def closed(*wanted: tuple[Party, Port]) -> bool:
        doubts: list[CannotEvaluateError | None] = []
        for party, port in wanted:
            cell = egress_open(matrix.policies, matrix.protected.target, party, port)
            if cell.open:
                return False
            if cell.open is None:
                doubts.append(cell.doubt)
        unread.extend(doubt for doubt in doubts if doubt is not None)
        return not doubts

    def violation(what: str, harm: str, mend: str, key: str) -> Violation:
        message = f"its pods cannot reach {what}: {policies} isolates them for egress and allows no such connection, "
        return Violation(message + harm, mend, (), side.isolating[0].policy, key=key)

    if closed(*((Entity("kube-apiserver"), Port(number)) for number in API_PORTS)):
        yield violation(
            "the API server",
            "so the manager in each pod starts no PostgreSQL and follows no change"
            if thing.group_kind == CLUSTER
            else "so PgBouncer never gets its configuration",
            "Allow egress with toEntities: [kube-apiserver]."
            if cilium
            else "Allow egress to the addresses of the API server (kubectl get endpoints kubernetes), by ipBlock.",
            "API server",
        )
    # policies never keep a pod from its own node, except on Cilium: that it is reached says nothing of DNS there
    if closed(*((party, port) for party, port in _DNS if cilium or party != _OWN_NODE)):
        yield violation(
            "DNS",
            "so no Service and no object store is found by name",
            "Allow egress to the cluster's DNS (namespace kube-system, k8s-app=kube-dns) on 53, UDP and TCP.",
            "DNS",
        )
    if thing.group_kind != CLUSTER:
        return
    for archive in archives_of(thing, estate):
        host, port = _address(archive.store)
        party: Party = Name(host) if host else Entity("world")
        if not _inside(host) and closed((party, Port(port))):
            yield violation(
                f"its object store ({host or 'outside'}, port {port})",
                "so no backup is made and WAL piles up until the volume is full",
                f"Allow egress to {host or 'the object store'} on {port}"
                f"{' with toFQDNs, and let DNS pass the proxy (rules.dns)' if cilium else ', by ipBlock'}.",
                "object store",
            )


def _address(store: Store) -> tuple[str, int]:
    """Host and port of an object store; no host for AWS's own, which the region decides."""
    host, _, port = store.host.partition(":")
    if re.fullmatch("[0-9]{1,5}", port):
        return host, int(port)
    return host, 80 if (store.endpoint or "").lower().startswith("http://") else _HTTPS


def _inside(host: str) -> bool:
    """Whether a store is a Service of the cluster, whose pods are not known by its name."""
    return bool(host) and (host.endswith((".svc", ".cluster.local")) or "." not in host)
