"""Checks of what is scraped, of what arrives, and of the alerts that are made of it."""

from collections.abc import Iterator, Sequence
from typing import Any

from seawall.operators.cnpg import POOLER_METRICS_PORT, instance_labels, pooler_labels
from seawall.qa.checks.context import Context, Probe, RefusedQueryError, Where
from seawall.qa.checks.looking import Manifest, alerts_of, as_declared, kubectl, named, ready, rules, some
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.checks.reach import told
from seawall.qa.evidence.model import Observation

MINUTES = 5
POD_MONITOR, PROMETHEUS_RULE = "PodMonitor", "PrometheusRule"
DRAGONFLY_SERIES, POSTGRES_SERIES, POOLER_SERIES = "dragonfly_master", "cnpg_collector_up", "cnpg_pgbouncer_up"
"""One series that every pod has; the alerts of the stack are made of the same."""
POOLER_LINES = "cnpg_pgbouncer_"


def _dragonfly_objects(context: Context) -> Iterator[Observation]:
    place = context.stack.caches[0].namespace
    for kind in (POD_MONITOR, PROMETHEUS_RULE):
        yield from as_declared(context.api, some(context.stack.objects(kind, place), f"{kind} in {place}"))


def _selecting(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        place = postgres.namespace
        monitors = [it for it in context.stack.objects(POD_MONITOR, place) if _is_about(it, postgres.name)]
        yield from as_declared(context.api, some(monitors, f"PodMonitor of {place}/{postgres.name}"))
        for monitor in monitors:
            labels = monitor["spec"]["selector"]["matchLabels"]
            pods = [
                it for it in context.api.every("v1", "Pod", place, labels) if "deletionTimestamp" not in it["metadata"]
            ]
            how = kubectl(
                context.api, "get", "-n", place, "pods", "-l", ",".join(f"{k}={v}" for k, v in labels.items())
            )
            yield seen(f"pods that {named(monitor)} selects", "one or more", len(pods), bool(pods), how)
            ports = {it["port"] for it in monitor["spec"]["podMetricsEndpoints"]}
            having = sum(ports <= _port_names(it) for it in pods)
            what = f"pods that {named(monitor)} selects, with the port {', '.join(sorted(ports))}"
            yield seen(what, "all", f"{having} of {len(pods)}", bool(pods) and having == len(pods), how)


def _is_about(monitor: Manifest, cluster: str) -> bool:
    """Whether a PodMonitor is for the instances or the poolers of a cluster, and not for a probe."""
    labels = monitor["spec"]["selector"]["matchLabels"]
    own = instance_labels(cluster)
    return bool(own.items() & labels.items())


def _port_names(pod: Manifest) -> set[str]:
    """The names of a pod's container ports."""
    containers: Sequence[Manifest] = pod.get("spec", {}).get("containers") or []
    return {str(port["name"]) for it in containers for port in it.get("ports") or [] if "name" in port}


def _alerts_exist(context: Context) -> Iterator[Observation]:
    wanted = alerts_of("DB.CNPG.SHARED-INT-010")
    for postgres in context.stack.databases:
        place, target = postgres.namespace, f"{postgres.namespace}/{postgres.name}"
        mine = {
            str(rule["alert"]): str(rule.get("expr", ""))
            for rule in rules(context.api.every("monitoring.coreos.com/v1", PROMETHEUS_RULE, place))
            if "alert" in rule and (rule.get("labels") or {}).get("data_target") == target
        }
        how = kubectl(context.api, "get", "-n", place, "prometheusrules", "-o yaml")
        for alert in wanted:
            found = mine.get(alert, "no such alert")
            yield seen(f"alert {alert} of {target}", "is there, with an expression", found, bool(mine.get(alert)), how)


def _pooler_pages(context: Context) -> Iterator[Observation]:
    """As the scraper, whom alone the poolers let in."""
    observability = context.stack.settings.platform.observability
    where = Where(context.stack.cluster, observability.namespace, observability.scraper_labels)
    names, steps = [], []
    for postgres in context.stack.databases:
        for application in postgres.applications:
            pods = [
                it
                for it in context.api.every("v1", "Pod", postgres.namespace, pooler_labels(application.pooler))
                if ready(it)
            ]
            what = f"pods of pooler {postgres.namespace}/{application.pooler} that are Ready"
            yield seen(what, "one or more", len(pods), bool(pods))
            for pod in pods:
                names.append(named(pod))
                steps.append(
                    {
                        "kind": "metrics",
                        "host": pod["status"]["podIP"],
                        "port": POOLER_METRICS_PORT,
                        "path": "/metrics",
                        "prefix": POOLER_LINES,
                    }
                )
    if not steps:
        return
    [results] = context.probes.run([Probe(where, steps)])
    for name, result in zip(names, results, strict=True):
        lines = result.get("lines", 0)
        good = result.get("status") == 200 and lines > 0
        found = f"{lines} lines, HTTP {result['status']}" if "status" in result else told(result)
        yield seen(f"{name}: :{POOLER_METRICS_PORT}/metrics", f"lines of {POOLER_LINES}", found, good)


def _dragonfly_series(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        labels = f'namespace="{cache.namespace}",app="{cache.name}"'
        yield from _named_series(context, "dragonfly_.+", labels)
        yield from _arriving(context, DRAGONFLY_SERIES, labels, cache.settings.replicas)


def _postgres_series(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        instances = f'namespace="{postgres.namespace}",pod=~"{postgres.name}-[0-9]+"'
        yield from _named_series(context, "cnpg_.+", instances)
        yield from _arriving(context, POSTGRES_SERIES, instances, postgres.settings.instances)
        for it in postgres.applications:
            poolers = f'namespace="{postgres.namespace}",pod=~"{it.pooler}-[a-z0-9]+-[a-z0-9]+"'
            yield from _named_series(context, f"{POOLER_LINES}.+", poolers)
            yield from _arriving(context, POOLER_SERIES, poolers, it.settings.instances)


def _named_series(context: Context, names: str, labels: str) -> Iterator[Observation]:
    expression = f'count({{__name__=~"{names}",{labels}}})'
    found = _asked(context, expression)
    count = int(found[0].values[-1][1]) if found else 0
    yield seen(f"series named {names} of {labels}", "one or more", count, count > 0, expression)


def _arriving(context: Context, metric: str, labels: str, pods: int) -> Iterator[Observation]:
    """A sample in every one of the last minutes, of every pod: the answer to a plain query may be five minutes old."""
    expression = f"sum by (pod) (count_over_time({metric}{{{labels}}}[1m]))"
    found = context.prometheus.query_range(expression, seconds=60 * (MINUTES - 1), step=60)
    whole = [it for it in found if len([value for _, value in it.values if value > 0]) >= MINUTES]
    expected = f"of {pods} pods, in each of {MINUTES} minutes"
    yield seen(f"samples of {metric} of {labels}", expected, f"of {len(whole)} pods", len(whole) >= pods, expression)


def _asked(context: Context, expression: str) -> list[Any]:
    try:
        return list(context.prometheus.query(expression))
    except RefusedQueryError as error:
        raise UndecidedError(f"the metrics store refuses {expression}: {error}") from None


def _expressions(context: Context) -> Iterator[Observation]:
    place = context.stack.caches[0].namespace
    declared = context.stack.objects(PROMETHEUS_RULE)
    target = f"{place}/"
    mine = [
        rule
        for rule in rules(some(declared, "PrometheusRule"))
        if "alert" in rule and str((rule.get("labels") or {}).get("data_target", "")).startswith(target)
    ]
    for rule in some(mine, f"alert about {place}"):
        try:
            found = context.prometheus.query(str(rule["expr"]))
            yield seen(f"expression of {rule['alert']}", "is evaluated", f"{len(found)} series", True, rule["expr"])
        except RefusedQueryError as error:
            yield seen(f"expression of {rule['alert']}", "is evaluated", error, False, rule["expr"])


CHECKS = (
    Check("DFLY-INT-008", "reads PodMonitors and PrometheusRules, holds them against the stack's", _dragonfly_objects),
    Check(
        "DB.CNPG.SHARED-INT-007",
        "from a probe pod with the scraper's labels: reads /metrics of every pooler pod",
        _pooler_pages,
        Creates.PROBES,
    ),
    Check("DB.CNPG.SHARED-INT-008", "reads the PodMonitors and the pods that they select", _selecting),
    Check("DB.CNPG.SHARED-INT-010", "reads the PrometheusRules, looks for the alerts of the register", _alerts_exist),
    Check(
        "DFLY-E2E-001",
        "asks the metrics store for samples of every pod in each of the last 5 minutes",
        _dragonfly_series,
    ),
    Check("DFLY-E2E-004", "has the metrics store evaluate the expression of every alert about Dragonfly", _expressions),
    Check(
        "DB.CNPG.SHARED-E2E-004",
        "asks the metrics store for samples of every instance and pooler pod in each of the last 5 minutes",
        _postgres_series,
    ),
)
