"""The checks that names, sizes and metadata answer: LIST for nearly all, GET for small texts, HEAD for a sample."""

from collections.abc import Iterator
from dataclasses import dataclass

from . import bases, encryption, wals
from .chain import Chain, branch_problem, chain, newest_timeline, taken
from .encryption import Looks
from .findings import Findings, listed, span
from .history import HistoryError, Stretch, alone, stretches
from .info import BackupInfo
from .segments import SUFFIXES, lsn_text
from .settings import Expectation
from .store import BrokenError, Entry, MissingError, Store
from .unpacking import CannotUnpackError, DamagedError, unpacked

_LARGEST_HISTORY = 1 << 20


@dataclass
class Archive:
    """What was found in one archive."""

    bases: bases.Bases
    wals: wals.Wals
    chain: Chain | None = None
    way: tuple[Stretch, ...] = ()
    """The timelines that recovery to the latest follows."""
    unrestorable: str | None = None
    """Why a restore from this backup fails; None when nothing was seen against it."""
    broken: int | None = None
    """Number of the first segment after the backup that is damaged: recovery ends before it."""

    @property
    def info(self) -> BackupInfo | None:
        """The backup to restore from."""
        return self.bases.info

    def stopped_by(self, place: tuple[int, int], why: str) -> None:
        """A segment on the way has not a segment's size: PostgreSQL gives up there, unless recovery ends before it."""
        reach = self.chain.reach if self.chain is not None else None
        if reach is not None and place[1] <= reach[1] and (self.broken is None or place[1] < self.broken):
            self.unrestorable = self.unrestorable or f"{why}: recovery stops there with an error"


def look(store: Store, wanted: Expectation, findings: Findings) -> Archive:
    """Lists the archive and makes every check of this kind. Raises `StoreError`."""
    found = bases.scan(store.objects("base/"))
    bases.choose(found, store.read, store.now(), wanted.max_backup_duration)
    archive = Archive(found, wals.scan(store.objects("wals/"), found.info))
    findings.counts.update(found.counts + archive.wals.counts)
    foreign = found.foreign + archive.wals.foreign
    for name in store.top():
        if name not in ("base/", "wals/"):
            foreign.add(name)
    findings.counts["foreign objects"] = foreign.count
    _backup(archive, store, wanted, findings)
    _wal(archive, store, wanted, findings)
    _encryption(archive, store, wanted, findings)
    findings.judged(
        "foreign-objects",
        [f"not of this archive: {foreign.told(where=wanted.where)}"] if foreign.count else [],
        "every object's name is one that barman-cloud writes",
    )
    _clock(archive, store, wanted, findings)
    return archive


def _backup(archive: Archive, store: Store, wanted: Expectation, findings: Findings) -> None:
    found = archive.bases
    gone = [attempt.text for attempt in found.unfinished if attempt.failed]
    under_way = [attempt.text for attempt in found.unfinished if not attempt.failed]
    # One that failed and was followed by one that is under way is still the newest that ended.
    findings.judged("backup-finished", gone, listed(under_way, "; ") or "the newest attempt finished")
    findings.judged("backup-info", found.unreadable, "it can be read")
    base, info = found.chosen, found.info
    if base is None or info is None:
        archive.unrestorable = f"there is no finished base backup in {wanted.where('base/')}"
        findings.failed("backup-age", archive.unrestorable)
        return
    age = (store.now() - info.end_time).total_seconds()
    message = f"the newest finished base backup {base.id} ended {span(age)} ago, allowed are "
    message += span(wanted.max_backup_age)
    findings.judged("backup-age", [message] if age > wanted.max_backup_age else [], message)
    findings.judged("backup-info", info.contradictions(), f"base/{base.id}/{bases.INFO} agrees with itself")
    problems = [*bases.data_problems(base, info), *_ends(base, store)]
    findings.judged("backup-data", problems, f"{len(base.data)} files, {base.size} bytes")
    if problems:
        archive.unrestorable = problems[0]


