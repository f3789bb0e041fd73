"""The protocol side that both stand-ins share: errors, secrets, partial failures, lean imports."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.difference import Change, Difference
from seawall.sandbox.plugins.errors import PartialError, PluginError, Refusal
from seawall.sandbox.plugins.properties import UNKNOWN, Properties, decode, encode
from seawall.sandbox.plugins.server import Servicer
from seawall.sandbox.plugins.standin import Checked, StandIn, State, Target

URN = "urn:pulumi:s::p::a:b:C$kubernetes:core/v1:ConfigMap::name"


class Double(StandIn):
    package = "kubernetes"
    distribution = "pulumi-kubernetes"
    act: Callable[..., Any]

    def check_config(self, inputs: Properties) -> list[Refusal]:
        return [Refusal("context", "wrong")] if inputs.values.get("context") == "wrong" else []

    def configure(self, inputs: Properties) -> None:
        return None

    def check(self, target: Target, olds: Properties, news: Properties) -> Checked:
        return Checked(news, self.act(target, news))

    def diff(self, target: Target, state: State, news: Properties, ignored: list[Any]) -> Difference:
        answer: Difference = self.act(state, ignored)
        return answer

    def create(self, target: Target, inputs: Properties, *, preview: bool, timeout: float) -> State:
        answer: State = self.act(inputs)
        return answer

    def read(self, target: Target, state: State) -> State | None:
        return None

    def update(self, target: Target, state: State, news: Properties, *, preview: bool, timeout: float) -> Properties:
        return news

    def delete(self, target: Target, state: State, *, timeout: float) -> None:
        return None


@pytest.fixture
def double() -> Double:
    return Double()


@pytest.fixture
def stub(double: Double) -> Iterator[Any]:
    server = grpc.server(ThreadPoolExecutor(2))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(double), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(0)


def create(stub: Any, values: dict[str, object], *secrets: tuple[Any, ...]) -> Any:
    return stub.Create(provider_pb2.CreateRequest(urn=URN, properties=encode(values, frozenset(secrets))))


def fails(call: Callable[[], object]) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value


def raising(error: Exception) -> Callable[..., object]:
    def act(*_: object) -> object:
        raise error

    return act


def test_secrets_and_unknowns_pass_through(double: Double, stub: Any) -> None:
    double.act = lambda inputs: State("id", inputs)
    made = create(stub, {"a": "x", "b": UNKNOWN}, ("a",))
    assert decode(made.properties) == Properties({"a": "x", "b": UNKNOWN}, frozenset({("a",)}))


def test_an_error_is_its_sentence_without_secrets(double: Double, stub: Any) -> None:
    double.act = raising(PluginError("the value topsecret is wrong"))
    error: Any = fails(lambda: create(stub, {"a": "topsecret"}, ("a",)))
    assert error.details() == "the value [secret] is wrong"


def test_an_unexpected_error_names_its_place_and_no_secret(double: Double, stub: Any) -> None:
    double.act = raising(KeyError("topsecret"))
    error: Any = fails(lambda: create(stub, {"a": "topsecret"}, ("a",)))
    assert error.code() == grpc.StatusCode.INTERNAL
    assert error.details().startswith("the kubernetes stand-in failed: KeyError: '[secret]' (test_plugin_server.py:")


def test_a_partial_failure_keeps_the_object_in_the_state(double: Double, stub: Any) -> None:
    double.act = raising(PartialError("id", ["topsecret is not served"], {"a": "b"}, frozenset({("a",)})))
    error: Any = fails(lambda: create(stub, {"a": "topsecret"}, ("a",)))
    (packed,) = (value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin")
    status = status_pb2.Status.FromString(packed)
    detail = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(detail)
    assert detail.id == "id"
    assert list(detail.reasons) == ["[secret] is not served"]
    assert decode(detail.properties) == Properties({"a": "b"}, frozenset({("a",)}))


def test_a_difference_names_paths_kinds_and_replacements(double: Double, stub: Any) -> None:
    seen = []

    def act(state: State, ignored: list[Any]) -> Difference:
        seen.append((state, ignored))
        changes = [Change(("spec", "a.b"), "add"), Change(("spec", "c", 0), "update", replace=True)]
        return Difference(changes, delete_before_replace=True)

    double.act = act
    request = provider_pb2.DiffRequest(id="i", urn=URN, olds=encode({"o": 1}), old_inputs=encode({"i": 1}))
    request.ignoreChanges.append('metadata.labels["x.y/z"]')
    answer = stub.Diff(request)
    assert seen == [(State("i", Properties({"o": 1}), Properties({"i": 1})), [("metadata", "labels", "x.y/z")])]
    kinds = {path: provider_pb2.PropertyDiff.Kind.Name(d.kind) for path, d in answer.detailedDiff.items()}
    assert kinds == {'spec["a.b"]': "ADD", "spec.c[0]": "UPDATE_REPLACE"}
    assert list(answer.replaces) == ["spec.c[0]"]
    assert list(answer.diffs) == ["spec"]
    assert answer.deleteBeforeReplace


def test_no_changes_are_said_to_be_none(double: Double, stub: Any) -> None:
    double.act = lambda *_: Difference()
    answer = stub.Diff(provider_pb2.DiffRequest(id="i", urn=URN))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE


def test_the_target_is_read_from_the_urn(double: Double, stub: Any) -> None:
    targets = []

    def act(target: Target, news: Properties) -> list[Refusal]:
        targets.append(target)
        return [Refusal("a.b", "no")]

    double.act = act
    answer = stub.Check(provider_pb2.CheckRequest(urn=URN, news=encode({})))
    assert targets == [Target(URN, "kubernetes:core/v1:ConfigMap", "name")]
    assert [(f.property, f.reason) for f in answer.failures] == [("a.b", "no")]


def test_settings_from_the_state_are_checked_too(stub: Any) -> None:
    error: Any = fails(lambda: stub.Configure(provider_pb2.ConfigureRequest(args=encode({"context": "wrong"}))))
    assert error.details() == "wrong"


def test_new_settings_never_replace_the_provider(stub: Any) -> None:
    request = provider_pb2.DiffRequest(urn=URN, old_inputs=encode({"context": "a"}), news=encode({"context": "b"}))
    answer = stub.DiffConfig(request)
    assert answer.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert not answer.replaces


def test_it_reports_the_version_that_it_stands_in_for(stub: Any) -> None:
    from importlib.metadata import version

    assert stub.GetPluginInfo(Empty()).version == version("pulumi-kubernetes")


def test_notes_are_lines_for_the_driver_and_are_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    monkeypatch.setenv("SEAWALL_PLUGIN_NOTES", str(tmp_path / "notes"))
    diagnostics = Diagnostics("kubernetes")
    for _ in range(2):
        diagnostics.say("warning", "key topsecret", "urn", note="warning", secrets={"topsecret"})
    diagnostics.say("info", "no note")
    lines = (tmp_path / "notes").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"plugin": "kubernetes", "kind": "warning", "text": "key [secret]", "urn": "urn"}
    ]


@pytest.mark.parametrize("package", ["kubernetes", "aws"])
def test_a_stand_in_starts_without_the_sdk(package: str) -> None:
    """Importing the SDK, boto3 or the Kubernetes client would cost every preview the better part of a second."""
    code = (
        "from seawall.sandbox.plugins import lean; lean.install()\n"
        f"import sys, seawall.sandbox.plugins.server, seawall.sandbox.plugins.{package}.provider\n"
        "print(*[m for m in ('pulumi.resource', 'boto3', 'botocore', 'kubernetes', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == ""


def test_lean_imports_leave_a_loaded_sdk_alone() -> None:
    import pulumi

    from seawall.sandbox.plugins import lean

    lean.install()
    assert sys.modules["pulumi"] is pulumi
    assert hasattr(pulumi, "Output")
