"""An engine for one provider stand-in: starts the real executable, speaks the engine's protocol, gathers its words."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from seawall.sandbox.plugins.properties import Properties, decode, encode

SEVERITIES = {value: name.lower() for name, value in engine_pb2.LogSeverity.items()}


@dataclass(frozen=True)
class Said:
    """One diagnostic."""

    severity: str
    text: str
    urn: str
    ephemeral: bool


class RefusedError(Exception):
    """The plugin's error."""


class _Engine(engine_pb2_grpc.EngineServicer):
    def __init__(self) -> None:
        self.said: list[Said] = []

    def Log(self, request: Any, context: Any) -> Empty:  # noqa: N802
        self.said.append(Said(SEVERITIES[request.severity], request.message, request.urn, request.ephemeral))
        return Empty()


class PluginHost:
    """One running stand-in."""

    def __init__(self, package: str, environment: Mapping[str, str]) -> None:
        self.package = package
        self.stack = "test"
        self.engine = _Engine()
        self._server = grpc.server(ThreadPoolExecutor(4))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", f"seawall.sandbox.plugins.{package}", f"127.0.0.1:{port}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**_clean_environment(), **environment},
            cwd=Path(__file__).parents[2],
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            _, errors = self.process.communicate(timeout=20)
            self._server.stop(0)
            raise RefusedError(errors.strip())
        self.channel = grpc.insecure_channel(f"127.0.0.1:{line.strip()}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        handshake = self.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address=f"127.0.0.1:{port}"))
        assert handshake.accept_secrets

    def said(self, severity: str | None = None) -> list[str]:
        return [s.text for s in self.engine.said if not s.ephemeral and severity in (None, s.severity)]

    def forget(self) -> "PluginHost":
        """Begin another stack: nothing was said about it, and its resources are others."""
        self.engine.said.clear()
        self.stack = f"test-{uuid.uuid4().hex[:8]}"
        return self

    def urn(self, type_: str, name: str) -> str:
        return f"urn:pulumi:{self.stack}::seawall::{type_}::{name}"

    def check_config(self, settings: dict[str, object]) -> list[tuple[str, str]]:
        answer = self.stub.CheckConfig(
            provider_pb2.CheckRequest(urn=self.urn(f"pulumi:providers:{self.package}", "p"), news=encode(settings))
        )
        return [(f.property, f.reason) for f in answer.failures]

    def configure(self, settings: dict[str, object]) -> "PluginHost":
        with _refusals():
            self.stub.Configure(provider_pb2.ConfigureRequest(args=encode(settings), acceptSecrets=True))
        return self

    def resource(self, type_: str, name: str) -> "Resource":
        return Resource(self, type_, name)

    def stop(self, number: int = signal.SIGINT) -> int:
        """End the plugin as the engine does."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            code = self.process.wait(timeout=10)
        finally:
            self.process.kill()
            with contextlib.suppress(AttributeError):
                self.channel.close()
            self._server.stop(0)
            for stream in (self.process.stdout, self.process.stderr):
                if stream:
                    stream.close()
        return code


@dataclass
class Difference:
    changed: bool
    paths: dict[str, str]
    replaces: list[str]
    delete_first: bool


class Resource:
    """One resource and its state, driven as the engine drives it."""

    def __init__(self, host: PluginHost, type_: str, name: str) -> None:
        self.host = host
        self.type = type_
        self.name = name
        self.urn = host.urn(type_, name)
        self.id = ""
        self.inputs = Properties({})
        self.outputs = Properties({})

    def on(self, host: PluginHost) -> "Resource":
        """The same resource and state on another run of the plugin."""
        other = Resource(host, self.type, self.name)
        other.id, other.inputs, other.outputs = self.id, self.inputs, self.outputs
        return other

    def check(self, news: dict[str, object], secrets: frozenset[tuple[Any, ...]] = frozenset()) -> Properties:
        with _refusals():
            answer = self.host.stub.Check(
                provider_pb2.CheckRequest(
                    urn=self.urn, olds=encode(self.inputs.values, self.inputs.secrets), news=encode(news, secrets)
                )
            )
        if answer.failures:
            raise RefusedError("; ".join(f"{f.property}: {f.reason}" for f in answer.failures))
        return decode(answer.inputs)

    def preview(self, news: dict[str, object], secrets: frozenset[tuple[Any, ...]] = frozenset()) -> dict[str, object]:
        checked = self.check(news, secrets)
        with _refusals():
            made = self.host.stub.Create(
                provider_pb2.CreateRequest(
                    urn=self.urn, properties=encode(checked.values, checked.secrets), preview=True
                )
            )
        return decode(made.properties).values

    def create(self, news: dict[str, object], secrets: frozenset[tuple[Any, ...]] = frozenset()) -> dict[str, object]:
        checked = self.check(news, secrets)
        with _refusals():
            made = self.host.stub.Create(
                provider_pb2.CreateRequest(urn=self.urn, properties=encode(checked.values, checked.secrets))
            )
        self.id, self.inputs, self.outputs = made.id, checked, decode(made.properties)
        return self.outputs.values

    def diff(
        self,
        news: dict[str, object],
        secrets: frozenset[tuple[Any, ...]] = frozenset(),
        ignore: tuple[str, ...] = (),
    ) -> Difference:
        checked = self.check(news, secrets)
        with _refusals():
            answer = self.host.stub.Diff(
                provider_pb2.DiffRequest(
                    id=self.id,
                    urn=self.urn,
                    olds=encode(self.outputs.values, self.outputs.secrets),
                    old_inputs=encode(self.inputs.values, self.inputs.secrets),
                    news=encode(checked.values, checked.secrets),
                    ignoreChanges=ignore,
                )
            )
        kinds = MessageToDict(answer).get("detailedDiff", {})
        return Difference(
            answer.changes == provider_pb2.DiffResponse.DIFF_SOME,
            {path: kind.get("kind", "ADD") for path, kind in kinds.items()},
            list(answer.replaces),
            answer.deleteBeforeReplace,
        )

    def update(
        self,
        news: dict[str, object],
        secrets: frozenset[tuple[Any, ...]] = frozenset(),
        *,
        preview: bool = False,
    ) -> dict[str, object]:
        checked = self.check(news, secrets)
        with _refusals():
            answer = self.host.stub.Update(
                provider_pb2.UpdateRequest(
                    id=self.id,
                    urn=self.urn,
                    olds=encode(self.outputs.values, self.outputs.secrets),
                    old_inputs=encode(self.inputs.values, self.inputs.secrets),
                    news=encode(checked.values, checked.secrets),
                    preview=preview,
                )
            )
        outputs = decode(answer.properties)
        if not preview:
            self.inputs, self.outputs = checked, outputs
        return outputs.values

    def refresh(self) -> bool:
        """Read the resource; whether it is still there."""
        with _refusals():
            answer = self.host.stub.Read(
                provider_pb2.ReadRequest(
                    id=self.id,
                    urn=self.urn,
                    properties=encode(self.outputs.values, self.outputs.secrets),
                    inputs=encode(self.inputs.values, self.inputs.secrets),
                )
            )
        if not answer.id:
            return False
        self.id, self.inputs, self.outputs = answer.id, decode(answer.inputs), decode(answer.properties)
        return True

    def import_(self, id_: str) -> bool:
        """Take over what exists, as `pulumi import` does."""
        self.id, self.inputs, self.outputs = id_, Properties({}), Properties({})
        return self.refresh()

    def delete(self, timeout: float = 0) -> None:
        with _refusals():
            self.host.stub.Delete(
                provider_pb2.DeleteRequest(
                    id=self.id,
                    urn=self.urn,
                    properties=encode(self.outputs.values, self.outputs.secrets),
                    old_inputs=encode(self.inputs.values, self.inputs.secrets),
                    timeout=timeout,
                )
            )


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise RefusedError(error.details()) from error


def notes(file: Path) -> list[dict[str, str]]:
    """The notes that a plugin wrote for the driver."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def together(*calls: Any) -> list[Any]:
    """Run calls at the same time and return their results in order."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [f.result() for f in [pool.submit(call) for call in calls]]


def _clean_environment() -> dict[str, str]:
    ambient = ("AWS_", "KUBE", "PULUMI_", "SEAWALL_SANDBOX", "SEAWALL_PLUGIN")
    return {k: v for k, v in os.environ.items() if not k.startswith(ambient)}


__all__ = ["Difference", "PluginHost", "RefusedError", "Resource", "Said", "notes", "together"]
