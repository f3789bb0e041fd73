"""CNPG-MON-001: metrics of PostgreSQL that nobody reads, or alerts on metrics that lie."""

from collections.abc import Iterator

from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import alerts, monitoring
from seawall.policy.surroundings.scrapes import MONITORS

_DEPRECATED = ("spec", "monitoring", "enablePodMonitor")


def check_monitor(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A monitor of instances or poolers at a port, path or scheme without metrics, or of some of the pods only."""
    yield from monitoring.aimed(thing, estate, (CLUSTER, POOLER))


def check_deprecated(thing: KubeObject) -> Iterator[Violation]:
    """A monitor that the operator makes, and that a coming version will not make any more."""
    if thing.group_kind in (CLUSTER, POOLER) and thing.at(*_DEPRECATED).boolean(default=False):
        yield Violation(
            "spec.monitoring.enablePodMonitor is deprecated: with a coming operator the PodMonitor is gone, and with "
            "it every alert",
            "Write a PodMonitor of your own and remove the field.",
            _DEPRECATED,
        )


RULE = Rule(
    id="CNPG-MON-001",
    risks=("CNPG-MON-001",),
    title="PostgreSQL's metrics are read, and its alerts tell the truth",
    score=4,
    why=(
        "No Service has the metrics' port, 9187 of instances and 9127 of poolers. A PodMonitor that selects nothing or "
        "is shut out leaves every alert silent, and the operator's own backup metrics stay 0 where the barman plugin "
        "makes the backups."
    ),
    mend="PodMonitors of your own for instances and poolers, port metrics; alerts on the plugin's metrics.",
    kinds=(CLUSTER, POOLER, *MONITORS, *alerts.RULES),
    alone=(check_deprecated,),
    together=(
        monitoring.unread,
        monitoring.annotated,
        monitoring.twice,
        monitoring.shut_out,
        check_monitor,
        alerts.lying,
        alerts.age,
    ),
    reaches=True,
)
