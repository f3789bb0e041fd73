"""CRC-32C, which PostgreSQL puts over WAL records and pg_control; Python has none. Two bytes at a time."""

from array import array

_POLYNOMIAL = 0x82F63B78


def _bytes_table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_ONE = _bytes_table()
_TWO = array("I", (_ONE[_ONE[low] & 0xFF ^ high] ^ (_ONE[low] >> 8) for high in range(256) for low in range(256)))
"""By two bytes, as a little-endian number."""

START = 0xFFFFFFFF


def update(state: int, data: bytes | bytearray | memoryview) -> int:
    """The state after more data; the first is `START`."""
    even = len(data) & ~1
    two = _TWO
    pairs = array("H", bytes(data[:even]))
    for pair in pairs:
        state = two[(state ^ pair) & 0xFFFF] ^ (state >> 16)
    if len(data) > even:
        state = _ONE[(state ^ data[even]) & 0xFF] ^ (state >> 8)
    return state


def crc32c(*parts: bytes | bytearray | memoryview) -> int:
    """The checksum of all parts together."""
    state = START
    for part in parts:
        state = update(state, part)
    return state ^ START
