"""The page as people use it: clicks, filter, search, keys, links, in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browser_seen import Seen
from playwright.sync_api import expect
from typer.testing import CliRunner

from seawall.cli.report import app


def test_the_first_screen_says_why_the_gate_is_not_green_and_who_can_reach_the_cache(shown: Seen) -> None:
    """Without scrolling and without a click."""
    page = shown.page
    for text in ("Neither gate is green", "tests are missing", "Do next", "seawall verify --context NAME"):
        expect(page.get_by_text(text).first).to_be_in_viewport()
    cache = page.locator(".reachable", has_text="t0000").first
    expect(cache).to_contain_text("Can be reached by")
    expect(page.get_by_text("In, and should not be: nobody declared whom it is for")).to_be_in_viewport()
    expect(page.locator(".reachable").first).to_contain_text("open in shop, port 6379")


def test_the_first_screen_of_our_own_stack_holds_both_answers(show: Callable[..., Seen], tmp_path: Path) -> None:
    """With the words that the gate itself uses, which are longer than those of a sample."""
    file, evidence = tmp_path / "stack.html", tmp_path / "evidence"
    evidence.mkdir()
    done = CliRunner().invoke(app, ["--out", str(file), "--evidence", str(evidence)])
    assert done.exit_code == 0, done.output
    page = show(file, height=820).page
    for text in ("Neither gate is green", "14 of 14 P0 tests have not been run", "Run every test that only reads"):
        expect(page.get_by_text(text).first).to_be_in_viewport()
    for cache in page.locator(".reachable", has_text="Cache").all():
        for guest in cache.locator(".guest").all():
            expect(guest).to_be_in_viewport(ratio=1)
    expect(page.locator(".reachable", has_text="Cache")).to_have_count(2)


def test_a_click_on_a_cell_shows_the_policy_and_the_rule_that_decide(shown: Seen) -> None:
    page = shown.page
    store = page.locator('[id="store=Dragonfly/t0000/cache"]')
    store.locator("tr.application td").first.click()
    panel = page.get_by_role("dialog")
    expect(panel).to_contain_text("pods with app=web of namespace t0000 → cache")
    expect(panel).to_contain_text("NetworkPolicy t0000/cache-traffic, ingress rule 1 allows")
    expect(panel).to_contain_text("port 6379")
    expect(panel.locator("pre")).to_contain_text("app: web")
    store.locator("tr.application td").nth(1).click()
    expect(panel).to_contain_text("NetworkPolicy t0000/cache-traffic isolates the pods")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_hidden()


def test_a_click_on_a_cell_that_is_wrong_says_why(shown: Seen) -> None:
    store = shown.page.locator('[id="store=Dragonfly/shop/open"]')
    store.get_by_role("row", name="the world").locator("td").first.click()
    panel = shown.page.get_by_role("dialog")
    expect(panel).to_contain_text("! nobody declared whom it is for, and this is anybody")
    expect(panel).to_contain_text("No policy decides: nothing isolates the pods for ingress.")


def test_a_click_on_a_database_shows_the_line_of_pg_hba(shown: Seen) -> None:
    row = shown.page.locator("#databases tr", has_text="directly").filter(has_text="t0001")
    row.locator("td").nth(2).click()
    panel = shown.page.get_by_role("dialog")
    expect(panel).to_contain_text("t0001 → database t0001")
    expect(panel).to_contain_text("directly, with TLS")
    expect(panel.locator("pre")).to_have_text("hostssl t0001 t0001 all scram-sha-256")


def test_a_name_in_the_short_answer_leads_to_the_rule(shown: Seen) -> None:
    shown.page.locator(".guest a", has_text="t0001").first.click()
    expect(shown.page.get_by_role("dialog")).to_contain_text("NetworkPolicy t0001/cache-traffic, ingress rule 1")


def test_a_box_of_the_picture_shows_its_rule_and_lights_what_belongs_to_it(shown: Seen) -> None:
    page = shown.page
    band = page.locator("figure", has_text="cache Dragonfly in t0000")
    band.locator("a.application").click()
    expect(page.get_by_role("dialog")).to_contain_text("NetworkPolicy t0000/cache-traffic, ingress rule 1")
    assert band.locator(".node.lit").count() == 4, "the client, its rule, the pods and the store"
    page.keyboard.press("Escape")
    expect(band.locator(".node.lit")).to_have_count(0)
    band.locator("a.rule").first.click()
    expect(page.get_by_role("dialog").locator("pre")).to_contain_text("podSelector")
    page.keyboard.press("Escape")
    band.locator("a.store").click()
    expect(page.locator('[id="store=Dragonfly/t0000/cache"]')).to_be_in_viewport()


def test_search_leaves_what_matches_in_every_section(shown: Seen) -> None:
    page = shown.page
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("t0001")
    expect(page.locator("#matches")).to_contain_text("matches")
    expect(page.locator('[id="store=Dragonfly/t0001/cache"]')).to_have_count(1)
    expect(page.locator('[id="store=Dragonfly/t0000/cache"]')).to_have_count(0)
    expect(page.locator("#risks .item:visible")).to_have_count(0)
    expect(page.locator("#risks .none")).to_be_visible()
    expect(page.locator("#access .item:visible")).to_have_count(2)
    expect(page.locator("#access .guest:not(.faint):visible b")).to_have_text(["t0001", "t0001"])
    page.keyboard.press("Escape")
    expect(page.locator("#search")).to_have_value("")
    expect(page.locator("#risks .item:visible")).to_have_count(20)
    expect(page.locator('[id="store=Dragonfly/t0000/cache"]')).to_have_count(1)


def test_a_text_that_looks_like_a_pattern_is_searched_for_as_it_is(shown: Seen) -> None:
    shown.page.fill("#search", ".*[")
    expect(shown.page.locator("#matches")).to_have_text("0 matches")


@pytest.mark.parametrize(
    ("field", "value", "section", "count"),
    [
        ("#severity", "high", "#risks", 7),
        ("#severity", "low", "#risks", 3),
        ("#service", "dragonfly", "#risks", 8),
        ("#service", "dragonfly", "#databases", 0),
        ("#namespace", "t0001", "#access", 1),
        ("#namespace", "pg-0000", "#databases", 1),
    ],
)
def test_the_filter(shown: Seen, field: str, value: str, section: str, count: int) -> None:
    if field == "#namespace":
        shown.page.fill(field, value)
    else:
        shown.page.select_option(field, value)
    expect(shown.page.locator(f"{section} .item:visible")).to_have_count(count)
    shown.page.get_by_role("button", name="Clear").click()
    expect(shown.page.locator("#risks .item:visible")).to_have_count(20)


def test_the_filter_holds_for_stores_and_findings(shown: Seen) -> None:
    page = shown.page
    page.fill("#namespace", "shop")
    expect(page.locator("#stores .store")).to_have_count(1)
    page.fill("#namespace", "")
    page.select_option("#service", "cnpg")
    expect(page.locator("#stores .store h3 small")).to_have_text(
        ["Cluster in pg-0000", "Pooler in pg-0000", "Pooler in pg-0000"]
    )
    expect(page.locator("#findings .item:visible")).to_have_count(0)


def test_waived_findings_are_visible(shown: Seen) -> None:
    waived = shown.page.locator("#findings .item.accepted")
    expect(waived.first).to_be_visible()
    waived.first.locator("summary").click()
    expect(waived.first).to_contain_text("waived until 2026-05-01 by platform team: a password comes soon")


def test_arrow_keys_move_in_a_matrix_and_enter_shows_what_decides(shown: Seen) -> None:
    page = shown.page
    grid = page.locator('[id="store=Dragonfly/t0000/cache"] table')
    cells = grid.locator("tbody tr").first.locator("td")
    cells.first.focus()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cells.nth(1)).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(grid.locator("tbody tr").nth(1).locator("td").nth(1)).to_be_focused()
    page.keyboard.press("Home")
    expect(grid.locator("tbody tr").nth(1).locator("td").first).to_be_focused()
    page.keyboard.press("Control+End")
    expect(grid.locator("tbody tr").last.locator("td").last).to_be_focused()
    page.keyboard.press("Control+Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("ingress rule 1")
    page.keyboard.press("Escape")
    expect(cells.first).to_be_focused()


def test_a_matrix_takes_one_place_in_the_order_of_the_tab_key(shown: Seen) -> None:
    for table in shown.page.locator("table.matrix").all():
        assert table.locator('td[tabindex="0"]').count() == 1


def test_the_tab_key_comes_first_to_the_verdict_and_leaves_nothing_out(shown: Seen) -> None:
    page = shown.page
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the verdict")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Verdict", exact=True)).to_be_focused()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"search", "service", "severity", "namespace", "clear", "theme", "help-open", "SUMMARY", "A"} <= reached


def test_help_lists_the_keys(shown: Seen) -> None:
    page = shown.page
    page.keyboard.press("?")
    help_ = page.locator("#help")
    expect(help_).to_be_visible()
    expect(help_).to_contain_text("move inside a matrix")
    page.keyboard.press("Escape")
    expect(help_).to_be_hidden()


def test_keys_stay_letters_in_a_field(shown: Seen) -> None:
    page = shown.page
    page.focus("#search")
    page.keyboard.type("t?/")
    expect(page.locator("#search")).to_have_value("t?/")
    expect(page.locator("#help")).to_be_hidden()
    assert page.evaluate("document.documentElement.dataset.theme") is None


@pytest.mark.parametrize("system", ["light", "dark"])
def test_the_theme_is_the_systems_until_somebody_chooses(show: Callable[..., Seen], report: Path, system: str) -> None:
    page = show(report, color_scheme=system).page
    back = "getComputedStyle(document.body).backgroundColor"
    colours = {"light": "rgb(244, 246, 248)", "dark": "rgb(14, 20, 27)"}
    other = "dark" if system == "light" else "light"
    assert page.evaluate(back) == colours[system]
    page.get_by_role("button", name="Light or dark (t)").click()
    assert page.evaluate(back) == colours[other]
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate(back) == colours[other], "what was chosen is kept"
    page.keyboard.press("t")
    assert page.evaluate(back) == colours[system]


@pytest.mark.parametrize(
    ("anchor", "seen"),
    [
        ("#risk=DFLY-SEC-001", "no policy isolates the cache"),
        ("#test=DFLY-E2E-005", "needs a real cluster"),
        ("#decision=cnpg-validator", "Could be chosen instead"),
        ("#store=Dragonfly/t0001/cache", "pods with app=web of namespace t0001"),
    ],
)
def test_a_link_opens_what_it_leads_to(show: Callable[..., Seen], report: Path, anchor: str, seen: str) -> None:
    page = show(report, anchor=anchor).page
    expect(page.locator(f'[id="{anchor[1:]}"]').get_by_text(seen).first).to_be_in_viewport()


def test_a_link_on_the_page_opens_what_it_leads_to(shown: Seen) -> None:
    page = shown.page
    page.locator('[id="risk=DFLY-SEC-001"] summary').click()
    page.locator('[id="risk=DFLY-SEC-001"] a').first.click()
    expect(page.locator('[id="test=DFLY-INT-010"] details')).to_have_attribute("open", "")


def test_texts_of_others_stay_texts(shown: Seen) -> None:
    assert shown.page.locator("b", has_text=re.compile("^bold$")).count() == 0
    assert shown.page.evaluate("document.scripts.length") == 2


def test_no_markup_can_be_made_of_a_text_even_by_a_script(show: Callable[..., Seen], report: Path) -> None:
    """The browser's own wall behind ours: a script that tried would be refused."""
    page = show(report).page
    tried = (
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'made'; } catch (error) { return error.name; } }"
    )
    assert page.evaluate(tried) == "TypeError"


def test_without_a_script_all_of_it_can_be_read(show: Callable[..., Seen], report: Path) -> None:
    page = show(report, java_script_enabled=False).page
    expect(page.get_by_text("Neither gate is green")).to_be_visible()
    expect(page.locator("#search")).to_be_hidden()
    expect(page.locator('[id="store=Dragonfly/t0000/cache"] td').first).to_have_text("open")
    page.locator('[id="risk=DFLY-SEC-001"] summary').click()
    expect(page.locator('[id="risk=DFLY-SEC-001"] .chips')).to_be_visible()
    page.locator("figure a.application").first.click()
    assert "#store=" in page.url
