"""A browser for each file of tests, and a page in it that tells what it logs and whom it asks."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browser_seen import Seen
from playwright.sync_api import Browser
from report_samples import answer, content, find, open_cache, platform
from rich.console import Console

from seawall.errors import EnvironmentFailure
from seawall.qa.report.page import page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, for one file of tests: while it is there an event loop runs in this thread, and no other test could
    start its own. Where it cannot be had the tests are skipped with the reason; in CI they fail instead."""
    from chromium import chromium

    with_console = chromium(tmp_path_factory.mktemp("browser"), Console(stderr=True))
    try:
        started = with_console.__enter__()
    except EnvironmentFailure as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"there is no Chromium: {error}")
    try:
        yield started
    finally:
        with_console.__exit__(None, None, None)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a small platform: two tenants, a cache that is open to all, something waived, answers for on call."""
    folder = tmp_path_factory.mktemp("report")
    waivers = folder / "waivers.yaml"
    waivers.write_text(
        "version: 1\nwaivers:\n  - rule: DFLY-SW-002\n    resource: {kind: Dragonfly, namespace: shop, name: open}\n"
        "    reason: a password comes soon\n    approver: platform team\n    expires: 2026-05-01\n"
    )
    manifests = [*platform(2), open_cache()]
    find(manifests, "NetworkPolicy", "cache-traffic")["metadata"]["labels"] = {"note": "</script><b>bold</b>"}
    file = folder / "report.html"
    file.write_text(page(content(manifests, answers=[answer()], waivers=waivers)), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of 60 tenants, and of a cache that is open to all: more than are shown at once."""
    file = tmp_path_factory.mktemp("many") / "report.html"
    file.write_text(page(content([open_cache(), *platform(60)])), encoding="utf-8")
    return file


@pytest.fixture
def show(browser: Browser) -> Iterator[Callable[..., Seen]]:
    """Opens a file in a window of its own, with options of the window; waits until its script has run."""
    contexts = []

    def shown(file: Path, *, anchor: str = "", width: int = 1280, height: int = 860, **options: object) -> Seen:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.set_default_timeout(10_000)
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("request", lambda request: seen.asked.append(request.url))
        seen.page.goto(f"{file.as_uri()}{anchor}")
        if options.get("java_script_enabled", True):
            seen.page.wait_for_selector("html[data-ready]", state="attached")
        return seen

    yield shown
    for context in contexts:
        context.close()


@pytest.fixture
def shown(show: Callable[..., Seen], report: Path) -> Iterator[Seen]:
    """The small platform's page; whatever a test does with it, it logs nothing and asks nobody."""
    seen = show(report)
    yield seen
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("data:")] == [seen.asked[0]]
