"""DFLY-PERF-001: nobody knows what clients of a Dragonfly wait for across clusters."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from seawall.operators.annotations import CLIENTS, IMPORTS, MEASURES, THIS_CLUSTER, instance
from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.cron_jobs import decode_five
from seawall.policy.estate.intent import intent_of
from seawall.policy.estate.kinds import (
    CRON_JOB,
    DEPLOYMENT,
    DRAGONFLY,
    POD_MONITOR,
    PROMETHEUS_RULE,
    SERVICE,
    STATEFUL_SET,
    GroupKind,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.reachability.selectors import read

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
    if not here or not elsewhere or _measured(dragonfly.namespace, dragonfly.name, estate):
        return
    yield Violation(
        f"clients of this cluster ({', '.join(sorted(here))}) and of {', '.join(elsewhere)} use it, and nothing here "
        f"measures what they wait for (no workload with the annotation {MEASURES}: "
        f"{instance(namespace=dragonfly.namespace, name=dragonfly.name)}): nobody can tell a slow way between the "
        "clusters from a slow instance",
        "Measure it from the namespace of a client (DragonflyCluster: latency), with a recording and an alert.",
        (*_ANNOTATION, CLIENTS),
    )


def check_import(service: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Service by which this cluster uses another one's Dragonfly, and no probe here."""
    if service.group_kind != SERVICE:
        return
    imported = _said(service, IMPORTS)
    if imported is None or imported in estate.memo(_probes):
        return
    yield Violation(
        f"clients of this cluster use Dragonfly {imported} of another one through it, and nothing here measures what "
        f"they wait for (no workload with the annotation {MEASURES}: {imported})",
        "Measure it from the namespace of a client (SharedServiceConsumer: latency), with a recording and an alert.",
        (*_ANNOTATION, IMPORTS),
    )


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
        monitors = estate.memo(_monitors).get(pods.namespace, ())
        if pods.ports and not any(
            read(monitor.at("spec", "selector")).may_match(pods.labels, pods.later) for monitor in monitors
        ):
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
    recorded, alerted = estate.memo(_rules).get(measured.rpartition("/")[2], (False, False))
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
    if estate.find(DRAGONFLY, namespace, name) is None and measured not in estate.memo(_imports):
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


def _measured(namespace: str, name: str, estate: Estate) -> bool:
    return instance(namespace=namespace, name=name) in estate.memo(_probes)


def _probes(estate: Estate) -> frozenset[str]:
    """Everything that some workload says it measures."""
    said = (_said(thing, MEASURES) for kind in _PROBES for thing in estate.of(kind))
    return frozenset(measured for measured in said if measured is not None)


def _imports(estate: Estate) -> frozenset[str]:
    """Everything that some Service says it imports."""
    said = (_said(thing, IMPORTS) for thing in estate.of(SERVICE))
    return frozenset(imported for imported in said if imported is not None)


def _monitors(estate: Estate) -> dict[str, list[KubeObject]]:
    """PodMonitors by the namespaces that they look into."""
    found: dict[str, list[KubeObject]] = defaultdict(list)
    for monitor in estate.of(POD_MONITOR):
        named = [name.text() or "" for name in monitor.at("spec", "namespaceSelector", "matchNames").items()]
        for namespace in named or [monitor.namespace]:
            found[namespace].append(monitor)
    return found


def _rules(estate: Estate) -> dict[str, tuple[bool, bool]]:
    """Name of a Dragonfly → whether its latency is recorded, and whether an alert reads it, by the expressions.

    An expression is about the latency of an instance when it has both the word and the instance's quoted name in it.
    """
    found: dict[str, tuple[bool, bool]] = {}
    for thing in estate.of(PROMETHEUS_RULE):
        for group in thing.at("spec", "groups").items():
            for rule in group.at("rules").items():
                expression = rule.at("expr").number_or_text()
                if not isinstance(expression, str) or "latency" not in expression.lower():
                    continue
                alert = rule.at("alert").present
                for quoted in set(expression.split('"')[1::2]):
                    recorded, alerted = found.get(quoted, (False, False))
                    found[quoted] = (recorded or not alert, alerted or alert)
    return found


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
    together=(check_instance, check_import, check_scraped, check_used, check_target),
)
