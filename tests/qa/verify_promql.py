"""A real HTTP server in the place of a metrics store: says one thing, and notes what it was asked."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = Callable[[BaseHTTPRequestHandler], None]
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}


class Server(ThreadingHTTPServer):
    """Says one thing, and notes what it was asked."""

    daemon_threads = True
    answer: Answer
    asked: list[tuple[str, dict[str, list[str]], str | None]]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Server)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, parse_qs(body), self.headers.get("Authorization")))
        self.server.answer(self)

    def do_GET(self) -> None:
        raise AssertionError("a redirect was followed")

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def saying(document: Any, status: int = 200, content: str = "application/json", **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()

    def answer(to: BaseHTTPRequestHandler) -> None:
        to.send_response(status)
        for name, value in {"Content-Type": content, "Content-Length": str(len(body)), **headers}.items():
            to.send_header(name.replace("_", "-"), value)
        to.end_headers()
        to.wfile.write(body)

    return answer


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Serves on loopback until the block ends."""
    made = Server(("127.0.0.1", 0), Handler)
    made.asked = []
    made.answer = answer
    thread = threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        made.server_close()


def address(server: Server) -> str:
    """Where it is."""
    return f"http://127.0.0.1:{server.server_address[1]}"
