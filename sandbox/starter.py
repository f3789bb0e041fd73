"""One start of the sandbox: from any state that a kill, a reboot or an earlier start left, to every part healthy."""

import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rich.status import Status

from seawall.sandbox import cnpg, kubeconfig, objects, parts, ports
from seawall.sandbox.api import Api
from seawall.sandbox.crds import sources
from seawall.sandbox.install import apply_all, install_crds, missing, wait_until_served
from seawall.sandbox.pki import Pki
from seawall.sandbox.processes import Part, PartFailedError, Supervisor, end
from seawall.sandbox.record import Store, UnreadableRecordError, boot_id

HEALTHY_WITHIN_S = 120.0
"""How long a part that was just started may take on a slow machine."""

_KEPT_HEALTHY_WITHIN_S = 5.0  # a part that ran before answers at once, or hangs
_PORT_ATTEMPTS = 3
_DATA = ("etcd", "pki", "plugins", "cnpg", "home", "kubeconfig")

_MOTO_LOST = (
    "S3, KMS and IAM were started again: what they held (in memory only) is gone; the next `up` finds that when it "
    "refreshes, and makes it again"
)


class Starter:
    """Brings one state folder up. The caller holds the lock."""

    def __init__(self, state: Path, store: Store, supervisor: Supervisor) -> None:
        self.state = state
        self.store = store
        self.supervisor = supervisor
        self.pki = Pki(state / "pki")
        self.notes: list[str] = []
        self.started: list[str] = []
        self._moto_ran = False

    def recognise(self) -> None:
        """Read what an earlier start left, and mend what is stale; each finding is one sentence in `notes`."""
        try:
            had = self.store.load()
        except UnreadableRecordError as error:
            ended = end(self.supervisor.strays(parts.PORTS_OF))
            for name in _DATA:
                _discard(self.state / name)
            self.notes.append(
                f"{self.store.path} {error}: ended {ended} processes of that sandbox and made a new one; "
                "the objects of the old one are gone"
            )
            self.store.update(boot=boot_id())
            return
        if not had:
            self.store.update(boot=boot_id())
            if ended := end(self.supervisor.strays(parts.PORTS_OF)):
                self.notes.append(f"ended {ended} processes of an earlier sandbox whose state folder was removed")
            return
        self._moto_ran = "moto" in self.store.record.processes
        dead = [name for name in self.store.record.processes if self.supervisor.find(name) is None]
        if self.store.record.boot != boot_id():
            self.notes.append("the machine was restarted since: all parts are started again")
            self.store.update(boot=boot_id(), processes={})
        elif dead:
            some = "all parts" if len(dead) == len(self.store.record.processes) else ", ".join(dead)
            self.notes.append(f"{some} had ended (killed?): started again")
            self.store.forget(dead)
        if ended := end(self.supervisor.strays(parts.PORTS_OF)):
            self.notes.append(f"ended {ended} processes of the sandbox that an interrupted start had left")

    def run(
        self, tools: Mapping[str, Path], modules: Mapping[str, Path], crds: list[sources.Source], status: Status
    ) -> None:
        """Start whatever does not run, and install whatever is missing. Raises `EnvironmentFailure`."""
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            self._choose_ports()
            try:
                self._converge(tools, modules, crds, status)
            except PartFailedError as error:
                if not error.port_taken or attempt == _PORT_ATTEMPTS:
                    raise
                self._move(error.part.ports, error.part.name)
            else:
                break
        if self._moto_ran and "moto" in self.started:
            self.notes.append(_MOTO_LOST)

    def _choose_ports(self) -> None:
        record = self.store.record
        if lacking := [name for names in parts.PORTS_OF.values() for name in names if name not in record.ports]:
            self.store.update(ports={**record.ports, **ports.choose(lacking)})
        for part, names in parts.PORTS_OF.items():
            if self.supervisor.find(part) is None:
                taken = [name for name in names if not ports.is_free(self.store.record.ports[name])]
                if taken:
                    self._move(tuple(taken), part)

    def _move(self, names: tuple[str, ...], part: str) -> None:
        """Give a part other ports; whoever depends on them is started anew by its fingerprint."""
        old = self.store.record.ports
        new = ports.choose(names)
        self.store.update(ports={**old, **new})
        moved = ", ".join(f"{old[name]} → {new[name]}" for name in names)
        self.notes.append(f"another program took a port of {part}: it has another one now ({moved})")

    def _converge(
        self, tools: Mapping[str, Path], modules: Mapping[str, Path], crds: list[sources.Source], status: Status
    ) -> None:
        at = self.store.record.ports
        if self.pki.ensure():
            _discard(self.state / "etcd")  # tokens and bundles of the old certificates would be worth nothing
        make = parts.Parts(self.state, at, self.pki)
        server = parts.api_server(at)
        kubeconfig.write(self.state / "kubeconfig", server, self.pki, "admin")
        for client in make.clients():
            kubeconfig.write(make.kubeconfig(client), server, self.pki, client)

        status.update("starting the control plane and the object store")
        etcd, api_server, moto = make.etcd(tools["etcd"]), make.kube_apiserver(tools["kube-apiserver"]), make.moto()
        new_store = not (self.state / "etcd").is_dir()
        for part in (etcd, api_server, moto):
            self._launch(part)
        self._healthy(etcd)
        self._healthy(api_server)

        api = Api(server, self.pki)
        controllers = [
            make.kube_controller_manager(tools["kube-controller-manager"]),
            make.kube_scheduler(tools["kube-scheduler"]),
            make.kwok(tools["kwok"]),
        ]
        wanted = sources.fingerprint(crds)
        with ThreadPoolExecutor(max_workers=4) as pool:
            try:
                base = objects.base()
                namespaces = apply_all(api, [item for item in base if item["kind"] == "Namespace"], pool)
                waiting: list[Future[Any]] = []
                if new_store or wanted != self.store.record.installed or missing(api, (crd.name for crd in crds)):
                    status.update("installing the CRDs")
                    self.store.update(installed="", crds=())
                    waiting += install_crds(api, _operators_first(crds), pool)
                for part in controllers:
                    self._launch(part)
                waiting += apply_all(api, [item for item in base if item["kind"] != "Namespace"], pool)
                _finish(namespaces)
                own = apply_all(api, cnpg.objects(modules["cnpg-manager"]), pool)

                status.update("starting the CloudNativePG operator and its barman plugin")
                wait_until_served(api, (crd.name for crd in crds if crd.name.endswith(".cnpg.io")))
                _finish(own)
                self._start_operator(make, tools, modules)
                hooks = cnpg.webhooks(modules["cnpg-manager"], at["cnpg-webhook"], self.pki)
                waiting += apply_all(api, hooks, pool)
                _finish(waiting)
                wait_until_served(api, (crd.name for crd in crds))
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
        self.store.update(installed=wanted, crds=tuple(crd.record for crd in crds))
        status.update("waiting for the last parts")
        for part in (*controllers, moto):
            self._healthy(part)

    def _start_operator(self, make: parts.Parts, tools: Mapping[str, Path], modules: Mapping[str, Path]) -> None:
        plugin = make.barman_plugin(tools["barman-plugin"], cnpg.version(modules["barman-plugin"]))
        if self.supervisor.find(plugin.name) is None:
            for socket in parts.socket_dir(self.state).iterdir():
                socket.unlink()  # of a plugin that was killed
        self._launch(plugin)
        self._healthy(plugin)
        cnpg.prepare_work_dir(make.work_dir(), tools["cnpg-manager"], self.pki)
        # The operator looks for plugins once, when it starts: a plugin that is new needs an operator that is newer.
        seen = str(self.store.record.processes[plugin.name].pid)
        manager = make.cnpg_manager(tools["cnpg-manager"], cnpg.image(modules["cnpg-manager"]), seen)
        self._launch(manager)
        self._healthy(manager)

    def _launch(self, part: Part) -> None:
        if self.supervisor.launch(part):
            self.started.append(part.name)

    def _healthy(self, part: Part) -> None:
        if part.name not in self.started:
            try:
                self.supervisor.wait(part, _KEPT_HEALTHY_WITHIN_S)
            except PartFailedError:
                self.notes.append(f"{part.name} did not answer and is started again")
                if (hung := self.supervisor.find(part.name)) is not None:
                    end([hung])
                self._launch(part)
            else:
                return
        self.supervisor.wait(part, HEALTHY_WITHIN_S)


def _operators_first(crds: list[sources.Source]) -> list[sources.Source]:
    """The operator waits for its own CRDs; the others can be installed meanwhile."""
    return sorted(crds, key=lambda crd: not crd.name.endswith(".cnpg.io"))


def _finish(futures: list[Future[Any]]) -> None:
    for future in futures:
        future.result()


def _discard(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
