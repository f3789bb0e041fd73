"""The on-call page of a real API server: stack `sandbox` with doubles of what operators and kubelets say."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from kubernetes.client import CoreV1Api
from oncall_doubles import Living, before, patched
from oncall_samples import drill_report
from sandbox_helpers import ROOT
from stack_in_sandbox import api_of, place

from seawall.operators.annotations import RESTORES
from seawall.qa.oncall.kinds import LISTED, SECRETS
from seawall.sandbox.cluster import Sandbox

RIGHTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((ROOT / "docs" / "examples" / "on-call-rights.yaml").read_text())
)
LISTS, REPORTS, ALL_SECRETS = (it for it in RIGHTS if it["kind"] == "ClusterRole")
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "on-call-v1.schema.json").read_text())

Account = Callable[..., Path]
Answer = dict[str, Any]


@pytest.fixture(scope="module")
def living(sandbox: Sandbox, kube: Any) -> Iterator[Living]:
    """The stack, alive."""
    api = api_of(sandbox.endpoints)
    with place(api) as made:
        yield Living(api, kube, made)


@pytest.fixture
def account(kube: Any, sandbox: Sandbox, living: Living, tmp_path: Path) -> Iterator[Account]:
    """Makes the kubeconfig of a service account with some roles; one resource may be taken out of them."""
    namespace = living.databases
    of = {
        kind: kube.resources.get(api_version=version, kind=kind)
        for version, kind in (
            ("v1", "ServiceAccount"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        )
    }
    made: list[str] = []

    def make(*given: Mapping[str, Any], without: str = "") -> Path:
        name = f"{namespace}-{len(made)}"
        made.append(name)
        rules = copy.deepcopy([rule for role in given for rule in role["rules"]])
        for rule in rules:
            rule["resources"] = [it for it in rule["resources"] if it != without]
        of["ServiceAccount"].create({"metadata": {"name": name}}, namespace=namespace)
        of["ClusterRole"].create({"metadata": {"name": name}, "rules": [it for it in rules if it["resources"]]})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        of["ClusterRoleBinding"].create({"metadata": {"name": name}, "roleRef": role, "subjects": [subject]})
        token = CoreV1Api(kube.client).create_namespaced_service_account_token(name, namespace, {"spec": {}})
        return kubeconfig(sandbox, tmp_path / f"{name}.kubeconfig", {"token": token.status.token})

    yield make
    for name in made:
        of["ClusterRoleBinding"].delete(name=name)
        of["ClusterRole"].delete(name=name)
        of["ServiceAccount"].delete(name=name, namespace=namespace)


def kubeconfig(sandbox: Sandbox, file: Path, user: dict[str, Any]) -> Path:
    """A kubeconfig with one context, `reader`, and no current one."""
    config = yaml.safe_load(sandbox.endpoints.kubeconfig.read_text())
    config["users"] = [{"name": "reader", "user": user}]
    config["contexts"] = [{"name": "reader", "context": {"cluster": config["clusters"][0]["name"], "user": "reader"}}]
    del config["current-context"]
    file.write_text(yaml.safe_dump(config))
    return file


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "seawall.cli", "status", *arguments]
    environment = {**os.environ, "COLUMNS": "80", "LINES": "24", **variables}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def page(file: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of `seawall status`."""
    done = run("--context", "reader", "--kubeconfig", str(file), "--format", "json", *arguments)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMA)
    assert "a double" not in done.stdout + done.stderr, "a value of a Secret"
    return done.returncode, found


def answers(found: Mapping[str, Any], living: Living) -> dict[tuple[str, str], Answer]:
    """Topic and short name → answer, of the nodes and of this test's namespaces."""
    suffix = living.databases.rpartition("-")[2]
    made = {}
    for it in found["answers"]:
        namespace, _, name = it["about"].rpartition("/")
        if it["topic"] == "drain" or namespace.endswith(suffix) or it["about"].endswith(suffix):
            short = name.removesuffix(f"-{suffix}") if not namespace else name
            made[it["topic"], short] = it
    return made


