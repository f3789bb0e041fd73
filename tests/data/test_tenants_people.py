"""People in the namespace of the databases: what the API server lets the groups do that the stack names.

Whoever may write a Cluster is a superuser of its databases, so that these rights belong to the proof of tenants.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from data_page import Figures
from drill_double import Objects
from tenant_stack import TenantStack

from seawall.components.cnpg.access import BARMAN_GROUP, CNPG_GROUP
from seawall.components.kubernetes.rbac import READ, WRITE
from seawall.sandbox.cluster import Sandbox

NAMESPACE = "tenants-people"
ELSEWHERE = "default"
SECTION = "Tenants: people"
NOTE = (
    "What the sandbox's API server answers (SubjectAccessReview) for the groups of `access` with the rendered Roles "
    "and RoleBindings, in the namespace of the databases. In another namespace they may do none of it."
)

CHANGES = (*READ, *WRITE)
RIGHTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...], bool, bool]] = {
    # what it is: API group, resources, verbs, whether admins may, whether viewers may
    "see clusters, poolers, databases, roles, backups": (
        CNPG_GROUP,
        ("clusters", "poolers", "databases", "databaseroles", "backups", "scheduledbackups"),
        READ,
        True,
        True,
    ),
    "change them": (CNPG_GROUP, ("clusters", "poolers", "databases", "databaseroles"), WRITE, True, False),
    "take a backup": (CNPG_GROUP, ("backups", "scheduledbackups"), ("create",), True, False),
    "switch over": (CNPG_GROUP, ("clusters/status",), ("update", "patch"), True, False),
    "see object stores": (BARMAN_GROUP, ("objectstores",), READ, True, True),
    "change object stores": (BARMAN_GROUP, ("objectstores",), WRITE, True, False),
    "see pods, claims, events": ("", ("pods", "persistentvolumeclaims", "events", "services"), READ, True, True),
    "read logs": ("", ("pods/log",), ("get",), True, False),
    "read secrets": ("", ("secrets",), READ, False, False),
    "write secrets": ("", ("secrets",), WRITE, False, False),
    "read ConfigMaps": ("", ("configmaps",), READ, False, False),
    "run something in a pod": ("", ("pods/exec", "pods/attach", "pods/portforward"), ("create",), False, False),
    "make pods": ("", ("pods",), ("create",), False, False),
    "make jobs": ("batch", ("jobs", "cronjobs"), ("create",), False, False),
    "give rights away": (
        "rbac.authorization.k8s.io",
        ("roles", "rolebindings"),
        ("create", "update", "patch", "bind", "escalate"),
        False,
        False,
    ),
}


@pytest.fixture(scope="module")
def objects(sandbox: Sandbox) -> Iterator[Objects]:
    """The API server with the stack's Roles and bindings in a namespace of the test's own."""
    made = Objects(sandbox.endpoints)
    made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    stack = TenantStack("sandbox")
    rendered = [
        it
        for it in stack.objects
        if it["kind"] in ("Role", "RoleBinding") and it["metadata"]["namespace"] == stack.args.namespace
    ]
    assert {it["kind"] for it in rendered} == {"Role", "RoleBinding"}
    for it in rendered:
        made.apply({**it, "metadata": {**it["metadata"], "namespace": NAMESPACE}})
    yield made
    made.delete("v1", "Namespace", None, NAMESPACE)


def may(objects: Objects, group: str, namespace: str, api_group: str, resource: str, verb: str) -> bool:
    """What the API server answers."""
    name, _, sub = resource.partition("/")
    attributes = {"namespace": namespace, "group": api_group, "resource": name, "subresource": sub, "verb": verb}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": "somebody", "groups": [group, "system:authenticated"], "resourceAttributes": attributes},
    }
    path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
    answer: dict[str, Any] = objects.api.request("POST", path, body=review).document
    return bool(answer["status"]["allowed"])


@pytest.mark.parametrize("what", RIGHTS)
def test_people_may_do_what_the_documents_say(objects: Objects, what: str, figures: Figures) -> None:
    api_group, resources, verbs, admins, viewers = RIGHTS[what]
    wanted = {"sandbox-admins": admins, "sandbox-viewers": viewers, "somebody-else": False}
    for group, expected in wanted.items():
        for resource in resources:
            for verb in verbs:
                assert may(objects, group, NAMESPACE, api_group, resource, verb) is expected, (group, resource, verb)
                assert not may(objects, group, ELSEWHERE, api_group, resource, verb), (group, resource, verb)
    said = {group: "yes" if expected else "no" for group, expected in wanted.items()}
    columns = {"admins": said["sandbox-admins"], "viewers": said["sandbox-viewers"], "others": said["somebody-else"]}
    figures.row(SECTION, {"right": what, **columns}, note=NOTE)
