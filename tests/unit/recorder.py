"""Runs a program against the SDK's mocks and records the raw requests: parent, provider, protect, dependencies."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await


class Echo(pulumi.runtime.Mocks):
    """Every resource gets what it asked for; an ARN where AWS would make one."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state = dict(args.inputs)
        if args.typ.startswith("aws:"):
            state.setdefault("arn", f"arn:aws:test:::{args.name}")
        return f"{args.name}-id", state

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"{args.token} was called: the program must not ask a provider")


@dataclass
class Recorder(mocks.MockMonitor):
    """A monitor that keeps every request."""

    requests: dict[str, Any] = field(default_factory=dict)
    """By resource name."""
    outputs: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Registered outputs: urn and values, in order."""

    def __post_init__(self) -> None:
        super().__init__(Echo())

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        if request.type != "pulumi:pulumi:Stack":
            assert request.name not in self.requests, f"{request.name} is registered twice"
            self.requests[request.name] = request
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        self.outputs.append((request.urn, rpc.deserialize_properties(request.outputs)))
        return super().RegisterResourceOutputs(request)

    def inputs(self, name: str) -> dict[str, Any]:
        return dict(rpc.deserialize_properties(self.requests[name].object))

    def parent(self, name: str) -> str:
        """The name of a resource's parent, empty for the stack."""
        urn = self.requests[name].parent
        return "" if urn.split("::")[2] == "pulumi:pulumi:Stack" else str(urn.split("::")[-1])

    def needs(self, name: str) -> set[str]:
        """The names of the resources that this one waits for."""
        return {urn.split("::")[-1] for urn in self.requests[name].dependencies}

    def of_type(self, token: str) -> set[str]:
        return {name for name, request in self.requests.items() if request.type == token}


def run(
    program: Callable[[], None], *, config: Mapping[str, str] | None = None, preview: bool = False, stack: str = "test"
) -> Recorder:
    """Runs a program to its end and returns what it registered."""
    recorder = Recorder()
    pulumi.runtime.set_mocks(recorder.mocks, project="seawall", stack=stack, preview=preview, monitor=recorder)
    pulumi.runtime.set_all_config(dict(config or {}), secret_keys=[])
    _sync_await(run_pulumi_func(program))
    return recorder
