"""What is scraped: PodMonitors and ServiceMonitors (those of VictoriaMetrics too) against the pods that will exist."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, POD_MONITOR, POOLER, SERVICE, SERVICE_MONITOR, GroupKind
from seawall.policy.estate.label_index import LabelIndex
from seawall.policy.estate.model import Estate, KubeObject, PodSet
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability.selectors import Selector, read, with_labels

_VM = "operator.victoriametrics.com"
VM_POD_SCRAPE: Final[GroupKind] = (_VM, "VMPodScrape")
VM_SERVICE_SCRAPE: Final[GroupKind] = (_VM, "VMServiceScrape")
POD_KINDS: Final = (POD_MONITOR, VM_POD_SCRAPE)
SERVICE_KINDS: Final = (SERVICE_MONITOR, VM_SERVICE_SCRAPE)
MONITORS: Final[tuple[GroupKind, ...]] = (*POD_KINDS, *SERVICE_KINDS)
"""The kinds that say what is scraped."""
SCRAPED: Final[tuple[GroupKind, ...]] = (DRAGONFLY, CLUSTER, POOLER)
"""The kinds whose pods serve metrics that are judged here."""


@dataclass(frozen=True, eq=False)
class Scrape:
    """One entry of a monitor, and pods that it is about."""

    monitor: KubeObject
    entry: View
    pods: PodSet
    service: KubeObject | None
    """The Service through which the pods are found, None for a PodMonitor."""
    asked: str
    """The port as it is written, with its field: `port metrics`."""
    number: int | None
    """The pods' port that is read, None when they (or the Service) have no such port."""
    path: str
    scheme: str
    partly: str | None
    """The label by which only some of the pods are found, None when all are."""


_Behind = tuple[KubeObject | None, PodSet]
"""Pods, and the Service through which they were found."""
_Reached = tuple[list[_Behind], bool]


class Scrapes:
    """Every scrape of the pods of Dragonflies, Clusters (instances) and Poolers."""

    def __init__(self, estate: Estate) -> None:
        """Use it through `estate.memo(scrapes)`."""
        self._estate = estate
        self.of_monitor: dict[KubeObject, list[Scrape]] = defaultdict(list)
        self.of_owner: dict[KubeObject, list[Scrape]] = defaultdict(list)
        self.unreadable: dict[KubeObject, CannotEvaluateError] = {}
        """Monitors that cannot be read, or not to the end, and why."""
        self._doubted: dict[str | None, list[tuple[KubeObject, CannotEvaluateError]]] = defaultdict(list)
        """The same by the namespaces in which they look (None: any)."""
        self.aimed: set[KubeObject] = set()
        """Monitors whose selector demands a label and finds nobody's pods but these."""
        self.idle: dict[str, list[KubeObject]] = defaultdict(list)
        """By namespace: the monitors that look there and find no pods at all."""
        self._mine = [pods for kind in SCRAPED for thing in estate.of(kind) for pods in _serving(thing, estate)]
        self._everywhere = LabelIndex(self._mine)
        self._is_mine = frozenset(self._mine)
        self._services = _ServiceIndex(estate)
        for kind in MONITORS:
            for monitor in estate.of(kind):
                try:
                    self._read(monitor)
                except CannotEvaluateError as problem:
                    problem.about(monitor)
                    self.unreadable[monitor] = problem
                    for name in _looks_in(monitor):
                        self._doubted[name].append((monitor, problem))

    def all_read(self, pods: PodSet) -> None:
        """Raises `CannotEvaluateError` when a monitor that cannot be read may scrape these pods."""
        for name in (pods.namespace, None):
            for monitor, problem in self._doubted.get(name, ()):
                if _may_select(monitor, pods):
                    raise problem.with_traceback(None)

    def _read(self, monitor: KubeObject) -> None:
        spec = monitor.at("spec")
        selector, names = read(spec.at("selector")), namespaces_of(monitor)
        pod_kind = monitor.group_kind in POD_KINDS
        entries = spec.at("podMetricsEndpoints" if pod_kind else "endpoints").items()
        reached, strangers = self._pods(selector, names) if pod_kind else self._behind(selector, names)
        if selector.exact and reached and not strangers:
            self.aimed.add(monitor)
        if not reached and not strangers:
            for name in names or ():
                self.idle[name].append(monitor)
        for entry in entries:
            for service, pods in reached:
                scrape = _scrape(monitor, entry, selector, service, pods)
                self.of_monitor[monitor].append(scrape)
                self.of_owner[pods.owner].append(scrape)
        if not pod_kind:
            self._services.all_read(names)

    def _pods(self, selector: Selector, names: tuple[str, ...] | None) -> _Reached:
        """The pods of ours that a selector finds, and whether it finds others."""
        if names is None:
            return [(None, pods) for pods in self._everywhere.matching(selector)], False
        found = [pods for name in names for pods in self._estate.selected(selector, name)]
        mine: list[_Behind] = [(None, pods) for pods in found if pods in self._is_mine]
        return mine, any(pods.owner.group_kind not in SCRAPED for pods in found)

    def _behind(self, selector: Selector, names: tuple[str, ...] | None) -> _Reached:
        """The pods of ours behind the Services that a selector finds, and whether it finds other Services."""
        reached: list[_Behind] = []
        strangers = False
        for service in self._services.matching(selector, names):
            with blaming(service):
                chosen = _chosen(service)
            found = () if chosen is None else self._estate.selected(chosen, service.namespace)
            mine = [pods for pods in found if pods in self._is_mine]
            reached += [(service, pods) for pods in mine]
            strangers = strangers or not mine
        return reached, strangers


