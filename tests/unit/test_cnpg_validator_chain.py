"""The chain of WAL along timelines: random healthy archives are never called broken, and one hole is always found."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from archive_doubles import COMPRESS, MIB, Archive
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from validator_runs import endpoints, validate

from seawall.components.cnpg.validator.history import HistoryError, alone, stretches
from seawall.components.cnpg.validator.segments import Kind, Numbering, lsn, lsn_text, wal_key

_numbers = itertools.count()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    yield from endpoints()


@pytest.mark.parametrize(
    ("relative", "kind"),
    [
        ("0000000100000000/00000001000000000000000C", Kind.SEGMENT),
        ("0000000100000000/00000001000000000000000C.gz", Kind.SEGMENT),
        ("0000000100000000/00000001000000000000000C.snappy", Kind.SEGMENT),
        ("0000000100000000/000000010000000000000013.partial.zst", Kind.PARTIAL),
        ("0000000100000000/00000001000000000000000C.00000028.backup.gz", Kind.LABEL),
        ("00000002.history.zst", Kind.HISTORY),
        ("00000002.history", Kind.HISTORY),
        ("0000000100000000/00000001000000010000000C", None),
        ("0000000100000000/00000001000000000000000c.gz", None),
        ("0000000100000000/00000001000000000000000C.zip", None),
        ("0000000100000000/00000001000000000000000C.gz.tmp", None),
        ("00000002.history.old", None),
        ("00000001000000000000000C.gz", None),
        ("notes.txt", None),
        ("", None),
    ],
)
def test_names_are_known_by_their_forms(relative: str, kind: Kind | None) -> None:
    found = wal_key(relative)
    assert (found.kind if found is not None else None) == kind


@pytest.mark.parametrize(
    ("size", "number", "name"),
    [
        (16 * MIB, 255, "0000000100000000000000FF"),
        (16 * MIB, 256, "000000010000000100000000"),
        (MIB, 4095, "000000010000000000000FFF"),
        (MIB, 4096, "000000010000000100000000"),
        (1024 * MIB, 3, "000000010000000000000003"),
        (1024 * MIB, 4, "000000010000000100000000"),
    ],
)
def test_segments_are_named_by_their_size(size: int, number: int, name: str) -> None:
    """As `pg_walfile_name` does: a log is 4 GiB."""
    numbering = Numbering(size)
    assert numbering.name(1, number) == name
    assert numbering.parse(name) == (1, number)


def test_what_is_no_segment_is_refused() -> None:
    for size in (0, 3 * MIB, 8192, 2048 * MIB):
        with pytest.raises(ValueError, match="no size"):
            Numbering(size)
    with pytest.raises(ValueError, match="no segment of 16777216"):
        Numbering(16 * MIB).parse("000000010000000000000100")


@given(st.integers(0, 2**64 - 1))
def test_positions_survive_their_text(position: int) -> None:
    assert lsn(lsn_text(position)) == position


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no parent"),
        (b"# only a comment\n", "no parent"),
        (b"1\n", "names no timeline and position"),
        (b"one\t0/3000000\tx\n", "names no timeline and position"),
        (b"1\tnowhere\tx\n", "no position"),
        (b"2\t0/3000000\tx\n1\t0/4000000\tx\n", "stands after"),
        (b"5\t0/3000000\tx\n", "as parent of 4"),
        (b"\xff\xfe", "no text"),
    ],
)
def test_a_history_that_postgresql_refuses_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(HistoryError, match=says):
        stretches(4, content)


def test_a_history_is_the_way_from_the_first_timeline() -> None:
    way = stretches(3, b"1\t0/3000000\tbefore 2026\n\n# said by hand\n2\t0/5000028\tno recovery target specified\n")
    assert [(one.timeline, one.begin, one.end) for one in way] == [
        (1, 0, 0x3000000),
        (2, 0x3000000, 0x5000028),
        (3, 0x5000028, None),
    ]
    assert [(one.timeline, one.end) for one in alone(1)] == [(1, None)]


@dataclass(frozen=True)
class Shape:
    """A healthy archive, as servers leave it."""

    size: int
    first: int
    """Number of the first segment; near the end of a log, so that names step over it."""
    lengths: tuple[int, ...]
    """Segments of each timeline."""
    cuts: tuple[int, ...]
    """Where in its segment each timeline begins; 0 is at its first byte."""
    partial: tuple[bool, ...]
    """Whether the old timeline's unfinished segment was archived."""
    stray: tuple[int, ...]
    """Segments that the old timeline archived after it was left."""
    backups: tuple[int, ...]
    """Segments in which base backups begin, counted from the first."""
    suffixes: tuple[str, ...]
    running: bool
    tablespace: bool


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    size = draw(st.sampled_from([MIB, 16 * MIB, 64 * MIB, 1024 * MIB]))
    per_log = (1 << 32) // size
    lengths = tuple(draw(st.lists(st.integers(1, 6), min_size=1, max_size=4)))
    many = len(lengths) - 1
    each = {"min_size": many, "max_size": many}
    total = sum(lengths)
    return Shape(
        size=size,
        first=draw(st.sampled_from([1, max(per_log - 3, 1), per_log * 2])),
        lengths=lengths,
        cuts=tuple(draw(st.lists(st.sampled_from([0, 40, 8192, size - 64]), **each))),
        partial=tuple(draw(st.lists(st.booleans(), **each))),
        stray=tuple(draw(st.lists(st.integers(0, 2), **each))),
        backups=tuple(sorted(draw(st.sets(st.integers(0, total - 1), min_size=1, max_size=3)))),
        suffixes=tuple(draw(st.lists(st.sampled_from(sorted(set(COMPRESS) - {""})), min_size=1, max_size=3))),
        running=draw(st.booleans()),
        tablespace=draw(st.booleans()),
    )


