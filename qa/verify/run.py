"""One run: everything that it makes or changes goes through here, so that all of it can be taken back at any moment."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify import leftovers, marks
from seawall.qa.verify.api import KubeCluster, RefusedError

Manifest = dict[str, Any]

_ATTEMPTS = 5
"""How often a change is tried on an object that is changed by others at the same time."""


class StoppedError(BaseException):
    """The run ends: nothing is begun any more. No `Exception`, so that no check takes it for a failure of its own."""


class Run:
    """The clusters of one run by their names in the mesh, and what it does to them. May be used by several threads."""

    def __init__(self, clusters: Mapping[str, KubeCluster], identifier: str | None = None) -> None:
        self.id = identifier or uuid.uuid4().hex[:12]
        """In the label of everything that is made."""
        self.clusters = clusters
        self._writing = threading.Lock()
        self._stopped = threading.Event()
        self._touched: set[str] = set()

    def cluster(self, name: str) -> KubeCluster:
        """A cluster by its name in the mesh. Raises `UndecidedError` when the run has none of that name."""
        found = self.clusters.get(name)
        if found is None:
            raise UndecidedError(f"needs api: the cluster {name} is not looked at, give it with --peer")
        return found

    def create(self, name: str, manifest: Manifest) -> Manifest:
        """Makes an object, labelled. Raises `RefusedError`, `StoppedError`."""
        with self._write(name) as cluster:
            return cluster.create(marks.labelled(manifest, self.id))

    def remove(self, name: str, thing: Manifest) -> None:
        """Removes an object that it made; what is refused now is tried again at the end."""
        with suppress(RefusedError):
            self.cluster(name).delete(thing, grace=0 if thing["kind"] == "Pod" else None)

    @contextmanager
    def changed(
        self, name: str, api_version: str, kind: str, thing: str, namespace: str | None, change: Manifest
    ) -> Iterator[None]:
        """Within the block an object has these fields; after it its own values again.

        Raises `UndecidedError` when there is no such object, or another run has changed it; `RefusedError`.
        """
        before = self._change(name, (api_version, kind, thing, namespace), change)
        try:
            yield
        finally:
            with suppress(RefusedError):  # tried again, and told about, at the end of the run
                leftovers.put_back(self.cluster(name), before)

    def _change(self, name: str, which: tuple[str, str, str, str | None], change: Manifest) -> Manifest:
        """Makes a change; the object as it was, with the way back noted on it."""
        for attempt in range(_ATTEMPTS):
            found = self.cluster(name).find(*which)
            if found is None:
                raise UndecidedError(f"there is no {which[1]} {which[2]}")
            if marks.CHANGED in (found["metadata"].get("labels") or {}):
                raise UndecidedError(f"{leftovers.named(found)} is changed by a run of verify: see --cleanup")
            marking = marks.marking(self.id, marks.inverse(change, found))
            # Only the object that was looked at: the way back is made of its values.
            looked_at = {"metadata": {"resourceVersion": found["metadata"]["resourceVersion"]}}
            try:
                with self._write(name) as cluster:
                    cluster.patch(found, marks.merged(marks.merged(change, marking), looked_at))
                return marks.merged(found, marking)
            except RefusedError as error:
                if error.status != 409 or attempt == _ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    def wait(self, seconds: float) -> None:
        """Waits. Raises `StoppedError` as soon as the run is to end."""
        if self._stopped.wait(seconds):
            raise StoppedError

    @property
    def stopped(self) -> bool:
        """Whether the run is to end."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Lets nothing new be begun; returns when nothing is under way."""
        self._stopped.set()
        with self._writing:
            return

    def finish(self, told: Callable[[str], None] = lambda _: None) -> list[str]:
        """Puts everything back and removes everything; what could not be, with the reason. May be called again."""
        self.stop()
        return leftovers.remove([self.clusters[name] for name in sorted(self._touched)], self.id, told=told)

    @contextmanager
    def _write(self, name: str) -> Iterator[KubeCluster]:
        cluster = self.cluster(name)
        with self._writing:
            if self._stopped.is_set():
                raise StoppedError
            self._touched.add(name)
            yield cluster
