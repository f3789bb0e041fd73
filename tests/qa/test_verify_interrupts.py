"""A run that is interrupted at any point leaves nothing: after ^C at once, after a kill once --cleanup has run.

Here the short form; `make test-interrupts` interrupts 30 runs over their whole length and writes docs/interrupts.md.
"""

import signal

import pytest
from interrupting import SHORT, SHORT_S, points
from verify_clusters import APPS, INFRA, Clusters

pytestmark = pytest.mark.timeout(600, func_only=True)


@pytest.mark.usefixtures("nothing_left", "allowed", "dragonfly")
def test_nothing_is_left_whenever_it_is_interrupted(clusters: Clusters) -> None:
    found = list(points(clusters, SHORT, within=SHORT_S))

    assert len(found) == SHORT
    for it in found:
        assert not it.wrong, it
        assert it.signal is not signal.SIGINT or it.said.endswith(_told(clusters)), it.said
        assert it.there or it.signal is signal.SIGINT, f"killed with nothing to leave: {it}"


def _told(clusters: Clusters) -> str:
    """What is said last after ^C."""
    command = f"seawall verify --cleanup --context {INFRA} --peer {APPS} --kubeconfig {clusters.kubeconfig}"
    return f"interrupted: if anything was left, `{command}` finds and removes it\n"
