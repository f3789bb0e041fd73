"""What a stand-in says: diagnostics in the engine's display, and notes for the driver's summary.

Notes are JSON lines `{"plugin", "kind", "text", "urn"}` appended to the file that `SEAWALL_PLUGIN_NOTES` names, when it
is set. The kinds are `simulated` (something the vendor's plugin does and a stand-in does not), `warning` (from the API
server), `unknown` (a preview with stand-in values), `temporary-namespace`, `adopted` and `not-installed` (a Helm
release that is recorded only).
"""

import contextlib
import json
import os
import threading
from collections.abc import Iterable
from typing import Literal

import grpc
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

from seawall.sandbox.plugins.errors import redact

Severity = Literal["debug", "info", "warning", "error"]


class Diagnostics:
    """Sends each message to the engine once per resource. Never raises: a lost engine ends the process by itself."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin
        self._lock = threading.Lock()
        self._said: set[tuple[str, str]] = set()
        self._engine: engine_pb2_grpc.EngineStub | None = None
        self._notes = os.environ.get("SEAWALL_PLUGIN_NOTES")

    def connect(self, address: str) -> None:
        """Use the engine at `address` (`host:port`)."""
        with self._lock:
            if address and self._engine is None:
                direct = [("grpc.enable_http_proxy", 0)]  # the engine is on loopback
                self._engine = engine_pb2_grpc.EngineStub(grpc.insecure_channel(address, options=direct))

    def say(
        self, severity: Severity, text: str, urn: str = "", *, note: str | None = None, secrets: Iterable[str] = ()
    ) -> None:
        """Show `text` beside the resource `urn`, without `secrets`; with `note`, the driver's summary tells it too."""
        text = redact(text, secrets)
        with self._lock:
            if (urn, text) in self._said:
                return
            self._said.add((urn, text))
        if note is not None:
            self.note(note, text, urn)
        self._log(severity, text, urn)

    def progress(self, text: str, urn: str) -> None:
        """Show `text` in the resource's status column for as long as nothing newer is there."""
        self._log("info", text, urn, ephemeral=True)

    def note(self, kind: str, text: str, urn: str = "") -> None:
        """Append a note for the driver's summary; nothing happens when nobody asked for notes."""
        if not self._notes:
            return
        line = json.dumps({"plugin": self.plugin, "kind": kind, "text": text, "urn": urn}) + "\n"
        with contextlib.suppress(OSError):
            handle = os.open(self._notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(handle, line.encode())
            finally:
                os.close(handle)

    def _log(self, severity: Severity, text: str, urn: str, *, ephemeral: bool = False) -> None:
        engine = self._engine
        if engine is None:
            return
        level = getattr(engine_pb2, severity.upper())
        request = engine_pb2.LogRequest(severity=level, message=text, urn=urn, ephemeral=ephemeral)
        with contextlib.suppress(grpc.RpcError):
            engine.Log(request, timeout=10)
