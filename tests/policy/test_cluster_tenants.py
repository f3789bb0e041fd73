"""Who the tenants of a Cluster are: its databases and the roles that may log in."""

from typing import Any

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.objects import Origin
from seawall.policy.estate.postgresql.tenants import Tenants, tenants_of


def tenants(**spec: Any) -> Tenants:
    manifest = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "main", "namespace": "db"},
        "spec": {"instances": 1, **spec},
    }
    made = kube_object(manifest, Origin())
    assert made is not None
    return tenants_of(made, build([made]))


def test_a_role_that_may_not_log_in_is_no_tenant() -> None:
    roles = [
        {"name": "shop", "login": True, "inRoles": ["readers"]},
        {"name": "readers", "login": False},
        {"name": "writers"},
        {"name": "gone", "login": True, "ensure": "absent"},
        {"name": "root", "login": True, "superuser": True},
    ]
    found = tenants(managed={"roles": roles}, bootstrap={"initdb": {"database": "shop", "owner": "shop"}})
    assert set(found.roles) == {"shop", "root"}
    assert found.roles["shop"].member_of == {"readers"}
    assert found.declared_roles == {"shop", "readers", "writers", "root"}
    assert found.superusers == {"root", "postgres"}
    assert found.databases == {"shop": "shop"}
