"""A double of PostgreSQL's front door: it answers a request for TLS, shakes hands, and says nothing more."""

import socketserver
import ssl
from pathlib import Path
from typing import cast

from loopback_server import LoopbackServer

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


class PostgresDouble(LoopbackServer):
    """The double; without a certificate it refuses TLS, as PostgreSQL does with `ssl = off`.

    `ends`: it closes every connection without a word, as PgBouncer does when it ends.
    """

    def __init__(self, certificate: tuple[Path, Path] | None, *, ends: bool = False) -> None:
        self.ends = ends
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if certificate else None
        if self.context and certificate:
            self.context.load_cert_chain(*certificate)
        self.strangers = 0
        super().__init__(_Session)


class _Session(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server = cast(PostgresDouble, self.server)
        if self.request.recv(8) != SSL_REQUEST:
            server.strangers += 1
            return
        if server.ends:
            return
        if server.context is None:
            self.request.sendall(b"N")
            return
        self.request.sendall(b"S")
        try:
            with server.context.wrap_socket(self.request, server_side=True) as secure:
                secure.recv(1)
        except OSError:
            return
