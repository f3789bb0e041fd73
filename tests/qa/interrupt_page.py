"""Writes docs/interrupts.md: 30 runs of `seawall verify`, each interrupted at a random point. Arguments: RUNS SEED."""

import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from interrupting import LONG, SEED, SHORT, TESTS, Point, points
from stack_samples import CHECKOUT
from verify_clusters import no_production, standing

from seawall.pages import markdown

PAGE = CHECKOUT / "docs" / "interrupts.md"


def main(count: int = LONG, seed: int = SEED) -> int:
    """Interrupts, writes the page; the exit code is 1 when anything was left."""
    with tempfile.TemporaryDirectory(prefix="seawall-") as folder, standing(Path(folder)) as clusters:
        no_production(clusters)
        found = []
        for it in points(clusters, count, seed):
            ended = f"exit code {it.code}, left {len(it.left)}"
            print(f"{it.number + 1}/{count}: {_signal(it)} after {it.seconds:.1f} s, {ended}", flush=True)
            found.append(it)
    PAGE.write_text(page(found, seed), encoding="utf-8")
    return 1 if any(it.wrong for it in found) else 0


_HEAD = """# Interrupted runs
What `seawall verify` leaves behind when it is interrupted at any point. Written by `make test-interrupts` on {day},
seed {seed}; the tests interrupt {short} runs each time.

Two real API servers, the real CloudNativePG operator, the real eviction API; nodes and containers are simulated, so
that probe pods seem to run and bring no result, and what a run waits for is cut short. Each run makes probe pods in
every namespace of clients on both clusters, drains two nodes and pauses a pooler
({tests}).

SIGINT is ^C, SIGTERM does the same; a run that is killed (SIGKILL) is followed by `seawall verify --cleanup --yes`.
The time is counted from when the plan was shown, for SIGKILL from when something was made, and is spread over the whole
length of a run. *There* is what carried a mark of verify, was cordoned or paused when the process had ended; *left* is
what did so in the end.

"""


def page(found: list[Point], seed: int) -> str:
    """The page."""
    rows = [
        (
            str(it.number + 1),
            _signal(it),
            f"{it.seconds:.1f} s",
            str(it.code),
            _told(it.there),
            _told(it.left),
        )
        for it in found
    ]
    head = _HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}", seed=seed, short=SHORT, tests=", ".join(TESTS))
    table = markdown.table(("run", "signal", "after", "exit code", "there", "left"), rows)
    return f"{head}{table}\n\n{len(found)} runs, {sum(it.wrong for it in found)} that left anything or went on.\n"


def _signal(it: Point) -> str:
    return it.signal.name


def _told(things: list[str]) -> str:
    """By kind."""
    kinds: dict[str, int] = {}
    for it in things:
        kind = it.split()[1]
        kinds[kind] = kinds.get(kind, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing"


if __name__ == "__main__":
    # What is started in the background ignores ^C, and so would the runs.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main(*map(int, sys.argv[1:])))
