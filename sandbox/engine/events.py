"""The engine's event stream: what the summary, the rendered manifests and the tests are made from."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.automation import Stack
from pulumi.automation.events import EngineEvent
from pulumi.runtime.proto import events_pb2_grpc

Event = Mapping[str, Any]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What the engine writes for a value that is known only after an update."""


@dataclass
class Recorder:
    """Keeps the raw events of one engine command, in memory and in a file."""

    file: Path
    events: list[Event] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        """Take one event."""
        with self._lock, self.file.open("a", encoding="utf-8") as stream:
            self.events.append(event)
            stream.write(json.dumps(event, separators=(",", ":")) + "\n")

    def of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """The payloads of all events of one kind, for example `policyEvent`."""
        return (event[kind] for event in self.events if event.get(kind) is not None)

    def changes(self) -> Counter[str]:
        """How many resources per operation, as the engine's own summary says."""
        total: Counter[str] = Counter()
        for summary in self.of("summaryEvent"):
            total.update(summary.get("resourceChanges") or {})
        return total

    def errors(self) -> list[str]:
        """The distinct error messages, with the resource that they are about."""
        return self._diagnostics("error")

    def warnings(self) -> list[str]:
        """The distinct warnings, with the resource that they are about."""
        return self._diagnostics("warning")

    def _diagnostics(self, severity: str) -> list[str]:
        found = []
        for diagnostic in self.of("diagnosticEvent"):
            if diagnostic.get("severity") == severity and not diagnostic.get("ephemeral"):
                name = resource_name(diagnostic.get("urn") or "")
                text = plain(diagnostic["message"])
                found.append(f"{name}: {text}" if name else text)
        return list(dict.fromkeys(found))


class RecordedStack(Stack):
    """A stack of the Automation API whose event log is handed over raw.

    The API's own event class drops the kinds that it does not know, among them those that count which policies passed.
    """

    recorder: Callable[[Event], None]

    def _setup_event_log(self, command: str, on_event: Callable[[EngineEvent], Any], pulumi_version: str) -> Any:
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
        servicer = _Events(self.recorder, on_event)
        events_pb2_grpc.add_EventsServicer_to_server(servicer, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return f"tcp://127.0.0.1:{port}", None, None, None, server


class _Events(events_pb2_grpc.EventsServicer):
    def __init__(self, recorder: Callable[[Event], None], on_event: Callable[[EngineEvent], Any]) -> None:
        self._recorder, self._on_event = recorder, on_event

    def StreamEvents(self, request_iterator: Any, context: Any) -> empty_pb2.Empty:  # noqa: N802 - the protocol's name
        for request in request_iterator:
            event = json.loads(request.event)
            self._recorder(event)
            self._on_event(EngineEvent.from_json(event))
        return empty_pb2.Empty()


def resource_name(urn: str) -> str:
    """`Namespace/databases` of a URN that ends in `kubernetes:core/v1:Namespace::databases`; "" without a resource."""
    parts = urn.split("::", 3)
    if len(parts) < 4 or parts[2].endswith("pulumi:pulumi:Stack"):
        return ""
    return f"{parts[2].rsplit('$', 1)[-1].rsplit(':', 1)[-1]}/{parts[3]}"


def plain(text: str) -> str:
    """A message of the engine without its colour marks (`<{%fg 1%}>`), as one line-trimmed text."""
    out, rest = [], text
    while "<{%" in rest:
        before, _, after = rest.partition("<{%")
        out.append(before)
        rest = after.partition("%}>")[2]
    return "".join([*out, rest]).strip()
