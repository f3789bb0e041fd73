"""What a stack expects to be there, and what it makes itself: never both, and together all that its objects need."""

import importlib.util
from typing import Any

import pytest
from recorder import run
from stack_samples import CHECKOUT, GONE, changed

from seawall.components.settings import load
from seawall.sandbox.engine import surroundings

STACKS = ("infra", "apps", "sandbox")


def module() -> Any:
    spec = importlib.util.spec_from_file_location("program", CHECKOUT / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.mark.parametrize("stack", STACKS)
def test_every_object_has_a_namespace_that_is_made_or_expected(stack: str) -> None:
    settings = load(changed(stack=stack))
    record = run(lambda: module().deploy(settings))
    made, used = set(), set()
    for name, request in record.requests.items():
        if not request.type.startswith("kubernetes:"):
            continue
        inputs = record.inputs(name)
        if request.type == "kubernetes:core/v1:Namespace":
            made.add(inputs["metadata"]["name"])
        else:
            used.add(inputs["metadata"]["namespace"] if "metadata" in inputs else inputs["namespace"])
    assert made == set(surroundings.made(settings))
    expected = set(surroundings.namespaces(settings))
    assert not made & expected
    assert used - {None} <= made | expected


def test_a_consumer_expects_its_clients_and_the_namespaces_of_former_names() -> None:
    assert set(surroundings.namespaces(load(changed(stack="apps")))) == {
        "observability",
        "gitlab-system",
        "synergyflow",
        "cnpg-system",
    }
    assert surroundings.storage_classes(load(changed(stack="apps"))) == []


def test_an_operator_that_something_else_installs_is_expected() -> None:
    settings = load(changed(("operators.cnpg.managed", False)))
    assert "cnpg-system" in surroundings.namespaces(settings)
    assert "cnpg-system" not in surroundings.made(settings)


def test_a_stack_without_postgres_needs_none_of_its_surroundings() -> None:
    settings = load(changed(("cnpg", GONE), ("aws", GONE)))
    assert not {"cnpg-system", "keycloak"} & set(surroundings.namespaces(settings))
    assert "databases" not in surroundings.made(settings)


def test_a_stack_without_dragonfly_needs_none_of_its_surroundings() -> None:
    settings = load(changed(("dragonfly", GONE)))
    everything = {*surroundings.namespaces(settings), *surroundings.made(settings)}
    assert not {"dragonfly-operator-system", "dragonfly-system"} & everything
    assert surroundings.storage_classes(settings) == ["openebs-local-nvme"]
