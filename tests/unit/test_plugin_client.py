"""The Kubernetes stand-in's requests to an API server that does not answer as it should."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes import client
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer
from seawall.sandbox.plugins.kubernetes.kubeconfig import Connection

DROPPED = 0
"""In place of a status: the connection is closed without an answer."""


@contextmanager
def answering(*statuses: int) -> Iterator[tuple[ApiServer, list[str]]]:
    """A server that gives these statuses, the last one for ever, and the requests that reached it."""
    left, seen = list(statuses), []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            status = left.pop(0) if len(left) > 1 else left[0]
            if status == DROPPED:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield ApiServer(Connection(f"http://127.0.0.1:{server.server_port}", None, {}, "default")), seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("first", [DROPPED, 429, 503, 504])
def test_what_passes_is_tried_anew(first: int) -> None:
    with answering(first, 200) as (api, seen):
        assert api.request("GET", "/version").document == {}
    assert len(seen) == 2


def test_it_gives_up_in_one_sentence() -> None:
    with (
        answering(DROPPED) as (api, seen),
        pytest.raises(PluginError, match=r"does not answer \(ProtocolError\): does the sandbox run"),
    ):
        api.request("GET", "/version")
    assert len(seen) == 3


@pytest.mark.parametrize(("status", "error"), [(DROPPED, PluginError), (504, ApiError)])
def test_nothing_is_tried_anew_after_a_long_wait(
    monkeypatch: pytest.MonkeyPatch, status: int, error: type[PluginError]
) -> None:
    monkeypatch.setattr(client, "_PATIENCE_S", -1.0)
    with answering(status) as (api, seen), pytest.raises(error):
        api.request("GET", "/version")
    assert len(seen) == 1