_ENDS = {".gz": "gzip", ".lz4": "lz4", ".tar": "tar"}


def _ends(base: bases.Base, store: Store) -> Iterator[str]:
    """Files whose last bytes are not an end: they were cut off. Of bzip2 and snappy the end does not tell."""
    for name, entry in base.data.items():
        kind = next((kind for suffix, kind in _ENDS.items() if name.endswith(suffix)), None)
        if kind is None or entry.size < 512:
            continue
        try:
            tail = store.tail(entry.key, 512)
        except MissingError:
            yield f"{entry.key} was in the list, and is not there"
            continue
        cut = {
            "gzip": int.from_bytes(tail[-4:], "little") % 512 != 0,  # the tar's length, modulo 4 GiB
            "lz4": tail[-4:] != bytes(4),
            "tar": any(tail),
        }[kind]
        if cut:
            yield f"{entry.key} does not end as {kind} ends: it was cut off"


def _wal(archive: Archive, store: Store, wanted: Expectation, findings: Findings) -> None:
    found, info = archive.wals, archive.info
    findings.judged("wal-objects", [found.odd.told()] if found.odd.count else [], "every size can be")
    if info is None:
        newest = found.newest.modified.timestamp() if found.newest is not None else None
        _wal_age(newest, found.newest.key if found.newest is not None else "", store, wanted, findings)
        return
    archive.way = _way(archive, info, store, findings)
    if problem := branch_problem(info, archive.way):
        findings.failed("wal-history", problem)
        archive.unrestorable = archive.unrestorable or problem
        archive.way = alone(info.timeline)
    made = archive.chain = chain(info, archive.way, found.segments)
    findings.counts["wal in the chain"] = made.present
    name = info.numbering.name
    needed = f"{name(info.timeline, info.first_needed)} to {name(info.timeline, info.last_needed)}"
    missing = [f"{made.named(run)} missing, which the backup needs to be consistent" for run in made.missing]
    unfit = sorted((place for place in found.unfit if taken(info, archive.way, *place)), key=lambda place: place[1])
    missing += [
        f"{found.key(*place)} {found.unfit[place]}, and the backup needs it"
        for place in unfit
        if place[1] <= info.last_needed
    ]
    findings.judged("wal-needed", missing, f"{needed} is there")
    if missing:
        archive.unrestorable = archive.unrestorable or missing[0]
    elif unfit:
        archive.stopped_by(unfit[0], f"{found.key(*unfit[0])} {found.unfit[unfit[0]]}")
    holes = [f"missing: {made.named(run)}" for run in made.holes]
    if made.last is None:
        holes = holes or ["there is no WAL at or after the backup's begin"]
    findings.judged("wal-chain", holes, f"{made.present} segments from {name(info.timeline, info.first_needed)} on")
    if made.last is None:
        _wal_age(None, "", store, wanted, findings)
    else:
        timeline, number = made.last
        segment = found.segments[timeline][number]
        _wal_age(segment.modified, found.key(timeline, number), store, wanted, findings)


def _wal_age(modified: float | None, key: str, store: Store, wanted: Expectation, findings: Findings) -> None:
    if modified is None:
        findings.failed("wal-age", f"no WAL in {wanted.where('wals/')}")
        return
    age = store.now().timestamp() - modified
    message = f"the newest WAL {key.rpartition('/')[2]} was archived {span(age)} ago, allowed are "
    message += span(wanted.max_wal_age)
    findings.judged("wal-age", [message] if age > wanted.max_wal_age else [], message)


