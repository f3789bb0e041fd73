"""What runs have left in a cluster: found by its marks, put back and removed."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from seawall.components.kubernetes.external_secret import API_VERSION as EXTERNAL_SECRETS
from seawall.operators.cnpg import API_VERSION as CNPG
from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify.api import MANAGER, KubeCluster, RefusedError
from seawall.qa.verify.marks import CHANGED, RUN, UNDO, unmarking

Manifest = dict[str, Any]

CREATED = (
    ("v1", "Pod"),
    (EXTERNAL_SECRETS, "ExternalSecret"),
    ("v1", "ConfigMap"),
    ("v1", "Namespace"),
)
"""Kinds that a run makes, in the order in which they are removed."""
CHANGEABLE = (("v1", "Node"), (CNPG, "Pooler"), (CNPG, "Cluster"), (EXTERNAL_SECRETS, "ExternalSecret"))
"""Kinds that a run changes and puts back."""
PATIENCE_S = 180.0
"""For everything to be gone; a namespace takes longest."""


@dataclass
class Leftovers:
    """What is there of one run, or of all runs, in one cluster."""

    changed: list[Manifest] = field(default_factory=list)
    created: list[Manifest] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.created)

    def runs(self) -> list[str]:
        """The ids of the runs."""
        return sorted({run_of(it) for it in (*self.changed, *self.created)})


def run_of(thing: Manifest) -> str:
    """The id of the run that made or changed an object."""
    labels = thing["metadata"].get("labels") or {}
    return str(labels.get(RUN) or labels.get(CHANGED) or "")


def named(thing: Manifest) -> str:
    """Kind, namespace and name."""
    metadata = thing["metadata"]
    place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
    return f"{thing['kind']} {place}{metadata['name']}"


def find(cluster: KubeCluster, run: str | None = None) -> Leftovers:
    """What is there of one run, or of all. Raises `UndecidedError` when it may not be looked for."""
    which = f"={run}" if run is not None else ""
    return Leftovers(
        [it for kind in CHANGEABLE for it in cluster.every(*kind, selector=f"{CHANGED}{which}")],
        [it for kind in CREATED for it in cluster.every(*kind, selector=f"{RUN}{which}")],
    )


def remove(
    cluster: KubeCluster,
    run: str | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE_S,
) -> list[str]:
    """Puts back and removes until nothing is left; what could not be, with the reason.

    What was changed comes first: a node that takes no pods hurts somebody, an idle pod does not.
    """
    end = time.monotonic() + patience
    while left := find(cluster, run):
        refused = [*_each(left.changed, lambda it: put_back(cluster, it)), *_each(left.created, _deleting(cluster))]
        going = [it for it in left.created if "deletionTimestamp" in it["metadata"]]
        for thing in (*left.changed, *left.created):
            if thing not in going:
                told(named(thing))
        if time.monotonic() > end:
            return refused or [f"{named(it)} does not go" for it in (*left.changed, *left.created)]
        sleep(0.5)
    return []


def _deleting(cluster: KubeCluster) -> Callable[[Manifest], None]:
    def delete(thing: Manifest) -> None:
        if "deletionTimestamp" not in thing["metadata"]:
            cluster.delete(thing, grace=0 if thing["kind"] == "Pod" else None)

    return delete


def _each(things: Sequence[Manifest], act: Callable[[Manifest], None]) -> Iterator[str]:
    for thing in things:
        try:
            act(thing)
        except (RefusedError, UndecidedError) as error:
            yield f"{named(thing)}: {error}"


def put_back(cluster: KubeCluster, thing: Manifest) -> None:
    """Gives an object its own values again. Raises `RefusedError`."""
    noted = (thing["metadata"].get("annotations") or {}).get(UNDO)
    try:
        undo = json.loads(noted or "{}")
    except ValueError:
        undo = {}
    try:
        now = cluster.patch(thing, unmarking(undo))
        # In the API server's books the fields would stay ours, and the next update of whoever owns the object would be
        # refused as a conflict.
        others = [it for it in now["metadata"].get("managedFields") or [] if it.get("manager") != MANAGER]
        cluster.patch(thing, {"metadata": {"managedFields": others}})
    except RefusedError as error:
        if error.status != 404:
            raise