def texts(answer: Answer) -> str:
    return " | ".join([answer["summary"], *(fact["text"] for fact in answer["facts"])])


def test_the_rights_are_those_that_are_asked_for() -> None:
    named = {(group, it) for rule in LISTS["rules"] for group in rule["apiGroups"] for it in rule["resources"]}
    assert named == {(it.group, it.plural) for it in LISTED}
    assert {verb for rule in LISTS["rules"] for verb in rule["verbs"]} == {"list"}
    assert REPORTS["rules"] == [{"apiGroups": [""], "resources": ["configmaps", "pods/log"], "verbs": ["get"]}]
    assert ALL_SECRETS["rules"] == [{"apiGroups": [""], "resources": [SECRETS.plural], "verbs": ["list"]}]


def test_with_exactly_the_rights_everything_is_answered(account: Account, living: Living) -> None:
    _, found = page(account(LISTS, REPORTS, ALL_SECRETS))
    mine = answers(found, living)
    postgres = "sandbox-postgres"
    expected = {
        ("running", postgres): "yes",
        ("running", "cache"): "yes",
        ("last backup", postgres): "yes",
        ("last restore", postgres): "yes",
        ("connections", postgres): "yes",
        ("secrets", "sandbox-databases"): "yes",
        ("secrets", "sandbox-dragonfly"): "yes",
        ("cache access", "cache"): "yes",
        ("cache access", "queue"): "yes",
    }
    assert {key: mine[key]["verdict"] for key in expected} == expected, [(key, texts(mine[key])) for key in expected]
    assert not any(mine[key]["needs_a_person"] for key in expected)
    assert "3 of 3 instances are ready, sandbox-postgres-1 is the primary" in texts(mine["running", postgres])
    assert "5 h" in mine["last backup", postgres]["summary"]
    assert "RTO 4 min 12 s, RPO 3 min 7 s" in mine["last restore", postgres]["summary"]
    assert "with their keys" in mine["secrets", "sandbox-databases"]["summary"]
    assert "sandbox-shop" in mine["cache access", "cache"]["summary"]
    nodes = {about: it for (topic, about), it in mine.items() if topic == "drain"}
    assert sorted(nodes) == ["node-1", "node-2", "node-3", "node-4"]
    told = " | ".join(texts(it) for it in nodes.values())
    assert "primary sandbox-postgres-1 moves to" in told
    assert "master cache-0 gives way to" in told
    assert "unknown" not in told


NEEDS = {
    "nodes": {"drain"},
    "pods": {"drain", "running", "last backup", "connections"},
    "poddisruptionbudgets": {"drain"},
    "persistentvolumes": {"drain"},
    "persistentvolumeclaims": {"drain"},
    "cronjobs": {"last backup", "last restore", "cache access"},
    "jobs": {"last backup", "cache access"},
    "backups": {"last backup"},
    "objectstores": {"last backup"},
    "databases": {"connections", "cache access"},
    "ciliumnetworkpolicies": {"cache access"},
    "namespaces": {"cache access"},
    "clusters": {"drain", "running", "last backup", "last restore", "connections", "cache access"},
    "dragonflies": {"drain", "cache access"},
    "externalsecrets": {"secrets"},
    "configmaps": {"last restore"},
}
"""Resource that may not be read → the questions that then have an unknown answer."""


@pytest.mark.parametrize("resource", NEEDS)
def test_with_fewer_rights_the_answer_is_unknown_and_names_the_right(
    resource: str, account: Account, living: Living
) -> None:
    code, found = page(account(LISTS, REPORTS, ALL_SECRETS, without=resource))
    unknown = [it for it in found["answers"] if it["verdict"] == "unknown" and f"not {_verb(resource)}" in texts(it)]
    assert {it["topic"] for it in unknown} == NEEDS[resource]
    assert code == 1
    for it in unknown:
        assert resource in it["summary"], "the right is named"


