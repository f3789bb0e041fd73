"""`seawall status`, about the sandbox's parts or about a cluster, and `seawall env`."""

import io
import json
import os
import shlex
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from seawall import paths
from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine import environment, layout, recovery

if TYPE_CHECKING:
    from seawall.qa.oncall.expected import Expected
    from seawall.qa.oncall.model import Page

_HOW_TO_ASK = (
    "a cluster is asked with `seawall status --context NAME`, the sandbox's own with `seawall status --sandbox`"
)


def status() -> None:
    """Print the parts, the endpoints and the stacks. Raises `EnvironmentFailure` when a part does not run."""
    console = Console()
    sandbox = Sandbox(paths.state())
    parts = sandbox.status()
    if not parts:
        console.print("there is no sandbox; `seawall up` starts one")
        console.print(Text(_HOW_TO_ASK.partition(",")[0]), soft_wrap=True)
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
    console.print(Text(_HOW_TO_ASK), soft_wrap=True)
    if down := [part.name for part in parts if not part.running]:
        raise EnvironmentFailure(f"not running: {', '.join(down)}; `seawall up` starts what is missing")


def on_call(
    context: str | None,
    kubeconfig: Path | None,
    *,
    sandbox: bool,
    stack: str | None,
    node: str | None,
    metrics: str | None,
    metrics_token: Path | None,
    form: str,
    pager: bool,
) -> int:
    """Print the on-call page of a cluster; the exit code, 1 when something needs a person.

    Raises `UserError` for arguments that do not go together, a context or a node that there is not, and
    `EnvironmentFailure` when the API server does not answer.
    """
    from seawall.qa.oncall.asking import ask
    from seawall.qa.oncall.expected import NOTHING

    if form not in ("terminal", "json"):
        raise UserError(f"--format {form}: there are terminal and json")
    expected = _expected(stack) if stack is not None else NOTHING
    name, file = _cluster(context, kubeconfig, sandbox=sandbox, expected=expected)
    screen = Console(stderr=True)
    with screen.status(f"reading {escape(name)}") as line:
        page = ask(
            name,
            file,
            node=node,
            metrics=metrics,
            metrics_token=metrics_token,
            expected=expected,
            told=lambda what: line.update(f"reading {escape(name)}: {what}"),
        )
    if form == "json":
        print(json.dumps(page.to_plain(), indent=2))
    else:
        _print(page, pager=pager)
    return page.exit_code


def _cluster(
    context: str | None, kubeconfig: Path | None, *, sandbox: bool, expected: "Expected"
) -> tuple[str, Path | None]:
    """The context that is asked, and the file it is in."""
    if sandbox:
        if context is not None or kubeconfig is not None:
            raise UserError("--sandbox names a context and a kubeconfig itself: leave --context and --kubeconfig out")
        where = Sandbox(paths.state()).endpoints
        return where.context, where.kubeconfig
    if context is not None and expected.context not in (None, context):
        raise UserError(
            f"--context {context}: stack {expected.stack} is for context {expected.context}; leave one of the two out"
        )
    name = context or expected.context
    if name is None:
        raise UserError("these options are about a cluster: say which with --context NAME, --stack NAME or --sandbox")
    return name, kubeconfig


def _expected(stack: str) -> "Expected":
    from seawall.components.settings import load, read_stack_file
    from seawall.qa.oncall.expected import of_stack

    project = paths.checkout()
    return of_stack(stack, load(read_stack_file(project, stack), project))


def _print(page: "Page", *, pager: bool) -> None:
    """The page; at a terminal that is too low for it through a pager, so that the first screen is the first."""
    from seawall.qa.oncall.screen import show

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # ✓ and ✗ where the terminal has no UTF-8
    console = Console(highlight=False)
    if not (pager and sys.stdin.isatty() and console.is_terminal):
        show(page, console)
        return
    import click

    os.environ.setdefault("LESS", "-FRX")
    with console.capture() as captured:
        show(page, console)
    text = captured.get()
    if text.count("\n") < console.height:
        print(text, end="")
    else:
        click.echo_via_pager(text, color=True)


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
