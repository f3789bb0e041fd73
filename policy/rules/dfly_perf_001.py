"""DFLY-PERF-001: nobody knows what clients of a Dragonfly wait for across clusters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from seawall.operators.annotations import CLIENTS, IMPORTS, MEASURES, THIS_CLUSTER, instance
from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.cron_jobs import decode_five
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.intent import intent_of
from seawall.policy.estate.kinds import (
    CRON_JOB,
    DEPLOYMENT,
    DRAGONFLY,
    SERVICE,
    STATEFUL_SET,
    GroupKind,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.selectors import Selector, read
from seawall.policy.surroundings import alerts
from seawall.policy.surroundings.scrapes import POD_KINDS, namespaces_of

SELDOM = timedelta(hours=1)
"""Measured less often than this, a bad hour is not seen."""

_PROBES: tuple[GroupKind, ...] = (CRON_JOB, DEPLOYMENT, STATEFUL_SET)
_SCHEDULE = ("spec", "schedule")
_ANNOTATION = ("metadata", "annotations")


def check_instance(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly with declared clients here and in other clusters of the mesh, and no probe here to compare with."""
    if dragonfly.group_kind != DRAGONFLY:
        return
    clients = intent_of(dragonfly).clients or {}
    here, elsewhere = clients.get(THIS_CLUSTER, frozenset()), sorted(set(clients) - {THIS_CLUSTER})
    measured = instance(namespace=dragonfly.namespace, name=dragonfly.name)
    if not here or not elsewhere or _is_measured(measured, estate):
        return
    yield Violation(
        f"clients of this cluster ({', '.join(sorted(here))}) and of {', '.join(elsewhere)} use it, and nothing here "
        f"measures what they wait for (no workload with the annotation {MEASURES}: "
        f"{measured}): nobody can tell a slow way between the "
        "clusters from a slow instance",
        "Measure it from the namespace of a client (DragonflyCluster: latency), with a recording and an alert.",
        (*_ANNOTATION, CLIENTS),
    )


