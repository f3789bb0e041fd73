"""`seawall verify` from end to end against real API servers: what it makes, says, keeps and leaves."""

import copy
import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from sandbox_helpers import until
from stack_in_sandbox import apply, delete, items
from test_checks_here import REPOSITORY, SANDBOX
from verify_clusters import APPS, INFRA, PATIENCE_S, Clusters, data_pods, marked
from verify_process import run, start
from verify_world import declared

from seawall.components.cnpg import pooler as poolers
from seawall.qa import register
from seawall.qa.checks import Creates, UndecidedError, all_checks
from seawall.qa.evidence import files
from seawall.qa.evidence.model import Environment, Verdict
from seawall.qa.verify import leftovers, marks, pods
from seawall.qa.verify.api import MANAGER
from seawall.qa.verify.run import Run, StoppedError

pytestmark = pytest.mark.timeout(400, func_only=True)

NEEDS_KUBELET = {test for test, it in register.load().tests.items() if "kubelet" in it.needs or "dns" in it.needs}
DRAIN = "DFLY-E2E-005"


@pytest.fixture(autouse=True)
def nothing_left(clusters: Clusters) -> Iterator[None]:
    """No test leaves anything, whatever it did."""
    yield
    found = marked(clusters)
    for name in (INFRA, APPS):
        leftovers.remove(clusters.cluster(name))
    assert found == []


@pytest.fixture
def allowed(clusters: Clusters) -> Iterator[None]:
    """The cluster says of itself that it is no production."""
    api = clusters.api()
    labels = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system"}}
    labelled = copy.deepcopy(labels)
    labelled["metadata"]["labels"] = {marks.NON_PRODUCTION: "true"}  # type: ignore[index]
    assert apply(api, labelled) == []
    yield
    assert apply(api, labels) == []


@pytest.fixture
def dragonfly(clusters: Clusters) -> Iterator[None]:
    """Data pods, as far as simulated nodes have any."""
    data_pods(clusters)
    yield
    for cache in declared(INFRA).caches:
        delete(clusters.api(), "apps/v1", "StatefulSet", cache.namespace, cache.name)
        delete(clusters.api(), "policy/v1", "PodDisruptionBudget", cache.namespace, cache.name)


def evidence(folder: Path) -> dict[str, Any]:
    found = {}
    for it in files.read_all(folder):
        assert it.evidence is not None, it.problem
        found[it.evidence.test] = it.evidence
    return found


# What is run, and what is not.


def test_the_plan_changes_nothing_and_says_what_would_be_left_out(clusters: Clusters, tmp_path: Path) -> None:
    code, said = run(
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
    code, said = run(
        clusters,
        *("--peer", APPS, "--s3-endpoint", clusters.s3, "--probe", "--disruptive", "--yes"),
        *("--evidence", str(tmp_path / "e"), "--jobs", "8"),
        how="whole",
    )

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
    code, said = run(
        clusters, "--peer", APPS, "--probe", "--evidence", str(tmp_path / "e"), "--jobs", "8", how="forced"
    )

    assert code in (0, 1), said
    probing = {test for test, it in all_checks().items() if it.creates is Creates.PROBES}
    assert not probing & set(evidence(tmp_path / "e"))
    told = [line for line in said.splitlines() if "is simulated, nothing runs there" in line]
    assert len(told) > 5, said


def test_pods_that_seem_to_run_bring_no_result(clusters: Clusters, tmp_path: Path) -> None:
    """kwok says Running and Ready; no log and no message ever comes of it."""
    code, said = run(
        clusters,
        *("--test", "DB.CNPG.SHARED-INT-007", "--test", "DB.CNPG.SHARED-E2E-003", "--probe"),
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

    code, said = run(
        clusters, "--test", DRAIN, "--disruptive", "--yes", "--evidence", str(tmp_path / "e"), how="forced"
    )

    assert code == 1, said
    found = evidence(tmp_path / "e")[DRAIN]
    assert (found.verdict, found.environment) == (Verdict.FAILED, Environment.SIMULATED)
    stuck = next(it for it in found.observed if not it.ok)
    assert stuck.what.startswith("drain of node-")
    assert "disruption budget" in stuck.found
    assert marked(clusters) == []


def test_a_drain_that_ends_is_told_as_such_and_uncordons(
    clusters: Clusters, tmp_path: Path, allowed: None, dragonfly: None
) -> None:
    code, said = run(
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
    code, said = run(clusters, "--test", DRAIN, "--disruptive", "--yes", how="forced")

    assert code == 0, said
    assert "the namespace kube-system has no label seawall.dev/non-production=true" in " ".join(said.split())


def test_nobody_at_the_terminal_must_say_yes(clusters: Clusters, allowed: None) -> None:
    code, said = run(clusters, "--test", DRAIN, "--disruptive", how="forced")

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
    made.create(INFRA, pods.namespace(made.id))
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
            it.create(name, pods.namespace(it.id))
    made._change(INFRA, ("v1", "Node", "node-2", None), {"spec": {"unschedulable": True}})

    code, said = run(clusters, "--peer", APPS, "--cleanup")
    assert code == 2, said
    for line in (
        f"infra: run {made.id} changed Node node-2",
        f"infra: run {made.id} made Namespace seawall-verify-{made.id}",
        f"apps: run {other.id} made Namespace seawall-verify-{other.id}",
        "give --yes",
    ):
        assert line in said
    assert len(marked(clusters)) == 5

    code, said = run(clusters, "--peer", APPS, "--cleanup", "--run", made.id, "--yes")
    assert code == 0, said
    assert marked(clusters, made.id) == []
    assert len(marked(clusters, other.id)) == 2

    code, said = run(clusters, "--peer", APPS, "--cleanup", "--yes")
    assert (code, marked(clusters)) == (0, []), said
    assert "nothing is left" in run(clusters, "--cleanup")[1]


def test_two_runs_at_once_leave_each_others_objects_alone(clusters: Clusters) -> None:
    probing = ("--peer", APPS, "--test", "DFLY-E2E-003", "--test", "DB.CNPG.SHARED-E2E-005", "--probe")
    one = start(clusters, *probing, how="running")
    until(lambda: marked(clusters), "objects of the first run", PATIENCE_S)
    [first] = leftovers.find(clusters.cluster()).runs()
    other = Run({INFRA: clusters.cluster()})
    other.create(INFRA, pods.namespace(other.id))

    one.process.send_signal(signal.SIGINT)
    code = one.ended()

    assert code == 130, one.said
    assert marked(clusters, first) == []
    assert len(marked(clusters, other.id)) == 1
    assert other.finish() == []


# Mistakes.


def test_another_cluster_than_the_stack_is_for_is_not_asked(clusters: Clusters) -> None:
    code, said = run(clusters, "--stack", "sandbox", "--plan")

    assert code == 2
    assert "stack sandbox is for the context seawall-sandbox" in said


def test_one_cluster_is_not_two(clusters: Clusters, tmp_path: Path) -> None:
    given = yaml.safe_load(clusters.kubeconfig.read_text())
    for it in given["contexts"]:
        it["context"] = {"cluster": INFRA, "user": INFRA}
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(given))
    code, said = run(clusters, "--peer", APPS, "--plan", "--kubeconfig", str(file))

    assert code == 2
    assert "is the same cluster as infra" in said


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--test", "DFLY-E2E-033"), "did you mean DFLY-E2E-003?"),
        (("--run", "x"), "give --cleanup as well"),
        (("--metrics-token", "x"), "give that as well"),
        (("--metrics", "nonsense"), "must be an address like"),
        (("--sign-with", "/nonexistent/key"), "/nonexistent/key"),
        (("--peer", "nowhere"), "stack apps is for the context apps"),
        (("--jobs", "0"), "--jobs"),
    ],
)
def test_mistakes_are_told_before_anything_is_asked(clusters: Clusters, words: tuple[str, ...], why: str) -> None:
    code, said = run(clusters, *words)

    assert code == 2, said
    assert why in said


