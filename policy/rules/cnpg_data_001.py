"""CNPG-DATA-001: a backup schedule that does not mean what it looks like, or backs nothing up."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby

from seawall.operators import barman
from seawall.operators.cnpg.schedule import Cadence, ScheduleError, decode, from_five_fields
from seawall.policy.estate.backups.archives import enabled_plugins, in_tree_store
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import CLUSTER, SCHEDULED_BACKUP
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

RARELY = timedelta(days=8)
"""A base backup a week is the least: every restore replays all WAL since the last one."""
OFTEN = timedelta(hours=1)
"""More often than every hour is taken for a field in the wrong place."""

_PATH = ("spec", "schedule")
_PLUGIN = ("spec", "pluginConfiguration", "name")
_IN_TREE = "barmanObjectStore"
"""The method when none is given."""


def check(backup: KubeObject) -> Iterator[Violation]:
    """A ScheduledBackup whose decoded schedule is refused, has five fields, never fires, or fires absurdly."""
    if backup.at("spec", "suspend").boolean(default=False):
        yield Violation(
            "spec.suspend is true: no backup is made at all",
            "Remove spec.suspend, or delete the ScheduledBackup when it is not wanted.",
            ("spec", "suspend"),
        )
    schedule = backup.at("spec", "schedule").text()
    if schedule is None:
        yield Violation("spec.schedule is missing", 'Give six fields, seconds first: "0 0 2 * * *".', _PATH)
        return
    try:
        cadence = decode(schedule)
    except ScheduleError as refusal:
        backup.at(*_PATH).settled()
        yield Violation(
            f'the operator refuses the schedule "{schedule}": {refusal}. No backup is ever made',
            _advice(schedule),
            _PATH,
            facts={"schedule": schedule},
        )
        return
    yield from _judge(cadence)


def _judge(cadence: Cadence) -> Iterator[Violation]:
    start = datetime.now(UTC).replace(microsecond=0)
    times = cadence.next(start)
    described = f'"{cadence.schedule}" fires {cadence.text}'
    facts = {
        "schedule": cadence.schedule,
        "meaning": cadence.text,
        "next": ", ".join(f"{fired:%Y-%m-%dT%H:%M:%SZ}" for fired in times),
    }
    upcoming = f" (next: {_listed(times)} UTC)" if times else ""
    if cadence.given == 5:
        yield Violation(
            f"{described}{upcoming}: five fields are read with seconds first{_looks_like(cadence)}",
            _advice(cadence.schedule),
            _PATH,
            facts=facts,
        )
        return
    shortest, longest = cadence.shortest_gap(start), cadence.longest_gap(start)
    if not times:
        yield Violation(f"{described}: never in the next 5 years", _advice(cadence.schedule), _PATH, facts=facts)
    elif shortest is not None and shortest < OFTEN:
        yield Violation(
            f"{described}{upcoming}: a base backup every {shortest}, which never lets the previous one finish",
            'Put the fields in the order second, minute, hour: "0 0 2 * * *" is every day at 02:00.',
            _PATH,
            facts=facts,
        )
    elif longest is None or longest > RARELY:
        gap = f"up to {longest.days} days between two base backups" if longest else "once in 5 years"
        yield Violation(
            f"{described}{upcoming}: {gap}, and a restore replays all WAL since the last one",
            "Make a base backup at least every week, better every day.",
            _PATH,
            facts=facts,
        )


def plugin(backup: KubeObject) -> Iterator[Violation]:
    """A backup through a plugin that is not named, or whose name is the barman plugin's misspelt."""
    if backup.at("spec", "method").text() != barman.BACKUP_METHOD:
        return
    name = backup.at(*_PLUGIN).text()
    mend = f"Set pluginConfiguration: {{name: {barman.PLUGIN_NAME}}}."
    if not name:
        yield Violation(
            "method is plugin and pluginConfiguration names none: the webhook takes it, and every backup fails",
            mend,
            _PLUGIN,
        )
    elif _misspelt(name):
        yield Violation(
            f"pluginConfiguration names {name}, and the barman plugin is called {barman.PLUGIN_NAME}: every backup "
            "fails",
            mend,
            _PLUGIN,
        )


