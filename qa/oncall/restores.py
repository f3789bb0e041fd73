"""When was a backup last restored, whole, and how long did that take? The restore drill keeps it in a ConfigMap."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from seawall.components.cnpg.drill.names import report_name
from seawall.operators.annotations import RESTORES
from seawall.policy.estate.kinds import CLUSTER, CRON_JOB
from seawall.policy.report.text import plain
from seawall.qa.oncall.expected import Expected
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.reading import Document, Seen
from seawall.qa.oncall.remarks import Remark, broken, fine, grave, never, page, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing, dig, mappings, moment, seconds, span
from seawall.qa.oncall.times import ago, cadence, from_the_future

NEEDED = (CLUSTER, CRON_JOB)
VERSION = 1
"""Of the drill's report that is read here. Its own module would load clients of PostgreSQL and S3."""
LAST, GOOD = "last.json", "last-good.json"
_SLACK = timedelta(days=1)
"""What a drill may be late where no stack file says how old it may be."""
_LONGEST = 300


def answer(cluster: Thing, seen: Seen, expected: Expected) -> Answer:
    """The answer for one Cluster."""
    missing = seen.missing(*NEEDED)
    cron = next((it for it in seen.of(CRON_JOB) if it.annotations.get(RESTORES) == cluster.full_name), None)
    namespace, name = (cron.namespace if cron is not None else cluster.namespace), report_name(cluster.name)
    command = f"{seen.kubectl} get configmap -n {namespace} {name} -o jsonpath='{{.data.last-good\\.json}}'"
    good: Mapping[str, Any] | None = None
    if missing:
        found = [unseen(missing)]
    elif cron is None:
        found = [never("nobody restores its backups: no CronJob says that it does", page("CnpgRestoreDrillTooOld"))]
    else:
        document = seen.reports.get((cron.namespace, name), Document())
        good = _report(document, GOOD)
        found = list(_remarks(cluster, cron, document, seen, expected))
    return weighed(
        Topic.RESTORE,
        cluster.full_name,
        found,
        command=command,
        summary=_summary(good, seen.now),
        runbook=page("CnpgRestoreDrillTooOld"),
    )


def _report(document: Document, key: str) -> Mapping[str, Any] | None:
    """One of the two reports, None where it is not there or is none."""
    text = dig(document.value, key)
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, Mapping) and found.get("version") == VERSION else None


def _remarks(cluster: Thing, cron: Thing, document: Document, seen: Seen, expected: Expected) -> Iterator[Remark]:
    if document.why:
        yield unseen(document.why)
        return
    if cron.at("spec", "suspend") is True:
        yield watch(f"CronJob {cron.full_name} is suspended: no drill comes", page("CnpgRestoreDrillTooOld"))
    given = document.value if isinstance(document.value, Mapping) else {}
    last, good = _report(document, LAST), _report(document, GOOD)
    for key, report in ((LAST, last), (GOOD, good)):
        if report is None and key in given:
            yield unseen(f"{key} of the report is none of version {VERSION}: another version of the drill wrote it")
            return
    for report in (last, good):
        source = report.get("source") if report is not None else None
        if isinstance(source, str) and source != cluster.full_name:
            yield unseen(f"the report is about {plain(source)[:_LONGEST]}")
            return
    yield from _newest(last, good, seen.now)
    yield from _last_good(cluster, cron, good, last, seen, expected)


def _newest(last: Mapping[str, Any] | None, good: Mapping[str, Any] | None, now: datetime) -> Iterator[Remark]:
    """A drill that failed since the last good one."""
    if last is None or last.get("ok") is True:
        return
    ended, before = moment(last.get("ended_at")), moment((good or {}).get("ended_at"))
    if ended is not None and before is not None and ended <= before:
        return
    kind = plain(str(dig(last, "failure", "class")))
    why = plain(str(dig(last, "failure", "message")))[:_LONGEST]
    when = f" {ago(ended, now)}" if ended is not None else ""
    text = f"the newest drill failed{when}: {kind}: {why}"
    if last.get("restorable") is False:
        yield grave(f"{text}; the backups do not restore", page("CnpgRestoreDrillFailed"))
    else:
        yield broken(f"{text}; it proved nothing about the backups", page("CnpgRestoreDrillFailed"))


def _last_good(
    cluster: Thing,
    cron: Thing,
    good: Mapping[str, Any] | None,
    last: Mapping[str, Any] | None,
    seen: Seen,
    expected: Expected,
) -> Iterator[Remark]:
    now, gap = seen.now, cadence(cron, seen.now)
    if good is None:
        young = gap is not None and cron.created is not None and now - cron.created < gap and last is None
        since = f"; it is {span(now - cron.created)} old, the next run comes" if young and cron.created else ""
        text = f"no drill has succeeded yet{since}"
        yield watch(text, page("CnpgRestoreDrillTooOld")) if young else broken(text, page("CnpgRestoreDrillTooOld"))
        return
    ended = moment(good.get("ended_at"))
    if ended is None:
        yield unseen("the report of the last good drill does not say when it ended")
        return
    ahead = from_the_future("the last good drill", ended, now)
    if ahead is not None:
        yield ahead
        return
    stack = expected.clusters.get(cluster.full_name)
    told_s = stack.max_drill_age_s if stack is not None else None
    limit = timedelta(seconds=told_s) if told_s is not None else gap + _SLACK if gap is not None else None
    text = f"the last good drill ended {ago(ended, now)}"
    if limit is None:
        yield told(f"{text}; how old it may be cannot be said: its schedule cannot be read")
    elif now - ended > limit:
        yield broken(f"{text}, and may be {span(limit)} old", page("CnpgRestoreDrillTooOld"))
    else:
        yield fine(text)
    yield from _measured(good)


def _measured(good: Mapping[str, Any]) -> Iterator[Remark]:
    yield fine(f"RTO {_length(good.get('rto_seconds'))}: from the recovery Cluster's creation to its first answer")
    wal, commit = (_length(dig(good, "rpo_seconds", key)) for key in ("wal", "commit"))
    yield fine(f"RPO {wal} by the newest WAL that came back, {commit} by the last commit")
    checks = mappings(good.get("checks"))
    yield fine(
        f"{sum(it.get('ok') is True for it in checks)} of {len(checks)} checks held; target {good.get('target')}"
    )


def _length(value: Any) -> str:
    found = seconds(value)
    return span(found) if found is not None else "not measured"


def _summary(good: Mapping[str, Any] | None, now: datetime) -> str:
    ended = moment((good or {}).get("ended_at"))
    if good is None or ended is None:
        return ""
    rpo = _length(dig(good, "rpo_seconds", "wal"))
    return f"{span(now - ended)} ago; RTO {_length(good.get('rto_seconds'))}, RPO {rpo}"
