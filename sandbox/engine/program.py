"""The Pulumi program as a function that the Automation API can call, as often as a run needs it."""

import asyncio
import runpy
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

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
        self._loop: asyncio.AbstractEventLoop | None = None  # of the SDK, which closes it at the end of a run

    def run(self) -> None:
        """Run the program once.

        A `SeawallError` is a person's mistake: the engine shows its text alone, and it is kept in `mistake`.
        """
        self._loop = asyncio.get_running_loop()
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

    def settle(self, timeout: float = 2) -> None:
        """After a failed run: wait (seconds) until the SDK has given it up, and end what it left half done.

        An error among its last tasks keeps the SDK from ending the others and closing its event loop. Left to the
        garbage collector they would fail at any later time, with a traceback on the screen.
        """
        loop, self._loop = self._loop, None
        end, idle = time.monotonic() + timeout, 0
        while loop and not loop.is_closed() and time.monotonic() < end:
            idle = 0 if loop.is_running() else idle + 1
            if idle > 20:
                loop.run_until_complete(_end_all(asyncio.all_tasks(loop)))
                loop.close()
            time.sleep(0.01)

    def _forget(self, names: set[str]) -> None:
        roots = (self.file.parent.resolve(), self.project.resolve(), paths.checkout())
        for name in names:
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str) or name == "__main__" or name.startswith(_DRIVER):
                continue
            where = Path(file).resolve()
            if "site-packages" not in where.parts and any(where.is_relative_to(root) for root in roots):
                del sys.modules[name]


async def _end_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
