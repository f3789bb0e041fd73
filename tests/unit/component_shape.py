"""What every component looks like, read from its source: signature, token, options, outputs once and last."""

import ast
from collections.abc import Iterator
from pathlib import Path

BASE = "ComponentResource"
OPTIONS = "ResourceOptions"


def found_in(folder: Path) -> dict[str, ast.ClassDef]:
    """`<file>:<class>` → every class in a package that is a component by its bases, as written."""
    found = {}
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith(BASE) for base in node.bases):
                found[f"{file.relative_to(folder).as_posix()}:{node.name}"] = node
    return found


def faults(component: ast.ClassDef) -> Iterator[str]:
    """What is wrong with the shape of a component; nothing when all is well."""
    constructor = next((it for it in component.body if isinstance(it, ast.FunctionDef) and it.name == "__init__"), None)
    if constructor is None:
        yield "has no constructor of its own"
        return
    yield from _signature(component, constructor)
    yield from _outputs(component, constructor)
    yield from _options(component, constructor)
    yield from _applies(component)


def _signature(component: ast.ClassDef, constructor: ast.FunctionDef) -> Iterator[str]:
    arguments = constructor.args
    named = [it.arg for it in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    if named != ["self", "name", "args", "opts"] or [ast.unparse(it) for it in arguments.defaults] != ["None"]:
        yield f"the signature is {ast.unparse(arguments)}, must be (self, name, args, opts=None)"
    calls = [it for it in ast.walk(constructor) if _calls(it, "__init__")]
    tokens = [ast.unparse(it.args[0]) for it in calls if it.args]
    if tokens != [repr(f"seawall:data:{component.name}")]:
        yield f"the type token is {tokens}"


def _outputs(component: ast.ClassDef, constructor: ast.FunctionDef) -> Iterator[str]:
    calls = [it for it in ast.walk(component) if _calls(it, "register_outputs")]
    last = constructor.body[-1]
    if len(calls) != 1:
        yield f"outputs are registered {len(calls)} times"
    elif not isinstance(last, ast.Expr) or last.value is not calls[0]:
        yield "outputs are not registered last, at the end of the constructor itself"
    elif any(isinstance(it, ast.Return) for it in ast.walk(constructor)):
        yield "the constructor may return before its outputs are registered"


def _options(component: ast.ClassDef, constructor: ast.FunctionDef) -> Iterator[str]:
    used = [it for it in ast.walk(constructor) if isinstance(it, ast.Name) and it.id == "opts"]
    if len(used) != 1:
        yield "the caller's options go to more than the base class"
    for call in ast.walk(component):
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(OPTIONS):
            given = {it.arg: ast.unparse(it.value) for it in call.keywords}
            former = given.keys() == {"aliases"}  # merged into the component's own options
            if not former and given.get("parent") != "self":
                yield f"a child's parent is {given.get('parent')}, must be self"


def _applies(component: ast.ClassDef) -> Iterator[str]:
    for call in ast.walk(component):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "apply":
            inside = [it for argument in call.args for it in ast.walk(argument) if isinstance(it, ast.Call)]
            if any("register" in ast.unparse(it.func) or any(k.arg == "opts" for k in it.keywords) for it in inside):
                yield "a resource is made in apply"


def _calls(node: ast.AST, method: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method
