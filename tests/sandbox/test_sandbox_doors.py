"""The door to a running cluster, at a real API server: with the rights that its page prints, and with less."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import CoreV1Api
from sandbox_helpers import ROOT

from seawall.policy.estate.doors.live import known_kinds
from seawall.policy.estate.kinds import SECRET
from seawall.sandbox.cluster import Sandbox

RIGHTS: list[dict[str, Any]] = list(yaml.safe_load_all((ROOT / "docs" / "examples" / "check-rights.yaml").read_text()))
ROLE = next(it for it in RIGHTS if it["metadata"]["name"] == "seawall-check" and it["kind"] == "ClusterRole")
SECRETS = next(it for it in RIGHTS if it["metadata"]["name"] == "seawall-check-secrets")
CACHE = {"apiVersion": "dragonflydb.io/v1alpha1", "kind": "Dragonfly", "spec": {"replicas": 2}}
PASSWORD = "open-sesame-42"

Account = Callable[..., Path]


@pytest.fixture
def account(kube: Any, sandbox: Sandbox, namespace: str, tmp_path: Path) -> Iterator[Account]:
    """Makes the kubeconfig of a service account with some roles; one resource may be taken out of them."""
    accounts = kube.resources.get(api_version="v1", kind="ServiceAccount")
    roles = kube.resources.get(api_version="rbac.authorization.k8s.io/v1", kind="ClusterRole")
    bindings = kube.resources.get(api_version="rbac.authorization.k8s.io/v1", kind="ClusterRoleBinding")
    made: list[str] = []

    def make(*given: Mapping[str, Any], without: str = "") -> Path:
        name = f"{namespace}-{len(made)}"
        made.append(name)
        rules = copy.deepcopy([rule for role in given for rule in role["rules"]])
        for rule in rules:
            rule["resources"] = [resource for resource in rule["resources"] if resource != without]
        rules = [rule for rule in rules if rule["resources"]]
        accounts.create({"metadata": {"name": name}}, namespace=namespace)
        roles.create({"metadata": {"name": name}, "rules": rules})
        subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}
        bindings.create({"metadata": {"name": name}, "roleRef": reference, "subjects": [subject]})
        token = CoreV1Api(kube.client).create_namespaced_service_account_token(name, namespace, {"spec": {}})
        config = yaml.safe_load(sandbox.endpoints.kubeconfig.read_text())
        config["users"] = [{"name": name, "user": {"token": token.status.token}}]
        config["contexts"] = [{"name": "reader", "context": {"cluster": config["clusters"][0]["name"], "user": name}}]
        del config["current-context"]
        file = tmp_path / f"{name}.kubeconfig"
        file.write_text(yaml.safe_dump(config))
        return file

    yield make
    for name in made:
        bindings.delete(name=name)
        roles.delete(name=name)


@pytest.fixture
def unprotected(kube: Any, namespace: str) -> str:
    """A namespace with a cache that nothing protects, and with a Secret."""
    caches = kube.resources.get(api_version="dragonflydb.io/v1alpha1", kind="Dragonfly")
    caches.create({**CACHE, "metadata": {"name": "cache"}}, namespace=namespace)
    secrets = kube.resources.get(api_version="v1", kind="Secret")
    secrets.create({"metadata": {"name": "auth"}, "stringData": {"password": PASSWORD}}, namespace=namespace)
    return namespace


def check(kubeconfig: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of `seawall check`."""
    command = ["-m", "seawall.cli", "check", "--context", "reader", "--kubeconfig", kubeconfig, "--format", "json"]
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert PASSWORD not in done.stdout + done.stderr
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


def found(report: Mapping[str, Any], namespace: str) -> set[str]:
    return {it["rule"] for it in report["findings"] if it["resource"].get("namespace") == namespace}


def notes(report: Mapping[str, Any]) -> list[str]:
    return [note["text"] for note in report["notes"]]


def test_the_rights_are_those_that_are_asked_for() -> None:
    """By name: the sandbox has not every CRD."""
    named = {(group, it) for rule in ROLE["rules"] for group in rule["apiGroups"] for it in rule["resources"]}
    kinds = {(group, kind) for group, kind in known_kinds() if (group, kind) != SECRET}
    plurals = {(group, f"{kind[:-1]}ies" if kind.endswith(("cy", "fly")) else f"{kind}s") for group, kind in kinds}
    assert named == {(group, name.lower()) for group, name in plurals}
    assert {verb for role in (ROLE, SECRETS) for rule in role["rules"] for verb in rule["verbs"]} == {"list"}


def test_the_rights_are_enough(account: Account, unprotected: str) -> None:
    code, report = check(account(ROLE))
    assert (code, report["unreadable"]) == (1, [])
    assert {"DFLY-TECH-001", "DFLY-SW-001"} <= found(report, unprotected)
    assert "Secrets: you may not list them (HTTP 403)" in notes(report)
    code, report = check(account(ROLE, SECRETS))
    assert (code, report["unreadable"]) == (1, [])
    assert not any(text.startswith("Secrets:") for text in notes(report))


def test_what_may_not_be_listed_is_told(account: Account, unprotected: str) -> None:
    code, report = check(account(ROLE, without="networkpolicies"))
    assert code == 2
    said = [(it["file"], it["why"]) for it in report["unreadable"]]
    path = "/apis/networking.k8s.io/v1/networkpolicies"
    assert said == [(path, "every NetworkPolicy: you may not list them (HTTP 403); rules took them for absent")]
    assert "DFLY-SW-001" in found(report, unprotected), "the rest is judged"
