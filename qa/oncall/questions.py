"""All questions of the page, asked of what was read."""

from collections.abc import Iterator

from seawall.operators.annotations import RESTORES
from seawall.policy.estate.kinds import CLUSTER, DRAGONFLY, EXTERNAL_SECRET, GroupKind
from seawall.policy.estate.model import Estate
from seawall.qa.oncall import backups, connections, drain, reach, restores, running, secrets
from seawall.qa.oncall.expected import NOTHING, Expected
from seawall.qa.oncall.live_estate import estate_of
from seawall.qa.oncall.model import Answer, Severity, Topic, Verdict, nothing, unknown
from seawall.qa.oncall.places import Places
from seawall.qa.oncall.prometheus import NO_METRICS, Metrics
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.remarks import PAGE
from seawall.qa.oncall.things import Thing

_POSTGRES = (Topic.BACKUP, Topic.RESTORE, Topic.CONNECTIONS)


def answers(
    seen: Seen, *, node: str | None = None, metrics: Metrics = NO_METRICS, expected: Expected = NOTHING
) -> list[Answer]:
    """Every answer. Raises `UserError` for a node that the cluster does not have."""
    places = Places(seen)
    estate = estate_of(seen)
    found = list(_place(seen, expected))
    found += _of_postgres(seen, places, estate, metrics, expected)
    found += _of_caches(seen, places, estate)
    found += _of_secrets(seen)
    return [*found, *drain.answers(seen, metrics, node)]


def clusters(seen: Seen) -> list[Thing]:
    """The Clusters, without those that a restore drill makes and removes."""
    return [it for it in seen.of(CLUSTER) if RESTORES not in it.annotations]


def _place(seen: Seen, expected: Expected) -> Iterator[Answer]:
    """Whether there is anything of ours, and what the stack names and the cluster does not have."""
    kinds = (CLUSTER, DRAGONFLY, EXTERNAL_SECRET)
    command = f"{seen.kubectl} get clusters.postgresql.cnpg.io,dragonflies,externalsecrets -A"
    if not any(seen.missing(kind) for kind in kinds) and not any(
        (clusters(seen), seen.of(DRAGONFLY), secrets.ours(seen))
    ):
        yield Answer(
            Topic.PLACE,
            seen.context,
            Verdict.NO,
            Severity.WARNING,
            "it has no Cluster, no Dragonfly and no secret of ours: is this the context that you mean?",
            command,
            PAGE,
        )
    for kind, names in ((CLUSTER, tuple(expected.clusters)), (DRAGONFLY, expected.caches)):
        there = {it.full_name for it in seen.of(kind)}
        for name in names if not seen.missing(kind) else ():
            if name not in there:
                yield Answer(
                    Topic.PLACE,
                    seen.context,
                    Verdict.NO,
                    Severity.CRITICAL,
                    f"stack {expected.stack} has {kind[1]} {name}, and the cluster does not",
                    command,
                    PAGE,
                )


def _of_postgres(seen: Seen, places: Places, estate: Estate, metrics: Metrics, expected: Expected) -> Iterator[Answer]:
    for cluster in clusters(seen):
        yield running.cluster_answer(cluster, places, seen)
        yield backups.answer(cluster, seen, expected)
        yield restores.answer(cluster, seen, expected)
        yield connections.answer(cluster, estate, seen, metrics, expected)
    if not clusters(seen):
        command = f"{seen.kubectl} get clusters.postgresql.cnpg.io -A"
        for topic in (Topic.RUNNING, *_POSTGRES):
            yield _none(topic, "PostgreSQL", CLUSTER, seen, command)


def _of_caches(seen: Seen, places: Places, estate: Estate) -> Iterator[Answer]:
    for resource in seen.of(DRAGONFLY):
        yield running.cache_answer(resource, places, seen)
        yield reach.answer(resource, estate, seen)
    if not seen.of(DRAGONFLY):
        yield _none(Topic.REACH, "Dragonfly", DRAGONFLY, seen, f"{seen.kubectl} get dragonflies -A")


def _of_secrets(seen: Seen) -> Iterator[Answer]:
    by_namespace: dict[str, list[Thing]] = {}
    for secret in secrets.ours(seen):
        by_namespace.setdefault(secret.namespace, []).append(secret)
    for namespace, found in by_namespace.items():
        yield secrets.answer(namespace, found, seen)
    if not by_namespace:
        yield _none(Topic.SECRETS, "any namespace", EXTERNAL_SECRET, seen, f"{seen.kubectl} get externalsecrets -A")


def _none(topic: Topic, about: str, kind: GroupKind, seen: Seen, command: str) -> Answer:
    """Where there is nothing to ask about, or where that cannot be seen."""
    missing = seen.missing(kind)
    if missing:
        return unknown(topic, about, missing, command=command, runbook=PAGE)
    why = (
        f"there is no {kind[1]} here"
        if seen.served(kind)
        else f"the cluster has no {kind[1]}: its CRD is not installed"
    )
    return nothing(topic, about, why, command=command, runbook=PAGE)
