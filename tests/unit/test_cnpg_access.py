"""Who may do what in the namespace of the databases, judged as the API server judges it."""

from typing import Any

import pulumi
import pulumi_kubernetes
import pytest
from cnpg_samples import POSTGRES, changed
from recorder import Recorder, run
from schemas import validate

from seawall.components.cnpg import access
from seawall.components.cnpg.access_settings import Access
from seawall.components.cnpg.namespace_access import NamespaceAccess, NamespaceAccessArgs
from seawall.components.cnpg.settings import CnpgSettings

GROUPS = Access.model_validate({"admins": ["dba"], "viewers": ["support", "developers"]})
CNPG, BARMAN = "postgresql.cnpg.io", "barmancloud.cnpg.io"


def may(
    made: dict[str, dict[str, Any]], group: str, verb: str, api_group: str, resource: str, name: str = "any"
) -> bool:
    """Whether a group may do this, by every binding that names it."""
    bound = {
        manifest["roleRef"]["name"]
        for manifest in made.values()
        if manifest["kind"] == "RoleBinding" and group in {subject["name"] for subject in manifest["subjects"]}
    }
    rules = [
        rule
        for manifest in made.values()
        if manifest["kind"] == "Role" and manifest["metadata"]["name"] in bound
        for rule in manifest["rules"]
    ]
    return any(
        verb in rule["verbs"]
        and api_group in rule["apiGroups"]
        and resource in rule["resources"]
        and name in rule.get("resourceNames", [name])
        for rule in rules
    )


@pytest.mark.parametrize(
    ("group", "verb", "api_group", "resource", "expected"),
    [
        ("dba", "patch", CNPG, "clusters", True),
        ("dba", "delete", CNPG, "poolers", True),
        ("dba", "create", CNPG, "backups", True),
        ("dba", "update", BARMAN, "objectstores", True),
        ("dba", "patch", CNPG, "clusters/status", True),  # a switchover by hand
        ("dba", "get", "", "pods/log", True),
        ("dba", "list", "", "events", True),
        ("dba", "create", "", "pods/exec", False),
        ("dba", "create", "", "pods", False),
        ("dba", "create", "batch", "jobs", False),  # a pod of one's own mounts any Secret
        ("dba", "get", "", "secrets", False),
        ("dba", "list", "", "secrets", False),
        ("dba", "get", "", "configmaps", False),
        ("dba", "create", "rbac.authorization.k8s.io", "rolebindings", False),
        ("support", "get", CNPG, "clusters", True),
        ("developers", "watch", CNPG, "databases", True),
        ("support", "list", "", "pods", True),
        ("support", "list", "batch", "jobs", True),
        ("support", "get", "", "pods/log", False),
        ("support", "patch", CNPG, "clusters", False),
        ("support", "create", CNPG, "backups", False),
        ("support", "get", "", "secrets", False),
        ("support", "create", "", "pods/exec", False),
        ("strangers", "get", CNPG, "clusters", False),
    ],
)
def test_rights(group: str, verb: str, api_group: str, resource: str, expected: bool) -> None:
    assert may(access.manifests("databases", GROUPS), group, verb, api_group, resource) is expected


def test_no_rule_has_a_wildcard() -> None:
    for manifest in access.manifests("databases", GROUPS, ["main-break-glass"]).values():
        for rule in manifest.get("rules", ()):
            assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}


def test_the_one_secret_is_read_by_name_and_by_admins_only() -> None:
    made = access.manifests("databases", GROUPS, ["main-break-glass"])
    assert may(made, "dba", "get", "", "secrets", "main-break-glass")
    assert not may(made, "dba", "get", "", "secrets", "main-role-shop")
    assert not may(made, "dba", "list", "", "secrets", "main-break-glass")
    assert not may(made, "support", "get", "", "secrets", "main-break-glass")
    assert set(access.manifests("databases", Access(), ["main-break-glass"])) == {"admin", "viewer"}


def test_without_groups_the_roles_are_there_and_nobody_has_them() -> None:
    assert {made["kind"] for made in access.manifests("databases", Access()).values()} == {"Role"}


def test_every_object_fits_its_schema() -> None:
    for manifest in access.manifests("databases", GROUPS, ["main-break-glass"]).values():
        assert manifest["metadata"]["namespace"] == "databases"
        validate(manifest)


def deployed(*changes: tuple[str, Any]) -> Recorder:
    clusters = {
        "main": changed(POSTGRES, *changes),
        "other": changed(POSTGRES, ("backup.prefix", "other"), ("names", {"pooler": "other-{app}"})),
    }
    settings = CnpgSettings.model_validate(
        {"namespace": "databases", "clusters": clusters, "access": {"admins": ["dba"]}}
    )

    def program() -> None:
        provider = pulumi_kubernetes.Provider("cluster", context="infra")
        NamespaceAccess("access", NamespaceAccessArgs(settings), pulumi.ResourceOptions(providers=[provider]))

    return run(program)


def test_the_component_serves_all_clusters_of_the_namespace_once() -> None:
    recorded = deployed()
    assert recorded.of_type("seawall:data:NamespaceAccess") == {"access"}
    assert {name for name in recorded.requests if recorded.parent(name) == "access"} == {
        "access-admin",
        "access-admin-binding",
        "access-viewer",
    }
    assert [urn for urn, _ in recorded.outputs if urn.endswith("::access")] != []


def test_the_break_glass_role_is_there_only_while_a_superuser_may_sign_in() -> None:
    open_door = (
        ("superuser_access", True),
        ("superuser_reason", "a test"),
        ("secrets.superuser", "db/superuser"),
    )
    [rule] = deployed(*open_door).inputs("access-break-glass")["rules"]
    assert rule == {
        "apiGroups": [""],
        "resources": ["secrets"],
        "verbs": ["get"],
        "resourceNames": ["main-break-glass"],
    }
    assert "access-break-glass" not in deployed().requests
