"""What a reader of a check must know, and what is no finding: things that rules look for and that nobody declared."""

from collections.abc import Iterator

from seawall.operators.annotations import RESTORES
from seawall.policy.estate.backups.archives import archives_of
from seawall.policy.estate.backups.backup_jobs import Purpose, jobs_about
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate, KubeObject, Note
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.surroundings.secrets import not_seen

_NAMED = 3
"""Clusters that are named in one note; the rest is counted."""


def remarks(estate: Estate) -> Iterator[Note]:
    """The notes on an estate that take the rules' knowledge."""
    yield from _undrilled(estate)
    yield from not_seen(estate)


def _undrilled(estate: Estate) -> Iterator[Note]:
    """Clusters whose backups nobody restores. No finding: a drill may well be run by hand, or from elsewhere."""
    clusters = [cluster.title for cluster in estate.every(CLUSTER) if _needs_a_drill(estate, cluster)]
    if clusters:
        more = f" and {len(clusters) - _NAMED} more" if len(clusters) > _NAMED else ""
        yield Note(
            f"whether backups restore: no restore drill is declared for {', '.join(clusters[:_NAMED])}{more} "
            f"(annotation {RESTORES})"
        )


def _needs_a_drill(estate: Estate, cluster: KubeObject) -> bool:
    try:
        return (
            cluster.annotation(RESTORES) is None
            and not jobs_about(cluster, estate, Purpose.RESTORES)
            and bool(archives_of(cluster, estate))
        )
    except CannotEvaluateError:
        return False  # the rules about it say why
