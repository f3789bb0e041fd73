"""What a check can look at. Checks know these words alone: who answers is `seawall.qa.verify`, or a test's double."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar

from seawall.qa.checks.model import UndecidedError
from seawall.qa.checks.stacks import Declared

Found = TypeVar("Found")
Manifest = dict[str, Any]
Result = Mapping[str, Any]
"""What one step of a probe found; `outcome` is always there."""


class Cluster(Protocol):
    """A cluster that is read. Every method raises `UndecidedError` where reading is not allowed."""

    @property
    def context(self) -> str:
        """Name of the kubeconfig's context."""

    @property
    def simulated(self) -> bool:
        """Whether there are nodes on which nothing really runs."""

    def find(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Manifest | None:
        """An object; None when there is none, or no such kind."""

    def every(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> list[Manifest]:
        """The objects of a kind, in one namespace or all, with these labels; none when there is no such kind."""


@dataclass(frozen=True)
class Entry:
    """A value that the secret store has: its entry and the property in it. Never the value."""

    path: str
    property: str


@dataclass(frozen=True)
class Where:
    """Where a probe runs."""

    cluster: str
    """Name in the mesh."""
    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels of a pod whose place it takes on the network: the scraper's, the certificate probe's. It is never Ready,
    so that no Service leads to it, and has an owner, so that no controller adopts it."""

    def __str__(self) -> str:
        other = f" (with the labels of {', '.join(self.labels.values())})" if self.labels else ""
        return f"{self.namespace} on {self.cluster}{other}"


@dataclass(frozen=True)
class Probe:
    """One probe pod: where it runs, what it tries, and which secrets it is given."""

    where: Where
    steps: Sequence[Mapping[str, Any]]
    secrets: Mapping[str, Entry] = field(default_factory=dict)
    """Environment variable → what the secret store has for it."""
    seconds: int = 60
    """What its steps may take together."""


class Prober(Protocol):
    """Runs probe pods. Every method raises `UndecidedError` when a probe brought no result."""

    def run(self, probes: Sequence[Probe]) -> list[list[Result]]:
        """Runs probes side by side; the results of each, step by step, in order."""

    def running(self, probe: Probe) -> AbstractContextManager[None]:
        """Within the block a probe runs, whose results nobody asks for."""

    def fresh(self, cluster: str) -> str:
        """A namespace of the run's own on a cluster, which nobody has allowed anything; always the same in one run."""


@dataclass(frozen=True)
class Series:
    """One series of an answer: its labels, and time → value, oldest first."""

    labels: Mapping[str, str]
    values: Sequence[tuple[float, float]]


class Metrics(Protocol):
    """A metrics store. Raises `UndecidedError` when it does not answer, or not with everything."""

    def query(self, expression: str) -> list[Series]:
        """The answer now. Raises `RefusedQueryError` when the store cannot evaluate it."""

    def query_range(self, expression: str, *, seconds: int, step: int) -> list[Series]:
        """The answers over the last seconds."""


class RefusedQueryError(Exception):
    """The metrics store says that an expression cannot be evaluated, and why."""


@dataclass(frozen=True)
class Stored:
    """An object in a bucket, as a LIST shows it."""

    key: str
    size: int
    modified: datetime


class Store(Protocol):
    """An object store, read with the user's own credentials. Raises `UndecidedError` when it does not answer."""

    def list(self, bucket: str, prefix: str) -> list[Stored]:
        """Every object below a prefix."""

    def head(self, bucket: str, key: str) -> Mapping[str, str]:
        """`encryption` and `key` of an object, where it has them."""

    def read(self, bucket: str, key: str) -> bytes:
        """The content of a small object."""


class Disruption(Protocol):
    """Changes what runs, and puts it back. Raises `UndecidedError` where that is not allowed."""

    def cordoned(self, node: str) -> AbstractContextManager[None]:
        """Within the block nothing new is placed on a node; after it, whatever happened, it is as before."""

    def evict(self, pod: Manifest) -> str | None:
        """Asks the API server to let a pod go; why it does not, in its own words, or None when it does."""

    def changed(
        self, api_version: str, kind: str, name: str, namespace: str | None, change: Manifest
    ) -> AbstractContextManager[None]:
        """Within the block an object has these fields; after it, whatever happened, its own values again."""

    def created(self, manifest: Manifest) -> AbstractContextManager[None]:
        """Within the block an object of the run's own is there."""


@dataclass(frozen=True)
class Context:
    """One run, as a check sees it."""

    stack: Declared
    """The stack that the test is about."""
    checkout: Path
    consumer: Declared | None = None
    """The stack of the cluster of the clients, when there is one."""
    cluster: Cluster | None = None
    peer: Cluster | None = None
    prober: Prober | None = None
    metrics: Metrics | None = None
    store: Store | None = None
    disruption: Disruption | None = None
    told: Callable[[str], None] = lambda _: None
    """Hears what a long check is doing."""
    now: Callable[[], datetime] = datetime.now
    wait: Callable[[float], None] = lambda _: None
    """Waits some seconds; raises when the run is to end."""

    @property
    def api(self) -> Cluster:
        """The cluster. Raises `UndecidedError` when there is none."""
        return _given(self.cluster, "needs api: give --context")

    @property
    def clients(self) -> Cluster:
        """The cluster of the clients. Raises `UndecidedError` when there is none."""
        return _given(self.peer, "needs api: the clients are on another cluster, give --peer")

    @property
    def probes(self) -> Prober:
        """Raises `UndecidedError` when no probe may be made."""
        return _given(self.prober, "needs kubelet: it makes probe pods, give --probe")

    @property
    def prometheus(self) -> Metrics:
        """Raises `UndecidedError` when there is no metrics store."""
        return _given(self.metrics, "needs scrape: give --metrics")

    @property
    def bucket(self) -> Store:
        """Raises `UndecidedError` when there is no object store."""
        return _given(self.store, "needs object-store: it does not answer")

    @property
    def disrupting(self) -> Disruption:
        """Raises `UndecidedError` when nothing may be disrupted."""
        return _given(self.disruption, "it changes what runs: give --disruptive")

    def until(self, holds: Callable[[], Any], seconds: float, pause: float = 2.0) -> Any:
        """Waits for something to become true, for so long; its last value. What looking takes counts as well."""
        waited, begun = 0.0, self.now()
        while not (value := holds()) and max(waited, (self.now() - begun).total_seconds()) < seconds:
            self.wait(pause)
            waited += pause
        return value


def _given(value: Found | None, reason: str) -> Found:
    if value is None:
        raise UndecidedError(reason)
    return value
