"""The connection to an API server, over real HTTP: whatever a server does, an answer or one sentence comes of it."""

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from seawall.errors import EnvironmentFailure
from seawall.policy.estate.doors import cluster_api
from seawall.policy.estate.doors.cluster_api import ClusterApi

GOOD = {"items": [{"metadata": {"name": "cache"}}] * 1000}


class Handler(BaseHTTPRequestHandler):
    """Does what the path says."""

    protocol_version = "HTTP/1.1"
    over = threading.Event()
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        with suppress(OSError):  # the other side is gone
            getattr(self, self.path.partition("?")[0].strip("/"))()

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def say(self, status: int, content: bytes = b"{}", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def chunk(self, content: bytes) -> None:
        self.wfile.write(f"{len(content):x}\r\n".encode() + content + b"\r\n")
        self.wfile.flush()

    def chunked(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        content = json.dumps(GOOD).encode()
        for start in range(0, len(content), 1000):
            self.chunk(content[start : start + 1000])
        self.chunk(b"")

    def zipped(self) -> None:
        self.say(200, gzip.compress(json.dumps(GOOD).encode()), Content_Encoding="gzip")

    def plain(self) -> None:
        self.say(200, json.dumps(GOOD).encode())

    def page(self) -> None:
        self.say(200, b"<html>sign in</html>")

    def nested(self) -> None:
        self.say(200, b"[" * 100_000)

    def refused(self) -> None:
        self.say(403, b"no")

    def elsewhere(self) -> None:
        self.say(302, b"there", Location="/plain")

    def silent(self) -> None:
        self.over.wait(60)

    def cut(self) -> None:
        self.say(200, b'{"items": [', Content_Length="1000")
        self.close_connection = True

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.over.is_set():
            self.chunk(b" " * 100_000)

    def bomb(self) -> None:
        self.say(200, gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """The other side is gone: what the test is about."""


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ClusterApi]:
    Handler.asked = []
    Handler.over.clear()
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield connection(tmp_path, f"http://127.0.0.1:{server.server_port}")
    finally:
        Handler.over.set()
        server.shutdown()
        server.server_close()


def connection(folder: Path, server: str) -> ClusterApi:
    config = {
        "clusters": [{"name": "c", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return ClusterApi("prod", folder / "kubeconfig")


@pytest.mark.parametrize("path", ["/plain", "/chunked", "/zipped"])
def test_an_answer(api: ClusterApi, path: str) -> None:
    assert api.get(path, {"limit": "5", "continue": "a/b&c"}, "application/json") == (200, GOOD)
    assert Handler.asked == [("GET", f"{path}?limit=5&continue=a%2Fb%26c", "Bearer t")]


@pytest.mark.parametrize(
    ("path", "answer"),
    [("/page", (200, None)), ("/nested", (200, None)), ("/refused", (403, None)), ("/elsewhere", (302, None))],
)
def test_what_is_no_answer(api: ClusterApi, path: str, answer: tuple[int, None]) -> None:
    assert api.get(path, {}, "application/json") == answer
    assert len(Handler.asked) == 1, "neither followed nor tried again"


def test_a_server_that_hangs(api: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_api, "TIMEOUT_S", 0.2)
    with pytest.raises(EnvironmentFailure, match="does not answer"):
        api.get("/silent", {}, "application/json")


def test_an_answer_that_is_cut_off(api: ClusterApi) -> None:
    with pytest.raises(EnvironmentFailure, match=r"does not answer \((IncompleteRead|ProtocolError)\)"):
        api.get("/cut", {}, "application/json")


@pytest.mark.parametrize(("limit", "value"), [("MOST_BYTES", 1_000_000), ("LONGEST_S", 0)])
def test_an_answer_without_end(api: ClusterApi, monkeypatch: pytest.MonkeyPatch, limit: str, value: int) -> None:
    monkeypatch.setattr(cluster_api, limit, value)
    with pytest.raises(EnvironmentFailure, match="does not come to an end"):
        api.get("/endless", {}, "application/json")


def test_a_small_answer_that_becomes_a_large_one(api: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_api, "MOST_BYTES", 1_000_000)
    with pytest.raises(EnvironmentFailure, match="does not come to an end"):
        api.get("/bomb", {}, "application/json")


def test_a_server_that_speaks_no_tls(api: ClusterApi, tmp_path: Path) -> None:
    host = str(api._client.configuration.host)
    with pytest.raises(EnvironmentFailure, match="does not answer"):
        connection(tmp_path, host.replace("http:", "https:")).get("/plain", {}, "application/json")
