"""What a rendered restore drill leaves behind, however it ends: nothing of its own, and all that is not its own.

Real and doubles are as in `test_restore_drill`.
"""

import json
import signal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from drill_double import Objects
from drill_run import Deploy, Drill, Play, until

pytestmark = pytest.mark.timeout(300, func_only=True)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schemas/drill-report-v1.schema.json").read_text())


def test_told_to_stop_while_it_waits_it_removes_what_it_made(make: Deploy) -> None:
    drill = make()
    running = drill.start()
    until(lambda: f"Cluster {drill.cluster}" in drill.remains(), "the Cluster")
    running.process.send_signal(signal.SIGTERM)
    outcome = running.outcome()
    assert (outcome.code, outcome.report["failure"]["class"]) == (13, "interrupted")
    jsonschema.validate(outcome.report, SCHEMA)
    assert drill.remains() == set()


@pytest.mark.long_form
def test_told_to_stop_in_the_middle_of_a_query_it_stops_at_once(make: Deploy, played: Play) -> None:
    drill = make({"name": "slow", "query": "SELECT count(*) FROM pg_sleep(600)", "equals": "1"})
    with played(drill) as double:
        running = drill.start()
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'seawall-drill' AND query LIKE '%pg_sleep%'"
        until(lambda: double.restored and double.ask(sleeping), "the slow query", 200)
        running.process.send_signal(signal.SIGTERM)
        outcome = running.outcome(60)
    assert outcome.code == 13
    assert drill.remains() == set()


def test_told_to_stop_twice_it_still_cleans_up(make: Deploy) -> None:
    drill = make()
    running = drill.start()
    until(lambda: f"Cluster {drill.cluster}" in drill.remains(), "the Cluster")
    running.process.send_signal(signal.SIGTERM)
    running.process.send_signal(signal.SIGTERM)
    assert running.outcome().code == 13
    assert drill.remains() == set()


def test_what_a_killed_run_left_is_removed_by_the_next(make: Deploy, played: Play) -> None:
    drill = make()
    killed = drill.start("first")
    until(lambda: {f"Cluster {drill.cluster}", f"Secret {drill.cluster}-app"} <= drill.remains(), "the Cluster")
    killed.process.kill()
    killed.process.communicate()
    assert f"Cluster {drill.cluster}" in drill.remains()
    drill.end("first")
    with played(drill):
        outcome = drill.run()
    assert outcome.code == 0, outcome
    assert f"Cluster {drill.cluster}" in outcome.report["cleanup"]["removed_before"]
    assert drill.remains() == set()


def test_whoever_deletes_the_job_of_a_killed_run_deletes_what_it_left(make: Deploy, objects: Objects) -> None:
    drill = make()
    killed = drill.start("first")
    until(lambda: {f"Cluster {drill.cluster}", f"Secret {drill.cluster}-app"} <= drill.remains(), "the Cluster")
    killed.process.kill()
    killed.process.communicate()
    objects.delete("batch/v1", "Job", drill.namespace, "first")
    until(lambda: not drill.remains(), "an empty namespace")


@pytest.mark.long_form
def test_two_at_once_exclude_each_other(make: Deploy, played: Play) -> None:
    drill = make()
    first = drill.start("first")
    until(lambda: f"Cluster {drill.cluster}" in drill.remains(), "the Cluster")
    second = drill.start("second").outcome()
    assert (second.code, second.report["failure"]["class"]) == (6, "busy")
    assert "first" in second.report["failure"]["message"]
    with played(drill):
        assert first.outcome().code == 0
    assert drill.remains() == set()


def test_a_cluster_that_no_drill_made_is_left_alone(make: Deploy, objects: Objects) -> None:
    drill = make()
    storage = {"size": "1Gi"}
    foreign = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": drill.cluster, "namespace": drill.namespace},
        "spec": {"instances": 1, "imageName": "ghcr.io/cloudnative-pg/postgresql:16.8", "storage": storage},
    }
    objects.apply(foreign)
    outcome = drill.run()
    assert outcome.code == 6
    assert objects.get("postgresql.cnpg.io/v1", "Cluster", drill.namespace, drill.cluster) is not None


def claim(drill: Drill, *finalizers: str) -> dict[str, Any]:
    """A claim as the operator makes it, whose owner has been lost."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": f"{drill.cluster}-1",
            "namespace": drill.namespace,
            "labels": {"cnpg.io/cluster": drill.cluster},
            "finalizers": list(finalizers),
        },
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_a_claim_without_an_owner_is_removed_by_its_name(make: Deploy, objects: Objects) -> None:
    drill = make()
    objects.apply(claim(drill))
    outcome = drill.start(pause=0.02, DRILL_TARGET="2020-01-01T00:00:00Z").outcome()
    assert outcome.code == 4, outcome
    assert outcome.report["cleanup"]["removed_before"] == [f"PersistentVolumeClaim {drill.cluster}-1"]
    assert drill.remains() == set()


@pytest.mark.long_form
def test_what_cannot_be_removed_is_said_and_nothing_is_made_beside_it(make: Deploy, objects: Objects) -> None:
    drill = make()
    objects.apply(claim(drill, "example.org/held"))
    outcome = drill.start(pause=0.02, DRILL_CLEANUP_SECONDS="5").outcome()
    assert (outcome.code, outcome.report["failure"]["class"]) == (12, "left_behind")
    assert f"PersistentVolumeClaim {drill.cluster}-1" in outcome.report["failure"]["message"]
    assert drill.remains() == {f"PersistentVolumeClaim {drill.cluster}-1"}
    objects.apply(claim(drill))


FORBIDDEN = [
    ("create", "", "secrets", ""),
    ("list", "", "secrets", ""),
    ("get", "", "secrets", "shared-postgres-drill-reader"),
    ("delete", "postgresql.cnpg.io", "clusters", "another"),
    ("update", "postgresql.cnpg.io", "clusters", "shared-postgres-restored"),
    ("create", "", "pods", ""),
    ("create", "", "pods/exec", ""),
    ("delete", "", "persistentvolumeclaims", "another"),
    ("update", "", "configmaps", "shared-postgres-drill"),
    ("get", "barmancloud.cnpg.io", "objectstores", "shared-postgres-drill"),
]


def test_the_runner_may_not_do_more_than_it_needs(make: Deploy, objects: Objects) -> None:
    drill = make()

    def allowed(verb: str, group: str, resource: str, name: str) -> bool:
        plural, _, part = resource.partition("/")
        attributes = {"namespace": drill.namespace, "verb": verb, "group": group, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": f"system:serviceaccount:{drill.namespace}:shared-postgres-drill",
                "resourceAttributes": {**attributes, "resource": plural, "subresource": part},
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        status: Any = objects.api.request("POST", path, body=review).document["status"]
        return bool(status["allowed"])

    assert allowed("get", "", "secrets", "shared-postgres-restored-app")
    assert allowed("create", "postgresql.cnpg.io", "clusters", "")
    assert [asked for asked in FORBIDDEN if allowed(*asked)] == []
