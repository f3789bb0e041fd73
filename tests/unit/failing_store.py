"""A double of an object store that fails: what it is asked first is passed on, then it answers as it was told to."""

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from urllib.parse import urlsplit

ERROR = '<?xml version="1.0"?><Error><Code>{code}</Code><Message>secret-token</Message></Error>'


@dataclass
class Fault:
    """What goes wrong, for requests whose method and path match."""

    matching: str
    """A pattern for `<method> <path>`."""
    status: int = 0
    """The answer's status; 0 lets the request pass."""
    code: str = ""
    """S3's name of the error, in the answer's body."""
    times: int = 1000
    """How often it goes wrong; then it works again."""
    broken_after: int | None = None
    """Bytes of a body after which the connection breaks."""
    date: str | None = None
    """The answer's Date header; None leaves it."""
    strips_range: bool = False
    """Whether a part of an object is answered with all of it."""
    hangs: bool = False
    """Whether it never answers."""
    asked: Event = field(default_factory=Event)
    """Set as soon as it went wrong once."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, target: str, fault: Fault) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target, self.fault, self.over = urlsplit(target), fault, Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: a client that hangs up is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        assert isinstance(self.server, _Server)
        fault = self.server.fault
        hit = re.search(fault.matching, f"{self.command} {self.path}") is not None and fault.times > 0
        if hit:
            fault.times -= 1
            fault.asked.set()
        if hit and fault.hangs:
            self.server.over.wait()
            return
        if hit and fault.status:
            body = ERROR.format(code=fault.code).encode() if fault.code and self.command != "HEAD" else b""
            self._send(fault.status, {}, body, hit=hit)
            return
        unsent = {"host", "range"} if hit and fault.strips_range else {"host"}
        headers = {key: value for key, value in self.headers.items() if key.lower() not in unsent}
        link = http.client.HTTPConnection(self.server.target.hostname or "", self.server.target.port, timeout=20)
        link.request(self.command, self.path, headers={**headers, "Host": self.server.target.netloc})
        answer = link.getresponse()
        body = answer.read()
        self._send(answer.status, dict(answer.getheaders()), body, hit=hit)
        link.close()

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _send(self, status: int, headers: dict[str, str], body: bytes, *, hit: bool) -> None:
        assert isinstance(self.server, _Server)
        fault = self.server.fault
        self.send_response_only(status)
        given = {key: value for key, value in headers.items() if key.lower() not in ("connection", "transfer-encoding")}
        if hit and fault.date is not None:
            given = {key: value for key, value in given.items() if key.lower() != "date"} | {"Date": fault.date}
        given.setdefault("Content-Length", str(len(body)))
        for key, value in given.items():
            self.send_header(key, value)
        self.end_headers()
        if hit and fault.broken_after is not None and len(body) > fault.broken_after:
            self.wfile.write(body[: fault.broken_after])
            self.close_connection = True
            return
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@contextmanager
def failing(target: str, fault: Fault) -> Iterator[str]:
    """A store before the one at `target`, with this fault; gives its address."""
    server = _Server(target, fault)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
