"""Holds what a probe has measured and serves it as Prometheus reads it, on one port, while the probe runs."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType
from typing import Protocol, TypeVar

PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[tuple[str, str], ...]
Target = TypeVar("Target")


class Measuring(Protocol):
    """Something that measures a target into results."""

    def run(self) -> bool:
        """Measures until the time is over; says whether anything was ever reached."""


class UnusableError(Exception):
    """The settings of a probe are missing or wrong; the text says which."""


class Results:
    """The series that were measured, by name and labels. May be read while it is written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, tuple[str, str]] = {}
        self._values: dict[str, dict[Labels, float]] = {}

    def gauge(self, name: str, text: str, labels: Mapping[str, str], value: float) -> None:
        """Sets a value that may go up and down. `text` says what it means and its unit."""
        with self._lock:
            self._series("gauge", name, text)[_labels(labels)] = value

    def count(self, name: str, text: str, labels: Mapping[str, str], more: int = 1) -> None:
        """Adds to a counter; 0 makes it appear before anything is counted."""
        with self._lock:
            series = self._series("counter", name, text)
            series[_labels(labels)] = series.get(_labels(labels), 0) + more

    def remove(self, name: str, labels: Mapping[str, str]) -> None:
        """Takes a series away that no longer says anything."""
        with self._lock:
            self._values.get(name, {}).pop(_labels(labels), None)

    def text(self) -> str:
        """Everything in Prometheus' text format."""
        with self._lock:
            return "".join(self._lines())

    def _series(self, kind: str, name: str, text: str) -> dict[Labels, float]:
        self._kinds.setdefault(name, (kind, text))
        return self._values.setdefault(name, {})

    def _lines(self) -> Iterator[str]:
        for name, (kind, text) in self._kinds.items():
            yield f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
            for labels, value in self._values[name].items():
                shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
                yield f"{name}{{{shown}}} {value!r}\n"


def _labels(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, results: Results) -> None:
        # An empty host means every address, of both families where the node has both.
        dual = not host and socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
        self.results = results
        super().__init__(("::" if dual else host, port), _Handler)

    def server_bind(self) -> None:
        if self.address_family == socket.AF_INET6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    timeout = 10

    def do_GET(self) -> None:
        found = self.path.partition("?")[0] == PATH and isinstance(self.server, _Server)
        body = self.server.results.text().encode() if found and isinstance(self.server, _Server) else b"not found\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", CONTENT_TYPE if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing: a scrape is no news."""


@contextmanager
def serving(results: Results, port: int, host: str = "") -> Iterator[int]:
    """Serves the results at `/metrics` until the block ends; gives the port (which 0 leaves to the system)."""
    server = _Server(host, port, results)
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def setting(environment: Mapping[str, str], name: str) -> str:
    """One setting. Raises `UnusableError` when it is missing or empty."""
    value = environment.get(name, "")
    if not value:
        raise UnusableError(f"the environment lacks {name}")
    return value


def number(environment: Mapping[str, str], name: str) -> int:
    """One setting that is a whole number. Raises `UnusableError` when it is none."""
    value = setting(environment, name)
    if not value.isdecimal():
        raise UnusableError(f"{name} must be a whole number")
    return int(value)


def measured(
    given: Mapping[str, str],
    target: Callable[[Mapping[str, str]], Target],
    measuring: Callable[[Target, Results], Measuring],
) -> int:
    """Measures and serves for the time that was asked for.

    Returns the exit code: 0 measured, 1 nothing was ever reached, 2 the settings are wrong.
    """
    try:
        wanted, port = target(given), number(given, "PROBE_METRICS_PORT")
    except UnusableError as error:
        say(str(error))
        return 2
    results = Results()
    measurement = measuring(wanted, results)
    with serving(results, port, given.get("PROBE_METRICS_HOST", "")):
        return 0 if measurement.run() else 1


def end_on_signal() -> None:
    """Ends the process when Kubernetes asks: as the first process of a container it would otherwise not hear it."""

    def end(signum: int, frame: FrameType | None) -> None:
        sys.exit(128 + signum)

    signal.signal(signal.SIGTERM, end)


def say(text: str) -> None:
    """One line for the log, at once."""
    print(text, file=sys.stderr, flush=True)


def environment() -> Mapping[str, str]:
    """The settings that the CronJob gives."""
    return os.environ
