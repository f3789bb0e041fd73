"""The plan, for whoever decides whether it is carried out."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from seawall.qa.checks import Creates
from seawall.qa.verify import pods
from seawall.qa.verify.marks import RUN
from seawall.qa.verify.verification import Surroundings, Verification

_WORDS = {
    Creates.NOTHING: "reads",
    Creates.PROBES: "makes probe pods",
    Creates.DISRUPTIVE: "changes what runs",
}


def show_plan(verification: Verification, around: Surroundings, screen: Console) -> None:
    """What is looked at, what each test does, what is made where, and what is left out."""
    for name, cluster in verification.owner.clusters.items():
        seen = cluster.seen
        nodes = f"{seen.nodes} nodes" + (f", {seen.simulated_nodes} simulated" if seen.simulated_nodes else "")
        screen.print(f"{name}: context {seen.context}, {seen.version}, {nodes}, uid {seen.uid}", soft_wrap=True)
    screen.print(f"evidence will be marked {around.environment}")
    todo = [it.check for it in verification.plan if it.why_not is None]
    table = Table("test", "does", "and", box=None, pad_edge=False)
    for check in todo:
        colour = {Creates.NOTHING: "", Creates.PROBES: "yellow", Creates.DISRUPTIVE: "red"}[check.creates]
        table.add_row(check.id, Text(_WORDS[check.creates], style=colour), Text(check.plan))
    screen.print(table)
    left_out: dict[str, list[str]] = {}
    for it in verification.plan:
        if it.why_not is not None:
            left_out.setdefault(it.why_not, []).append(it.check.id)
    for why, tests in left_out.items():
        screen.print(f"not run: {', '.join(tests)}: {why}", markup=False, soft_wrap=True)
    made = [check for check in todo if check.creates is not Creates.NOTHING]
    if made:
        run = verification.owner.id
        screen.print(
            f"made and removed, all with the label {RUN}={run}: pods of {pods.IMAGE}, a ConfigMap and ExternalSecrets "
            f"in the namespaces of clients, data and scraper, and a namespace {pods.name(run)} on each cluster",
            markup=False,
            soft_wrap=True,
        )
