"""Pods whose metrics nobody reads, or reads at the wrong port."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from seawall.operators import cnpg, dragonfly
from seawall.policy.estate.intent import Scraper, intent_of
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POOLER, GroupKind
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Violation
from seawall.policy.reachability.decision import egress_open
from seawall.policy.reachability.matrix import matrix
from seawall.policy.reachability.parties import Endpoint
from seawall.policy.surroundings.scrapes import MONITORS, Scrape, Scrapes, scrapes, serving

_SCRAPE, _PORT, _PATH = "prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"
"""The annotations by which many Prometheus configurations find pods."""


@dataclass(frozen=True)
class Metrics:
    """Where the pods of one kind serve their metrics."""

    port: int
    name: str
    selector: Callable[[str], Mapping[str, str]]
    """The labels that find the pods of one resource, by its name."""
    path: str = "/metrics"


METRICS: Mapping[GroupKind, Metrics] = {
    DRAGONFLY: Metrics(dragonfly.ADMIN_PORT, dragonfly.ADMIN_PORT_NAME, dragonfly.pod_labels, dragonfly.METRICS_PATH),
    CLUSTER: Metrics(cnpg.INSTANCE_METRICS_PORT, cnpg.METRICS_PORT_NAME, cnpg.instance_labels),
    POOLER: Metrics(cnpg.POOLER_METRICS_PORT, cnpg.METRICS_PORT_NAME, cnpg.pooler_labels),
}


def _scheme(thing: KubeObject) -> str:
    """How the pods serve metrics: Dragonfly's admin port never has TLS, those of CloudNativePG when asked to."""
    tls = thing.at("spec", "monitoring", "tls", "enabled")
    return "https" if thing.group_kind != DRAGONFLY and tls.boolean(default=False) else "http"


def _right(scrape: Scrape) -> bool:
    wanted = METRICS[scrape.pods.owner.group_kind]
    return (
        scrape.number == wanted.port
        and scrape.path.split("?")[0] == wanted.path
        and scrape.scheme == _scheme(scrape.pods.owner)
    )


