"""Compressed objects as streams, in bounded memory: never more than a few MiB at once, whatever they unpack to."""

import bz2
import lzma
import zlib
from collections.abc import Iterator
from typing import IO, Any, Protocol, cast

from .store import BrokenError

PIECE = 1 << 20
"""Bytes that are unpacked at once."""
_SNAPPY_START = b"\xff\x06\x00\x00sNaPpY"


class DamagedError(Exception):
    """The content is not what it should be; the text says where in the object."""


class CannotUnpackError(Exception):
    """A library that the image should have is missing; nothing is known of the object."""


class Counted:
    """The pieces of an object, and how far they have been read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self.offset = 0
        """Bytes of the object that were read."""

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            piece = next(self._pieces)
        except BrokenError as error:
            raise DamagedError(f"at about byte {self.offset}: {error}") from None
        self.offset += len(piece)
        return piece

    def read(self, size: int = -1) -> bytes:
        """The next piece, whatever was asked for: enough for a library that reads from files. Empty at the end."""
        return next(self, b"")


def unpacked(pieces: Iterator[bytes], compression: str | None) -> Iterator[bytes]:
    """An object's content without its compression (a value of `segments.SUFFIXES`).

    Raises `DamagedError` and `CannotUnpackError`.
    """
    source = Counted(pieces)
    try:
        yield from _unpacked(source, compression)
    except ImportError as error:
        raise CannotUnpackError(f"{compression}: {error}") from None
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
        raise DamagedError(f"the {compression} data are damaged at or before byte {source.offset}: {error}") from None


def _unpacked(source: Counted, compression: str | None) -> Iterator[bytes]:
    if compression is None:
        yield from source
    elif compression == "gzip":
        yield from _gzip(source)
    elif compression == "bzip2":
        yield from _engines(source, bz2.BZ2Decompressor)
    elif compression == "xz":
        yield from _engines(source, lzma.LZMADecompressor)
    elif compression == "lz4":
        from lz4.frame import LZ4FrameDecompressor

        yield from _engines(source, LZ4FrameDecompressor)
    elif compression == "zstd":
        yield from _zstd(source)
    else:
        yield from _snappy(source)


def _gzip(source: Counted) -> Iterator[bytes]:
    engine, begun = zlib.decompressobj(wbits=31), False
    for piece in source:
        rest = piece
        while rest:
            begun = True
            made = engine.decompress(rest, PIECE)
            if made:
                yield made
            if engine.eof:  # another member may follow
                rest, engine, begun = engine.unused_data, zlib.decompressobj(wbits=31), False
            else:
                rest = engine.unconsumed_tail
    if begun:
        raise EOFError("its end is missing")


class _Engine(Protocol):
    """What the decompressors of bzip2, xz and lz4 have in common."""

    eof: Any
    needs_input: Any
    unused_data: Any

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def _engines(source: Counted, make: Any) -> Iterator[bytes]:
    engine: _Engine | None = None
    for piece in source:
        rest = piece
        while rest or (engine is not None and not engine.needs_input):
            engine = engine or make()
            made = engine.decompress(rest, PIECE)
            rest = b""
            if made:
                yield made
            if engine.eof:
                rest, engine = engine.unused_data or b"", None
    if engine is not None:
        raise EOFError("its end is missing")


def _zstd(source: Counted) -> Iterator[bytes]:
    import zstandard

    try:
        with zstandard.ZstdDecompressor().stream_reader(_file(source), read_across_frames=True) as reader:
            while made := reader.read(PIECE):
                yield made
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from None


def _file(source: Counted) -> IO[bytes]:
    """The pieces as the one method of a file that the library calls."""
    return cast("IO[bytes]", source)


def _snappy(source: Counted) -> Iterator[bytes]:
    """The framing format: chunks of a type, a length and at most 64 KiB, each with its own checksum."""
    from cramjam import DecompressionError, snappy

    waiting = b""
    begun = False
    for piece in source:
        waiting += piece
        place = 0
        while len(waiting) - place >= 4:
            kind, length = waiting[place], int.from_bytes(waiting[place + 1 : place + 4], "little")
            if len(waiting) - place < 4 + length:
                break
            chunk = waiting[place : place + 4 + length]
            place += 4 + length
            if kind == 0xFF:
                begun = True
            elif not begun or 0x02 <= kind <= 0x7F:
                raise ValueError(f"a chunk of type {kind:#x}")
            elif kind in (0x00, 0x01):
                try:
                    yield bytes(snappy.decompress(_SNAPPY_START + chunk))
                except DecompressionError as error:
                    raise ValueError(str(error)) from None
        waiting = waiting[place:]
    if waiting or not begun:
        raise EOFError("its end is missing")
