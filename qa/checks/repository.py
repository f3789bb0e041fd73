"""Checks of what is written down: the stack's program is run without an engine, and what it registers is looked at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from seawall.components.dragonfly import example, monitoring
from seawall.components.operators.releases import dragonfly_release
from seawall.operators.cnpg.schedule import ScheduleError, decode
from seawall.operators.dragonfly import pod_labels
from seawall.operators.labels import HOSTNAME
from seawall.qa import register
from seawall.qa.checks.context import Context
from seawall.qa.checks.looking import Manifest, alerts_of, named, rules
from seawall.qa.checks.model import Check, UndecidedError, seen
from seawall.qa.evidence.model import Observation

LEAST_REPLICAS = 2
_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
"""Any day will do."""


def _release(context: Context) -> Iterator[Observation]:
    operator = context.stack.settings.operators.dragonfly
    if not operator.managed:
        raise UndecidedError(f"stack {context.stack.name} does not install the operator (operators.dragonfly.managed)")
    chart = dragonfly_release(operator, context.stack.settings.platform).chart.name
    found = [it for it in context.stack.resources if it.kind == "Release" and it.inputs.get("name") == chart]
    if len(found) != 1:
        yield seen(f"releases of chart {chart} in stack {context.stack.name}", 1, len(found), False)
        return
    values = found[0].inputs.get("values") or {}
    how = f"make render STACK={context.stack.name}"
    crds = values.get("crds") or {}
    # As templates of the release, which every upgrade replaces; kept when the release goes, with the data under them.
    yield seen(f"{chart}: values.crds.install", True, crds.get("install"), crds.get("install") is True, how)
    yield seen(f"{chart}: values.crds.keep", True, crds.get("keep"), crds.get("keep") is True, how)
    replicas = values.get("replicaCount")
    enough = isinstance(replicas, int) and replicas >= LEAST_REPLICAS and replicas == operator.replicas
    yield seen(f"{chart}: values.replicaCount", f"{LEAST_REPLICAS} or more", replicas, enough, how)


def _placement(context: Context) -> Iterator[Observation]:
    for cache in context.stack.caches:
        for manifest in context.stack.objects("Dragonfly", cache.namespace):
            if manifest["metadata"]["name"] == cache.name:
                found = [text for text, ok in _keeping_apart(manifest, pod_labels(cache.name)) if ok]
                told = "; ".join(found) or "; ".join(text for text, _ in _keeping_apart(manifest, {})) or "nothing"
                expected = "a hard rule over nodes whose selector matches the pods"
                yield seen(named(manifest), expected, told, bool(found), f"make render STACK={context.stack.name}")


def _keeping_apart(manifest: Manifest, pods: dict[str, str]) -> Iterator[tuple[str, bool]]:
    """Each rule that keeps pods apart, and whether it does: hard, over nodes, and about these pods."""
    spec = manifest.get("spec", {})
    anti = (spec.get("affinity") or {}).get("podAntiAffinity") or {}
    for term in anti.get("requiredDuringSchedulingIgnoredDuringExecution") or []:
        selector = (term.get("labelSelector") or {}).get("matchLabels") or {}
        right = bool(selector) and selector.items() <= pods.items() and term.get("topologyKey") == HOSTNAME
        yield f"anti-affinity on {selector} over {term.get('topologyKey')}", right
    for term in spec.get("topologySpreadConstraints") or []:
        selector = (term.get("labelSelector") or {}).get("matchLabels") or {}
        # With fewer domains than pods a skew of 1 still lets two share a node.
        whole = term.get("minDomains", 1) >= spec.get("replicas", 1) and term.get("maxSkew") == 1
        hard = term.get("whenUnsatisfiable") == "DoNotSchedule" and term.get("topologyKey") == HOSTNAME
        yield (
            f"spread on {selector} over {term.get('topologyKey')}",
            bool(selector and selector.items() <= pods.items() and hard and whole),
        )


def _alerts(context: Context) -> Iterator[Observation]:
    wanted = alerts_of("DFLY-UNIT-003")
    for cache in context.stack.caches:
        # What the settings call for: without volumes of its own an instance has none that fill.
        possible = {alert.name for alert in monitoring.alerts(cache)}
        declared = context.stack.objects("PrometheusRule", cache.namespace)
        target = f"{cache.namespace}/{cache.name}"
        mine = {
            str(rule["alert"]): str(rule.get("expr", ""))
            for rule in rules(declared)
            if "alert" in rule and (rule.get("labels") or {}).get("data_target") == target
        }
        for alert in wanted:
            if alert in possible or alert not in mine:
                found = mine.get(alert, "no such alert")
                yield seen(f"alert {alert} of {target}", "is there, with an expression", found, bool(mine.get(alert)))


def _example(context: Context) -> Iterator[Observation]:
    from seawall.policy.acceptance.waivers import today
    from seawall.policy.checking import Asked, Opened, check, prepare
    from seawall.policy.estate.building import build
    from seawall.policy.estate.doors.folder import read_file
    from seawall.policy.estate.sight import FOLDER

    file = context.checkout / example.PATH
    there = file.is_file()
    yield seen(example.PATH, "is there", "is there" if there else "is not there", there, f"less {example.PATH}")
    if not there:
        return
    same = file.read_text(encoding="utf-8") == example.render_example()
    yield seen(
        f"{example.PATH}: content",
        "what the code that deploys the stacks makes",
        "the same" if same else "something else",
        same,
        "seawall docs --check",
    )
    reading = read_file(file)
    asked = Asked()
    opened = Opened(example.PATH, build(reading.objects, notes=reading.notes, sees=FOLDER.sees), reading.files)
    result = check(opened, asked, prepare(asked), day=today())
    caches = sum(it.kind == "Dragonfly" for it in reading.objects)
    yield seen(f"{example.PATH}: Dragonfly resources", 1, caches, caches == 1)
    told = ", ".join(sorted({finding.rule.id for finding in result.findings})) or "nothing"
    yield seen(
        f"{example.PATH}: what the policy pack finds in it",
        "nothing that fails",
        told,
        result.exit_code == 0,
        f"seawall check {example.PATH}",
    )


def _schedule(context: Context) -> Iterator[Observation]:
    [trace] = [it for it in register.load().tests["DB.CNPG.SHARED-UNIT-001"].trace if it.equals is not None]
    if trace.stack != context.stack.name:
        raise UndecidedError(
            f"the register says what the schedule is in stack {trace.stack}, not in {context.stack.name}"
        )
    found = context.stack.objects("ScheduledBackup")
    if not found:
        yield seen("ScheduledBackups", "one or more", 0, False)
    for manifest in found:
        schedule = str(manifest.get("spec", {}).get("schedule"))
        how = f"make render STACK={context.stack.name}"
        yield seen(f"{named(manifest)}: spec.schedule", trace.equals, schedule, schedule == trace.equals, how)
        wanted = decode(str(trace.equals))
        try:
            cadence = decode(schedule)
            daily = cadence.text == wanted.text and cadence.longest_gap(_BEGIN) == timedelta(days=1)
            found_text = cadence.text
        except ScheduleError as error:
            daily, found_text = False, str(error)
        yield seen(f"{named(manifest)}: as the operator reads it (UTC)", wanted.text, found_text, daily)


CHECKS = (
    Check("DFLY-UNIT-001", "renders the stack, looks at the values of the Dragonfly operator's release", _release),
    Check("DFLY-UNIT-002", "renders the stack, holds each placement against the labels of its pods", _placement),
    Check("DFLY-UNIT-003", "renders the stack, looks for the alerts that the register names", _alerts),
    Check("DFLY-INT-011", "reads the example for one tenant, makes it anew, judges it by the policy pack", _example),
    Check("DB.CNPG.SHARED-UNIT-001", "renders the stack, decodes the schedule as the operator does", _schedule),
)
