"""DFLY-SW-004: memory, snapshots and readiness of a Dragonfly that do not keep its data."""

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from seawall.operators.cnpg.schedule import ScheduleError
from seawall.operators.dragonfly.flags import size
from seawall.operators.dragonfly.schedule import decode
from seawall.operators.versions import parse
from seawall.policy.checks.dragonfly_process import Process, process_of
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.quantities import amount, quantity
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation

PER_THREAD = 256 * 1024**2
"""The process exits when its memory for data is below this times its threads."""
SHARE = Decimal("0.8")
"""The part of the memory limit that data may take; also what the process takes by itself."""
OFTEN = timedelta(minutes=5)
"""Snapshots closer together than this start before the last one ended: each copies the whole data set."""

_SNAPSHOT = ("spec", "snapshot")
_CRON = (*_SNAPSHOT, "cron")
_CLAIM = (*_SNAPSHOT, "persistentVolumeClaimSpec")
_EXISTING = (*_SNAPSHOT, "existingPersistentVolumeClaimName")
_DIR = (*_SNAPSHOT, "dir")
_GATE = ("spec", "enableReplicationReadinessGate")
_GATE_SINCE = (1, 5, 0)
_MASTER_ONLY_SINCE = (1, 3, 0)


def check_memory(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Memory for data that is too little for the threads, or too much for the memory limit."""
    process = process_of(dragonfly, estate)
    limit = quantity(process.container.at("resources", "limits", "memory")) or None  # 0 is no limit
    said = _size(process, "maxmemory")
    threads = _threads(process)
    memory = Decimal(said) if said else SHARE * limit if limit is not None else None
    if memory is not None and threads is not None and memory < PER_THREAD * threads:
        how = f"--maxmemory is {amount(memory)}" if said else f"0.8 of the memory limit is {amount(memory)}"
        yield Violation(
            f"{how}, and {threads} thread{'s need' if threads > 1 else ' needs'} {amount(PER_THREAD * threads)} "
            "(256 MiB each): the process exits at its start",
            "Give it more memory or fewer threads (--proactor_threads).",
            process.path("maxmemory") if said else ("spec", "resources", "limits", "memory"),
            facts={"maxmemory": str(int(memory)), "threads": str(threads)},
        )
    if said and limit is not None and said > SHARE * limit:
        yield Violation(
            f"--maxmemory is {amount(said)}, {said / limit:.0%} of the memory limit {amount(limit)}: buffers, "
            "snapshots and replication need the rest, and above the limit the pod is killed",
            f"Set --maxmemory to at most {int(SHARE * limit)} (0.8 of the limit).",
            process.path("maxmemory"),
            facts={"maxmemory": str(said), "limit": str(int(limit))},
        )


def check_threads(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """More threads than the CPU limit has cores: they are throttled, and the latency shows it."""
    process = process_of(dragonfly, estate)
    threads = _whole(process, "proactor_threads")
    cores = quantity(process.container.at("resources", "limits", "cpu"))
    if threads and cores and threads > max(1, math.ceil(cores)):
        yield Violation(
            f"--proactor_threads is {threads}, the CPU limit {cores.normalize():f} cores: busy threads are halted for "
            "the rest of every period",
            f"Set --proactor_threads={max(1, math.floor(cores))}, or raise the limit.",
            process.path("proactor_threads"),
            facts={"threads": str(threads), "cores": f"{cores.normalize():f}"},
        )


def _threads(process: Process) -> int | None:
    """The threads that will run; without an argument as many as the CPU limit has cores, begun ones included."""
    said = _whole(process, "proactor_threads")
    if said:
        return said
    cores = quantity(process.container.at("resources", "limits", "cpu"))
    return math.ceil(cores) if cores else None  # 0 is no limit


def _whole(process: Process, name: str) -> int | None:
    value = process.text(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdigit():
        raise CannotEvaluateError(f"--{name} is no whole number", process.path(name))
    return int(value[:12])


def _size(process: Process, name: str) -> int | None:
    value = process.text(name)
    if value is None:
        return None
    found = size(value)
    if found is None:
        raise CannotEvaluateError(f"--{name} is no number of bytes like 1610612736 or 1.5g", process.path(name))
    return found


def check_schedule(dragonfly: KubeObject) -> Iterator[Violation]:
    """A schedule of snapshots that ends the process, never fires, or leaves no time for one."""
    cron = dragonfly.at(*_CRON).text()
    if not cron:
        return
    advice = 'Give five fields, minute first: "0 */6 * * *" is every six hours.'
    try:
        cadence = decode(cron)
    except ScheduleError as refusal:
        dragonfly.at(*_CRON).settled()
        yield Violation(
            f'the process exits at the schedule of snapshots "{cron}": {refusal}', advice, _CRON, facts={"cron": cron}
        )
        return
    now = datetime.now(UTC).replace(microsecond=0)
    times, shortest = cadence.next(now), cadence.shortest_gap(now)
    facts = {"cron": cron, "meaning": cadence.text}
    if not times:
        yield Violation(
            f'"{cron}" fires {cadence.text}: never in the next 5 years, so there are no snapshots',
            advice,
            _CRON,
            facts=facts,
        )
    elif shortest is not None and shortest < OFTEN:
        yield Violation(
            f'"{cron}" fires {cadence.text}: a snapshot every {shortest}, and each copies the whole data set',
            f"Leave at least {OFTEN} between two snapshots.",
            _CRON,
            facts=facts,
        )


def check_place(dragonfly: KubeObject) -> Iterator[Violation]:
    """Snapshots without a place that outlives the pod, or with two."""
    snapshot = dragonfly.at(*_SNAPSHOT)
    if not snapshot.keys():
        return
    claim, existing = dragonfly.at(*_CLAIM).present, dragonfly.at(*_EXISTING).text()
    folder = dragonfly.at(*_DIR).text() or ""
    store = "://" in folder
    if claim and existing:
        yield Violation(
            "persistentVolumeClaimSpec and existingPersistentVolumeClaimName are both given: the operator refuses the "
            "resource and makes nothing of it",
            "Keep one of them.",
            _EXISTING,
        )
    if store and (claim or existing):
        yield Violation(
            f"spec.snapshot.dir is {folder} and a claim is given as well: the operator mounts the claim at that path, "
            "which is no path",
            "Remove the claim, or the bucket.",
            _DIR,
        )
    if claim or existing or store:
        return
    if not folder and dragonfly.at(*_CRON).text():
        yield Violation(
            "spec.snapshot.cron without a claim and without a dir: the operator refuses the resource and makes nothing "
            "of it",
            "Set spec.snapshot.persistentVolumeClaimSpec.",
            _SNAPSHOT,
        )
    else:
        yield Violation(
            f"snapshots go to {folder or 'a folder'} in the container itself, no claim is mounted there: they are gone "
            "with the pod that they should bring back",
            "Set spec.snapshot.persistentVolumeClaimSpec.",
            _SNAPSHOT,
        )


def check_shared_place(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """One place of snapshots for all pods, into which replicas write as well."""
    count = sum(pods.count for pods in estate.pods_of(dragonfly))
    existing, folder = dragonfly.at(*_EXISTING).text(), dragonfly.at(*_DIR).text() or ""
    if count <= 1 or not (existing or "://" in folder):
        return
    place = f"claim {existing}" if existing else folder
    version = estate.operator_of(dragonfly).version
    number = parse(version)
    knows = number is not None and number >= _MASTER_ONLY_SINCE
    master_only = dragonfly.at(*_SNAPSHOT, "enableOnMasterOnly").boolean(default=False)
    if not (master_only and knows):
        ignored = f", and operator {version} does not read enableOnMasterOnly" if master_only else ""
        yield Violation(
            f"{place} is one place for {count} pods, and each writes its snapshots there{ignored}: a replica's older "
            "file replaces the master's, or a restart loads it",
            "Set spec.snapshot.enableOnMasterOnly: true (operator 1.3 or later)."
            if not existing
            else "Use persistentVolumeClaimSpec, which makes a claim for each pod.",
            _EXISTING if existing else _DIR,
        )


def check_file_name(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Regular snapshots to a volume under a new name each time: none is ever deleted."""
    if not dragonfly.at(*_CRON).text() or not (dragonfly.at(*_CLAIM).present or dragonfly.at(*_EXISTING).present):
        return
    process = process_of(dragonfly, estate)
    name = process.text("dbfilename")
    if name is None or "{timestamp}" in name:
        said = "--dbfilename has {timestamp} in it" if name else "--dbfilename is not given, and is then by date"
        yield Violation(
            f"{said}: each snapshot is a new file, no old one is deleted, and the volume fills up until they fail",
            "Set --dbfilename=dump: one file, which the next snapshot replaces.",
            process.path("dbfilename"),
        )


def check_readiness(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Replicas that count as ready before they have the data, so that a drain may take the only pod that has it."""
    count = sum(pods.count for pods in estate.pods_of(dragonfly))
    version = estate.operator_of(dragonfly).version
    number = parse(version)
    knows = number is not None and number >= _GATE_SINCE
    if count > 1 and knows and not dragonfly.at(*_GATE).boolean(default=False):
        yield Violation(
            f"its {count} pods are ready as soon as they answer, in sync or not: the budget counts a replica without "
            "data, and a drain then takes the master, which alone has them",
            "Set spec.enableReplicationReadinessGate: true.",
            _GATE,
        )


RULE = Rule(
    id="DFLY-SW-004",
    risks=("DFLY-OPS-001",),
    title="Memory, snapshots and readiness keep the data",
    score=4,
    why=(
        "All data is in memory. Too little of it for the threads and the process never starts; too much for the limit "
        "and it is killed; snapshots with a wrong schedule or place are not there when they are needed."
    ),
    mend=(
        "256 MiB per thread at least, 0.8 of the memory limit at most; five fields; a claim for each pod and one file "
        "name; spec.enableReplicationReadinessGate: true."
    ),
    kinds=(DRAGONFLY,),
    alone=(check_schedule, check_place),
    together=(check_memory, check_threads, check_shared_place, check_file_name, check_readiness),
)
