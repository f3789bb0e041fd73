"""DFLY-SW-005: objects that meet what the Dragonfly operator makes, by name or by label."""

from collections.abc import Iterator

from seawall.operators import dragonfly as facts
from seawall.policy.checks.made_names import meetings
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import DRAGONFLY, SERVICE
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.selectors import with_labels

_NAME = ("metadata", "name")
_SERVICE_NAME = ("spec", "serviceSpec", "name")
_OUTSIDE = ("LoadBalancer", "NodePort")


def check_names(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An object with the kind and name of one that the operator makes."""
    for meeting in meetings(dragonfly, estate):
        made = meeting.made
        if meeting.twice_made:
            renamed = made.group_kind == SERVICE and dragonfly.at(*_SERVICE_NAME).present
            yield Violation(
                f"{made.title} is made of {meeting.other.title} as well: the operators write it in turn, and clients "
                "meet now the one's data, now the other's",
                f"Give {'spec.serviceSpec.name' if renamed else 'one of them'} another name.",
                _SERVICE_NAME if renamed else _NAME,
                facts={"made": made.title, "other": meeting.other.title},
            )
        else:
            yield Violation(
                f"{made.title} is declared, and the operator makes one of that name: it takes it over, writes its own "
                "over it at every reconciliation, and deletes it with the Dragonfly",
                f"Give the declared {made.kind} another name, or remove it.",
                _NAME,
                about=meeting.other,
                facts={"made": made.title},
            )


def check_labels(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods of another workload with the labels by which the operator finds its own."""
    labels = facts.pod_labels(dragonfly.name)
    own = with_labels(labels)
    said = ", ".join(f"{key}={value}" for key, value in labels.items())
    for other in dict.fromkeys(pods.owner for pods in estate.selected(own, dragonfly.namespace)):
        if other is not dragonfly:
            yield Violation(
                f"the pods of {other.title} carry {said}: the operator takes them for its own, configures them as "
                "master or replica, and its Service may lead clients to them",
                "Give these pods labels of their own.",
                about=other,
            )


def check_services(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Service that carries the admin port out of the cluster."""
    pods = next(iter(estate.pods_of(dragonfly)))
    for service in estate.memo(_outside).get(dragonfly.namespace, ()):
        with blaming(service):
            yield from _admin_ports(service, pods)


def _admin_ports(service: KubeObject, pods: PodSet) -> Iterator[Violation]:
    selector = with_labels(service.at("spec", "selector").texts())
    if selector.everything or not selector.may_match(pods.labels, pods.later):
        return
    for index, port in enumerate(service.at("spec", "ports").items()):
        target = port.at("targetPort").number_or_text() or port.at("port").integer()
        if target in (facts.ADMIN_PORT, facts.ADMIN_PORT_NAME):
            kind = service.at("spec", "type").text() or "ClusterIP"
            yield Violation(
                f"{service.title} (type {kind}) leads from outside the cluster to {facts.ADMIN_PORT} of its pods, "
                "which needs no password and can write, flush and re-parent",
                "Remove that port; scrapers inside the cluster reach the pods themselves.",
                ("spec", "ports", f"[{index}]"),
                about=service,
            )


def _outside(estate: Estate) -> dict[str, list[KubeObject]]:
    """Declared Services that are open, or may be open, to the outside, by namespace."""
    found: dict[str, list[KubeObject]] = {}
    for service in estate.of(SERVICE):
        if not service.projected and not _inside(service):
            found.setdefault(service.namespace, []).append(service)
    return found


def _inside(service: KubeObject) -> bool:
    """Whether a Service is seen to be open inside the cluster only; one that cannot be read stays with the others."""
    try:
        return service.at("spec", "type").text() not in _OUTSIDE and not service.at("spec", "externalIPs").items()
    except CannotEvaluateError:
        return False


RULE = Rule(
    id="DFLY-SW-005",
    risks=("DFLY-OPS-001", "DFLY-SEC-001"),
    title="Nothing meets what the Dragonfly operator makes",
    score=6,
    why=(
        "The operator makes a StatefulSet, a Service, a budget and a policy named like the resource, and finds its "
        "pods by their labels. It does not ask whether an object of that name was there: it writes its own over it."
    ),
    mend="Give objects and pods of your own names and labels that the operator does not use.",
    kinds=(DRAGONFLY,),
    together=(check_names, check_labels, check_services),
)
