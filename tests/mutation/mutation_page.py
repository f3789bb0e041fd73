"""Mutation testing of the pack's own code; writes docs/mutation.md.

`python mutation_page.py --help` lists the options. Ends with 1 when a tenth or more of the sample survives, a
survivor has no explanation, or what is explained as a survivor is killed. With `--only`, `--again` or `--no-page` no
page is written.
"""

import argparse
import asyncio
import gc
import importlib
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

import imports
import left_out
import mutants
import scope
import survivors
from choosing import Choice, Test, read
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from running import SURVIVORS, End, Suite, Verdict, forked, verdicts

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "mutation.md"
COUNT, SEED = 500, 1
WORKERS = 2
MOST = 0.1
"""The share that may survive."""
RECORDING_SECONDS = 900
NOT_RUN = ("test_mutation_tool.py",)
"""Tests of the tool itself."""
COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


@dataclass(frozen=True)
class Run:
    """What one run found."""

    seed: int
    pool: mutants.Pool
    verdicts: Sequence[Verdict]
    tests: Sequence[Test]
    minutes: float

    @property
    def lived(self) -> list[Verdict]:
        """The survivors, by file."""
        found = (verdict for verdict in self.verdicts if verdict.end in SURVIVORS)
        return sorted(found, key=lambda verdict: (verdict.mutant.place.file, verdict.mutant.place.number))


