"""What the source says beside a name: the text that stands under an assignment or an attribute."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import ModuleType
from typing import Any


def texts(module: ModuleType) -> Mapping[str, str]:
    """Name → the text under its assignment, for a module's own names."""
    return dict(_described(ast.parse(inspect.getsource(module)).body))


def attributes(owner: type[Any]) -> Mapping[str, tuple[str, str]]:
    """Attribute → its type as written and the text under it, for a class's own annotated attributes."""
    [found] = (node for node in _tree(owner).body if isinstance(node, ast.ClassDef))
    described = dict(_described(found.body))
    return {
        node.target.id: (ast.unparse(node.annotation).replace("'", ""), described.get(node.target.id, ""))
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def default(owner: type[Any], attribute: str) -> str | None:
    """The default of a class's attribute as it is written; None when it has none."""
    [found] = (node for node in _tree(owner).body if isinstance(node, ast.ClassDef))
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == attribute:
            return ast.unparse(node.value) if node.value is not None else None
    raise KeyError(f"{owner.__name__} has no attribute {attribute}")


def decorated(owner: type[Any], base: type[Any], decorator: str) -> list[str]:
    """The methods with a decorator of that name, of the class and of what it inherits below `base`; base first."""
    classes = [it for it in reversed(owner.__mro__) if issubclass(it, base) and it is not base]
    bodies = [node for it in classes for node in _tree(it).body if isinstance(node, ast.ClassDef)]
    names = [
        node.name
        for body in bodies
        for node in body.body
        if isinstance(node, ast.FunctionDef) and any(ast.unparse(it) == decorator for it in node.decorator_list)
    ]
    return list(dict.fromkeys(names))


def docstring(owner: object) -> str:
    """The docstring of a class, function or module, without its indentation; empty when it has none."""
    return inspect.getdoc(owner) or ""


def _tree(owner: type[Any]) -> ast.Module:
    return ast.parse(inspect.cleandoc("\n" + inspect.getsource(owner)))


def _described(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise(body):
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            continue
        text = following.value.value
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(text, str):
                yield target.id, inspect.cleandoc(text)
