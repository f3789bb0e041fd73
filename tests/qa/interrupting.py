"""Interrupts `seawall verify` at random points, and looks at what is left."""

import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox_helpers import until
from verify_clusters import APPS, Clusters, data_pods, marked
from verify_process import Verify, call, start
from verify_promql import EMPTY, address, saying, serving

TESTS = (
    "DFLY-E2E-003",
    "DB.CNPG.SHARED-E2E-003",
    "DB.CNPG.SHARED-E2E-005",
    "DFLY-E2E-005",
    "DB.CNPG.SHARED-E2E-006",
)
"""Probes in every place of both clusters and in a new one, a drain of two nodes, a paused pooler."""
SEED = 20261122
SHORT, LONG = 2, 30
SHORT_S = 5.0
"""Into a run, for the short form: it is far from its end then."""
DONE = " not run\n"
"""The end of the line with a run's counts. Nothing of it is there any more."""
_PAUSE_S = 2.0


@dataclass(frozen=True)
class Point:
    """One interruption."""

    number: int
    signal: signal.Signals
    seconds: float
    """After the plan was shown; for SIGKILL, after the first thing was made."""
    code: int
    there: list[str]
    """What was there at once after the process had ended."""
    left: list[str]
    """What was there after `--cleanup`; for ^C, which needs none, the same."""
    said: str

    @property
    def wrong(self) -> bool:
        """Whether anything stayed, or the run did not end by the signal."""
        stopped = 130 if self.signal is signal.SIGINT else -signal.SIGKILL
        stayed = self.left or (self.signal is signal.SIGINT and self.there)
        return bool(stayed) or self.code != stopped


def begin(clusters: Clusters, metrics: str) -> Verify:
    """A run with everything that makes or changes something; it has shown its plan."""
    tests = [word for test in TESTS for word in ("--test", test)]
    made = start(
        clusters, "--peer", APPS, *tests, "--probe", "--disruptive", "--yes", "--metrics", metrics, how="running"
    )
    assert made.planned.wait(120), made.said
    return made


def points(clusters: Clusters, count: int, seed: int = SEED, *, within: float | None = None) -> Iterator[Point]:
    """Interrupts so many runs, by SIGINT and SIGKILL in turn, at times over the whole length of a run, or within its
    first seconds.

    The clusters must say that they are no production.
    """
    chance = random.Random(seed)
    with serving(saying(EMPTY)) as server:
        metrics = address(server)
        length = _whole(clusters, metrics) if within is None else within
        for number in range(count):
            yield _interrupted(clusters, metrics, number, chance.uniform(0, length))


def _whole(clusters: Clusters, metrics: str) -> float:
    """How long a run takes that nobody interrupts; it leaves nothing either."""
    data_pods(clusters)
    made = begin(clusters, metrics)
    begun = time.monotonic()
    code = made.ended()
    length = time.monotonic() - begun
    assert code in (0, 1), made.said
    assert marked(clusters) == [], made.said
    return length


def _interrupted(clusters: Clusters, metrics: str, number: int, seconds: float) -> Point:
    """A run that was over before is no interruption: another one is interrupted, earlier."""
    how = (signal.SIGINT, signal.SIGKILL)[number % 2]
    data_pods(clusters)
    made = begin(clusters, metrics)
    if how is signal.SIGKILL:
        until(lambda: marked(clusters) or made.process.poll() is not None, "something that it makes", 120)
    time.sleep(seconds)
    if made.process.poll() is not None or DONE in made.said:
        made.ended()
        return _interrupted(clusters, metrics, number, seconds * 0.7)
    made.process.send_signal(how)
    code = made.ended()
    there = _settled(clusters) if how is signal.SIGKILL else marked(clusters)
    said = made.said
    if how is signal.SIGKILL:
        cleaned, told = call(clusters, "--peer", APPS, "--cleanup", "--yes")
        assert cleaned == 0, told
        said += told
    return Point(number, how, seconds, code, there, marked(clusters), said)


def _settled(clusters: Clusters) -> list[str]:
    """What is there once the API server is through with the last request of a process that was killed."""
    time.sleep(_PAUSE_S)
    return marked(clusters)