def main(arguments: Sequence[str]) -> int:
    """Run; the exit code."""
    parser = argparse.ArgumentParser(prog="make test-mutation ARGS=…")
    parser.add_argument("--count", type=int, default=COUNT, help="mutants")
    parser.add_argument("--seed", type=int, default=SEED, help="of the sample")
    parser.add_argument("--only", nargs="*", default=[], help="parts of paths; no page is written")
    parser.add_argument("--again", type=Path, help="only what survived in these results; no page is written")
    parser.add_argument("--results", type=Path, help="where to add each mutant's end, a line of JSON")
    parser.add_argument("--recorded", type=Path, help="folder for what the tests call; used again in the next run")
    parser.add_argument("--no-page", action="store_true", help="write no page")
    asked = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that children are ended as well
    console = Console(stderr=True)
    began = time.monotonic()
    os.chdir(ROOT)
    files = scope.files(ROOT)
    if asked.only:
        files = [file for file in files if any(part in file for part in asked.only)]
    pool = mutants.pool(ROOT, files)
    drawn = mutants.sample(ROOT, pool, asked.count, asked.seed)
    if asked.again:
        ends = [json.loads(line) for line in asked.again.read_text().splitlines()]
        lived = {tuple(each["key"]) for each in ends if each["end"] in SURVIVORS}
        drawn = [mutant for mutant in drawn if mutant.key in lived]
    console.print(f"seed {asked.seed}: {len(drawn)} of {pool.size} mutants at {places(pool)} places")
    who = imports.Imports(ours(), ROOT)
    warm_up()
    with tempfile.TemporaryDirectory(prefix="seawall-mutation-") as scratch:
        if asked.recorded:
            asked.recorded.mkdir(parents=True, exist_ok=True)
        tests = Suite(ROOT, ROOT / "seawall", who, Path(scratch), asked.recorded or Path(scratch))
        known = record(tests, console)
        choice = Choice(ROOT, known, who)
        found = []
        with Progress(*COLUMNS, console=console) as progress:
            task = progress.add_task("mutants", total=len(drawn))
            for verdict in verdicts(tests, choice.of, drawn, WORKERS):
                found.append(verdict)
                progress.advance(task)
                if asked.results:
                    with asked.results.open("a") as out:
                        out.write(json.dumps(as_data(verdict)) + "\n")
    run = Run(asked.seed, pool, found, known, (time.monotonic() - began) / 60)
    explained = survivors.load()
    unexplained = [verdict for verdict in run.lived if verdict.mutant.key not in explained]
    wrong = wrongly_explained(run, explained)
    if not (asked.only or asked.again or asked.no_page):
        PAGE.write_text(page(run, explained))
    for verdict in unexplained:
        console.print(f"not explained: {shown(verdict)}", markup=False, highlight=False, soft_wrap=True)
    for verdict in wrong:
        console.print(f"explained, but {verdict.end}: {shown(verdict)}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"{len(run.lived)} of {len(found)} survived, {len(unexplained)} of them without an explanation")
    return int(bool(unexplained or wrong) or len(run.lived) >= MOST * len(found))


def wrongly_explained(run: Run, explained: Mapping[survivors.Key, survivors.Survivor]) -> list[Verdict]:
    """The killed for which there is a reason why they live, and no other mutant that reads alike and does live."""
    alike = {verdict.mutant.key for verdict in run.lived}
    return [it for it in run.verdicts if it.mutant.key in explained and it.mutant.key not in alike]


def ours() -> dict[str, Path]:
    """Every module of the package: its folders are links to the rooms."""
    found = {}
    for link in sorted((ROOT / "seawall").iterdir()):
        if link.is_dir() and link.name != "__pycache__":
            found.update(imports.modules(f"seawall.{link.name}", link.resolve()))
    return found


def warm_up() -> None:
    """Imports what the tests import, and registers our stacks: children have it for nothing."""
    sys.path[:0] = [str(ROOT), str(ROOT / "tests/unit"), str(ROOT / "tests/policy")]
    for name in ("hypothesis", "kubernetes", "pulumi_policy", "seawall.cli.app", "seawall.policy.serving"):
        importlib.import_module(name)
    importlib.import_module("seawall.policy.rules").load()
    stacks = importlib.import_module("our_stacks")
    for stack in ("infra", "apps"):
        stacks.registered(stack)
    # a child has none of this process's threads, and would wait for them for ever
    loop = asyncio.get_event_loop()
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    asyncio.set_event_loop(asyncio.new_event_loop())
    if threading.active_count() > 1:
        raise RuntimeError(f"threads are left: {threading.enumerate()}")
    gc.freeze()  # children look through their own garbage alone


def record(tests: Suite, console: Console) -> list[Test]:
    """All tests once, without a mutant: what each calls, and what it takes. Those that fail are not used."""
    found: list[Test] = []
    for file in test_files():
        if tests.recording(file).exists():
            found += read(tests.recording(file), _link)
    files = [file for file in test_files() if not tests.recording(file).exists()]
    with Progress(*COLUMNS, console=console) as progress:
        task = progress.add_task("files of tests", total=len(files))
        for ended in forked(files, tests.record, lambda _: RECORDING_SECONDS, WORKERS):
            progress.advance(task)
            if ended.said is None:
                console.print(f"{ended.job}: ended with signal {ended.signal}; not used")
            else:
                found += read(Path(ended.said), _link)
    for test in found:
        if not test.passed:
            console.print(f"fails or is skipped without a mutant; not used: {test.name}", markup=False, soft_wrap=True)
    return found


@cache
def _link(file: str) -> str:
    return str((ROOT / file).resolve().relative_to(ROOT))  # the package's folders are links to the rooms


def test_files() -> list[str]:
    """The files of tests that are run, the long ones first: all about the pack, the oracles, and who else uses it."""
    found = [*(ROOT / "tests/policy").glob("test_*.py"), *(ROOT / "tests/oracles").glob("test_*.py")]
    found += [path for path in (ROOT / "tests/unit").glob("test_*.py") if "seawall.policy" in path.read_text()]
    found = [path for path in found if path.name not in NOT_RUN]
    long = ("test_unknowns.py", "test_kill_matrix.py", "test_fixtures.py")
    return [str(path.relative_to(ROOT)) for path in sorted(found, key=lambda path: (path.name not in long, path))]


def places(pool: mutants.Pool) -> int:
    """How many places a pool has."""
    return sum(len(found) for found in pool.places.values())


def as_data(verdict: Verdict) -> dict[str, object]:
    """For `--results`."""
    return {
        "key": verdict.mutant.key,
        "number": verdict.mutant.place.number,
        "end": verdict.end,
        "by": verdict.by,
        "seconds": round(verdict.seconds, 2),
        "tests": verdict.tests,
    }


def shown(verdict: Verdict) -> str:
    """A mutant for a person."""
    place, mutant = verdict.mutant.place, verdict.mutant
    becomes = mutant.becomes or "(gone)"
    return f"{place.file}:{place.number} {place.function} [{mutant.operator}] {place.line} → {becomes}"


def page(run: Run, explained: Mapping[survivors.Key, survivors.Survivor]) -> str:
    """The page as Markdown."""
    count = len(run.verdicts)
    ends = Counter(verdict.end for verdict in run.verdicts)
    lived = len(run.lived)
    failed = sum(not test.passed for test in run.tests)
    seconds = sorted(verdict.seconds for verdict in run.verdicts)
    lines = [
        _HEAD,
        f"{datetime.now(UTC).date().isoformat()}; {platform.machine()}, {os.cpu_count()} processors, Python "
        f"{platform.python_version()}, cosmic-ray {version('cosmic-ray')}; {run.minutes:.0f} minutes with {WORKERS} "
        f"processes, {seconds[len(seconds) // 2]:.1f} s of the processor for the mutant in the middle.",
        "",
        f"Seed {run.seed}: {count} of {run.pool.size} mutants at {places(run.pool)} places in {len(run.pool.places)} "
        f"files; {len(run.tests)} tests, of which {failed} fail or are skipped without a mutant and were not used.",
        "",
        f"**{lived} of {count} survive: {100 * lived / count:.1f} %** (wanted: under {100 * MOST:.0f} %).",
        "",
        "| how it ended | mutants |",
        "| --- | ---: |",
        *(f"| {end} | {ends[end]} |" for end in End),
        "",
        _table(run),
        "## Survivors",
        "",
    ]
    for verdict in run.lived:
        place, mutant = verdict.mutant.place, verdict.mutant
        entry = explained.get(mutant.key)
        lines += [
            f"- `{place.file}`, {f'`{place.function}`' if place.function else 'top of the file'}, {mutant.operator}"
            f"{'; no test uses the file' if verdict.end is End.NOT_CALLED else ''}",
            f"  - {_code(place.line)}",
            f"  - {_code(mutant.becomes) if mutant.becomes else 'the line is gone'}",
            f"  - {entry.reason.strip() if entry else '**not explained**'}",
        ]
    lines += ["", "## Left out", "", "| what | mutants | why |", "| --- | ---: | --- |"]
    lines += [f"| {each.name} | {run.pool.left_out[each.name]} | {each.reason} |" for each in left_out.LEFT_OUT]
    lines += ["", "Files that decide nothing:", "", "| file | what it is for |", "| --- | --- |"]
    lines += [f"| `{file}` | {what} |" for file, what in scope.NOT_OURS.items()]
    return "\n".join(lines) + "\n"


def _table(run: Run) -> str:
    drawn = Counter(verdict.mutant.operator.partition("_")[0] for verdict in run.verdicts)
    lived = Counter(verdict.mutant.operator.partition("_")[0] for verdict in run.lived)
    rows = [f"| {name} | {number} | {lived[name]} |" for name, number in drawn.most_common()]
    return "\n".join(["| what was changed | mutants | survive |", "| --- | ---: | ---: |", *rows, ""])


def _code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


_HEAD = """# Mutation testing of the pack

One small thing of the pack's own code is broken at a time (cosmic-ray's operators: a comparison, an `and`, a number, a
loop without a round, a condition turned round, an exception not caught, a decorator gone), and the tests must notice.
Places of the source are drawn by a seed, each file with its share by size, then one mutant for each place. A mutant
runs in a process forked from one that has everything imported; it is run against the tests that call the function that
was changed (recorded in one run of all): the rules' fixtures first, then all others, the most specific first, until one
fails. Written by `make test-mutation`; survivors are explained in `tests/mutation/survivors.yaml`.
"""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
