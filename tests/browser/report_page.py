"""`make bench-report`: measures the report at several sizes in a real browser, and takes the pictures of its page.

Writes everything of docs/report.md from its heading `Measured` on, and the pictures beside it.
"""

import datetime
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chromium import chromium
from playwright.sync_api import Browser, Page
from rich.console import Console
from typer.testing import CliRunner

import seawall
from seawall import paths
from seawall.bench import tenants
from seawall.cli import bench
from seawall.cli.doors import open_folder
from seawall.cli.report import app
from seawall.policy import checking
from seawall.policy.acceptance.waivers import today
from seawall.policy.checking import Asked
from seawall.policy.collector import collector_off
from seawall.qa.report.compose import compose
from seawall.qa.report.page import page

SIZES = (10, 100, 500, 1000)
"""Tenants."""
ROUNDS = 5
WORDS = ("t", "t0", "t00", "t004", "t0042")
"""What is typed into the search, letter by letter."""
HEADING = "## Measured"
TYPED = """
(word) => new Promise((done) => {
  const start = performance.now();
  const watch = new MutationObserver(() => {
    watch.disconnect();
    requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
  });
  watch.observe(document.getElementById("matches"), { childList: true, characterData: true, subtree: true });
  const field = document.getElementById("search");
  field.value = word;
  field.dispatchEvent(new Event("input"));
})
"""
"""Milliseconds from a letter to the picture that shows what matches."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds of something that the page does."""

    wall: float
    cpu: float
    """Of the page's main thread: what remains where nothing else runs on the machine."""

    def __str__(self) -> str:
        return f"{self.wall:,.0f} ({self.cpu:,.0f})"


@dataclass(frozen=True)
class Row:
    """One size."""

    tenants: int
    objects: int
    stores: int
    size: int
    """Bytes of the page."""
    made_s: float
    """CPU seconds from the judged estate to the page."""
    load: "Cost"
    """From the start of the navigation until every key and click is heard; median."""
    letter: "Cost"
    """The slowest of the typed letters; median."""


def measure(browser: Browser, folder: Path, console: Console) -> Iterator[Row]:
    """Every size."""
    for number in SIZES:
        console.print(f"measuring {number} tenants")
        place = folder / str(number)
        objects = tenants.write(place, number)
        with collector_off():
            opened = open_folder(str(place))
            result = checking.check(opened, Asked(), checking.prepare(Asked()), day=today())
            began = time.process_time()
            content = compose(result, opened.estate, at=datetime.datetime.now(datetime.UTC))
            text = page(content)
            made = time.process_time() - began
        file = folder / f"{number}.html"
        file.write_text(text, encoding="utf-8")
        rounds = [_used(browser, file) for _ in range(ROUNDS)]
        load, letter = (_median([each[part] for each in rounds]) for part in (0, 1))
        yield Row(number, objects, len(content.reach.stores), len(text.encode()), made, load, letter)


def _used(browser: Browser, file: Path) -> tuple[Cost, Cost]:
    """What it costs to open the page, and the slowest letter."""
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    shown = context.new_page()
    session = context.new_cdp_session(shown)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(1000 * float(each["value"]) for each in metrics if each["name"] == "TaskDuration")

    before = busy()
    shown.goto(file.as_uri())
    shown.wait_for_selector("html[data-ready]", state="attached")
    wall = shown.evaluate("performance.timing.domInteractive - performance.timing.navigationStart")
    load = Cost(wall, busy() - before)
    letters = []
    for word in WORDS:
        before = busy()
        wall = shown.evaluate(TYPED, word)
        letters.append(Cost(wall, busy() - before))
    context.close()
    return load, max(letters, key=lambda cost: cost.wall)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(it.wall for it in costs), statistics.median(it.cpu for it in costs))


def pictures(browser: Browser, folder: Path, docs: Path) -> None:
    """The first screen, light, and a picture of the estate, dark: of the stack that the gate is about."""
    file = folder / "stack.html"
    without = folder / "no-evidence"  # what lies in this checkout is of this day only
    without.mkdir()
    done = CliRunner().invoke(app, ["--out", str(file), "--evidence", str(without)])
    assert done.exit_code == 0, done.output
    for name, scheme, anchor in (("first", "light", ""), ("picture", "dark", "picture")):
        context = browser.new_context(viewport={"width": 1280, "height": 820}, color_scheme=scheme)
        shown = context.new_page()
        shown.goto(file.as_uri())
        shown.wait_for_selector("html[data-ready]", state="attached")
        if anchor:
            _at(shown, anchor)
        shown.screenshot(path=docs / f"report-{name}.png")
        context.close()


def _at(shown: Page, anchor: str) -> None:
    shown.evaluate("(name) => document.getElementById(name).scrollIntoView()", anchor)
    shown.wait_for_timeout(500)


def markdown(rows: Sequence[Row], version: str, day: datetime.date) -> str:
    """The section of the page."""
    first, last = rows[1], rows[-1]
    grown = (last.size - first.size) / (last.tenants - first.tenants)
    head = ("tenants", "objects", "stores", "page, kB", "made, CPU s", "until it can be used, ms", "a letter, ms")
    return "\n".join(
        [
            HEADING,
            "",
            f"By `make bench-report` on {day.isoformat()}, seawall {seawall.__version__}, Chromium {version}, "
            f"{bench.machine()}. The estates are those of [bench-policy](bench-policy.md): every tenant has a cache, a "
            f"database and a pooler. Medians of {ROUNDS}; a letter is the slowest of five that are typed into the "
            "search, from the key to the picture, the 60 ms included for which the page waits for the next one. In "
            "brackets the CPU time of the page's main thread, which other work on the machine does not lengthen.",
            "",
            f"| {' | '.join(head)} |",
            f"|{'---|' * len(head)}",
            *(
                f"| {row.tenants:,} | {row.objects:,} | {row.stores:,} | {row.size / 1000:,.0f} | {row.made_s:.1f} "
                f"| {row.load} | {row.letter} |"
                for row in rows
            ),
            "",
            f"From {first.tenants:,} tenants to {last.tenants:,} the page grows by {grown / 1000:.1f} kB a tenant.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write."""
    console = Console()
    docs = paths.checkout() / "docs"
    with tempfile.TemporaryDirectory(prefix="seawall-report-") as work:
        folder = Path(work)
        with chromium(folder, console) as browser:
            rows = list(measure(browser, folder, console))
            version = browser.version
            pictures(browser, folder, docs)
    file = docs / "report.md"
    kept = file.read_text(encoding="utf-8").partition(HEADING)[0]
    file.write_text(kept + markdown(rows, version, datetime.datetime.now(datetime.UTC).date()), encoding="utf-8")
    console.print(f"written to {file}", soft_wrap=True, markup=False)


if __name__ == "__main__":
    main()
