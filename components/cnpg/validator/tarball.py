"""A tar archive as a stream of its members. `tarfile` ends silently at a damaged header; this does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from posixpath import normpath

from .unpacking import DamagedError

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_REGULAR = (b"0", b"\0", b"7")
_PAX, _LONG_NAME = (b"x", b"g"), (b"L", b"K")
_LONGEST_NUMBER = 20
_LONGEST_EXTRA = 1 << 20
"""Bytes of a header's extension; names in a data directory are short."""


@dataclass(frozen=True)
class Member:
    """A file or folder of the archive."""

    path: str
    size: int
    regular: bool
    data: int
    """Where its content begins, in the unpacked archive."""


class Tarball:
    """Reads an archive once, from a stream. Raises `DamagedError`, with offsets in the unpacked archive."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = bytearray()
        self._left = 0
        self._padding = 0
        self.offset = 0
        """Bytes of the unpacked archive that were read."""

    def members(self) -> Iterator[Member]:
        """Every member; what of its content was not read is read over. Ends only where the archive does."""
        path: str | None = None
        size: int | None = None
        while True:
            self._skip()
            start = self.offset
            header = self._take(_BLOCK, "a header")
            if header == _ZEROS:
                self._end()
                return
            name, given, kind = _header(header, start)
            if kind in _PAX or kind in _LONG_NAME:
                if given > _LONGEST_EXTRA:
                    raise DamagedError(f"at byte {start} of the tar: a header's extension of {given} bytes")
                extra = self._take(given + -given % _BLOCK, "a header's extension")[:given]
                if kind == b"L":
                    path = extra.rstrip(b"\0").decode(errors="surrogateescape")
                elif kind == b"x":
                    records = _records(extra, start)
                    path = records.get("path", path)
                    size = _size(records["size"].encode(errors="replace"), 10, start) if "size" in records else size
                continue
            regular = kind in _REGULAR
            length = (given if size is None else size) if regular else 0
            self._left, self._padding = length, -length % _BLOCK
            yield Member(normpath(name if path is None else path), length, regular, self.offset)
            path = size = None

    def content(self, piece: int) -> Iterator[bytes]:
        """The present member's content, in pieces of that many bytes; the last may be shorter."""
        while self._left:
            length = min(piece, self._left)
            data = self._take(length, "a file")
            self._left -= length
            yield data

    def _skip(self) -> None:
        while self._left:
            length = min(1 << 16, self._left)
            self._take(length, "a file")
            self._left -= length
        if self._padding:
            self._take(self._padding, "a file's padding")
            self._padding = 0

    def _end(self) -> None:
        self._take(_BLOCK, "the end")
        start = self.offset
        while True:
            if any(self._buffer):
                raise DamagedError(f"after byte {start} of the tar, behind its end, there is something")
            self.offset += len(self._buffer)
            self._buffer.clear()
            piece = next(self._pieces, None)
            if piece is None:
                return
            self._buffer += piece

    def _take(self, length: int, what: str) -> bytes:
        while len(self._buffer) < length:
            piece = next(self._pieces, None)
            if piece is None:
                raise DamagedError(f"it ends at byte {self.offset + len(self._buffer)} of the tar, within {what}")
            self._buffer += piece
        taken = bytes(self._buffer[:length])
        del self._buffer[:length]
        self.offset += length
        return taken


def _header(header: bytes, start: int) -> tuple[str, int, bytes]:
    """Name, size and kind of a member."""
    try:
        wanted = int(header[148:156].strip(b"\0 ") or b"x", 8)
        if sum(header[:148]) + sum(header[156:]) + 8 * 32 != wanted:
            raise ValueError
        given = header[124:136]
        size = int.from_bytes(given[1:], "big") if given[0] == 0x80 else _size(given.strip(b"\0 ") or b"0", 8, start)
    except ValueError:
        raise DamagedError(f"at byte {start} of the tar: no header of a file, or a damaged one") from None
    name = header[:100].rstrip(b"\0").decode(errors="surrogateescape")
    prefix = header[345:500].split(b"\0", 1)[0].decode(errors="surrogateescape")
    posix = header[257:263] == b"ustar\0"
    return (f"{prefix}/{name}" if posix and prefix else name), size, header[156:157]


def _size(digits: bytes, base: int, start: int) -> int:
    """A number without a sign; a header's have at most 12 digits, an extension's a few more."""
    if not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        raise DamagedError(f"at byte {start} of the tar: a header with a number that is none")
    return int(digits, base)


def _records(extra: bytes, start: int) -> dict[str, str]:
    """The records of a pax header: `<length> <key>=<value>` and a line's end."""
    found, place = {}, 0
    while place < len(extra):
        number, blank, _ = extra[place:].partition(b" ")
        if not blank or _size(number, 10, start) not in range(1, len(extra) - place + 1):
            raise DamagedError(f"at byte {start} of the tar: a damaged pax header")
        key, _, value = extra[place + len(number) + 1 : place + int(number) - 1].partition(b"=")
        found[key.decode(errors="surrogateescape")] = value.decode(errors="surrogateescape")
        place += int(number)
    return found
