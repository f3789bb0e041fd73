"""What a provider stand-in implements, in plain Python values; `server.py` puts it behind the engine's protocol."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from seawall.sandbox.plugins.diagnostics import Diagnostics
from seawall.sandbox.plugins.difference import Difference
from seawall.sandbox.plugins.errors import Refusal
from seawall.sandbox.plugins.properties import NONE, Path, Properties


@dataclass(frozen=True)
class Target:
    """The resource that a request is about: its URN, its type token and its logical name."""

    urn: str
    type: str
    name: str


@dataclass(frozen=True)
class Checked:
    """The answer to `check`: the inputs with defaults filled in, and what is refused."""

    inputs: Properties
    refusals: list[Refusal] = field(default_factory=list)


@dataclass(frozen=True)
class State:
    """An existing (or previewed) resource. `id` is empty in a preview when only the deployment can make it."""

    id: str
    outputs: Properties
    inputs: Properties = NONE


class StandIn(ABC):
    """One provider. Methods may be called from many threads at once; they raise `PluginError` for a person to read."""

    package: str
    """The Pulumi package, e.g. `kubernetes`."""
    distribution: str
    """The Python package of the vendor's SDK: its version is the version that the stand-in reports."""

    def __init__(self) -> None:
        self.diagnostics = Diagnostics(self.package)

    def warm_up(self) -> None:
        """Import what `configure` will need; runs in the background while the engine connects."""
        return

    @abstractmethod
    def check_config(self, inputs: Properties) -> list[Refusal]:
        """What is wrong with the provider's settings."""

    @abstractmethod
    def configure(self, inputs: Properties) -> None:
        """Connect with settings that `check_config` accepted."""

    @abstractmethod
    def check(self, target: Target, olds: Properties, news: Properties) -> Checked:
        """Validate the inputs of a resource without reading or changing anything that exists."""

    @abstractmethod
    def diff(self, target: Target, state: State, news: Properties, ignored: list[Path]) -> Difference:
        """What would change if `news` were applied to the resource that `state` describes."""

    @abstractmethod
    def create(self, target: Target, inputs: Properties, *, preview: bool, timeout: float) -> State:
        """Create the resource, or with `preview` say what it would be. `timeout` in seconds, 0 for the default."""

    @abstractmethod
    def read(self, target: Target, state: State) -> State | None:
        """The resource as it is now; `None` when it is gone. An import has no inputs in `state`."""

    @abstractmethod
    def update(self, target: Target, state: State, news: Properties, *, preview: bool, timeout: float) -> Properties:
        """Change the resource and return its outputs, or with `preview` say what they would be."""

    @abstractmethod
    def delete(self, target: Target, state: State, *, timeout: float) -> None:
        """Delete the resource and wait until it is gone; one that is gone already is fine."""

    def cancel(self) -> None:
        """Stop waiting; called when the user interrupts the engine."""
        return

    def close(self) -> None:
        """Remove what belongs to this process only; called once, at its end. Must take less than 5 seconds."""
        return
