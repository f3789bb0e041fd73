"""How every component is written: its signature, its children's parent, and its outputs once, last."""

import ast
import importlib
import pkgutil

import pulumi
import pytest
from component_shape import faults, found_in
from stack_samples import CHECKOUT

from seawall import components

COMPONENTS = found_in(CHECKOUT / "components")


def test_the_components_are_found() -> None:
    assert {"DragonflyCluster", "CnpgSharedCluster", "BackupBucket", "Operators", "SharedServiceConsumer"} <= {
        name.rpartition(":")[2] for name in COMPONENTS
    }


def test_no_component_of_the_package_is_missed() -> None:
    """The classes that really are components, whatever their bases are called, are those that the source shows."""
    real = set()
    for module in pkgutil.walk_packages(components.__path__, f"{components.__name__}."):
        for it in vars(importlib.import_module(module.name)).values():
            if isinstance(it, type) and issubclass(it, pulumi.ComponentResource) and it.__module__ == module.name:
                real.add(f"{module.name.removeprefix('seawall.components.').replace('.', '/')}.py:{it.__name__}")

    assert real == COMPONENTS.keys()


@pytest.mark.parametrize("name", components.__all__)
def test_components_are_imported_from_one_place(name: str) -> None:
    assert getattr(components, name).__name__ == name
    assert not hasattr(components, f"{name}s")


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_has_the_shape_of_all(name: str) -> None:
    assert list(faults(COMPONENTS[name])) == []


RIGHT = """
class Thing(pulumi.ComponentResource):
    def __init__(self, name, args, opts=None):
        super().__init__("seawall:data:Thing", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.key = register(f"{name}-x", args.manifest, child)
        self.arn = self.key.arn.apply(str)
        self.register_outputs({})
"""

OUTPUTS, NOT_LAST = "self.register_outputs({})", "not registered last"
WRONG: dict[str, tuple[str, str, str]] = {
    "outputs never": (OUTPUTS, "pass", "registered 0 times"),
    "outputs twice": (OUTPUTS, f"{OUTPUTS}\n        {OUTPUTS}", "registered 2 times"),
    "outputs not last": (OUTPUTS, f"{OUTPUTS}\n        self.a = 1", NOT_LAST),
    "outputs in a branch": (OUTPUTS, f"if name:\n            {OUTPUTS}", NOT_LAST),
    "outputs elsewhere": (OUTPUTS, f"self._end()\n\n    def _end(self):\n        {OUTPUTS}", NOT_LAST),
    "an early return": ("self.arn =", "if not args.more:\n            return\n        self.arn =", "may return before"),
    "another token": ("seawall:data:Thing", "seawall:data:Other", "type token"),
    "no options": ("args, opts=None", "args", "signature"),
    "a further argument": ("opts=None", "opts=None, *, more=1", "signature"),
    "another parent": ("parent=self", "parent=args.parent", "parent is args.parent"),
    "no parent": ("parent=self", "protect=True", "parent is None"),
    "the caller's options": (
        "ResourceOptions(parent=self)",
        "ResourceOptions.merge(opts, self.one)",
        "more than the base",
    ),
    "a resource in apply": ("apply(str)", 'apply(lambda arn: register("late", arn, child))', "made in apply"),
    "no constructor": ("def __init__(self,", "def make(self,", "constructor"),
}


def test_a_right_component_has_no_faults() -> None:
    assert list(faults(component(RIGHT))) == []


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_component_is_told_what_is_wrong(fault: str) -> None:
    old, new, told = WRONG[fault]
    source = RIGHT.replace(old, new)

    assert source != RIGHT
    assert any(told in text for text in faults(component(source)))


def component(source: str) -> ast.ClassDef:
    [made] = [it for it in ast.parse(source).body if isinstance(it, ast.ClassDef)]
    return made