def target(backup: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A backup of a Cluster that is not there, or in a way that this Cluster is not set up for."""
    path = ("spec", "cluster", "name")
    name = backup.at(*path).text()
    cluster = estate.find(CLUSTER, backup.namespace, name or "")
    if cluster is None:
        others = [it.name for it in estate.of(CLUSTER, backup.namespace)]
        if not name or others:  # a folder may well hold backups whose clusters are elsewhere
            backup.at(*path).settled()
            yield Violation(
                "spec.cluster.name is missing: nothing is backed up"
                if not name
                else f"there is no Cluster {name} in namespace {backup.namespace}, only "
                f"{', '.join(sorted(others)[:3])}: nothing is backed up",
                "Name the Cluster to back up; it must be in the same namespace.",
                path,
            )
        return
    with blaming(cluster):
        plugins = [entry.at("name").text() or "" for entry in enabled_plugins(cluster)]
        in_tree = in_tree_store(cluster) is not None
        volumes = cluster.at("spec", "backup", "volumeSnapshot").present
    yield from _unwired(backup, cluster, plugins, in_tree=in_tree, volumes=volumes)


def _misspelt(name: str) -> bool:
    return "barman" in name and name != barman.PLUGIN_NAME


def _unwired(
    backup: KubeObject, cluster: KubeObject, plugins: list[str], *, in_tree: bool, volumes: bool
) -> Iterator[Violation]:
    method = backup.at("spec", "method").text()
    written = f"method is {method}" if method else f"method is not given, which means {_IN_TREE}"
    method = method or _IN_TREE
    with_plugin = f"Set method: plugin and pluginConfiguration: {{name: {barman.PLUGIN_NAME}}}."
    if method == _IN_TREE and not in_tree:
        has = f"backs up through the plugin {', '.join(plugins)}" if plugins else "has no spec.backup.barmanObjectStore"
        yield Violation(
            f"{written}, and {cluster.title} {has}: every backup fails",
            with_plugin if plugins else "Wire the Cluster to a store first.",
            ("spec", "method"),
        )
    elif method == "volumeSnapshot" and not volumes:
        yield Violation(
            f"{written}, and {cluster.title} has no spec.backup.volumeSnapshot: the webhook refuses the backup",
            "Give the Cluster spec.backup.volumeSnapshot.className.",
            ("spec", "method"),
        )
    elif method == barman.BACKUP_METHOD:
        name = backup.at(*_PLUGIN).text()
        if name and name not in plugins and not _misspelt(name):
            yield Violation(
                f"pluginConfiguration names {name}, which is not among the plugins of {cluster.title} "
                f"({', '.join(plugins) or 'none'}): every backup fails",
                "Name a plugin of the Cluster, or add this one to its spec.plugins.",
                _PLUGIN,
            )


def _listed(times: tuple[datetime, ...]) -> str:
    """Times with each day named once: `Mon 23 Nov 07:02:00, 08:02:00, 09:02:00`."""
    days = groupby(times, key=lambda fired: f"{fired:%a %d %b}")
    return "; ".join(f"{day} {', '.join(f'{fired:%H:%M:%S}' for fired in fires)}" for day, fires in days)


def _looks_like(cadence: Cadence) -> str:
    """What the writer of five fields most likely meant."""
    try:
        meant = decode(from_five_fields(cadence.schedule))
    except ScheduleError:
        return ""
    return f", so this is not {meant.text}"


def _advice(schedule: str) -> str:
    fields = schedule.split()
    if len(fields) == 5:
        six = from_five_fields(schedule)
        try:
            return f'Put the seconds in front: "{six}" fires {decode(six).text}.'
        except ScheduleError:
            pass
    return 'Give six fields (second minute hour day-of-month month day-of-week): "0 0 2 * * *" is every day at 02:00.'


RULE = Rule(
    id="CNPG-DATA-001",
    risks=("CNPG-DATA-001",),
    title="Backup schedule means what it says",
    score=6,
    why=(
        "CloudNativePG reads schedules with seconds first. The five fields of a CronJob are accepted with a warning "
        "and mean something else: `0 2 * * *` makes a base backup at minute 2 of every hour, or none at all. Method "
        "and plugin are not compared with the Cluster either: a schedule that does not fit it fails at night."
    ),
    mend=(
        "Give six fields, seconds first, compare the decoded times with what you meant, and name the method and the "
        "plugin that the Cluster is wired to."
    ),
    kinds=(SCHEDULED_BACKUP,),
    alone=(check, plugin),
    together=(target,),
)
