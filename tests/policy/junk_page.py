"""Puts much junk through every door, and writes docs/junk.md.

`python junk_page.py [EXAMPLES [SEED]]`, examples in all; ends with 1, and the junk that escapes, when some does.
"""

import resource
import sys
import time
import traceback
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from junk_doors import RUNS, SEED, Run, Tally
from junk_material import groups
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from test_junk_limits import FILES, MEMORY, SECONDS, STATES

from seawall.cli.bench import machine

EXAMPLES = 10_000
PAGE = Path(__file__).resolve().parents[2] / "docs" / "junk.md"
_HEAD = """# Junk through every door
Whatever comes through a door of the policy pack ends in findings, in a rule without a verdict that says why, or in a
clear error: never in an exception, in a defect of a rule, in findings without end, or in a report that cannot be
written. Manifests of our stacks and of the rules' fixtures are taken with one to five of their nodes replaced, moved,
deleted, renamed, wrapped or shared: by wrong types, unknown values, secrets of odd forms, numbers beyond any,
texts that look like schedules, quantities, addresses or templates, control characters, nesting, cycles. One in five
examples is raw bytes. Each result is written in every format, with the matrices. `make test` does it with fewer.
Written by `make test-junk`.
"""
_LIMITS = """
## What takes memory or time
Each is a file of up to some 10 MB, given to `seawall check` in a process that may take {memory:.0f} GiB of addresses
and {seconds} s of computing, and ends with one of its exit codes; `make test` does all of it
(`tests/policy/test_junk_limits.py`). Beyond 32 MiB a file, and beyond 512 MiB a state, is not read.

| door | junk | exit code |
| --- | --- | ---: |
"""


def main(examples: int, seed: int) -> int:
    """Run all; the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (2 * MEMORY, 2 * MEMORY))
    console = Console(stderr=True)
    tallies: dict[Run, Tally] = {}
    began = time.process_time()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    for run in RUNS:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task(run.name, total=examples // len(RUNS))
            try:
                tallies[run] = run.hold(
                    examples // len(RUNS),
                    start=seed,
                    on_each=lambda: progress.advance(task),  # noqa: B023
                )
            except Exception:
                progress.stop()
                console.print(traceback.format_exc()[-20_000:], markup=False, highlight=False, soft_wrap=True)
                return 1
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    cost = f"{(time.process_time() - began) / 60:.0f} minutes of computing, {peak:,} MiB at most"
    PAGE.write_text(page(tallies, seed, cost))
    console.print(f"nothing escapes; written {PAGE.name}")
    return 0


def page(tallies: dict[Run, Tally], seed: int, cost: str) -> str:
    """The page as Markdown."""
    today = datetime.now(UTC).date().isoformat()
    manifests = sum(len(group) for group in groups())
    outcomes = sorted({outcome for tally in tallies.values() for outcome in tally.outcomes})
    lines = [
        _HEAD,
        f"{today}; {machine()}, hypothesis {version('hypothesis')}; seed {seed} for each door; {manifests:,} manifests "
        f"to spoil; {cost}.",
        "",
        f"| door | form | examples | {' | '.join(outcomes)} | escaped |",
        f"| --- | --- | ---: | {' | '.join('---:' for _ in outcomes)} | ---: |",
    ]
    for run, tally in tallies.items():
        counts = " | ".join(f"{tally.outcomes[outcome]:,}" for outcome in outcomes)
        lines.append(f"| {run.name} | {run.about} | {tally.examples:,} | {counts} | 0 |")
    lines.append(_LIMITS.format(memory=MEMORY / 1024**3, seconds=SECONDS).rstrip("\n"))
    for door, several in (("folder", FILES), ("exported state", STATES)):
        lines += [f"| {door} | {junk.name} | {junk.code} |" for junk in several]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    raise SystemExit(main(*(given + [EXAMPLES, SEED][len(given) :])))
