"""`seawall down`."""

import shutil

from rich.console import Console
from rich.text import Text

from seawall import paths
from seawall.cli import failures
from seawall.errors import SeawallError
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine import layout, lock, recovery
from seawall.sandbox.engine.driver import Engine


def down(*, wait: bool, keep_cache: bool) -> None:
    """Destroy every stack that the sandbox holds, stop its processes, remove its state."""
    failures.if_interrupted(failures.GOES_ON)
    console = Console()

    def say(sentence: str) -> None:
        console.print(Text(sentence), soft_wrap=True)

    state = paths.state()
    sandbox = Sandbox(state)
    with lock.exclusive(state, say, wait=wait):
        leftovers = recovery.clean(state)
        if leftovers:
            say(leftovers.sentence())
        if any(part.running for part in sandbox.status()):
            for work in layout.stacks(state):
                try:
                    if not recovery.deployed(state, work.project, work.stack):
                        continue
                    done = Engine(work.folder, work.stack, sandbox, console).destroy()
                    say(f"stack {work.stack}: {done.changes.get('delete', 0)} resources destroyed")
                except SeawallError as error:
                    say(f"stack {work.stack} is not destroyed ({error}); it goes with the sandbox")
        else:
            say("the sandbox is not running: there is nothing to destroy")
        stopped = sandbox.stop(console)
        if stopped.removed:
            say(f"the sandbox is gone: {stopped.ended} processes ended, {state} removed")
        if not keep_cache:
            shutil.rmtree(paths.cache() / "tools", ignore_errors=True)
            say("the built tools are removed; the next start builds them again")