def scrapes(estate: Estate) -> Scrapes:
    """Every scrape of an estate; use through `estate.memo`."""
    return Scrapes(estate)


def serving(thing: KubeObject, estate: Estate) -> PodSet:
    """The pods of a Dragonfly, Cluster or Pooler that serve metrics. Raises `CannotEvaluateError`."""
    return estate.pods_of(thing)[0]


def _serving(thing: KubeObject, estate: Estate) -> Iterator[PodSet]:
    try:
        yield serving(thing, estate)
    except CannotEvaluateError:
        return  # said by the rule that looks at this resource


def namespaces_of(monitor: KubeObject) -> tuple[str, ...] | None:
    """The namespaces in which a monitor looks, None for all."""
    selector = monitor.at("spec", "namespaceSelector")
    if selector.at("any").boolean(default=False):
        return None
    names = tuple(name.text() or "" for name in selector.at("matchNames").items())
    return names or (monitor.namespace,)


def _looks_in(monitor: KubeObject) -> tuple[str | None, ...]:
    """The same, of a monitor that cannot be read as a whole; what is not known may be anywhere."""
    try:
        names = namespaces_of(monitor)
    except CannotEvaluateError:
        return (None,)
    return (None,) if names is None else names


def _may_select(monitor: KubeObject, pods: PodSet) -> bool:
    """Whether a monitor that cannot be read as a whole may be about pods; one of Services may be about any."""
    if monitor.group_kind not in POD_KINDS:
        return True
    try:
        return read(monitor.at("spec", "selector")).may_match(pods.labels, pods.later)
    except CannotEvaluateError:
        return True


def _chosen(service: KubeObject) -> Selector | None:
    """What a Service selects, None when it has no selector."""
    labels = service.at("spec", "selector").texts()
    return with_labels(labels) if labels else None


def _scrape(monitor: KubeObject, entry: View, selector: Selector, service: KubeObject | None, pods: PodSet) -> Scrape:
    asked, number = _port(entry, service, pods)
    return Scrape(
        monitor,
        entry,
        pods,
        service,
        asked,
        number,
        entry.at("path").text() or "/metrics",
        (entry.at("scheme").text() or "http").lower(),
        _partly(selector if service is None else _chosen(service), pods),
    )


def _partly(selector: Selector | None, pods: PodSet) -> str | None:
    for requirement in selector.requirements if selector is not None else ():
        if not requirement.always_holds(pods.labels, pods.later):
            return requirement.text
    return None


def _port(entry: View, service: KubeObject | None, pods: PodSet) -> tuple[str, int | None]:
    """How an entry names its port, and which port of the pods that is."""
    name = entry.at("port").text()
    if name:
        return f"port {name}", _named(name, pods) if service is None else _behind_name(name, service, pods)
    for field in ("portNumber", "targetPort"):
        value = entry.at(field).number_or_text()
        if value is not None:
            return f"{field} {value}", value if isinstance(value, int) else _named(value, pods)
    return "no port", None


def _named(name: str, pods: PodSet) -> int | None:
    return next((port.number for port in pods.ports if port.name == name), None)


def _behind_name(name: str, service: KubeObject, pods: PodSet) -> int | None:
    """The pods' port behind a Service's port of this name."""
    with blaming(service):
        for port in service.at("spec", "ports").items():
            if port.at("name").text() == name:
                target = port.at("targetPort").number_or_text() or port.at("port").integer()
                return _named(target, pods) if isinstance(target, str) else target
    return None


class _ServiceIndex:
    """Services by their labels."""

    def __init__(self, estate: Estate) -> None:
        self._by_label: dict[tuple[str | None, str, str], list[KubeObject]] = defaultdict(list)
        self._by_namespace: dict[str | None, list[KubeObject]] = defaultdict(list)
        self._labels: dict[KubeObject, Mapping[str, str]] = {}
        self._unread: dict[str | None, CannotEvaluateError] = {}
        """Namespace (None: all together) → why a Service there may be among those that any selector finds."""
        for service in estate.of(SERVICE):
            try:
                labels = self._labels[service] = service.label_view().texts()
            except CannotEvaluateError as problem:
                problem.about(service)
                for place in (service.namespace, None):
                    self._unread.setdefault(place, problem)
                continue
            for place in (service.namespace, None):
                self._by_namespace[place].append(service)
                for key, value in labels.items():
                    self._by_label[place, key, value].append(service)

    def all_read(self, names: tuple[str, ...] | None) -> None:
        """Raises `CannotEvaluateError` when a Service there (None: anywhere) has labels that are not known."""
        for place in (None,) if names is None else names:
            if place in self._unread:
                raise self._unread[place].with_traceback(None)

    def matching(self, selector: Selector, names: tuple[str, ...] | None) -> Iterator[KubeObject]:
        """The Services that a selector finds in these namespaces (None: in all)."""
        places: Iterable[str | None] = (None,) if names is None else names
        for place in places:
            for service in self._candidates(selector, place):
                if selector.matches(self._labels[service]):
                    yield service

    def _candidates(self, selector: Selector, place: str | None) -> list[KubeObject]:
        found = self._by_namespace.get(place, [])
        for requirement in selector.requirements:
            if requirement.operator == "In":
                some = [
                    it for value in requirement.values for it in self._by_label.get((place, requirement.key, value), [])
                ]
                found = some if len(some) < len(found) else found
        return found
