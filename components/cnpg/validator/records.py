"""The content of WAL segments: page headers, and records with their checksums.

Layouts as in PostgreSQL 14 to 18 (`access/xlog_internal.h`, `xlogrecord.h`), little-endian.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from .crc import crc32c
from .pages import Block
from .segments import Numbering, lsn_text
from .unpacking import DamagedError

PAGE = 8192
MAGIC = {14: 0xD10D, 15: 0xD110, 16: 0xD113, 17: 0xD116, 18: 0xD118}
"""Major version of PostgreSQL → the number at the head of each of its WAL pages."""

_SHORT, _LONG = struct.Struct("<HHIQI"), struct.Struct("<QII")
_SHORT_SIZE, _LONG_SIZE = 24, 40
_CONTINUED, _LONG_HEADER, _OVERWRITTEN = 0x0001, 0x0002, 0x0008
_HEADER = struct.Struct("<IIQBBxxI")
_SWITCH = (0, 0x40)
"""Resource manager and kind of the record after which the rest of a segment is empty."""
_LONGEST = 64 << 20
"""Records longer than this are passed over: their checksum is not computed."""
_ZEROS = bytes(PAGE)


class LengthError(DamagedError):
    """A segment has not a segment's length. PostgreSQL does not even look into it: recovery stops with an error."""


class ForeignError(Exception):
    """A segment is of another server, or of another place; the text says of which."""