def _verb(resource: str) -> str:
    return "get configmaps" if resource == "configmaps" else f"list {resource}"


def test_without_secrets_the_operators_word_counts(account: Account, living: Living) -> None:
    _, found = page(account(LISTS, REPORTS))
    told = answers(found, living)["secrets", "sandbox-databases"]
    assert told["verdict"] == "yes"
    assert "by the operator's word alone" in texts(told)


def test_without_any_right_every_answer_is_unknown(account: Account, living: Living) -> None:
    code, found = page(account())
    assert code == 1
    assert {it["verdict"] for it in found["answers"]} == {"unknown"}
    assert all(it["summary"].startswith("unknown, because you may not list") for it in found["answers"])


def test_something_goes_wrong(account: Account, living: Living, kube: Any) -> None:
    """A replica dies, a Secret vanishes, a drill fails: each where it belongs, the worst first."""
    reader = account(LISTS, REPORTS, ALL_SECRETS)
    name = living.cluster["metadata"]["name"]
    kube.resources.get(api_version="v1", kind="Secret").delete(name=f"{name}-role-shop", namespace=living.databases)
    bad = drill_report(before(hours=1), ok=False, restorable=False, source=f"{living.databases}/{name}")
    at = {"namespace": living.cron(RESTORES)["metadata"]["namespace"], "name": f"{name}-drill-report"}
    patched(kube, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": at}, {"data": {"last.json": bad}})
    patched(kube, living.cluster, {"status": {"readyInstances": 2}}, status=True)
    code, found = page(reader, "--node", _node_of(living, kube, living.primary))
    mine = answers(found, living)
    assert code == 1
    assert mine["secrets", "sandbox-databases"]["severity"] == "critical"
    assert f"{name}-role-shop: the Secret is not there" in texts(mine["secrets", "sandbox-databases"])
    assert "the backups do not restore" in mine["last restore", name]["summary"]
    [drained] = [it for it in found["answers"] if it["topic"] == "drain"]
    assert (drained["verdict"], drained["severity"]) == ("no", "warning"), texts(drained)
    assert "2 of 3 instances are ready" in texts(drained)
    severities = [it["severity"] for it in found["answers"]]
    assert severities[0] == "critical"


def _node_of(living: Living, kube: Any, pod: str) -> str:
    found = kube.resources.get(api_version="v1", kind="Pod").get(name=pod, namespace=living.databases)
    return str(found.spec.nodeName)


def test_the_first_screen(sandbox: Sandbox, living: Living) -> None:
    done = run("--sandbox", "--no-pager", SEAWALL_STATE=str(sandbox.state))
    assert done.returncode in (0, 1), done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("seawall-sandbox  2")
    first = lines[: lines.index("", 3)]
    assert len(first) <= 24
    assert all(len(line.rstrip()) <= 80 for line in first)
    words = [line.split()[1] for line in first[3:]]
    assert set(words) <= {"yes", "no", "careful", "unknown", "none"}
    assert "  $ kubectl --context seawall-sandbox --kubeconfig " in done.stdout


def test_a_node_that_is_not_there(sandbox: Sandbox) -> None:
    done = run("--sandbox", "--node", "node-9", SEAWALL_STATE=str(sandbox.state))
    assert (done.returncode, done.stdout) == (2, "")
    assert "--node node-9: the cluster has no such node. Did you mean node-" in done.stderr


def test_nobody_knows_you(sandbox: Sandbox, tmp_path: Path) -> None:
    file = kubeconfig(sandbox, tmp_path / "k", {"token": "of yesterday"})
    done = run("--context", "reader", "--kubeconfig", str(file))
    assert (done.returncode, done.stdout) == (3, "")
    assert "does not know you (HTTP 401): your certificate or token has ended" in done.stderr
    assert "of yesterday" not in done.stderr
