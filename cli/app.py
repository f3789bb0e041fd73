"""The command line `seawall`. Every command says what it does, an example and its exit codes with `--help`.

Nothing heavy is imported here: each command imports what it needs, so that `seawall --help` answers at once.
"""

import os
from pathlib import Path
from typing import Annotated

import typer

import seawall
from seawall.cli.application import application
from seawall.cli.failures import guarded

EXIT_CODES = (
    "Exit codes: 0 done, 1 the policy pack found something enforced, 2 a mistake in settings or arguments, "
    "3 the environment failed, 130 interrupted."
)

app = application(
    no_args_is_help=True,
    epilog=EXIT_CODES,
)

Stack = Annotated[str, typer.Option("--stack", "-s", metavar="NAME", help="Which Pulumi.NAME.yaml to use.")]
Download = Annotated[
    bool,
    typer.Option(
        "--download", envvar="SEAWALL_DOWNLOAD", help="Fetch tools and plugins from their vendors instead of building."
    ),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Fail instead of waiting when another seawall command holds the sandbox.")
]


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False,
) -> None:
    """Seawall: shared Dragonfly and CloudNativePG with the hardening built in, and a sandbox to try it in."""
    if debug:
        os.environ["SEAWALL_DEBUG"] = "1"
    if version:
        print(f"seawall {seawall.__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def up(stack: Stack = "sandbox", download: Download = False, no_wait: NoWait = False) -> None:
    """Start the sandbox and deploy a stack into it: preview with the policy pack first, then the update.

    A second run changes nothing unless something drifted. Example: [bold]seawall up --stack sandbox[/]
    """
    from seawall.cli import deploy

    deploy.up(stack, download=download, wait=not no_wait)


@app.command(epilog=EXIT_CODES)
def preview(stack: Stack = "infra", download: Download = False, no_wait: NoWait = False) -> None:
    """Start the sandbox and show what an update of a stack would do, judged by the policy pack; change nothing.

    Example: [bold]seawall preview --stack infra[/]
    """
    from seawall.cli import deploy

    deploy.preview(stack, download=download, wait=not no_wait)


@app.command(epilog=EXIT_CODES)
def render(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the YAML files; made if missing.")
    ],
    stack: Stack = "infra",
    download: Download = False,
    no_wait: NoWait = False,
) -> None:
    """Write every Kubernetes manifest that a stack registers as YAML, for `seawall check` or to read.

    The folder must be empty or an earlier rendering. Example: [bold]seawall render --stack infra --out rendered[/]
    """
    from seawall.cli import deploy

    deploy.render(stack, out, download=download, wait=not no_wait)


@app.command(epilog=EXIT_CODES)
def down(
    no_wait: NoWait = False,
    keep_cache: Annotated[
        bool, typer.Option("--keep-cache/--drop-cache", help="Keep the built tools, so that the next start is quick.")
    ] = True,
) -> None:
    """Destroy what the stacks deployed in the sandbox, stop every process and remove the sandbox's state.

    Protected resources are destroyed too: the sandbox is thrown away as a whole. Example: [bold]seawall down[/]
    """
    from seawall.cli import teardown

    teardown.down(wait=not no_wait, keep_cache=keep_cache)


@app.command(
    epilog=(
        "Exit codes: 0 all is fine, 1 something needs a person or cannot be seen, 2 a mistake in the arguments, "
        "3 a part of the sandbox does not run or the cluster does not answer, 130 interrupted."
    )
)
def status(
    context: Annotated[
        str | None, typer.Option("--context", metavar="NAME", help="Ask this cluster, which is only read.")
    ] = None,
    kubeconfig: Annotated[
        Path | None,
        typer.Option("--kubeconfig", metavar="FILE", help="Where the context is, if not in the usual file."),
    ] = None,
    stack: Annotated[
        str | None,
        typer.Option("--stack", "-s", metavar="NAME", help="The cluster of this stack, held against what it says."),
    ] = None,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Ask the sandbox's own API server.")] = False,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="Of the nodes only this: is it safe to drain?")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option("--metrics", metavar="URL", help="A Prometheus, for live numbers.")
    ] = None,
    metrics_token: Annotated[
        Path | None, typer.Option("--metrics-token", metavar="FILE", help="A file with a bearer token for it.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="terminal|json", help="For a person, or for a machine.")
    ] = "terminal",
    pager: Annotated[
        bool, typer.Option("--pager/--no-pager", help="At a terminal, let a pager hold the first screen.")
    ] = True,
) -> None:
    """The page for the person on call: is a node safe to drain, when was the last backup and the last good restore, are
    connections left, are secrets synced, who can reach the cache. Each with its command and its runbook.

    Without a cluster: the sandbox's processes, where they listen, and which stacks are deployed.

    Example: [bold]seawall status --context infra --node worker-3[/]
    """
    from seawall.cli import status as parts

    if not any((context, kubeconfig, stack, sandbox, node, metrics, metrics_token, form != "terminal")):
        parts.status()
        return
    code = parts.on_call(
        context,
        kubeconfig,
        sandbox=sandbox,
        stack=stack,
        node=node,
        metrics=metrics,
        metrics_token=metrics_token,
        form=form,
        pager=pager,
    )
    if code:
        raise typer.Exit(code)


