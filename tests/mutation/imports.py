"""Who imports whom among the modules of a package, read from the source."""

import ast
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path


class Imports:
    """The imports between modules, those inside of functions included."""

    def __init__(self, modules: Mapping[str, Path], root: Path) -> None:
        """`modules`: name → file."""
        self._files = {name: str(path.relative_to(root)) for name, path in modules.items()}
        self._names = {file: name for name, file in self._files.items()}
        self._importers: dict[str, set[str]] = defaultdict(set)
        for name, path in modules.items():
            for target in _targets(path.read_text()):
                if target in modules and target != name:
                    self._importers[target].add(name)
            if "iter_modules(__path__)" in path.read_text():  # imports what lies beside it
                for other in modules:
                    if other.startswith(f"{name}."):
                        self._importers[other].add(name)

    def module(self, file: str) -> str:
        """The module that a file is."""
        return self._names[file]

    def users(self, file: str) -> list[str]:
        """The files that import this one."""
        return sorted(self._files[name] for name in self._importers[self._names[file]])

    def stale(self, name: str) -> set[str]:
        """The modules that must be loaded again when this one changes: itself, and all that import it, however far."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._importers[name]
        return found


def _targets(text: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def modules(package: str, folder: Path) -> dict[str, Path]:
    """Every module below a folder: name → file."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = (package, *path.relative_to(folder).with_suffix("").parts)
        found[".".join(part for part in parts if part != "__init__")] = path
    return found
