"""What a program registers, without an engine: the SDK's mock monitor answers every request and keeps it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi.runtime import mocks, rpc

KUBERNETES = "kubernetes:"
COMPONENT = "seawall:"
RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True)
class Registered:
    """One resource as the program asked for it."""

    name: str
    """Its name in the stack."""
    token: str
    """Its type, like `kubernetes:policy/v1:PodDisruptionBudget`."""
    parent: str
    """The name of its component; empty when it has none."""
    inputs: Mapping[str, Any]
    """What it was given. Unknown values of AWS resources read like `<arn of NAME>`."""
    protect: bool
    retain: bool
    """Whether it is kept when it leaves the stack."""
    aliases: tuple[str, ...]
    """Former names, or former types, one text each."""
    needs: tuple[str, ...]
    """The names of the resources that it waits for."""

    @property
    def manifest(self) -> bool:
        """Whether it is a Kubernetes object, written out in full."""
        return self.token.startswith(KUBERNETES) and "kind" in self.inputs and "metadata" in self.inputs

    @property
    def kind(self) -> str:
        """A Kubernetes object's kind; the type of anything else, without its module: `aws:Key`, `Release`."""
        if self.manifest:
            return str(self.inputs["kind"])
        package, _, rest = self.token.partition(":")
        last = rest.rpartition(":")[2]
        return last if package in ("kubernetes", "seawall") else f"{package}:{last}"

    @property
    def object_name(self) -> str:
        """A Kubernetes object's name; the name in the stack of anything else."""
        return str(self.inputs["metadata"]["name"]) if self.manifest else self.name

    @property
    def namespace(self) -> str | None:
        """A Kubernetes object's namespace."""
        given = self.inputs["metadata"].get("namespace") if self.manifest else self.inputs.get("namespace")
        return str(given) if given is not None else None


@dataclass(frozen=True)
class Recording:
    """Everything that one run of a program registered, by name: the order of registration is not always the same."""

    resources: tuple[Registered, ...]
    outputs: Mapping[str, Mapping[str, Any]]
    """Component → its registered outputs."""

    def children(self, component: str) -> tuple[Registered, ...]:
        """The resources whose parent is the component of that name."""
        return tuple(resource for resource in self.resources if resource.parent == component)

    def of_component(self, component: str) -> tuple[Registered, ...]:
        """The components of a type like `DragonflyCluster`."""
        return tuple(it for it in self.resources if it.token.startswith(COMPONENT) and it.kind == component)


class _Answers(mocks.Mocks):
    """Every resource gets what it asked for; where AWS would make an ARN or an id, a text that says so."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        state = dict(args.inputs)
        if args.typ.startswith("aws:"):
            state.setdefault("arn", f"<arn of {args.name}>")
        return f"<id of {args.name}>", state

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        raise AssertionError(f"{args.token} was called: the program must not ask a provider")


@dataclass
class _Monitor(mocks.MockMonitor):
    """Keeps the raw requests: parent and protection are only there."""

    requests: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(_Answers())

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        if request.type != "pulumi:pulumi:Stack":
            self.requests[request.name] = request
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 (the protocol's name)
        self.outputs[_name(request.urn)] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def record(program: Callable[[], object], *, stack: str, config: Mapping[str, str] | None = None) -> Recording:
    """Runs a program to its end and returns what it registered; `config` is the configuration as the engine has it.

    Raises whatever the program raises.
    """
    monitor = _Monitor()
    pulumi.runtime.set_mocks(monitor.mocks, project="seawall", stack=stack, preview=False, monitor=monitor)
    pulumi.runtime.set_all_config(dict(config or {}), secret_keys=[])

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def run() -> None:
        program()

    run()
    return Recording(
        tuple(_registered(request) for _, request in sorted(monitor.requests.items())),
        dict(sorted(monitor.outputs.items())),
    )


def _registered(request: Any) -> Registered:
    return Registered(
        name=request.name,
        token=request.type,
        parent="" if "::pulumi:pulumi:Stack::" in request.parent else _name(request.parent),
        inputs=_plain(rpc.deserialize_properties(request.object)),
        protect=request.protect,
        retain=request.retainOnDelete,
        aliases=tuple(_alias(alias) for alias in request.aliases),
        needs=tuple(sorted({_name(urn) for urn in request.dependencies})),
    )


def _order(key: str) -> tuple[int, str]:
    first = ("apiVersion", "kind", "metadata", "alert", "record", "name", "namespace")
    return first.index(key) if key in first else len(first), key


def _alias(alias: Any) -> str:
    return str(alias.urn or ":".join(part for part in (alias.spec.type, alias.spec.name) if part))


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _plain(value: Any) -> Any:
    """Whole numbers as such, and keys in one order: the engine's protocol knows floats only, and no order."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in sorted(value.items(), key=lambda pair: _order(pair[0]))}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
