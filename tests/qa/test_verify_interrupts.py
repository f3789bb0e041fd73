"""A run that is interrupted at any point leaves nothing: after ^C at once, after a kill once --cleanup has run.

Here the short form; `make test-interrupts` interrupts 30 runs and writes docs/interrupts.md.
"""

from collections.abc import Iterator

import pytest
from interrupting import SHORT, points
from stack_in_sandbox import apply, delete
from verify_clusters import APPS, INFRA, Clusters
from verify_world import declared

from seawall.cli.failures import INTERRUPTED
from seawall.qa.verify import leftovers, marks

pytestmark = pytest.mark.timeout(900, func_only=True)


@pytest.fixture
def no_production(clusters: Clusters) -> Iterator[Clusters]:
    """The cluster says of itself that it is no production, and has data pods."""
    head = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}
    labels = {"labels": {marks.NON_PRODUCTION: "true"}}
    assert apply(clusters.api(), {**head, "metadata": {"name": "kube-system", **labels}}) == []
    yield clusters
    assert apply(clusters.api(), head) == []
    for name in (INFRA, APPS):
        leftovers.remove(clusters.cluster(name))
    for cache in declared(INFRA).caches:
        delete(clusters.api(), "apps/v1", "StatefulSet", cache.namespace, cache.name)
        delete(clusters.api(), "policy/v1", "PodDisruptionBudget", cache.namespace, cache.name)


def test_nothing_is_left_whenever_it_is_interrupted(no_production: Clusters) -> None:
    found = list(points(no_production, SHORT))

    assert len(found) == SHORT
    for it in found:
        assert not it.wrong, it
    assert any(it.there for it in found), "no run was killed while anything was there"
    assert any(it.code == INTERRUPTED for it in found), "no run was interrupted"