def check_import(service: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Service by which this cluster uses another one's Dragonfly, and no probe here."""
    if service.group_kind != SERVICE:
        return
    imported = _said(service, IMPORTS)
    if imported is None or _is_measured(imported, estate):
        return
    yield Violation(
        f"clients of this cluster use Dragonfly {imported} of another one through it, and nothing here measures what "
        f"they wait for (no workload with the annotation {MEASURES}: {imported})",
        "Measure it from the namespace of a client (SharedServiceConsumer: latency), with a recording and an alert.",
        (*_ANNOTATION, IMPORTS),
    )


def check_known(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A workload or a Service of which nobody can tell whether it is a probe or an import, where there is Dragonfly."""
    if thing.group_kind != DRAGONFLY and (estate.every(DRAGONFLY) or estate.memo(_probes).said):
        _whole(thing)
    return iter(())


def check_running(probe: KubeObject) -> Iterator[Violation]:
    """A probe that is suspended, never runs, or runs too seldom."""
    if not _is_probe(probe) or probe.group_kind != CRON_JOB:
        return
    if probe.at("spec", "suspend").boolean(default=False):
        yield Violation(
            f"the probe of Dragonfly {probe.annotation(MEASURES)} is suspended: nothing is measured",
            "Remove spec.suspend.",
            ("spec", "suspend"),
        )
    schedule = probe.at(*_SCHEDULE).text() or ""
    try:
        cadence = decode_five(schedule)
    except ScheduleError as refusal:
        probe.at(*_SCHEDULE).settled()
        yield Violation(f'the API server refuses the schedule "{schedule}": {refusal}', "Correct it.", _SCHEDULE)
        return
    now = datetime.now(UTC).replace(microsecond=0)
    longest = cadence.longest_gap(now)
    if longest is None or longest > SELDOM:
        seldom = f"up to {longest} apart" if longest else "never, or once in 5 years"
        yield Violation(
            f'the probe of Dragonfly {probe.annotation(MEASURES)} runs {cadence.text} ("{schedule}"), {seldom}: what '
            "clients wait for in between is not seen",
            'Run it at least every hour, better every few minutes: "*/5 * * * *".',
            _SCHEDULE,
        )


def check_number(probe: KubeObject) -> Iterator[Violation]:
    """A probe of which there is no pod."""
    if not _is_probe(probe) or probe.group_kind not in (DEPLOYMENT, STATEFUL_SET):
        return
    if probe.at("spec", "replicas").integer() == 0:
        yield Violation(
            f"the probe of Dragonfly {probe.annotation(MEASURES)} has 0 replicas: nothing is measured",
            "Set spec.replicas: 1.",
            ("spec", "replicas"),
        )


def check_scraped(probe: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A probe whose pods serve what they measured to nobody."""
    if not _is_probe(probe):
        return
    for pods in estate.pods_of(probe):
        monitors = estate.memo(_monitors)
        looking = (*monitors.found.get(pods.namespace, ()), *monitors.found.get(None, ()))
        if pods.ports and not any(selector.may_match(pods.labels, pods.later) for selector in looking):
            for problem in monitors.doubts:
                raise problem.with_traceback(None)
            yield Violation(
                f"the probe of Dragonfly {probe.annotation(MEASURES)} opens a port, and no PodMonitor selects its pods "
                f"in {pods.namespace}: what it measures is read by nobody",
                "Add a PodMonitor that selects its pods.",
            )


def check_used(probe: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A probe of whose numbers nothing is recorded and nobody is told."""
    if not _is_probe(probe):
        return
    measured = probe.annotation(MEASURES) or ""
    expressions = estate.memo(_expressions)
    recorded, alerted = expressions.found.get(measured.rpartition("/")[2], (False, False))
    for problem in expressions.doubts if not alerted else ():
        raise problem.with_traceback(None)
    if not (recorded or alerted):
        said = "no PrometheusRule records what it measures, and no alert reads it"
    elif not alerted:
        said = "what it measures is recorded, and no alert reads it"
    else:
        return
    yield Violation(
        f"the probe of Dragonfly {measured} runs, but {said}: nobody learns of slow clients",
        "Add a PrometheusRule with a recording of the 95th percentile and an alert on it.",
        (*_ANNOTATION, MEASURES),
    )


def check_target(probe: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A probe that names an instance which is neither here nor imported."""
    if not _is_probe(probe):
        return
    measured = probe.annotation(MEASURES) or ""
    namespace, _, name = measured.partition("/")
    imports = estate.memo(_imports)
    if estate.find(DRAGONFLY, namespace, name) is None and measured not in imports.said:
        for problem in imports.doubts:
            raise problem.with_traceback(None)
        yield Violation(
            f"it measures Dragonfly {measured}, which is neither declared nor imported here",
            f"Correct the annotation {MEASURES} and what the probe connects to.",
            (*_ANNOTATION, MEASURES),
        )


def _is_probe(workload: KubeObject) -> bool:
    return workload.group_kind in _PROBES and _said(workload, MEASURES) is not None


def _said(thing: KubeObject, key: str) -> str | None:
    """An annotation of ours; what has none that can be seen is no subject of this rule, whatever else it has."""
    metadata = thing.manifest.get("metadata")
    given = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return thing.annotation(key) if isinstance(given, Mapping) and key in given else None


def _whole(thing: KubeObject) -> None:
    """Raises `CannotEvaluateError` for an object whose annotations are not known at all."""
    thing.at("metadata", "annotations").keys()


def _is_measured(measured: str, estate: Estate) -> bool:
    """Whether a workload says that it measures an instance. Raises `CannotEvaluateError` when one may say so."""
    probes = estate.memo(_probes)
    for problem in () if measured in probes.said else probes.doubts:
        raise problem.with_traceback(None)
    return measured in probes.said


@dataclass
class _Said:
    """What some objects say by one annotation."""

    said: set[str] = field(default_factory=set)
    doubts: list[CannotEvaluateError] = field(default_factory=list)
    """Why others may say it as well."""

    def add(self, thing: KubeObject, key: str) -> None:
        try:
            with blaming(thing):
                _whole(thing)
                if (said := thing.annotation(key)) is not None:
                    self.said.add(said)
        except CannotEvaluateError as problem:
            self.doubts.append(problem)


def _probes(estate: Estate) -> _Said:
    """Everything that some workload says it measures."""
    found = _Said()
    for thing in (thing for kind in _PROBES for thing in estate.of(kind)):
        found.add(thing, MEASURES)
    return found


def _imports(estate: Estate) -> _Said:
    """Everything that some Service says it imports."""
    found = _Said()
    for thing in estate.of(SERVICE):
        found.add(thing, IMPORTS)
    return found


class _Monitors:
    """What PodMonitors, and those of VictoriaMetrics, select, by the namespaces that they look into; None for all."""

    def __init__(self, estate: Estate) -> None:
        self.found: dict[str | None, list[Selector]] = defaultdict(list)
        self.doubts: list[CannotEvaluateError] = []
        """Why others may select more."""
        for monitor in (monitor for kind in POD_KINDS for monitor in estate.of(kind)):
            try:
                with blaming(monitor):
                    names, selector = namespaces_of(monitor), read(monitor.at("spec", "selector"))
            except CannotEvaluateError as problem:
                self.doubts.append(problem)
                continue
            for namespace in (None,) if names is None else names:
                self.found[namespace].append(selector)


def _monitors(estate: Estate) -> _Monitors:
    return _Monitors(estate)


class _Expressions:
    """Name of a Dragonfly → whether its latency is recorded, and whether an alert reads it, by the expressions.

    An expression is about the latency of an instance when it has both the word and the instance's quoted name in it.
    """

    def __init__(self, estate: Estate) -> None:
        self.found: dict[str, tuple[bool, bool]] = {}
        self.doubts: list[CannotEvaluateError] = []
        """Why others may record it, or alert on it, as well."""
        for thing in (thing for kind in alerts.RULES for thing in estate.of(kind)):
            try:
                with blaming(thing):
                    self._read(thing)
            except CannotEvaluateError as problem:
                self.doubts.append(problem)

    def _read(self, thing: KubeObject) -> None:
        for rule, expression in alerts.expressions(thing):
            if "latency" in expression.lower():
                alert = rule.at("alert").present
                for quoted in set(expression.split('"')[1::2]):
                    recorded, alerted = self.found.get(quoted, (False, False))
                    self.found[quoted] = (recorded or not alert, alerted or alert)


def _expressions(estate: Estate) -> _Expressions:
    return _Expressions(estate)


RULE = Rule(
    id="DFLY-PERF-001",
    risks=("DFLY-PERF-001",),
    title="What clients wait for is measured",
    score=4,
    why=(
        "Dragonfly has no latency quantiles of its own, and a server could not see the network anyway. Between the "
        "clusters of a mesh the way is the larger part, so that it must be measured where clients are, on both sides."
    ),
    mend="Run a probe in a client's namespace of each cluster, record its 95th percentile, and alert on it.",
    kinds=(DRAGONFLY, SERVICE, *_PROBES),
    alone=(check_running, check_number),
    together=(check_known, check_instance, check_import, check_scraped, check_used, check_target),
)
