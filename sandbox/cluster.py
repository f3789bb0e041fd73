"""The sandbox: a real Kubernetes control plane with simulated nodes, the real CloudNativePG operator, and S3/KMS/IAM.

Everything listens on the loopback interface, lives in one state folder, and is known by recorded process ids.
`start` and `stop` may be repeated, interrupted and run twice at once.
"""

import contextlib
import hashlib
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock
from rich.console import Console

from seawall import paths
from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox import kubeconfig, objects, parts
from seawall.sandbox.api import Api
from seawall.sandbox.pki import Pki
from seawall.sandbox.processes import Supervisor, end, marked
from seawall.sandbox.record import (
    Store,
    UnreadableRecordError,
    check_folder,
    check_usable,
    claim,
    holds_nothing,
    is_ours,
    remove,
)

CONTEXT = kubeconfig.CONTEXT
ACCOUNT = "123456789012"
"""The AWS account that moto plays."""

_LOCK_TIMEOUT_S = 900.0  # longer than a start that builds nothing; a build waits on a lock of its own


@dataclass(frozen=True, slots=True)
class Endpoints:
    """How the sandbox is reached. Loopback only."""

    kubeconfig: Path
    """Its contexts all name the sandbox, and nothing else."""
    api_server: str
    """`https://127.0.0.1:<port>`."""
    s3: str
    """`http://127.0.0.1:<port>`: S3, KMS, IAM and STS."""
    context: str = CONTEXT
    """The current context of the kubeconfig."""


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One line of the status: a process of the sandbox, or a CRD on its API server."""

    name: str
    kind: Literal["process", "crd"]
    state: Literal["running", "unhealthy", "stopped", "installed"]
    detail: str
    """What it is and whether it is real; why it is unhealthy; where the CRD is from."""
    pid: int | None = None
    log: Path | None = None

    @property
    def running(self) -> bool:
        """Whether it is as it should be: a healthy process, or a CRD on an API server that runs."""
        return self.state in ("running", "installed")


@dataclass(frozen=True, slots=True)
class StartResult:
    """What one start did."""

    started: tuple[str, ...]
    """Parts that were started; empty when everything ran already."""
    notes: tuple[str, ...]
    """What was found and mended, one sentence each (already printed)."""
    endpoints: Endpoints
    duration_s: float


@dataclass(frozen=True, slots=True)
class StopResult:
    """What one stop did."""

    ended: int
    """Processes that were ended."""
    removed: bool
    """Whether there was a state folder to remove."""


class Sandbox:
    """The sandbox of one state folder.

    `shared_crds=False` leaves the shared folder of CRDs beside the checkout aside even when it is there.
    """

    def __init__(self, state: Path, *, shared_crds: bool = True) -> None:
        self.state = state.expanduser().resolve()  # one folder, one name: processes are found by it
        self._shared_crds = shared_crds

    def start(self, console: Console, download: bool = False) -> StartResult:
        """Make everything run and be healthy; what runs already is left alone, what was killed is started again.

        Raises `UserError` for a state folder that cannot be used, `EnvironmentFailure` for a part that does not start
        (with its last log lines) or a tool that cannot be had.
        """
        begun = time.monotonic()
        if excess := parts.socket_path_excess(self.state):
            raise UserError(
                f"SEAWALL_STATE {self.state} is {excess} characters too long for a Unix socket below it: "
                "name a folder with a shorter path"
            )
        check_usable(self.state)  # before tools are built for minutes
        # Imported here: `--help` and the policy check need none of it.
        from seawall.sandbox.crds import sources
        from seawall.sandbox.starter import Starter
        from seawall.tools.toolchain import ensure, module_dir

        tools = ensure(parts.TOOLS, console=console, download=download)
        modules = {name: module_dir(name, console=console) for name in ("cnpg-manager", "barman-plugin", "cilium")}
        crds = [
            *sources.modules(modules),
            *sources.vendors(sources.shared_folder() if self._shared_crds else None, download=download),
        ]
        with self._locked(console):
            claim(self.state)
            store = Store(self.state)
            starter = Starter(self.state, store, Supervisor(self.state, store))
            try:
                starter.recognise()
                with console.status("starting the sandbox") as status:
                    starter.run(tools, modules, crds, status)
            except OSError as error:
                raise EnvironmentFailure(
                    f"the sandbox's state cannot be written: {error.filename or self.state}: {error.strerror}"
                ) from error
        for note in starter.notes:
            console.print(f"sandbox: {note}", highlight=False, markup=False, soft_wrap=True)
        return StartResult(
            tuple(starter.started), tuple(starter.notes), self._endpoints(store), time.monotonic() - begun
        )

    def stop(self, console: Console | None = None) -> StopResult:
        """End every process of this sandbox and remove its state folder; nothing to do is fine.

        Raises `UserError` when the folder is not a sandbox's.
        """
        check_folder(self.state)
        with self._locked(console):
            store = Store(self.state)
            with contextlib.suppress(UnreadableRecordError):  # the marker finds them all the same
                store.load()
            supervisor = Supervisor(self.state, store)
            known = [process for name in store.record.processes if (process := supervisor.find(name))]
            ended = end(known)
            # Again and again: what was being started while we looked is found in the next round.
            while more := end(process for process, _ in marked(self.state)):
                ended += more
            if self.state.is_dir() and not is_ours(self.state):
                if not holds_nothing(self.state):
                    raise UserError(f"SEAWALL_STATE {self.state} was not made by seawall: nothing is removed")
                if ended:
                    claim(self.state)  # removed by hand, and made again by what we have just ended
            existed = self.state.is_dir()
            remove(self.state)
        return StopResult(ended, existed)

    def status(self) -> list[PartStatus]:
        """Every part and every CRD; no lock, nothing is changed. Empty when there is no sandbox."""
        store = self._read()
        if store is None or not store.record.ports:
            return []
        supervisor = Supervisor(self.state, store)
        make = parts.Parts(self.state, store.record.ports, Pki(self.state / "pki"))

        def look(name: str) -> PartStatus:
            process = supervisor.find(name)
            if process is None:
                return PartStatus(name, "process", "stopped", parts.WHAT[name], log=supervisor.log(name))
            reason = make.probes()[name]()
            return PartStatus(
                name,
                "process",
                "unhealthy" if reason else "running",
                reason or parts.WHAT[name],
                process.pid,
                supervisor.log(name),
            )

        with ThreadPoolExecutor(max_workers=len(parts.PORTS_OF)) as pool:
            found = list(pool.map(look, parts.PORTS_OF))
        served = any(part.name == "kube-apiserver" and part.running for part in found)
        return found + [
            PartStatus(crd.name, "crd", "installed" if served else "stopped", crd.where) for crd in store.record.crds
        ]

    @property
    def endpoints(self) -> Endpoints:
        """How the sandbox is reached. Raises `EnvironmentFailure` when it was not started."""
        store = self._read()
        if store is None or not store.record.installed:
            raise EnvironmentFailure(f"there is no sandbox in {self.state}: `seawall up` starts one")
        return self._endpoints(store)

    def ensure_namespaces(self, names: Iterable[str]) -> None:
        """Create these namespaces (of the stack's clients) where they are missing; others are left as they are."""
        from seawall.sandbox.install import create_missing

        create_missing(self._api(), [objects.namespace(name) for name in dict.fromkeys(names)])

    def make_way(self, names: Iterable[str]) -> None:
        """Remove those of these namespaces, which a stack makes itself, that the sandbox made for another stack."""
        from seawall.sandbox.unused import remove_unused

        remove_unused(self._api(), dict.fromkeys(names))

    def ensure_storage_classes(self, names: Iterable[str]) -> None:
        """Create these storage classes where they are missing; their claims bind when a pod uses them."""
        from seawall.sandbox.install import create_missing

        create_missing(self._api(), [objects.storage_class(name) for name in dict.fromkeys(names)])

    def _api(self) -> Api:
        return Api(self.endpoints.api_server, Pki(self.state / "pki"))

    def _endpoints(self, store: Store) -> Endpoints:
        at = store.record.ports
        return Endpoints(self.state / "kubeconfig", parts.api_server(at), parts.moto(at))

    def _read(self) -> Store | None:
        check_folder(self.state)
        store = Store(self.state)
        try:
            return store if store.load() else None
        except UnreadableRecordError as error:
            raise EnvironmentFailure(
                f"{store.path} {error}: `seawall up` mends it, `seawall down` removes it"
            ) from error

    @contextlib.contextmanager
    def _locked(self, console: Console | None) -> Iterator[None]:
        """One start or stop at a time. The lock file is in the cache, for `stop` removes the state folder."""
        folder = paths.cache() / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"the cache {paths.cache()} cannot be written ({error.strerror}): set SEAWALL_CACHE to one that can"
            ) from error
        lock = filelock.FileLock(folder / f"sandbox-{hashlib.sha256(str(self.state).encode()).hexdigest()[:12]}.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            if console:
                console.print("another seawall starts or stops this sandbox: waiting for it", soft_wrap=True)
            try:
                lock.acquire(timeout=_LOCK_TIMEOUT_S)
            except filelock.Timeout:
                raise EnvironmentFailure(
                    f"another seawall has been starting or stopping the sandbox in {self.state} for "
                    f"{_LOCK_TIMEOUT_S / 60:.0f} minutes: end it and repeat"
                ) from None
        try:
            yield
        finally:
            lock.release()
