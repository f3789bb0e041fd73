"""What runs have left is asked to go until it has gone, or until asking again helps nothing."""

from typing import Any

import pytest

from seawall.errors import EnvironmentFailure
from seawall.qa.checks.model import UndecidedError
from seawall.qa.verify import leftovers, marks
from seawall.qa.verify.api import RefusedError, UnavailableError

NODE = {"kind": "Node", "metadata": {"name": "node-1", "labels": {marks.CHANGED: "id"}}}
POD = {"kind": "Pod", "metadata": {"name": "seawall-verify-id-1", "namespace": "n", "labels": {marks.RUN: "id"}}}


class Moody:
    """A double of a cluster with two leftovers, whose API server says `moods` one after the other, then agrees."""

    context = "infra"

    def __init__(self, *moods: Exception, forbids: bool = False) -> None:
        self.things = [NODE, POD]
        self.moods = list(moods)
        self.forbids = forbids

    def every(self, api_version: str, kind: str, *, selector: str) -> list[dict[str, Any]]:
        if self.moods:
            raise self.moods.pop(0)
        return [
            it for it in self.things if it["kind"] == kind and selector.partition("=")[0] in it["metadata"]["labels"]
        ]

    def patch(self, thing: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
        self.delete(thing)
        return thing

    def delete(self, thing: dict[str, Any], grace: int | None = None) -> None:
        if self.forbids:
            raise RefusedError(403, "Forbidden", f"may not touch {thing['kind']}")
        if thing in self.things:
            self.things.remove(thing)


def removed(*clusters: Any, patience: float = 60) -> tuple[list[str], int]:
    """What stays, and how often it waited."""
    waits: list[float] = []
    return leftovers.remove(clusters, "id", sleep=waits.append, patience=patience), len(waits)


def test_an_api_server_that_is_away_for_a_moment_is_asked_again() -> None:
    away = EnvironmentFailure("the API server does not answer")
    cluster = Moody(away, UnavailableError("answers with 503"))

    assert removed(cluster) == ([], 3)
    assert cluster.things == []


def test_an_api_server_that_stays_away_is_told_and_keeps_no_other_cluster_from_being_cleaned() -> None:
    away, other = Moody(EnvironmentFailure("nobody answers")), Moody()

    left, _ = removed(away, other, patience=-1)

    assert left[0] == "infra: nobody answers"
    assert other.things == []


@pytest.mark.parametrize(
    "cluster", [Moody(forbids=True), Moody(UndecidedError("may not list"))], ids=["to remove", "to look"]
)
def test_a_right_that_is_missing_is_told_at_once(cluster: Moody) -> None:
    [why], waited = removed(cluster)

    assert "may not" in why
    assert waited == 0
