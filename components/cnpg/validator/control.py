"""`pg_control`, as far as every PostgreSQL has it alike."""

import struct

from .crc import START, update

SIZE = 8192
"""Bytes of the file."""
_SMALLEST, _LARGEST = 200, 512
"""Between these the checksum stands; where exactly depends on the version."""


def problem(content: bytes, system: int | None) -> str | None:
    """What is wrong with a pg_control, None when nothing is. `system` is the server's number, None when not known."""
    if len(content) != SIZE:
        return f"it has {len(content)} bytes instead of {SIZE}"
    state = update(START, content[:_SMALLEST])
    for place in range(_SMALLEST, _LARGEST, 4):
        if struct.unpack_from("<I", content, place)[0] == state ^ START:
            break
        state = update(state, content[place : place + 4])
    else:
        return "its checksum is wrong"
    (found,) = struct.unpack_from("<Q", content)
    if system is not None and found != system:
        return f"it is of the server {found}, the backup of {system}"
    return None
