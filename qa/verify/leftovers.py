"""What runs have left in a cluster: found by its marks, put back and removed."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from seawall.components.kubernetes.external_secret import API_VERSION as EXTERNAL_SECRETS
from seawall.errors import EnvironmentFailure
from seawall.operators.cnpg import API_VERSION as CNPG
from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify import pods
from seawall.qa.verify.api import MANAGER, KubeCluster, RefusedError, UnavailableError
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
CHANGED_FIELDS = {
    "Node": frozenset({"unschedulable"}),
    "Pooler": frozenset({"pgbouncer"}),
    "Cluster": frozenset({"enableSuperuserAccess", "superuserSecret", "postgresql"}),
    "ExternalSecret": frozenset({"data"}),
}
"""Kind → the fields of its `spec` that a run changes."""
PATIENCE_S = 180.0
"""For everything to be gone; a namespace takes longest."""
PAUSE_S = 0.5


@dataclass
class Leftovers:
    """What is there of one run, or of all runs, in one cluster."""

    changed: list[Manifest] = field(default_factory=list)
    created: list[Manifest] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changed or self.created)


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

    def marked(kinds: Iterable[tuple[str, str]], label: str) -> Iterator[Manifest]:
        for kind in kinds:
            for thing in cluster.every(*kind, selector=f"{label}{which}"):
                # looked at here as well: something between us and the API server may drop the selector
                if (of := (thing["metadata"].get("labels") or {}).get(label)) and of == (run or of):
                    yield thing

    return Leftovers(list(marked(CHANGEABLE, CHANGED)), [it for it in marked(CREATED, RUN) if _ours(it)])


def _ours(thing: Manifest) -> bool:
    """Whether a run made it. A label alone is soon on something else, by whoever may label a namespace but not remove
    it."""
    own, name = pods.name(run_of(thing)), str(thing["metadata"]["name"])
    return thing["kind"] == "ExternalSecret" or name == own or name.startswith(f"{own}-")


def remove(
    clusters: Collection[KubeCluster],
    run: str | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
    patience: float = PATIENCE_S,
) -> list[str]:
    """Puts back and removes until nothing is left on any cluster; what could not be, with the reason.

    An API server that does not answer is asked again: it may be back before the patience, in seconds, is over.
    """
    end = time.monotonic() + patience
    todo, failed = list(clusters), list[str]()
    while True:
        stays = {}
        for cluster in todo:
            try:
                stays[cluster] = _once(cluster, run, told)
            except (EnvironmentFailure, UnavailableError) as error:
                stays[cluster] = [str(error)]
                told(str(error))
            except UndecidedError as error:
                failed.append(str(error))
        todo = [cluster for cluster, lines in stays.items() if lines]
        if not todo or time.monotonic() > end:
            return failed + [f"{cluster.context}: {line}" for cluster in todo for line in stays[cluster]]
        sleep(PAUSE_S)


def _once(cluster: KubeCluster, run: str | None, told: Callable[[str], None]) -> list[str]:
    """Asks for all of it to go; what is still there, with the reason if there is one.

    What was changed comes first: a node that takes no pods hurts somebody, an idle pod does not. Raises
    `UndecidedError` when all that is left may not be touched: to ask again helps nothing.
    """
    left = find(cluster, run)
    acts = ((left.changed, lambda it: put_back(cluster, it)), (left.created, _deleting(cluster)))
    said = [it for things, act in acts for it in _each(things, act)]
    refused = [f"{named(thing)}: {error}" for thing, error in said]
    forbidden = [it for _, it in said if isinstance(it, RefusedError) and it.status == 403]
    if forbidden and len(forbidden) == len(left.changed) + len(left.created):
        raise UndecidedError(f"{cluster.context}: {'; '.join(refused)}")
    for thing in (*left.changed, *left.created):
        if "deletionTimestamp" not in thing["metadata"]:
            told(named(thing))
    return refused or [f"{named(it)} does not go" for it in (*left.changed, *left.created)]


def _deleting(cluster: KubeCluster) -> Callable[[Manifest], None]:
    def delete(thing: Manifest) -> None:
        if "deletionTimestamp" not in thing["metadata"]:
            cluster.delete(thing, grace=0 if thing["kind"] == "Pod" else None)

    return delete


def _each(
    things: Sequence[Manifest], act: Callable[[Manifest], None]
) -> Iterator[tuple[Manifest, RefusedError | UndecidedError]]:
    for thing in things:
        try:
            act(thing)
        except (RefusedError, UndecidedError) as error:
            yield thing, error


def _way_back(thing: Manifest) -> Manifest:
    """What is noted on an object. Raises `RefusedError` when it would do more than take a change of ours back: who may
    write the note is not always who may change the rest, and who cleans up often may change everything."""
    noted = (thing["metadata"].get("annotations") or {}).get(UNDO)
    try:
        undo: Manifest = json.loads(noted or "{}")
    except (ValueError, RecursionError):
        undo = {}
    fields = undo.get("spec", {}) if isinstance(undo, dict) and undo.keys() <= {"spec"} else None
    if not isinstance(fields, dict) or not fields.keys() <= CHANGED_FIELDS[thing["kind"]]:
        raise RefusedError(
            403,
            "Forbidden",
            f"its annotation {UNDO} names what no run changes: look who wrote it, put it right by hand, and remove it "
            f"with the label {CHANGED}",
        )
    return undo


def put_back(cluster: KubeCluster, thing: Manifest) -> None:
    """Gives an object its own values again. Raises `RefusedError`."""
    try:
        now = cluster.patch(thing, unmarking(_way_back(thing)))
        # In the API server's books the fields would stay ours, and the next update of whoever owns the object would be
        # refused as a conflict.
        others = [it for it in now["metadata"].get("managedFields") or [] if it.get("manager") != MANAGER]
        cluster.patch(thing, {"metadata": {"managedFields": others}})
    except RefusedError as error:
        if error.status != 404:
            raise