@app.command(epilog=EXIT_CODES)
def env(stack: Stack = "sandbox") -> None:
    """Print the variables with which kubectl, the AWS CLI and Pulumi's CLI reach the running sandbox.

    Example: [bold]eval "$(seawall env --stack sandbox)"; kubectl get pods -A[/]
    """
    from seawall.cli import status as parts

    parts.env(stack)


@app.command("bench-start", epilog=EXIT_CODES)
def bench_start(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write the table.")] = None,
) -> None:
    """Measure what a newcomer waits for, with built tools: first up, second up, preview of infra, check of its output.

    Writes docs/bench-start.md. The sandbox is stopped before and after. Example: [bold]seawall bench-start[/]
    """
    from seawall.cli import bench

    bench.start(out)


@app.command("bench-policy", epilog=EXIT_CODES)
def bench_policy(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Where to write the table.")] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option("--tool", metavar="NAME=PATH", help="Where kube-score, kyverno or checkov is, if not on PATH."),
    ] = None,
    kyverno_policies: Annotated[
        Path | None,
        typer.Option("--kyverno-policies", metavar="DIR", help="What Kyverno applies; none: it stays out."),
    ] = None,
) -> None:
    """Measure what the policy pack costs: a preview of 1,000 resources with it and with one empty rule, and a check of
    folders of 100, 200, 500 and 1,000 tenants beside the other tools that are installed.

    Writes docs/bench-policy.md. Needs the Pulumi CLI and no sandbox. Example: [bold]seawall bench-policy[/]
    """
    from seawall.cli import bench_policy as costs

    costs.start(out, programs=tool or (), policies=kyverno_policies)


@app.command(epilog=EXIT_CODES)
def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; list the pages that are out of date, and fail with 1.")
    ] = False,
) -> None:
    """Write the pages of docs/ that are made from settings, components and register. Needs no engine.

    Example: [bold]seawall docs --check[/]
    """
    from seawall.cli import docs as generated

    generated.docs(check=check)


_ELSEWHERE = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
"""For commands whose options, and help, are another module's: everything is handed on."""


@app.command(context_settings=_ELSEWHERE)
def check(context: typer.Context) -> None:
    """Judge a folder of Kubernetes YAML by the policy pack: no cluster, no Go. Example: [bold]seawall check DIR[/]"""
    from seawall.cli.check import app as found

    found(args=context.args, prog_name="seawall check")


@app.command(epilog=EXIT_CODES)
def rules(
    form: Annotated[
        str, typer.Option("--format", metavar="terminal|json", help="For a person, or for a machine.")
    ] = "terminal",
) -> None:
    """List the rules of the policy pack: id, severity, level, what each demands. Example: [bold]seawall rules[/]"""
    from rich.console import Console

    from seawall.cli import rules as known

    known.listed(known.form(form), Console(highlight=False))


@app.command(epilog=EXIT_CODES)
def explain(
    rule: Annotated[str, typer.Argument(metavar="ID", help="A rule's id, or that of a risk that rules answer.")],
) -> None:
    """Show a rule's page: what goes wrong, what is found, how to mend it, and short examples.

    Example: [bold]seawall explain DFLY-OPS-001[/]
    """
    from rich.console import Console

    from seawall.cli import rules as known

    known.explain(rule, Console(highlight=False))


@app.command(context_settings=_ELSEWHERE)
def verify(context: typer.Context) -> None:
    """Run the register's tests against real clusters, and keep the evidence.

    Example: [bold]seawall verify --context infra --peer apps --probe[/]
    """
    from seawall.cli.verify import app as found

    found(args=context.args, prog_name="seawall verify")


@app.command(context_settings=_ELSEWHERE)
def gate(context: typer.Context) -> None:
    """Run what can honestly run, keep the evidence, say whether the stories pass. Example: [bold]seawall gate[/]"""
    from seawall.cli.gate import app as found

    found(args=context.args, prog_name="seawall gate")


@app.command(context_settings=_ELSEWHERE)
def evidence(context: typer.Context) -> None:
    """The evidence of the tests: list, verify, sign. Example: [bold]seawall evidence list[/]"""
    from seawall.cli.evidence import app as found

    found(args=context.args, prog_name="seawall evidence")


@app.command(context_settings=_ELSEWHERE)
def report(context: typer.Context) -> None:
    """Write one page: why the gates are not green, who reaches what, and all else. Example: [bold]seawall report[/]"""
    from seawall.cli.report import app as found

    found(args=context.args, prog_name="seawall report")


@app.command(context_settings=_ELSEWHERE)
def tools(context: typer.Context) -> None:
    """The programs that the sandbox runs: list, get, clean. Example: [bold]seawall tools list[/]"""
    from seawall.cli.tools import app as found

    found(args=context.args, prog_name="seawall tools")


def main() -> None:
    """Run the command line and leave the process."""
    guarded(app)