# Rights.

RIGHTS = Path(__file__).parents[2] / "docs" / "examples" / "verify-rights.yaml"
Account = Callable[..., Path]


@pytest.fixture
def account(clusters: Clusters, tmp_path: Path) -> Iterator[Account]:
    """A kubeconfig of a service account with one of the roles of the documentation, on `infra`."""
    api, made = clusters.api(), []
    documents = [it for it in yaml.safe_load_all(RIGHTS.read_text()) if it["kind"] == "ClusterRole"]
    for it in documents:
        assert apply(api, it) == []

    def kubeconfig(*roles: str) -> Path:
        name = f"verify-{len(made)}"
        made.append(name)
        metadata = {"name": name, "namespace": "default"}
        assert apply(api, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}) == []
        for role in roles:
            binding = {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": f"{name}-{role}"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", **metadata}],
            }
            assert apply(api, binding) == []
        served = api.kind("v1", "ServiceAccount")
        assert served is not None
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
        answer = api.request("POST", f"{served.path('default', name)}/token", body=body)
        given = yaml.safe_load(clusters.kubeconfig.read_text())
        [user] = [it for it in given["users"] if it["name"] == INFRA]
        user["user"] = {"token": answer.document["status"]["token"]}
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(given))
        return file

    yield kubeconfig
    for it in documents:
        delete(api, it["apiVersion"], it["kind"], None, it["metadata"]["name"])
    for name in made:
        delete(api, "v1", "ServiceAccount", "default", name)
        for binding in items(api, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding"):
            if binding["metadata"]["name"].startswith(f"{name}-"):
                delete(api, "rbac.authorization.k8s.io/v1", "ClusterRoleBinding", None, binding["metadata"]["name"])


def test_the_rights_of_the_documentation_are_enough_to_read(
    clusters: Clusters, account: Account, tmp_path: Path
) -> None:
    file = account("seawall-verify")
    code, said = run(
        clusters,
        *("--peer", APPS, "--s3-endpoint", clusters.s3, "--kubeconfig", str(file), "--evidence", str(tmp_path / "e")),
    )

    assert code == 0, said
    assert set(evidence(tmp_path / "e")) == {*REPOSITORY, *SANDBOX}


def test_the_rights_of_the_documentation_are_enough_to_probe_and_to_disrupt(
    clusters: Clusters, account: Account, tmp_path: Path, allowed: None, dragonfly: None
) -> None:
    file = account("seawall-verify", "seawall-verify-probes", "seawall-verify-disruptions")
    code, said = run(
        clusters,
        *("--test", "DFLY-E2E-005", "--test", "DB.CNPG.SHARED-INT-007", "--probe", "--disruptive", "--yes"),
        *("--kubeconfig", str(file), "--evidence", str(tmp_path / "e")),
        how="forced",
    )

    assert code in (0, 1), said
    assert set(evidence(tmp_path / "e")) == {DRAIN}, said
    assert "is simulated, nothing runs there" in said


def test_who_may_not_read_is_told_which_right_is_missing(clusters: Clusters, account: Account) -> None:
    code, said = run(clusters, "--plan", "--kubeconfig", str(account()))

    assert code == 3
    assert "docs/verify.md" in said
