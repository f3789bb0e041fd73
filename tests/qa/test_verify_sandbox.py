"""`seawall verify` from end to end against real API servers: what it makes, says, keeps and leaves."""

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from sandbox_helpers import until
from stack_in_sandbox import apply, items
from test_checks_here import REPOSITORY, SANDBOX
from verify_clusters import APPS, INFRA, PATIENCE_S, Clusters, marked
from verify_process import call, evidence, start
from verify_world import declared

from seawall.components.cnpg import pooler as poolers
from seawall.qa import register
from seawall.qa.checks import Creates, UndecidedError, all_checks
from seawall.qa.evidence.model import Environment, Verdict
from seawall.qa.verify import leftovers, marks, pods
from seawall.qa.verify.api import MANAGER
from seawall.qa.verify.run import Run, StoppedError

pytestmark = [pytest.mark.timeout(400, func_only=True), pytest.mark.usefixtures("nothing_left")]

NEEDS_KUBELET = {test for test, it in register.load().tests.items() if "kubelet" in it.needs or "dns" in it.needs}
DRAIN = "DFLY-E2E-005"


# What is run, and what is not.


def test_the_plan_changes_nothing_and_says_what_would_be_left_out(clusters: Clusters, tmp_path: Path) -> None:
    code, said = call(
        clusters, "--peer", APPS, "--s3-endpoint", clusters.s3, "--probe", "--plan", "--evidence", str(tmp_path / "e")
    )

    assert code == 0, said
    assert "4 nodes, 4 simulated" in said
    assert "evidence will be marked simulated" in said
    for test in SANDBOX:
        assert re.search(rf"^{re.escape(test)} +reads ", said, re.MULTILINE), test
    assert "needs kubelet: 4 of 4 nodes of context infra are simulated" in said
    assert "needs scrape: no metrics store, give --metrics" in said
    assert not (tmp_path / "e").exists()


def test_a_run_on_simulated_nodes_keeps_evidence_of_what_it_could_see(clusters: Clusters, tmp_path: Path) -> None:
    """Asked for everything, it makes nothing, for nothing would run; and what it says is marked."""
    made = start(
        clusters,
        *("--peer", APPS, "--s3-endpoint", clusters.s3, "--probe", "--disruptive", "--yes"),
        *("--evidence", str(tmp_path / "e"), "--jobs", "8"),
    )
    code, said = made.ended(), made.said

    assert code == 0, said
    kept = evidence(tmp_path / "e")
    assert set(kept) == {*REPOSITORY, *SANDBOX}
    for test, it in kept.items():
        wanted = Environment.REPOSITORY if test in REPOSITORY else Environment.SIMULATED
        assert (it.environment, it.verdict) == (wanted, Verdict.PASSED)
        assert it.command.startswith("seawall verify --context infra --peer apps --s3-endpoint")
        assert str(tmp_path) not in it.command
        assert "kubeconfig" not in it.command
    assert f"{len(kept)} passed, 0 failed, {len(all_checks()) - len(kept)} not run" in said
    for test in NEEDS_KUBELET:
        assert f"– {test}: not run: needs " in said


def test_forced_probes_on_simulated_nodes_are_never_taken_for_results(clusters: Clusters, tmp_path: Path) -> None:
    """The last wall: even when every need is taken for met, a pod on a simulated node has no result."""
    code, said = call(
        clusters, "--peer", APPS, "--probe", "--evidence", str(tmp_path / "e"), "--jobs", "8", how="forced"
    )

    assert code in (0, 1), said
    probing = {test for test, it in all_checks().items() if it.creates is Creates.PROBES}
    for it in (found for test, found in evidence(tmp_path / "e").items() if test in probing):
        # what it read before the probe has failed already; of the probe there is nothing
        assert it.verdict is Verdict.FAILED
        assert (it.observed[-1].what, it.observed[-1].ok) == ("the rest of the test", False)
        assert "is simulated, nothing runs there" in it.observed[-1].found
    told = [line for line in said.splitlines() if "is simulated, nothing runs there" in line]
    assert len(told) > 5, said


def test_pods_that_seem_to_run_bring_no_result(clusters: Clusters, tmp_path: Path) -> None:
    """kwok says Running and Ready; no log and no message ever comes of it."""
    code, said = call(
        clusters,
        *("--peer", APPS, "--test", "DB.CNPG.SHARED-INT-007", "--test", "DB.CNPG.SHARED-INT-011", "--probe"),
        *("--evidence", str(tmp_path / "e")),
        how="running",
    )

    assert code == 0, said
    assert not (tmp_path / "e").exists()
    assert said.count("did not end") == 2, said


