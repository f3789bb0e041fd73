"""A double of an API server, for what no real one does on demand: odd clocks, odd answers, silence, redirects."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import yaml

Reply = tuple[int, Any] | Callable[["Handler"], None]
BUILT_IN = {"apps": ["v1"], "batch": ["v1"], "policy": ["v1"], "networking.k8s.io": ["v1"]}
"""The groups of a cluster to which nobody has added any."""


class Handler(BaseHTTPRequestHandler):
    """Says what the test has written down for a path, and an empty list for any other."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    form: Mapping[str, list[str]]
    """What was sent with the request, as a form."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.append(self.path)
        reply = self.server.replies.get(path, self.server.other)
        with suppress(OSError):  # the other side is gone
            if callable(reply):
                reply(self)
            else:
                self.say(*reply)

    def do_POST(self) -> None:
        self.form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.do_GET()

    def say(self, status: int, value: Any, **headers: str) -> None:
        """One answer."""
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response_only(status)
        if self.server.now is not None:
            self.send_header("Date", format_datetime(self.server.now, usegmt=True))
        for name, text in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, text)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, Reply] = {"/apis": (200, groups(BUILT_IN))}
        self.other: Reply = (200, {"items": []})
        self.now: datetime | None = datetime.now(UTC)
        self.asked: list[str] = []
        self.over = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side is gone: what some tests are about."""


def groups(served: Mapping[str, list[str]]) -> dict[str, Any]:
    """The answer of /apis."""
    found = []
    for name, versions in served.items():
        known = [{"version": version} for version in versions]
        found.append({"name": name, "versions": known, "preferredVersion": known[0]})
    return {"groups": found}


@contextmanager
def serving(certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """A server on loopback; over TLS when a certificate and a key are given."""
    server = Server()
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*map(str, certificate))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


def kubeconfig(folder: Path, port: int, *, authority: Path | None = None) -> Path:
    """A kubeconfig with the context `there`."""
    scheme = "http" if authority is None else "https"
    cluster: dict[str, str] = {"server": f"{scheme}://127.0.0.1:{port}"}
    if authority is not None:
        cluster["certificate-authority"] = str(authority)
    config = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": "open-sesame-42"}}],
        "contexts": [{"name": "there", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "there",
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file
