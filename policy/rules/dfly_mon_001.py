"""DFLY-MON-001: metrics of Dragonfly that nobody reads."""

from collections.abc import Iterator

from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import monitoring
from seawall.policy.surroundings.scrapes import MONITORS


def check_monitor(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A monitor of Dragonfly's pods at a port, path or scheme without metrics, or of some of the pods only."""
    yield from monitoring.aimed(thing, estate, (DRAGONFLY,))


RULE = Rule(
    id="DFLY-MON-001",
    risks=("DFLY-MON-001",),
    title="Dragonfly's metrics are read",
    score=2,
    why=(
        "Metrics are on the admin port 9999, which is in no Service and which policies close. A PodMonitor that "
        "selects nothing, asks for 8080 or is shut out leaves every alert silent."
    ),
    mend="A PodMonitor that selects app=<name>, with port admin, and a policy that admits the exact scraper.",
    kinds=(DRAGONFLY, *MONITORS),
    together=(monitoring.unread, monitoring.annotated, monitoring.twice, monitoring.shut_out, check_monitor),
    reaches=True,
)
