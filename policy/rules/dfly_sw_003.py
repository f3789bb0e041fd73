"""DFLY-SW-003: a Dragonfly whose eviction does not go with what it is for."""

from collections.abc import Iterator

from seawall.operators.annotations import PURPOSE, PURPOSES
from seawall.policy.checks.dragonfly_process import process_of
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation

_SNAPSHOT = ("spec", "snapshot")


def check_eviction(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A declared queue that evicts, or a declared cache that does not."""
    purpose = _purpose(dragonfly)
    if purpose is None:
        return
    process = process_of(dragonfly, estate)
    evicts = process.switch("cache_mode", default=False)
    facts = {"purpose": purpose, "cache_mode": str(evicts).lower()}
    if purpose == "queue" and evicts:
        yield Violation(
            "it is declared a queue and runs with cache_mode true: when its memory is full it evicts jobs and sessions "
            "that nobody has seen yet",
            "Set --cache_mode=false: full memory then refuses writes, which clients notice. Caches belong into an "
            "instance of their own.",
            process.path("cache_mode"),
            facts=facts,
        )
    elif purpose == "cache" and not evicts:
        said = "cache_mode false" if "cache_mode" in process.flags else "no cache_mode, which means false"
        yield Violation(
            f"it is declared a cache and runs with {said}: when its memory is full it refuses writes instead of "
            "evicting old keys",
            "Set --cache_mode=true.",
            process.path("cache_mode"),
            facts=facts,
        )


def check_snapshots(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A declared queue without regular snapshots."""
    if _purpose(dragonfly) != "queue":
        return
    process = process_of(dragonfly, estate)
    if not dragonfly.at(*_SNAPSHOT).keys():
        yield Violation(
            "it is declared a queue and has no snapshots: its jobs are lost with its pods",
            "Give spec.snapshot a cron and a claim.",
            _SNAPSHOT,
        )
    elif not (dragonfly.at(*_SNAPSHOT, "cron").text() or "").strip():
        yield Violation(
            "it is declared a queue and writes snapshots only when a pod ends in peace: a crash loses everything since",
            "Set spec.snapshot.cron.",
            (*_SNAPSHOT, "cron"),
        )
    if process.text("dbfilename") == "":
        yield Violation(
            "it is declared a queue and --dbfilename is empty, which switches snapshots off",
            "Set --dbfilename=dump.",
            process.path("dbfilename"),
        )


def _purpose(dragonfly: KubeObject) -> str | None:
    """What it is declared to be for. Raises `CannotEvaluateError` for a word that is no purpose."""
    purpose = dragonfly.annotation(PURPOSE)
    if purpose is not None and purpose not in PURPOSES:
        path = ("metadata", "annotations", PURPOSE)
        raise CannotEvaluateError(f"the annotation {PURPOSE} says neither {' nor '.join(PURPOSES)}", path)
    return purpose


RULE = Rule(
    id="DFLY-SW-003",
    risks=(),
    title="A queue never evicts",
    score=4,
    why=(
        "With cache_mode full memory evicts keys, and a job that waits in a queue is a key like any other: it vanishes "
        "without an error. Without cache_mode a cache that is full refuses writes."
    ),
    mend="One instance for each purpose: --cache_mode=false and snapshots for queues, --cache_mode=true for caches.",
    kinds=(DRAGONFLY,),
    together=(check_eviction, check_snapshots),
)
