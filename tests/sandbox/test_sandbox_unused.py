"""Namespaces that the sandbox made for one stack make way for another that makes them itself; nothing else does."""

from typing import Any

from kubernetes.dynamic.exceptions import NotFoundError

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.objects import CNPG_NAMESPACE


def present(kube: Any, name: str) -> bool:
    try:
        kube.resources.get(api_version="v1", kind="Namespace").get(name=name)
    except NotFoundError:
        return False
    return True


def test_a_namespace_that_nothing_uses_makes_way(sandbox: Sandbox, kube: Any) -> None:
    sandbox.ensure_namespaces(["expected"])
    sandbox.make_way(["expected", "never-there"])
    assert not present(kube, "expected")


def test_a_namespace_in_which_somebody_has_something_stays(sandbox: Sandbox, kube: Any) -> None:
    sandbox.ensure_namespaces(["in-use"])
    services = kube.resources.get(api_version="v1", kind="Service")
    services.create({"metadata": {"name": "other"}, "spec": {"type": "ExternalName", "externalName": "x.y"}}, "in-use")
    sandbox.make_way(["in-use"])
    assert present(kube, "in-use")


def test_a_custom_resource_keeps_its_namespace_as_well(sandbox: Sandbox, kube: Any) -> None:
    sandbox.ensure_namespaces(["walled"])
    policies = kube.resources.get(api_version="cilium.io/v2", kind="CiliumNetworkPolicy")
    wall = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "wall"}}
    policies.create({**wall, "spec": {"endpointSelector": {}, "egress": [{}]}}, "walled")
    sandbox.make_way(["walled"])
    assert present(kube, "walled")


def test_a_namespace_that_somebody_else_made_stays(kube: Any, namespace: str, sandbox: Sandbox) -> None:
    sandbox.make_way([namespace])
    assert present(kube, namespace)


def test_the_namespaces_of_the_sandboxs_own_operators_stay(sandbox: Sandbox, kube: Any) -> None:
    sandbox.make_way([CNPG_NAMESPACE])
    assert present(kube, CNPG_NAMESPACE)
