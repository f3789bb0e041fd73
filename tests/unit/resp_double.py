"""A double of a server that speaks Redis' protocol: PING, AUTH, SET and GET, over TCP or TLS, on loopback."""

import socketserver
import ssl
from typing import BinaryIO, cast

from loopback_server import LoopbackServer


class RespDouble(LoopbackServer):
    """The double; `replies` replaces its answer to a command by raw bytes, None closes the connection instead."""

    def __init__(
        self,
        *,
        password: bytes | None = None,
        replies: dict[bytes, bytes | None] | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.password, self.replies, self.context = password, replies or {}, context
        self.seen: list[list[bytes]] = []
        self.values: dict[bytes, bytes] = {}
        super().__init__(_Session)


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = cast(RespDouble, self.server)
        try:
            wire = server.context.wrap_socket(self.request, server_side=True) if server.context else self.request
            stream = wire.makefile("rwb", buffering=0)
            signed_in = server.password is None
            while (parts := _command(stream)) is not None:
                server.seen.append(parts)
                name = parts[0].upper()
                if name in server.replies:
                    given = server.replies[name]
                    if given is None:
                        return
                    stream.write(given)
                elif name == b"AUTH":
                    signed_in = parts[1:] == [server.password]
                    stream.write(b"+OK\r\n" if signed_in else b"-WRONGPASS invalid username-password pair\r\n")
                elif not signed_in:
                    stream.write(b"-NOAUTH Authentication required.\r\n")
                elif name == b"PING":
                    stream.write(b"+PONG\r\n")
                elif name == b"SET":
                    server.values[parts[1]] = parts[2]
                    stream.write(b"+OK\r\n")
                elif name == b"GET":
                    value = server.values.get(parts[1])
                    stream.write(b"$-1\r\n" if value is None else b"$%d\r\n%s\r\n" % (len(value), value))
        except OSError:
            return


def _command(stream: BinaryIO) -> list[bytes] | None:
    head = stream.readline()
    if not head:
        return None
    parts = []
    for _ in range(int(head[1:])):
        length = int(stream.readline()[1:])
        value = b""
        while len(value) < length + 2:
            value += stream.read(length + 2 - len(value))
        parts.append(value[:-2])
    return parts