def _way(archive: Archive, info: BackupInfo, store: Store, findings: Findings) -> tuple[Stretch, ...]:
    """The timelines to follow, as PostgreSQL finds them; the backup's own alone when their history is no good."""
    found = archive.wals
    target = newest_timeline(info.timeline, found.histories)
    beyond = [timeline for timeline in {*found.segments, *found.histories} if timeline > target]
    problems = []
    if beyond:
        missing = f"wals/{target + 1:08X}.history is missing, and there is a timeline {max(beyond)}"
        problems.append(f"{missing}: recovery ends on timeline {target}")
    way = alone(info.timeline)
    for timeline in range(info.timeline + 1, target + 1):
        key = found.history(timeline)
        try:
            way = stretches(timeline, _history(store, key, found.histories[timeline]))
        except (HistoryError, DamagedError, MissingError, BrokenError) as error:
            problems.append(f"{key}: {error or 'was in the list, and is not there'}")
            if timeline == target:
                archive.unrestorable = archive.unrestorable or f"{key}: recovery stops at it"
                way = alone(info.timeline)
        except CannotUnpackError as error:
            findings.skipped("wal-history", f"{key}: {error}")
            way = alone(info.timeline)
    branches = [f"{stretch.timeline} to {lsn_text(stretch.end)}" for stretch in way if stretch.end is not None]
    told = f"timeline {way[-1].timeline}" + (f" by way of {listed(branches)}" if branches else "")
    findings.judged("wal-history", problems, told)
    return way


def _history(store: Store, key: str, suffix: str) -> bytes:
    content = b""
    for piece in unpacked(store.stream(key), SUFFIXES[suffix]):
        content += piece
        if len(content) > _LARGEST_HISTORY:
            raise HistoryError("it is too long for a history")
    return content


def _encryption(archive: Archive, store: Store, wanted: Expectation, findings: Findings) -> None:
    looks = Looks(store, wanted)
    base, found, made = archive.bases.chosen, archive.wals, archive.chain
    if base is not None:
        keys = [base.objects[name].key for name in sorted(base.objects)]
        findings.judged("encryption-backup", looks.at(keys), f"{len(keys)} objects of {base.id}")
        gone, looks.vanished = looks.vanished, []
        for key in gone:
            findings.failed("backup-data", f"{key} was in the list, and is not there")
            archive.unrestorable = archive.unrestorable or f"{key} is not there"
    newest = found.key(*made.last) if made is not None and made.last is not None else None
    newest = newest or (found.newest.key if found.newest is not None else None)
    if newest is not None:
        findings.judged("encryption-wal", looks.at([newest]), wanted.where(newest))
    if wanted.every:
        keys_of_all = (entry.key for entry in store.objects() if entry.size or not entry.key.endswith("/"))
        problems = list(looks.at(keys_of_all, keep=False))
        findings.judged("encryption-sample", problems, f"all {looks.count} objects")
    elif archive.info is not None and base is not None:
        every = [found.key(timeline, number) for timeline, kept in found.segments.items() for number in kept]
        every += [found.history(timeline) for timeline in found.histories]
        chosen = encryption.sample(every, wanted.sample, base.id)
        told = f"{len(chosen)} of {len(every)} WAL objects since the backup"
        findings.judged("encryption-sample", looks.at(chosen), told)
    findings.counts["looked at"] = looks.count
    findings.counts["vanished"] = len(looks.vanished)


def _clock(archive: Archive, store: Store, wanted: Expectation, findings: Findings) -> None:
    limit, now = wanted.max_clock_skew, store.now()
    problems = []
    if store.skew is not None and abs(store.skew) > limit:
        ahead = "ahead of" if store.skew > 0 else "behind"
        problems.append(f"the store's clock is {span(abs(store.skew))} {ahead} the validator's")
    for entry in (archive.bases.youngest, archive.wals.youngest):
        if entry is not None and (ahead_by := _ahead(entry, now.timestamp())) > limit:
            problems.append(f"{entry.key} is dated {span(ahead_by)} in the future")
    if archive.info is not None and (later := (archive.info.end_time - now).total_seconds()) > limit:
        problems.append(f"the backup ended {span(later)} in the future, by the database's clock")
    findings.judged("clock", problems, f"they differ by at most {span(limit)}")


def _ahead(entry: Entry, now: float) -> float:
    return entry.modified.timestamp() - now
