"""The Postgres cluster of a stack with all objects around it, as the program registers them; a test may change them.

The servers of the tests and the policy pack's matrix are made from the same objects.
"""

import copy
import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Self

import rendered
from stack_objects import objects
from stack_samples import changed

from seawall.operators.annotations import REVOKES_CONNECT
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import CLUSTER
from seawall.policy.estate.model import Estate, Origin
from seawall.policy.estate.postgresql.entry import Entry, entry_of, to_data

Manifest = dict[str, Any]


Change = tuple[str, Any]
DRILLED = "cluster.json"
"""The key of the restore drill's ConfigMap under which the Cluster is that it makes."""


@cache
def _objects(stack: str, changes: tuple[Change, ...]) -> tuple[Manifest, ...]:
    return tuple(objects(changed(*changes, stack=stack)))


class TenantStack:
    """The objects of a stack that has one Postgres cluster, with settings changed as by `stack_samples.changed`.

    Values of changes must be hashable.
    """

    def __init__(self, name: str, *changes: Change) -> None:
        self.name, self._changes = name, changes
        self.objects = copy.deepcopy(list(_objects(name, changes)))
        (self.args,) = rendered.clusters(name, *changes).values()
        """The arguments from which they are made."""

    def anew(self) -> Self:
        """The same as the program registers it."""
        return type(self)(self.name, *self._changes)

    @property
    def cluster(self) -> Manifest:
        """The Cluster, to be read or changed."""
        (found,) = self._of("Cluster")
        return found

    @property
    def poolers(self) -> dict[str, Manifest]:
        """The Poolers by name, to be read or changed."""
        return {it["metadata"]["name"]: it for it in self._of("Pooler")}

    @property
    def jobs(self) -> dict[str, Manifest]:
        """Database → the Job that closes it to other roles."""
        said = ((it["metadata"].get("annotations", {}).get(REVOKES_CONNECT), it) for it in self._of("Job"))
        return {name.partition("/")[2]: job for name, job in said if name}

    @property
    def drilled(self) -> Manifest:
        """The Cluster that the restore drill makes."""
        (text,) = [it["data"][DRILLED] for it in self._of("ConfigMap") if DRILLED in it.get("data", {})]
        return dict(json.loads(text))

    def entry(self) -> Entry:
        """The policy pack's matrix of roles and databases, as the objects are now."""
        return entry(self.objects)

    def reported(self) -> list[tuple[str, str, str, bool, bool]]:
        """What `seawall check --matrix` says: role, database, pooler (empty: directly), TLS, and whether that enters.

        Raises `AssertionError` when it says that anybody enters another one's database.
        """
        (found,) = to_data(_estate(self.objects))
        assert found["unknown routes"] == {}
        assert [route["others"] for route in found["routes"]] == [[] for _ in found["routes"]]
        return [
            (cell["role"], cell["database"], route["route"].partition("through ")[2], cell["tls"], cell["enters"])
            for route in found["routes"]
            for cell in route["own"]
        ]

    def _of(self, kind: str) -> Iterator[Manifest]:
        return (it for it in self.objects if it["kind"] == kind)


def entry(manifests: Iterable[Manifest]) -> Entry:
    """The policy pack's matrix of the one Cluster among some objects."""
    estate = _estate(manifests)
    (cluster,) = estate.of(CLUSTER)
    return entry_of(cluster, estate)


def _estate(manifests: Iterable[Manifest]) -> Estate:
    things = (kube_object(it, Origin()) for it in manifests)
    return build([it for it in things if it is not None])
