"""A run that is interrupted at any point leaves nothing: after ^C at once, after a kill once --cleanup has run.

Here the short form; `make test-interrupts` interrupts 30 runs and writes docs/interrupts.md.
"""

import signal
from collections.abc import Iterator

import pytest
from interrupting import SHORT, points
from stack_in_sandbox import apply, delete
from verify_clusters import APPS, INFRA, Clusters
from verify_world import declared

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
        assert it.left == [], it
        if it.signal is signal.SIGINT:
            assert it.there == [], it
            assert it.code in (130, 0, 1), it.said
        else:
            assert it.code in (-signal.SIGKILL, 0, 1), it.said
    assert any(it.there for it in found), "no run was killed while anything was there"
    assert any(it.code == 130 for it in found), "no run was interrupted"
