"""How every component is written: its signature, its children's parent, and its outputs once, last."""

import ast
from pathlib import Path

import pytest
from stack_samples import CHECKOUT

from seawall import components

BASE = "ComponentResource"


def found_components() -> dict[str, tuple[Path, ast.ClassDef]]:
    found = {}
    for file in sorted((CHECKOUT / "components").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(BASE) for base in node.bases):
                found[node.name] = (file, node)
    return found


COMPONENTS = found_components()


def constructor(name: str) -> ast.FunctionDef:
    body = COMPONENTS[name][1].body
    return next(node for node in body if isinstance(node, ast.FunctionDef) and node.name == "__init__")


def test_the_components_are_found() -> None:
    assert {"DragonflyCluster", "CnpgSharedCluster", "BackupBucket", "Operators"} <= COMPONENTS.keys()


@pytest.mark.parametrize("name", components.__all__)
def test_components_are_imported_from_one_place(name: str) -> None:
    assert getattr(components, name).__name__ == name
    assert not hasattr(components, f"{name}s")


@pytest.mark.parametrize("name", COMPONENTS)
def test_outputs_are_registered_once_and_last(name: str) -> None:
    calls = [node for node in ast.walk(COMPONENTS[name][1]) if is_call(node, "register_outputs")]
    assert len(calls) == 1
    last = constructor(name).body[-1]
    assert isinstance(last, ast.Expr)
    assert last.value is calls[0]


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_signature_is_name_args_opts(name: str) -> None:
    assert [argument.arg for argument in constructor(name).args.args] == ["self", "name", "args", "opts"]
    assert [ast.unparse(default) for default in constructor(name).args.defaults] == ["None"]


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_type_token_is_ours(name: str) -> None:
    [call] = [node for node in ast.walk(constructor(name)) if is_call(node, "__init__")]
    assert isinstance(call, ast.Call)
    assert ast.literal_eval(call.args[0]) == f"seawall:data:{name}"


@pytest.mark.parametrize("name", COMPONENTS)
def test_the_callers_options_go_to_no_child(name: str) -> None:
    used = [node for node in ast.walk(constructor(name)) if isinstance(node, ast.Name) and node.id == "opts"]
    assert len(used) == 1, "only the base class gets them"


def is_call(node: ast.AST, method: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
