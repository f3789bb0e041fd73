"""Settings of the probes: what is allowed, and what follows from it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from seawall.components.probes.settings import CertificateProbe, LatencyProbe, gaps


def test_the_defaults_measure_four_of_five_minutes() -> None:
    made = LatencyProbe.model_validate({"namespace": "harbor"})
    assert (made.schedule, made.seconds, made.pause_ms) == ("*/5 * * * *", 240, 200)
    assert (made.intra_cluster_ms, made.cross_cluster_ms) == (10, 20)


@pytest.mark.parametrize(
    ("schedule", "shortest", "longest"),
    [("*/5 * * * *", 5, 5), ("0,10,25 * * * *", 10, 35), ("*/7 * * * *", 4, 7), ("0 8-9 * * *", 60, 23 * 60)],
)
def test_gaps_are_between_runs(schedule: str, shortest: int, longest: int) -> None:
    assert gaps(schedule) == (timedelta(minutes=shortest), timedelta(minutes=longest))


def certificate_problem(**given: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        CertificateProbe.model_validate(given)
    return str(caught.value)


def test_certificates_are_looked_at_twice_a_day_or_more_often() -> None:
    assert CertificateProbe().look_back == timedelta(minutes=62)
    assert CertificateProbe.model_validate({"schedule": "0 */12 * * *"}).look_back == timedelta(hours=24, minutes=2)
    assert "at most 12 hours" in certificate_problem(schedule="0 4 * * *")
    assert "from 1m to 30s" not in certificate_problem(duration="30m")
    assert "from 1m to 1770s" in certificate_problem(duration="30m")


def test_no_more_days_than_a_healthy_certificate_always_has() -> None:
    assert CertificateProbe().days_left == 6
    assert "at most 6" in certificate_problem(days_left=14)
    assert "at least 1" in certificate_problem(days_left=0)
