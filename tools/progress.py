"""What a person sees while tools are built: live on a terminal, plain lines elsewhere (a log, CI)."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

HEARTBEAT_SECONDS = 30.0
_DETAIL_WIDTH = 44
# An estimate is rough: the bar stops here until the step is really done.
_ALMOST = 0.98

Detail = Callable[[str], None]


def duration(seconds: float) -> str:
    """Seconds as a person says them: `45 s`, `3 min 10 s`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes == 0:
        return f"{rest} s"
    return f"{minutes} min {rest:02d} s" if rest else f"{minutes} min"


def about(seconds: float) -> str:
    """A rough duration: whole minutes above two, tens of seconds below."""
    if seconds >= 120:
        return f"about {round(seconds / 60)} min"
    return f"about {max(10, round(seconds / 10) * 10)} s"


def say(console: Console, text: str) -> None:
    """One line as it is: no markup, no highlighting, no wrapping in the middle of a path."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def step(console: Console, doing: str, done: str, estimate: float) -> Iterator[Detail]:
    """Show one step with elapsed time and estimate (seconds); the yielded function takes what it is at right now.

    `doing` and `done` are the words before and after, such as "building etcd" and "built etcd". When the block raises,
    only the start was said.
    """
    started = time.monotonic()
    shown = _live if console.is_terminal else _plain
    with shown(console, doing, estimate, started) as detail:
        yield detail
    say(console, f"{done} in {duration(time.monotonic() - started)}")


@contextmanager
def _live(console: Console, doing: str, estimate: float, started: float) -> Iterator[Detail]:
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn(f"of {about(estimate)}"),
        TextColumn("{task.fields[detail]}", markup=False, style="dim"),
        console=console,
        transient=True,
        refresh_per_second=4,
    )
    with progress, _ticking(0.5) as tick:
        task = progress.add_task(doing, total=estimate, detail="")

        def advance() -> None:
            progress.update(task, completed=min(time.monotonic() - started, estimate * _ALMOST))

        tick(advance)
        yield lambda text: progress.update(task, detail=_shortened(text))


@contextmanager
def _plain(console: Console, doing: str, estimate: float, started: float) -> Iterator[Detail]:
    say(console, f"{doing}: {about(estimate)}")
    last = ""

    def beat() -> None:
        at = f", at {last}" if last else ""
        say(console, f"still {doing}: {duration(time.monotonic() - started)} of {about(estimate)}{at}")

    def detail(text: str) -> None:
        nonlocal last
        last = _shortened(text)

    with _ticking(HEARTBEAT_SECONDS) as tick:
        tick(beat)
        yield detail


@contextmanager
def _ticking(seconds: float) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Call a function every so many seconds until the block ends."""
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def start(call: Callable[[], None]) -> None:
        def loop() -> None:
            while not stop.wait(seconds):
                call()

        thread = threading.Thread(target=loop, daemon=True)
        threads.append(thread)
        thread.start()

    try:
        yield start
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _shortened(text: str) -> str:
    return text if len(text) <= _DETAIL_WIDTH else f"…{text[-_DETAIL_WIDTH + 1 :]}"
