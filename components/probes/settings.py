"""Settings of the probes, and what their schedules must be."""

import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, ClassVar

from cronsim import CronSim
from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Count, CronFive, Duration, Image, Namespace, duration
from seawall.components.probes.image import PYTHON_IMAGE

_FROM = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST_RUN = timedelta(hours=1)
STARTING = timedelta(seconds=30)
"""What scheduling, the image and the first connection take."""

RECORDED = timedelta(minutes=5)
"""What the latency's recorded series look back over."""


@cache
def gaps(schedule: str) -> tuple[timedelta, timedelta]:
    """The shortest and the longest time between two of the next 300 runs; a year where there is one run only."""
    runs = list(itertools.islice(CronSim(schedule.upper(), _FROM), 300))
    between = [later - earlier for earlier, later in itertools.pairwise(runs)] or [timedelta(days=366)]
    return min(between), max(between)


class ProbeSettings(Settings):
    """When a probe measures, for how long, and on which image."""

    schedule: CronFive = Field(description="When a run starts: five fields, minute first, in UTC")
    duration: Duration = Field(description="How long a run measures and serves what it finds")
    image: Image = Field(
        default=PYTHON_IMAGE, description="Image with Python 3.11 or newer; nothing of it but the standard library runs"
    )

    @property
    def seconds(self) -> int:
        """How long one run measures."""
        return int(duration(self.duration).total_seconds())

    @rule
    def _runs_do_not_meet(self) -> Iterator[Problem]:
        shortest, _ = gaps(self.schedule)
        most = min(shortest - STARTING, LONGEST_RUN)
        if not timedelta(minutes=1) <= duration(self.duration) <= most:
            yield Problem(
                ("duration",),
                f"must be from 1m to {int(most.total_seconds())}s: runs of `{self.schedule}` are {shortest} apart and "
                "need 30s to begin, and none is longer than an hour",
                self.duration,
                self.RISKS.get("duration"),
            )


class LatencyProbe(ProbeSettings):
    """The measuring of a Dragonfly instance's latency from one client namespace, and what is expected of it."""

    namespace: Namespace = Field(
        description="The client namespace that it runs in, so that it sees what clients see; one of `clients`. It must "
        "exist"
    )
    schedule: CronFive = Field(
        default="*/5 * * * *", description="When a run starts: five fields, minute first, in UTC"
    )
    duration: Duration = Field(
        default="4m", description="How long a run measures and serves what it finds; shorter than the schedule's step"
    )
    pause_ms: Annotated[Count, Field(ge=50, le=10_000)] = Field(
        default=200, description="Pause after each command in milliseconds: 200 makes 5 commands a second at most"
    )
    intra_cluster_ms: Annotated[Count, Field(le=10_000)] = Field(
        default=10, description="Advisory: 95 % of commands from the instance's own cluster take at most this, in ms"
    )
    cross_cluster_ms: Annotated[Count, Field(le=10_000)] = Field(
        default=20, description="Advisory: 95 % of commands from another cluster of the mesh take at most this, in ms"
    )

    RISKS: ClassVar[Mapping[str, str]] = {
        "namespace": "DFLY-PERF-001",
        "schedule": "DFLY-PERF-001",
        "duration": "DFLY-PERF-001",
        "image": "DFLY-PERF-001",
        "pause_ms": "DFLY-PERF-001",
        "intra_cluster_ms": "DFLY-PERF-001",
        "cross_cluster_ms": "DFLY-PERF-001",
    }

    @rule
    def _is_often_enough(self) -> Iterator[Problem]:
        _, longest = gaps(self.schedule)
        if longest > duration(self.duration) + RECORDED:
            yield Problem(
                ("schedule",),
                f"must leave at most {duration(self.duration) + RECORDED} between two runs (a run, and five minutes "
                f"that the recorded series look back); `{self.schedule}` leaves {longest}",
                self.schedule,
                "DFLY-PERF-001",
            )

    @rule
    def _far_is_not_faster(self) -> Iterator[Problem]:
        if self.cross_cluster_ms < self.intra_cluster_ms:
            yield Problem(
                ("cross_cluster_ms",),
                f"must be at least intra_cluster_ms {self.intra_cluster_ms}: the way between clusters comes on top",
                self.cross_cluster_ms,
                "DFLY-PERF-001",
            )


class CertificateProbe(ProbeSettings):
    """The checking of the certificates that PostgreSQL and its poolers show."""

    schedule: CronFive = Field(
        default="*/30 * * * *", description="When a run starts: five fields, minute first, in UTC"
    )
    duration: Duration = Field(default="2m", description="How long a run checks and serves what it finds")
    days_left: Annotated[Count, Field(le=6)] = Field(
        default=6,
        description="Days of validity below which the alert fires. The operator renews 7 days before the end, so every "
        "certificate gets down to 7; fewer than that means that the renewal failed",
    )

    RISKS: ClassVar[Mapping[str, str]] = dict.fromkeys(("schedule", "duration", "image", "days_left"), "CNPG-SEC-002")

    @property
    def look_back(self) -> timedelta:
        """How far the alerts look back: two runs, one of which may have been missed."""
        return gaps(self.schedule)[1] * 2 + duration(self.duration)

    @rule
    def _is_often_enough(self) -> Iterator[Problem]:
        _, longest = gaps(self.schedule)
        if longest > timedelta(hours=12):
            yield Problem(
                ("schedule",),
                f"must leave at most 12 hours between two runs; `{self.schedule}` leaves {longest}",
                self.schedule,
                "CNPG-SEC-002",
            )