def unread(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A resource whose pods nothing scrapes, where something should."""
    if thing.group_kind not in METRICS:
        return
    declared = intent_of(thing).scraper is not None
    if not declared and not any(estate.of(kind) for kind in MONITORS):
        return
    pods, found = serving(thing, estate), estate.memo(scrapes)
    if _by_annotations(pods) or any(_right(it) or it.monitor in found.aimed for it in found.of_owner.get(thing, ())):
        return  # what an aimed monitor does wrong is said at the monitor
    found.all_read(pods)
    wanted = METRICS[thing.group_kind]
    asked = ", ".join(f"{key}={value}" for key, value in wanted.selector(thing.name).items())
    idle = [monitor.title for monitor in found.idle.get(thing.namespace, ()) if _meant_for(monitor, thing)][:3]
    beside = f"; {', '.join(idle)} {'selects' if len(idle) == 1 else 'select'} no pods at all" if idle else ""
    yield Violation(
        f"nothing reads the metrics of its {pods.count} {'pod' if pods.count == 1 else 'pods'} at {wanted.port} "
        f"({wanted.name}): no PodMonitor or "
        f"ServiceMonitor selects them and names that port{beside}",
        f"Add a PodMonitor that selects {asked} with port {wanted.name}.",
        facts={"port": str(wanted.port), "selector": asked},
    )


def _meant_for(monitor: KubeObject, thing: KubeObject) -> bool:
    """Whether a monitor that finds nothing was written for a resource: what it names says so.

    Others find what a chart makes, which a folder does not hold.
    """
    words = (monitor.name, *monitor.at("spec", "selector", "matchLabels").texts().values())
    return any(thing.name in word for word in words) or bool(difflib.get_close_matches(thing.name, words, n=1))


def _by_annotations(pods: PodSet) -> bool:
    return pods.annotations.get(_SCRAPE) == "true"


def annotated(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods whose annotations lead a scraper to a port without metrics."""
    if thing.group_kind not in METRICS:
        return
    pods, wanted = serving(thing, estate), METRICS[thing.group_kind]
    if not _by_annotations(pods):
        return
    port, path = pods.annotations.get(_PORT), pods.annotations.get(_PATH, wanted.path)
    if port != str(wanted.port) or path != wanted.path:
        yield Violation(
            f"its pods' annotations lead the scraper to {port or 'every port'}{path}; the metrics are at "
            f"{wanted.port}{wanted.path}",
            f'Set {_PORT}: "{wanted.port}" and leave {_PATH} out.',
        )


def twice(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Pods that are scraped twice for the same store: VictoriaMetrics' operator also reads Prometheus' objects."""
    if thing.group_kind not in METRICS:
        return
    right = [it for it in estate.memo(scrapes).of_owner.get(thing, ()) if _right(it)]
    groups = {it.monitor.group for it in right}
    made = [it.monitor for it in right if it.monitor.projected]
    others = [it.monitor for it in right if not it.monitor.projected]
    if len(groups) > 1:
        titles = " and ".join(sorted({it.monitor.title for it in right}))
        yield Violation(
            f"{titles} both read its pods: VictoriaMetrics' operator converts the one into the other, so every series "
            "is there twice and sums are double",
            "Keep one of them.",
        )
    elif made and others:
        yield Violation(
            f"the operator's own PodMonitor (spec.monitoring.enablePodMonitor) and {others[0].title} both read its "
            "pods, so every series is there twice",
            "Remove spec.monitoring.enablePodMonitor.",
            ("spec", "monitoring", "enablePodMonitor"),
        )


def shut_out(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A declared scraper that the network policies do not let through."""
    if thing.group_kind not in METRICS:
        return
    scraper = intent_of(thing).scraper
    if scraper is None:
        return
    found, wanted = matrix(thing, estate), METRICS[thing.group_kind]
    party = _party(scraper, estate)
    into = found.into(party, wanted.port)
    out = egress_open(found.policies, party, found.protected.target, found.protected.port(wanted.port))
    for cell, side in ((into, "into"), (out, "out")):
        if cell.unread is not None:
            raise cell.unread
        if cell.open is not False:
            continue
        policies = ", ".join(dict.fromkeys(ground.policy.title for ground in cell.by))
        labels = ", ".join(f"{key}={value}" for key, value in sorted(scraper.labels.items()))
        yield Violation(
            f"the declared scraper ({labels} of namespace {scraper.namespace}) cannot read {wanted.port}: {policies} "
            f"{'isolates its pods and admits no such connection' if side == 'into' else 'keeps the scraper in'}",
            f"Admit these pods to {wanted.port}, with namespace and pod labels in one peer."
            if side == "into"
            else f"Allow the scraper egress to {wanted.port} of these pods.",
            cell.by[0].path,
            cell.by[0].policy,
            key=side,
        )


def _parties(_estate: Estate) -> dict[tuple[str, frozenset[tuple[str, str]]], Endpoint]:
    return {}


def _party(scraper: Scraper, estate: Estate) -> Endpoint:
    """The scraper as a source; one for equal declarations, so that its own policies are looked up once."""
    known, key = estate.memo(_parties), (scraper.namespace, frozenset(scraper.labels.items()))
    if key not in known:
        known[key] = Endpoint(scraper.namespace, scraper.labels, estate.namespace_labels(scraper.namespace))
    return known[key]


def aimed(thing: KubeObject, estate: Estate, kinds: tuple[GroupKind, ...]) -> Iterator[Violation]:
    """A monitor of these kinds' pods that reads where no metrics are, or only some of the pods."""
    if thing.group_kind not in MONITORS:
        return
    found = estate.memo(scrapes)
    if thing in found.unreadable:
        raise found.unreadable[thing].with_traceback(None)
    if thing not in found.aimed or thing.projected:
        return
    mine = [it for it in found.of_monitor.get(thing, ()) if it.pods.owner.group_kind in kinds]
    by_owner: dict[KubeObject, list[Scrape]] = {}
    for scrape in mine:
        by_owner.setdefault(scrape.pods.owner, []).append(scrape)
    said: set[tuple[str, ...]] = set()
    for several in by_owner.values():
        violation = _judge(several, found)
        if violation is not None and violation.path not in said:
            said.add(violation.path)  # one mistake of a monitor, however many resources it is about
            yield violation


def _judge(several: list[Scrape], found: Scrapes) -> Violation | None:
    """What is wrong with a monitor's entries about one resource, by the entry that comes nearest."""
    right = [it for it in several if _right(it)]
    if any(it.partly is None for it in right):
        return None
    if right:
        return _partly(right[0], found)
    best = next((it for it in several if it.number == METRICS[it.pods.owner.group_kind].port), several[0])
    owner, wanted = best.pods.owner, METRICS[best.pods.owner.group_kind]
    whom = owner.title if best.service is None else f"{owner.title} (through {best.service.title})"
    if best.number is None and best.asked == "no port":
        return None  # every port is tried, the right one among them
    if best.number != wanted.port:
        has = listed_ports(best.pods)
        what = f"is {best.number}" if best.number is not None else "is none of its ports"
        return Violation(
            f"{best.asked} of {whom} {what}; the metrics are at {wanted.port} ({wanted.name}), and the pods have {has}",
            _port_mend(best, wanted),
            best.entry.at("port").path if best.asked.startswith("port ") else best.entry.path,
            facts={"asked": best.asked, "metrics": str(wanted.port)},
        )
    if best.path.split("?")[0] != wanted.path:
        return Violation(
            f"it reads {best.path} of {whom}; the metrics are at {wanted.path}",
            "Remove path.",
            best.entry.at("path").path,
        )
    return Violation(
        f"it reads {whom} by {best.scheme}, and {wanted.port} serves the metrics by {_scheme(owner)}",
        f"Set scheme: {_scheme(owner)}.",
        best.entry.at("scheme").path,
    )


def _port_mend(scrape: Scrape, wanted: Metrics) -> str:
    if scrape.service is None:
        return f"Set port: {wanted.name}."
    return f"Use a PodMonitor with port {wanted.name}: the operator's Services do not have {wanted.port}."


def _partly(scrape: Scrape, found: Scrapes) -> Violation | None:
    owner = scrape.pods.owner
    if any(_right(it) and it.partly is None for it in found.of_owner.get(owner, ())):
        return None
    by = "its selector" if scrape.service is None else scrape.service.title
    return Violation(
        f"only some pods of {owner.title} are read: {by} asks for {scrape.partly}, which not all of them have",
        f"Use a PodMonitor that selects "
        f"{', '.join(f'{k}={v}' for k, v in METRICS[owner.group_kind].selector(owner.name).items())}.",
        ("spec", "selector"),
    )


def listed_ports(pods: PodSet) -> str:
    """The ports of pods for a person: `redis 6379 and admin 9999`."""
    try:
        names = {port.number: port.name or "" for port in pods.ports}
    except CannotEvaluateError:
        return "ports that cannot be read"
    return ", ".join(f"{name} {number}".strip() for number, name in sorted(names.items())) or "no ports"
