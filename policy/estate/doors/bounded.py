"""An answer over HTTP, read to its end or not at all: some never end, and some drip."""

import time

import urllib3

_PIECE = 1024 * 1024


def whole(answer: urllib3.BaseHTTPResponse, *, most: int, until: float) -> bytes | None:
    """The content of an answer whose connection is open; None, and the connection closed, when it does not end.

    `most` is a number of bytes, `until` a moment of `time.monotonic`.
    """
    content = bytearray()
    while piece := answer.read1(_PIECE, decode_content=True):
        content += piece
        if len(content) > most or time.monotonic() > until:
            answer.close()
            return None
    return bytes(content)