@dataclass
class Records:
    """Reads segments one after the other. A record that goes on in the next segment is put together."""

    numbering: Numbering
    version: int
    system: int | None
    """The server's number; None when it is not known."""
    wanted: set[Block] = field(default_factory=set)
    """Pages about which we want to know whether a record brings them whole."""
    start: int = 0
    """Position at which recovery begins: of what lies before it in its segment only the pages' headers are judged."""
    restored: set[Block] = field(default_factory=set)
    """Those of them that a record brings."""
    count: int = 0
    """Records whose checksum was right."""
    _next: int | None = None
    _waiting: bytearray = field(default_factory=bytearray)
    """The begin of a record that goes on."""
    _missing: int = 0
    """Bytes that it lacks; with an empty `_waiting` they are passed over."""

    def segment(self, timelines: frozenset[int], number: int, pieces: Iterable[bytes]) -> None:
        """Reads one segment; `timelines` are those that its first page may be of.

        Raises `DamagedError` and `ForeignError`, with offsets in the unpacked segment.
        """
        if number != self._next:
            self._waiting.clear()
            self._missing = 0
        fresh = number != self._next
        self._next = None
        total, switched = 0, False
        for page in _paged(pieces):
            if total >= self.numbering.size:
                raise LengthError(f"it goes on after {self.numbering.size} bytes, the size of a segment")
            if len(page) < PAGE:
                raise LengthError(f"it ends after {total + len(page)} bytes; a segment has {self.numbering.size}")
            if switched:
                if page != _ZEROS and not self._empty(page, number, total):
                    raise DamagedError(f"at byte {total}: there is something after the record that ends the segment")
            else:
                position = number * self.numbering.size + total
                first = self._page(page, timelines, number, total, fresh)
                if position < self.start:
                    first = max(first, min(self.start - position, PAGE))
                    self._waiting.clear()
                    self._missing = 0
                switched = self._records(page, first, position)
                fresh = position + PAGE <= self.start
            total += PAGE
        if total != self.numbering.size:
            raise LengthError(f"it ends after {total} bytes; a segment has {self.numbering.size}")
        self._next = number + 1

    def _empty(self, page: bytes, number: int, place: int) -> bool:
        """Whether a page has a header and nothing else."""
        header = _SHORT.unpack_from(page)
        return header[3] == number * self.numbering.size + place and not any(page[_SHORT_SIZE:])

    def _page(self, page: bytes, timelines: frozenset[int], number: int, place: int, fresh: bool) -> int:
        """Judges a page's header and gives the offset of its first record, or of what is left of the last."""
        magic, info, timeline, address, left = _SHORT.unpack_from(page)
        wanted = MAGIC.get(self.version // 10000)
        if wanted is not None and magic != wanted:
            raise DamagedError(f"at byte {place}: the page has the mark {magic:#06x}, PostgreSQL's is {wanted:#06x}")
        expected = number * self.numbering.size + place
        if place == 0:
            if not info & _LONG_HEADER:
                raise DamagedError("at byte 0: the first page has no long header")
            system, size, block = _LONG.unpack_from(page, _SHORT_SIZE)
            if self.system is not None and system != self.system:
                raise ForeignError(f"it is of the server {system}, the backup of {self.system}")
            if size != self.numbering.size or block != PAGE:
                raise DamagedError(f"at byte 0: it says of itself {size} bytes in pages of {block}")
        if address != expected:
            raise ForeignError(f"at byte {place}: the page is of {lsn_text(address)}, expected {lsn_text(expected)}")
        if timeline not in timelines:
            raise ForeignError(f"at byte {place}: the page is of timeline {timeline}")
        start = _LONG_SIZE if info & _LONG_HEADER else _SHORT_SIZE
        if info & _OVERWRITTEN or not info & _CONTINUED:
            # After a crash what had been begun on the page before is given up.
            if self._missing and not info & _OVERWRITTEN:
                raise DamagedError(f"at byte {place}: the record of the page before does not go on")
            self._waiting.clear()
            self._missing = 0
        elif fresh:
            self._missing = left  # its begin is in a segment that was not read
        elif left != self._missing:
            raise DamagedError(f"at byte {place}: {left} bytes of a record go on, expected are {self._missing}")
        return start

    def _records(self, page: bytes, place: int, position: int) -> bool:
        """Reads the records of a page; says whether the segment ends here."""
        if self._missing:
            taken = page[place : place + self._missing]
            self._missing -= len(taken)
            place += len(taken)
            if self._waiting:
                self._waiting += taken
            if self._missing:
                return False
            if self._waiting:
                record = bytes(self._waiting)
                self._waiting.clear()
                if self._record(record, position):
                    return True
            place += -place % 8
        while place < PAGE:
            (length,) = struct.unpack_from("<I", page, place)
            if length < _HEADER.size:
                raise DamagedError(f"at {lsn_text(position + place)}: a record of {length} bytes")
            record = page[place : place + length]
            if len(record) < length:
                self._missing = length - len(record)
                if length <= _LONGEST:
                    self._waiting += record
                return False
            if self._record(record, position + place):
                return True
            place += length + -length % 8
        return False

    def _record(self, record: bytes, position: int) -> bool:
        """Judges a whole record; says whether the segment ends with it."""
        _, _, _, info, manager, stored = _HEADER.unpack_from(record)
        if crc32c(record[_HEADER.size :], record[: _HEADER.size - 4]) != stored:
            raise DamagedError(f"at {lsn_text(position)}: the checksum of a record is wrong")
        self.count += 1
        if self.wanted:
            self.restored.update(block for block in _whole_pages(record, self.version) if block in self.wanted)
        return (manager, info & 0xF0) == _SWITCH


def _paged(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of any length as pages; the last may be shorter."""
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        whole = len(buffer) - len(buffer) % PAGE
        data = bytes(buffer[:whole])
        del buffer[:whole]
        for place in range(0, whole, PAGE):
            yield data[place : place + PAGE]
    if buffer:
        yield bytes(buffer)


def _whole_pages(record: bytes, version: int) -> Iterator[Block]:
    """The pages that a record writes anew: with an image, or from nothing."""
    compressed = 0x02 if version < 150000 else 0x1C
    place, relation = _HEADER.size, (0, 0)
    try:
        while place < len(record):
            number = record[place]
            if number > 32:
                if number < 252 or number >= 254:
                    return  # the record's own data follow
                place += 3 if number == 253 else 5  # replication origin, outer transaction
                continue
            flags = record[place + 1]
            place += 4
            if flags & 0x10:
                image = record[place + 4]
                place += 5 + (2 if image & 0x01 and image & compressed else 0)
            if not flags & 0x80:
                _, database, file = struct.unpack_from("<III", record, place)
                relation, place = (database, file), place + 12
            (block,) = struct.unpack_from("<I", record, place)
            place += 4
            if flags & 0x50:
                yield Block(relation[0], relation[1], flags & 0x0F, block)
    except (struct.error, IndexError):
        return  # a record with another layout: nothing is known of it
