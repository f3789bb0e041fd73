"""Runs every oracle over many generated policy sets, and writes docs/oracles.md.

`python oracle_page.py [SETS [SEED]]`; ends with 1, and the smallest case that differs, when one does.
"""

import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from comparing import Tally
from defects import DEFECTS, REFUSALS, SPELLINGS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from runs import RUNS, SEED, Run

SETS = 2_000
PAGE = Path(__file__).resolve().parents[2] / "docs" / "oracles.md"
VERSIONS = (
    "network-config-analyzer 2.1.0 (PyPI), cyclonus v0.5.6 and cilium v1.18.0 (Go modules; `tools/go/*-oracle` are "
    "small programs of ours over their packages `pkg/matcher` and `pkg/policy`)"
)
_HEAD = """# Who can open which port: held against other programs

What `policy/reachability` decides is compared, cell by cell, with independent programs on generated policy sets. A cell
is one pod, one direction, one peer (a pod, an address outside, one of Cilium's entities) and one port. Sets are small
clusters: 3 or 4 namespaces, 4 to 8 pods with labels and named ports (TCP, UDP, SCTP), 1 to 6 policies that meet at the
same pods, with every construct of the dialect (`tests/oracles/strategies.py`, `cilium_strategies.py`).
`make test` does it with 100 sets each. Written by `make test-oracles`.
"""
_NOTES = """
*Open*: cells that the oracle calls open. *Partly open*: a pod's direction that is open to some and closed to others.
*Depend*: cells that we leave undecided, because they depend on where the API server is (this node, another, outside),
which address of the world is meant, or whether the cluster has addresses of one family or two; the oracle was asked
about each, and its answers differ. Everything else is decided, and agrees or is explained below.

Not generated, because what they mean is not in the policies: `toFQDNs`, `toServices`, `fromNodes`/`toNodes`,
`fromGroups`/`toGroups` and CIDR groups. A pod and itself is no cell. `icmps` are generated, echo requests are no cells.
The agent's settings are its defaults; Cilium 1.19's selectors (no cluster named: the local one) are those of 1.18 with
`policy-default-local-cluster`.

## Where an oracle is wrong

A cell counts as explained only when our decision about the policies *as the oracle misreads them* (`taken_for` in
`tests/oracles/defects.py`) is the oracle's answer. `tests/oracles/test_defects.py` shows each defect alone.
"""


def main(sets: int, seed: int) -> int:
    """Run all; the exit code."""
    console = Console(stderr=True)
    tallies: dict[Run, Tally] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    for run in RUNS:
        run.program(console)  # builds or installs it, before the bar
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(run.name, total=sets)
            try:
                tallies[run] = run.hold(sets, console, start=seed, on_set=lambda: progress.advance(task))  # noqa: B023
            except AssertionError as difference:
                progress.stop()
                console.print(str(difference), markup=False, highlight=False, soft_wrap=True)
                return 1
    PAGE.write_text(page(tallies, seed))
    console.print(f"no cell differs without an explanation; written {PAGE.name}")
    return 0


def page(tallies: dict[Run, Tally], seed: int) -> str:
    """The page as Markdown."""
    today = datetime.now(UTC).date().isoformat()
    lines = [
        _HEAD,
        f"{today}; hypothesis {version('hypothesis')}, seed {seed}; {VERSIONS}.",
        "",
        "| oracle | about | sets | cells | open | partly open | depend | explained | mismatches |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run, tally in tallies.items():
        numbers = (
            f"{tally.sets:,}",
            f"{tally.cells:,}",
            f"{tally.open / tally.cells:.0%}",
            f"{tally.partly / tally.sides:.0%}",
            f"{tally.undecided:,}",
            f"{sum(tally.explained.values()):,}",
            f"{tally.mismatches:,}",
        )
        lines.append(f"| {run.name} | {run.about} | {' | '.join(numbers)} |")
    lines += [_NOTES, "| oracle | defect | what it does | where | cells |", "| --- | --- | --- | --- | ---: |"]
    explained = {
        name: sum(
            cells
            for run, tally in tallies.items()
            for why, cells in tally.explained.items()
            if name in why.split(" and ") and run.name == oracle
        )
        for oracle, name in ((it.oracle, it.name) for it in DEFECTS)
    }
    lines += [f"| {it.oracle} | {it.name} | {it.what} | {it.citation} | {explained[it.name]:,} |" for it in DEFECTS]
    lines += ["", "## What an oracle refuses", "", "| oracle | what | where, and what is done | times |"]
    lines.append("| --- | --- | --- | ---: |")
    for spelling in SPELLINGS:
        times = sum(tally.spelled[spelling.name] for tally in tallies.values())
        lines.append(
            f"| {spelling.oracle} | {spelling.name} | {spelling.citation}; put to it as it wants | {times:,} |"
        )
    for known in REFUSALS:
        times = sum(tally.refused[known.name] for tally in tallies.values())
        lines.append(f"| {known.oracle} | {known.name} | {known.citation} | {times:,} |")
    invalid = sum(tally.refused["a policy that we refuse as well"] for tally in tallies.values())
    lines.append(
        f"| cilium | an invalid policy | the agent refuses all of it, and so do we, which is checked | {invalid:,} |"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    raise SystemExit(main(*(given + [SETS, SEED][len(given) :])))
