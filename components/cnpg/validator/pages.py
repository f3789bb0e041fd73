"""Checksums of PostgreSQL's data pages.

The algorithm is that of PostgreSQL 9.3 and later (`storage/checksum_impl.h`): 32 sums beside each other, FNV-1a with a
twist, folded together with the page's number. Here the 32 sums live in two large integers, in lanes of 64 bits, so
that Python takes a row of 32 words at once.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

PAGE = 8192
"""Bytes of a page; PostgreSQL is built with nothing else in CloudNativePG's images."""
PAGES_PER_FILE = 131072
"""Pages of one file of a large relation (1 GiB); the next is `<name>.1`."""

_ROW = 128
_PRIME = 16777619
_OFFSETS = struct.pack(
    "<32I",
    *(0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C),
    *(0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB),
    *(0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4),
    *(0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756),
)
_LANES = int.from_bytes(b"\xff\xff\xff\xff\0\0\0\0" * 16, "little")
"""The lower 32 bits of each of 16 lanes."""
_SHIFTED = int.from_bytes(struct.pack("<Q", 0xFFFFFFFF >> 17) * 16, "little")
_START = int.from_bytes(_OFFSETS, "little")
_START_EVEN, _START_ODD = _START & _LANES, (_START >> 32) & _LANES
_ZEROS = bytes(PAGE)

_RELATION = re.compile(
    r"(?P<folder>(?:base|pg_tblspc/\d+/PG_[^/]+)/(?P<database>\d+)|global)/"
    r"(?P<file>\d+)(?P<fork>_fsm|_vm|_init)?(?:\.(?P<part>\d+))?"
)
_FORKS = {None: 0, "_fsm": 1, "_vm": 2, "_init": 3}


def checksum(page: bytes, number: int) -> int:
    """The checksum of a page; `number` counts from the relation's first page."""
    even, odd = _START_EVEN, _START_ODD
    lanes, shifted, prime = _LANES, _SHIFTED, _PRIME
    cleared = page[:8] + b"\0\0" + page[10:]
    for place in range(0, PAGE, _ROW):
        row = int.from_bytes(cleared[place : place + _ROW], "little")
        even ^= row & lanes
        odd ^= (row >> 32) & lanes
        even = ((even * prime) & lanes) ^ ((even >> 17) & shifted)
        odd = ((odd * prime) & lanes) ^ ((odd >> 17) & shifted)
    for _ in range(2):
        even = ((even * prime) & lanes) ^ ((even >> 17) & shifted)
        odd = ((odd * prime) & lanes) ^ ((odd >> 17) & shifted)
    folded = even ^ odd
    for width in (512, 256, 128, 64):
        folded = (folded ^ (folded >> width)) & ((1 << width) - 1)
    return ((folded & 0xFFFFFFFF) ^ number) % 65535 + 1


@dataclass(frozen=True)
class Block:
    """A page of a relation, as WAL records name it; of its place only what its file's name tells."""

    database: int
    """0 for what all databases share."""
    relation: int
    fork: int
    number: int


@dataclass(frozen=True)
class Relation:
    """A file of a relation."""

    database: int
    file: int
    fork: int
    part: int

    @property
    def first(self) -> int:
        """The number of its first page."""
        return self.part * PAGES_PER_FILE

    def block(self, number: int) -> Block:
        """One of the relation's pages."""
        return Block(self.database, self.file, self.fork, number)


def relation(path: str) -> Relation | None:
    """What a file in the data directory is; None for all but relations. Temporary ones are not kept by a restore."""
    match = _RELATION.fullmatch(path)
    if match is None:
        return None
    return Relation(int(match["database"] or 0), int(match["file"]), _FORKS[match["fork"]], int(match["part"] or 0))


def wrong_pages(data: bytes, first: int, begin: int) -> Iterator[tuple[int, str]]:
    """Pages whose checksum is wrong: number, and what was found.

    `begin` is the backup's begin: pages that were written after it may be torn, and recovery writes them anew.
    """
    for place in range(0, len(data) - len(data) % PAGE, PAGE):
        page = data[place : place + PAGE]
        high, low, stored = struct.unpack_from("<IIH", page)
        if (high << 32) + low >= begin or page == _ZEROS:
            continue
        number = first + place // PAGE
        found = checksum(page, number)
        if found != stored:
            yield number, f"its checksum is {stored:#06x}, its content gives {found:#06x}"
