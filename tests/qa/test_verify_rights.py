"""The rights of docs/verify.md are enough, and who lacks one is told which."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from stack_in_sandbox import apply, delete, items
from test_checks_here import REPOSITORY, SANDBOX
from verify_clusters import APPS, INFRA, Clusters
from verify_process import call, evidence

pytestmark = [pytest.mark.timeout(400, func_only=True), pytest.mark.usefixtures("nothing_left")]

DRAIN = "DFLY-E2E-005"
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
    code, said = call(
        clusters,
        *("--peer", APPS, "--s3-endpoint", clusters.s3, "--kubeconfig", str(file), "--evidence", str(tmp_path / "e")),
    )

    assert code == 0, said
    assert set(evidence(tmp_path / "e")) == {*REPOSITORY, *SANDBOX}


def test_the_rights_of_the_documentation_are_enough_to_probe_and_to_disrupt(
    clusters: Clusters, account: Account, tmp_path: Path, allowed: None, dragonfly: None
) -> None:
    file = account("seawall-verify", "seawall-verify-probes", "seawall-verify-disruptions")
    code, said = call(
        clusters,
        *("--test", "DFLY-E2E-005", "--test", "DB.CNPG.SHARED-INT-007", "--probe", "--disruptive", "--yes"),
        *("--kubeconfig", str(file), "--evidence", str(tmp_path / "e")),
        how="stuck",
    )

    assert code in (0, 1), said
    assert set(evidence(tmp_path / "e")) == {DRAIN}, said
    assert "is simulated, nothing runs there" in said


def test_who_may_not_read_is_told_which_right_is_missing(clusters: Clusters, account: Account) -> None:
    code, said = call(clusters, "--plan", "--kubeconfig", str(account()))

    assert code == 3
    assert "docs/verify.md" in said