def build(archive: Archive, shape: Shape) -> list[tuple[int, int]]:
    """Puts the archive; gives timeline and number of the segments from the newest backup on, in order."""
    total = sum(shape.lengths)
    suffixes = itertools.cycle(shape.suffixes)
    way: list[tuple[int, int]] = []
    parents: list[tuple[int, int]] = []
    number = shape.first
    for timeline, length in enumerate(shape.lengths, 1):
        if timeline > 1:
            branch = number * shape.size + shape.cuts[timeline - 2]
            parents.append((timeline - 1, branch))
            archive.history(timeline, *parents, suffix=next(suffixes), ago=60 + 100 * (total - len(way)))
            if shape.partial[timeline - 2] and shape.cuts[timeline - 2]:
                archive.wal(timeline - 1, number, suffix=f".partial{next(suffixes)}")
            for stray in range(shape.stray[timeline - 2]):
                archive.wal(timeline - 1, number + stray, suffix=next(suffixes))
        for _ in range(length):
            archive.wal(timeline, number, suffix=next(suffixes), ago=60 + 100 * (total - 1 - len(way)))
            way.append((timeline, number))
            number += 1
    spaces = (("fast", 16500),) if shape.tablespace else ()
    for place in shape.backups:
        timeline, number = way[place]
        begins_here = timeline > 1 and way[place - 1][0] < timeline
        begin = number * shape.size + (shape.cuts[timeline - 2] + 8 if begins_here else 40)
        left = min(dict(parents).get(timeline, begin + 0x100), (number + 1) * shape.size)
        made = archive.base(
            begin,
            ago=120 + 100 * (total - 1 - place),
            timeline=timeline,
            length=0x100 if begin + 0x100 <= left else 0,
            tablespaces=spaces,
        )
        archive.backup(made, files={"PG_VERSION": b"15\n"})
    if shape.running:
        archive.put(f"base/{archive.base(0, ago=10).id}/backup.info", b"status=STARTED\n")
    return way[shape.backups[-1] :]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=shapes(), data=st.data())
def test_a_healthy_archive_is_never_called_broken_and_a_hole_in_it_always(
    endpoint: str, shape: Shape, data: st.DataObject
) -> None:
    archive = Archive(endpoint, f"healthy-{next(_numbers)}", Numbering(shape.size))
    way = build(archive, shape)
    ran = validate(archive)
    assert (ran.code, ran.failed) == (0, {})
    assert ran.report["restorable"] is True
    assert ran.report["restorable_until"]["wal"] == archive.numbering.name(*way[-1])
    assert ran.report["counts"]["wal in the chain"] == len(way)
    if len(way) > 1:
        lost = data.draw(st.integers(0, len(way) - 2), label="lost")
        name = archive.numbering.name(*way[lost])
        for key in archive.keys(f"wals/{name[:16]}/{name}"):
            archive.remove(key)
        broken = validate(archive)
        assert name in broken.failed["wal-chain"]
        assert ("wal-needed" in broken.failed) is (lost == 0)
        assert broken.report["restorable"] is (lost > 0)
        if lost > 0:
            assert broken.report["restorable_until"]["wal"] == archive.numbering.name(*way[lost - 1])


def test_a_timeline_that_has_just_begun_has_no_wal_yet(endpoint: str) -> None:
    size = 16 * MIB
    archive = Archive(endpoint, f"healthy-{next(_numbers)}")
    archive.backup(archive.base(2 * size + 40))
    for number in (2, 3, 4):
        archive.wal(1, number)
    archive.history(2, (1, 5 * size + 40))
    archive.wal(1, 5, suffix=".partial.gz")
    ran = validate(archive)
    assert (ran.code, ran.failed) == (0, {})
    assert ran.report["restorable_until"] | {"archived_at": ""} == {
        "timeline": 1,
        "wal": "000000010000000000000004",
        "archived_at": "",
    }


def test_a_backup_that_ends_at_a_segments_first_byte_needs_the_segment_before(endpoint: str) -> None:
    """A standby's backup ends where replay was: after a switch of segments that is the next one's begin."""
    size = 16 * MIB
    archive = Archive(endpoint, f"healthy-{next(_numbers)}")
    made = archive.base(2 * size + 40, length=size - 40)
    made.changes["end_wal"] = "000000010000000000000003"
    archive.backup(made)
    archive.wal(1, 2)
    assert validate(archive).code == 0
    archive.remove("wals/0000000100000000/000000010000000000000002.gz")
    assert validate(archive).report["restorable"] is False
