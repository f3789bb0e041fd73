"""The Pulumi program as a function that the Automation API can call, as often as a run needs it."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import pulumi

from seawall import paths
from seawall.errors import SeawallError

_DRIVER = ("seawall.cli", "seawall.errors", "seawall.paths", "seawall.sandbox", "seawall.tools")
"""Our own modules that run the program: they stay loaded, since the program's errors must keep their classes."""


class Program:
    """Runs `__main__.py` of a project (or any other file) in this process, each time as if for the first time.

    The vendor's language host starts an interpreter for each run; here a run imports afresh whatever the project itself
    is made of, while installed packages stay loaded.
    """

    def __init__(self, file: Path, project: Path) -> None:
        """`file` is the program; `project` is the folder that is first on `sys.path` after the file's own."""
        self.file, self.project = file, project
        self.mistake: SeawallError | None = None

    def function(self) -> Callable[[], None]:
        """What to hand to the Automation API."""
        return self.run

    def run(self) -> None:
        """Run the program once.

        A `SeawallError` is a person's mistake: the engine shows its text alone, and it is kept in `mistake`.
        """
        loaded, path = set(sys.modules), list(sys.path)
        sys.path[:0] = list(dict.fromkeys([str(self.file.parent), str(self.project)]))
        try:
            runpy.run_path(str(self.file), run_name="__main__")
        except SeawallError as error:
            self.mistake = error
            raise pulumi.RunError(str(error)) from error
        finally:
            sys.path[:] = path
            self._forget(set(sys.modules) - loaded)

    def _forget(self, names: set[str]) -> None:
        roots = (self.file.parent.resolve(), self.project.resolve(), paths.checkout())
        for name in names:
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str) or name == "__main__" or name.startswith(_DRIVER):
                continue
            where = Path(file).resolve()
            if "site-packages" not in where.parts and any(where.is_relative_to(root) for root in roots):
                del sys.modules[name]
