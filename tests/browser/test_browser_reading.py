"""The page for everybody: contrast, names and roles, a phone, paper."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browser_seen import Seen
from playwright.sync_api import Page, expect

CONTRAST = """
() => {
  const parts = (colour) => (colour.match(/[\\d.]+/g) ?? []).map(Number);
  const light = (channels) => {
    const [r, g, b] = channels.map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (front, back) => {
    const share = front[3] ?? 1;
    return front.slice(0, 3).map((value, at) => value * share + back[at] * (1 - share));
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      if (at.tagName === "a" && at.classList.contains("node")) {
        layers.push(parts(getComputedStyle(at.querySelector("rect")).fill));
        continue;
      }
      layers.push(parts(getComputedStyle(at).backgroundColor));
    }
    return layers.reverse().reduce((back, layer) => (layer.length ? over(layer, back) : back), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    const said = node.textContent.trim().slice(0, 40);
    if (!said || !element.checkVisibility() || element.closest("script, title, option, datalist")) continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const svg = element.namespaceURI.endsWith("svg");
    const front = over(parts(svg ? style.fill : style.color), back);
    const [high, low] = [light(front), light(back)].sort((one, other) => other - one);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = (high + 0.05) / (low + 0.05);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.className} ${said}`);
  }
  return [...new Set(found)];
}
"""
"""Texts whose contrast is below what WCAG 2.2 AA asks for (1.4.3), over all backgrounds behind them."""

NAMELESS = """
() => [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex], [role]")]
  .filter((each) => each.checkVisibility() && !each.closest("[aria-hidden=true]"))
  .filter((each) => !(each.getAttribute("aria-label") || each.labels?.length || each.textContent.trim()
    || document.getElementById(each.getAttribute("aria-labelledby"))))
  .map((each) => each.outerHTML.slice(0, 100))
"""


SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))))"
"""What comes into view for the first time is laid out then, and moves what is below it."""

FOLDED = """
() => addEventListener("beforeprint", () => {
  window.folded = document.querySelectorAll("main details:not([open])").length;
})
"""
"""Counts what is still folded when the page is printed, after its own script has been asked."""


def unfolded(page: Page) -> None:
    """Everything that a reader can unfold, unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(show: Callable[..., Seen], report: Path, scheme: str) -> None:
    page = show(report, color_scheme=scheme).page
    unfolded(page)
    assert page.evaluate(CONTRAST) == []
    page.locator("tr.application td").first.click()
    assert page.evaluate(CONTRAST) == [], "with the panel"


def test_the_check_of_contrast_finds_a_text_without(show: Callable[..., Seen], report: Path) -> None:
    page = show(report).page
    page.evaluate("document.querySelector('.why').style.color = '#999'")
    assert len(page.evaluate(CONTRAST)) == 1


def test_everything_that_can_be_used_has_a_name(shown: Seen) -> None:
    unfolded(shown.page)
    assert shown.page.evaluate(NAMELESS) == []


def test_headings_go_down_one_step_at_a_time(shown: Seen) -> None:
    unfolded(shown.page)
    levels = shown.page.evaluate(
        "[...document.querySelectorAll('main :is(h1,h2,h3,h4)')].map((it) => Number(it.tagName[1]))"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_matrices_are_grids_and_regions_have_names(shown: Seen) -> None:
    page = shown.page
    grid = page.get_by_role("grid", name="Who can open the ports of Dragonfly t0000/cache")
    expect(grid.get_by_role("columnheader")).to_have_count(3)
    expect(grid.get_by_role("rowheader")).to_have_count(10)
    expect(grid.get_by_role("gridcell")).to_have_count(20)
    for name in ("Who can reach what", "Risks", "Findings of the policy pack"):
        expect(page.get_by_role("region", name=name)).to_have_count(1)


def test_nothing_is_said_by_colour_alone(shown: Seen) -> None:
    """Every state has a word, and what is wrong a sign."""
    words = {text.strip() for text in shown.page.locator("table.matrix td:not(.plain)").all_text_contents()}
    assert words <= {"open", "closed", "open !", "some requests", "undecided", "enters", "kept out", "–"}
    wrong = shown.page.locator("td.wrong")
    assert wrong.count() > 0
    assert all(text.strip().endswith("!") for text in wrong.all_text_contents())
    assert all(text.startswith("! ") for text in shown.page.locator(".node.wrong .label").all_text_contents())
    for word in shown.page.locator(".gate, .severity, .state").all_text_contents():
        assert word.strip()


def test_a_phone_shows_all_of_it_without_scrolling_sideways(show: Callable[..., Seen], report: Path) -> None:
    page = show(report, width=390, height=844, has_touch=True).page
    cell = page.locator("tr.application td").first
    cell.scroll_into_view_if_needed()
    page.evaluate(SETTLED)
    cell.tap()
    panel = page.get_by_role("dialog")
    expect(panel).to_be_in_viewport()
    assert (panel.bounding_box() or {"width": 0})["width"] == 390
    unfolded(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def _printed(page: Page) -> dict[str, Any]:
    """What is on paper: how the page is while it is printed, as its own script sees it."""
    page.evaluate(FOLDED)
    before = page.locator("main details[open]").count()
    sheet = page.pdf(format="A4")
    return {
        "sheet": sheet,
        "folded while printing": page.evaluate("window.folded"),
        "open before": before,
        "open after": page.locator("main details[open]").count(),
    }


def test_on_paper_everything_is_unfolded_and_nothing_can_be_pressed(show: Callable[..., Seen], report: Path) -> None:
    page = show(report, color_scheme="dark").page
    told = _printed(page)
    assert told["sheet"].startswith(b"%PDF-")
    assert len(told["sheet"]) > 50_000
    assert told["folded while printing"] == 0
    assert told["open after"] == told["open before"]
    page.emulate_media(media="print")
    assert page.locator(".node:visible").count() == page.locator(".node").count()
    expect(page.locator("button:visible, input:visible, select:visible")).to_have_count(0)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(CONTRAST) == []
