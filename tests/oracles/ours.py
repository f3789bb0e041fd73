"""Our own answer to a case, in the letters of an oracle."""

from cases import Case, Pod, Policy, Where

from seawall.policy.estate.building import kube_object
from seawall.policy.estate.model import ContainerPort, Origin
from seawall.policy.reachability.decision import (
    Address,
    Endpoint,
    Entity,
    PolicySet,
    Port,
    egress_open,
    ingress_open,
)
from seawall.policy.reachability.parties import Party

CLOSED, OPEN, PROXY, UNDECIDED = "-o7?"
"""One letter of an answer: closed, open, open to some requests only; and ours alone: it cannot be decided."""


class Ours:
    """Our decision about a case. `cilium`: as Cilium decides, the plain policies included."""

    def __init__(self, case: Case, *, cilium: bool) -> None:
        policies = [made for policy in case.policies if (made := kube_object(policy, Origin(file="case"))) is not None]
        assert len(policies) == len(case.policies)
        version = "1.19" if case.local_selectors else "1.18"
        pods = [self._endpoint(case, pod, cilium) for pod in case.pods]
        self._policies = PolicySet(
            policies,
            cni="cilium" if cilium else "generic",
            cni_version=version if cilium else None,
            cluster=case.cluster if cilium else None,
            port_names=[port for pod in pods for port in pod.ports or ()],
        )
        self._parties: tuple[Party, ...] = (
            *pods,
            *(Address(ip) for ip in case.addresses),
            *(Entity(name) for name in case.entities),
        )

    @staticmethod
    def _endpoint(case: Case, pod: Pod, cilium: bool) -> Endpoint:
        return Endpoint(
            pod.namespace,
            dict(pod.labels),
            case.namespace_labels(pod.namespace),
            cluster=pod.cluster if cilium else None,
            service_account=pod.service_account,
            ports=tuple(ContainerPort(port.number, port.protocol, port.name) for port in pod.ports),
            address=pod.address,
        )

    @staticmethod
    def refuses(case: Case, policy: Policy) -> bool:
        """Whether we say that Cilium refuses a policy, or read it as one about nodes, of which no cell is."""
        alone = Ours(case.with_policies((policy,)), cilium=True)
        unread = any(subject.unread is not None for subject in alone._policies.subjects)
        return unread or bool(alone._policies.guarding_nodes)

    def letter(self, cell: Where) -> str:
        """Our letter for one cell."""
        subject, peer = self._parties[cell.subject], self._parties[cell.peer]
        port = Port(cell.port.number, cell.port.protocol)
        if cell.direction == "ingress":
            told = ingress_open(self._policies, peer, subject, port)
        else:
            told = egress_open(self._policies, subject, peer, port)
        if told.open is None:
            return UNDECIDED
        return (PROXY if told.requests else OPEN) if told.open else CLOSED
