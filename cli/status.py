"""`seawall status` and `seawall env`."""

import shlex
from collections import Counter

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seawall import paths
from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine import environment, layout, recovery


def status() -> None:
    """Print the parts, the endpoints and the stacks. Raises `EnvironmentFailure` when a part does not run."""
    console = Console()
    sandbox = Sandbox(paths.state())
    parts = sandbox.status()
    if not parts:
        console.print("there is no sandbox; `seawall up` starts one")
        return
    table = Table("part", "state", "pid", "what", box=None, pad_edge=False)
    for part in (part for part in parts if part.kind == "process"):
        colour = "green" if part.running else "red"
        pid = str(part.pid) if part.pid else ""
        table.add_row(Text(part.name), Text(part.state, style=colour), pid, Text(part.detail))
    console.print(table, highlight=False)
    sources = Counter(f"CRDs {part.state} from {part.detail}" for part in parts if part.kind == "crd")
    for source, count in sources.items():
        console.print(Text(f"{count} {source}"), soft_wrap=True)
    where = sandbox.endpoints
    for name, text in (("API server", where.api_server), ("S3, KMS, IAM", where.s3), ("state", str(sandbox.state))):
        console.print(Text(f"{name}: {text}"), soft_wrap=True)
    for work in layout.stacks(sandbox.state):
        count = recovery.deployed(sandbox.state, work.project, work.stack)
        console.print(Text(f"stack {work.stack}: {count} resources; seawall env --stack {work.stack}"), soft_wrap=True)
    if down := [part.name for part in parts if not part.running]:
        raise EnvironmentFailure(f"not running: {', '.join(down)}; `seawall up` starts what is missing")


def env(stack: str) -> None:
    """Print `export` lines for a shell.

    Raises `EnvironmentFailure` without a sandbox, `UserError` for a stack that was not used in it.
    """
    sandbox = Sandbox(paths.state())
    where = sandbox.endpoints
    kubeconfig = layout.kubeconfig(sandbox.state, stack)
    if not kubeconfig.is_file():
        known = ", ".join(work.stack for work in layout.stacks(sandbox.state)) or "none yet"
        raise UserError(f"stack {stack} was not used in this sandbox (used: {known}): seawall preview --stack {stack}")
    if not any(part.name == "kube-apiserver" and part.running for part in sandbox.status()):
        raise EnvironmentFailure("the sandbox is not running: `seawall up` starts it")
    variables = {
        "KUBECONFIG": str(kubeconfig),
        "AWS_ENDPOINT_URL": where.s3,
        # The sandbox's S3, KMS and IAM take any credentials; without some the AWS CLI would look for real ones.
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        **environment.backend(sandbox.state),
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