# What is changed is put back.


def test_a_drain_that_a_budget_blocks_fails_honestly_and_uncordons(
    clusters: Clusters, tmp_path: Path, allowed: None, dragonfly: None
) -> None:
    cache = declared(INFRA).caches[0]
    spec = {"minAvailable": cache.settings.replicas, "selector": {"matchLabels": {"app": cache.name}}}
    name = {"name": cache.name, "namespace": cache.namespace}
    assert (
        apply(
            clusters.api(), {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": name, "spec": spec}
        )
        == []
    )
    until(lambda: _lets_nobody_go(clusters, cache.namespace, cache.name), "a budget that lets nobody go", PATIENCE_S)

    code, said = call(
        clusters, "--test", DRAIN, "--disruptive", "--yes", "--evidence", str(tmp_path / "e"), how="stuck"
    )

    assert code == 1, said
    found = evidence(tmp_path / "e")[DRAIN]
    assert (found.verdict, found.environment) == (Verdict.FAILED, Environment.SIMULATED)
    stuck = next(it for it in found.observed if not it.ok)
    assert stuck.what.startswith("drain of node-")
    assert "disruption budget" in stuck.found
    assert marked(clusters) == []


def _lets_nobody_go(clusters: Clusters, namespace: str, name: str) -> bool:
    """Whether the controller has counted by what the budget says now; evictions go by its last count."""
    [budget] = [it for it in items(clusters.api(), "policy/v1", "PodDisruptionBudget", namespace) if _name(it) == name]
    counted = budget["status"].get("observedGeneration") == budget["metadata"]["generation"]
    return counted and budget["status"]["disruptionsAllowed"] == 0


def _name(manifest: dict[str, Any]) -> str:
    return str(manifest["metadata"]["name"])


def test_a_drain_that_ends_is_told_as_such_and_uncordons(
    clusters: Clusters, tmp_path: Path, allowed: None, dragonfly: None
) -> None:
    code, said = call(
        clusters, "--test", DRAIN, "--disruptive", "--yes", "--evidence", str(tmp_path / "e"), how="forced"
    )

    found = evidence(tmp_path / "e")[DRAIN]
    drains = [it for it in found.observed if it.what.startswith("drain of")]
    assert [it.ok for it in drains] == [True] * len(drains), said
    assert len(drains) == len(declared(INFRA).caches)
    # Simulated all the same: pods of simulated nodes are back before anybody looks.
    assert found.environment is Environment.SIMULATED
    assert code in (0, 1)
    assert marked(clusters) == []


def test_nothing_is_disrupted_on_a_cluster_that_does_not_say_it_is_no_production(
    clusters: Clusters, tmp_path: Path, dragonfly: None
) -> None:
    code, said = call(clusters, "--test", DRAIN, "--disruptive", "--yes", how="forced")

    assert code == 0, said
    assert "the namespace kube-system has no label seawall.dev/non-production=true" in " ".join(said.split())


def test_nobody_at_the_terminal_must_say_yes(clusters: Clusters, allowed: None) -> None:
    code, said = call(clusters, "--test", DRAIN, "--disruptive", how="forced")

    assert code == 2
    assert "give --yes" in said


def test_a_change_leaves_no_trace_in_the_objects_books(clusters: Clusters) -> None:
    """The next update of whoever owns the object is no conflict."""
    [postgres] = declared(INFRA).databases
    name, place = postgres.applications[0].pooler, postgres.namespace
    which = ("postgresql.cnpg.io/v1", "Pooler", name, place)
    made = Run({INFRA: clusters.cluster()})
    before = clusters.cluster().find(*which)

    with made.changed(INFRA, *which, {"spec": {"pgbouncer": {"paused": True}}}):
        within = clusters.cluster().find(*which)

    after = clusters.cluster().find(*which)
    assert before is not None
    assert within is not None
    assert after is not None
    assert within["spec"]["pgbouncer"]["paused"] is True
    assert json.loads(within["metadata"]["annotations"][marks.UNDO]) == {"spec": {"pgbouncer": {"paused": False}}}
    assert after["spec"] == before["spec"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert MANAGER not in {it["manager"] for it in after["metadata"]["managedFields"]}
    wanted = poolers.pooler(postgres.applications[0])
    wanted["spec"]["pgbouncer"]["paused"] = True
    assert apply(clusters.api(), wanted) == []
    wanted["spec"]["pgbouncer"]["paused"] = False
    assert apply(clusters.api(), wanted) == []


def test_what_another_run_has_changed_is_left_alone(clusters: Clusters) -> None:
    one, other = (Run({INFRA: clusters.cluster()}) for _ in range(2))
    node = ("v1", "Node", "node-1", None)

    with one.changed(INFRA, *node, {"spec": {"unschedulable": True}}):
        with pytest.raises(UndecidedError, match="is changed by a run of verify"), other.changed(INFRA, *node, {}):
            raise AssertionError
        assert len(marked(clusters, one.id)) == 1


# What is made is removed.


def test_a_run_that_is_over_makes_nothing_any_more(clusters: Clusters) -> None:
    made = Run({INFRA: clusters.cluster()})
    made.create(INFRA, pods.program(made.id, "default"))
    assert len(marked(clusters, made.id)) == 1

    assert made.finish() == []

    assert marked(clusters, made.id) == []
    with pytest.raises(StoppedError):
        made.create(INFRA, pods.program(made.id, "default"))
    with pytest.raises(StoppedError):
        made.wait(0)


def test_what_is_made_is_hardened_and_admitted_where_only_restricted_pods_are(clusters: Clusters) -> None:
    from seawall.qa.checks.context import Entry, Probe, Where

    made = Run({INFRA: clusters.cluster()})
    try:
        place = made.create(INFRA, pods.namespace(made.id))["metadata"]["name"]
        owner = made.create(INFRA, pods.program(made.id, place))
        probe = Probe(Where(INFRA, place, {"app": "x"}), [{"kind": "dns", "host": "a"}], {"PASSWORD": Entry("p", "q")})
        fetched, given = pods.secrets(made.id, 1, place, probe.secrets, ("ClusterSecretStore", "store"))
        made.create(INFRA, fetched[0])
        seen = made.create(INFRA, pods.pod(made.id, 1, probe, owner, given))
        spec = seen["spec"]
        [container] = spec["containers"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["activeDeadlineSeconds"] > 0
        assert spec["readinessGates"] == [{"conditionType": marks.NEVER_READY}]
        assert seen["metadata"]["ownerReferences"][0]["controller"] is True
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["limits"]
        assert [it["name"] for it in container["env"] if "valueFrom" in it] == ["PASSWORD"]
        assert "@" in container["image"] or re.search(r":[\w.-]+$", container["image"])
    finally:
        assert made.finish() == []


def test_cleanup_lists_first_and_removes_when_somebody_agrees(clusters: Clusters) -> None:
    made, other = (Run({INFRA: clusters.cluster(), APPS: clusters.cluster(APPS)}) for _ in range(2))
    for it in (made, other):
        for name in (INFRA, APPS):
            it.create(name, pods.program(it.id, "default"))
    made._change(INFRA, ("v1", "Node", "node-2", None), {"spec": {"unschedulable": True}})

    for words, wanted, told in (([], 2, "give --yes"), (["--plan", "--yes"], 0, "")):
        code, said = call(clusters, "--peer", APPS, "--cleanup", *words)
        assert code == wanted, said
        for line in (
            f"infra: run {made.id} changed Node node-2",
            f"infra: run {made.id} made ConfigMap default/seawall-verify-{made.id}",
            f"apps: run {other.id} made ConfigMap default/seawall-verify-{other.id}",
            told,
        ):
            assert line in said
    assert len(marked(clusters)) == 5

    code, said = call(clusters, "--peer", APPS, "--cleanup", "--run", made.id, "--yes")
    assert code == 0, said
    assert marked(clusters, made.id) == []
    assert len(marked(clusters, other.id)) == 2

    code, said = call(clusters, "--peer", APPS, "--cleanup", "--yes")
    assert (code, marked(clusters)) == (0, []), said
    assert "nothing is left" in call(clusters, "--cleanup")[1]


def test_two_runs_at_once_leave_each_others_objects_alone(clusters: Clusters) -> None:
    probing = ("--peer", APPS, "--test", "DB.CNPG.SHARED-E2E-005", "--test", "DB.CNPG.SHARED-INT-011", "--probe")
    one = start(clusters, *probing, how="running")
    until(lambda: marked(clusters), "objects of the first run", PATIENCE_S)
    [first] = {leftovers.run_of(it) for it in leftovers.find(clusters.cluster()).created}
    other = Run({INFRA: clusters.cluster()})
    other.create(INFRA, pods.program(other.id, "default"))

    one.process.send_signal(signal.SIGINT)
    code = one.ended()

    assert code == 130, one.said
    assert marked(clusters, first) == []
    assert len(marked(clusters, other.id)) == 1
    assert other.finish() == []
