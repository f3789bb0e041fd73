"""The page of many tenants: pages of stores, groups in the picture, and a search that finds one among all."""

from collections.abc import Callable
from pathlib import Path

from browser_seen import Seen
from playwright.sync_api import expect

NORMAL = "(element) => element.outerHTML.replace(/\\s+/g, ' ').replace(/> </g, '><')"


def test_what_the_script_draws_is_what_the_page_holds(show: Callable[..., Seen], many: Path) -> None:
    """The first stores are in the page, the others are made by the script: both look the same."""
    page = show(many).page
    drawn = page.evaluate(f"() => [...document.querySelectorAll('#stores .store')].map({NORMAL})")
    assert len(drawn) == 24
    page.fill("#search", "nobody is called so")
    expect(page.locator("#stores .store")).to_have_count(0)
    page.fill("#search", "")
    expect(page.locator("#stores .store")).to_have_count(24)
    assert page.evaluate(f"() => [...document.querySelectorAll('#stores .store')].map({NORMAL})") == drawn


def test_stores_are_shown_by_pages(show: Callable[..., Seen], many: Path) -> None:
    page = show(many).page
    pager = page.locator("#pager")
    expect(pager).to_contain_text("1–24 of 124")
    expect(pager.get_by_role("button", name="Before")).to_be_disabled()
    for _ in range(5):
        pager.get_by_role("button", name="After").click()
    expect(pager).to_contain_text("121–124 of 124")
    expect(pager.get_by_role("button", name="After")).to_be_disabled()
    expect(page.locator("#stores .store")).to_have_count(4)
    page.locator("#stores td").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("Decided by")


def test_a_link_leads_to_a_store_on_another_page(show: Callable[..., Seen], many: Path) -> None:
    page = show(many, anchor="#store=Pooler/pg-0002/t0057-pooler").page
    expect(page.locator('[id="store=Pooler/pg-0002/t0057-pooler"]')).to_be_in_viewport()


def test_search_finds_one_tenant_in_all_sections(show: Callable[..., Seen], many: Path) -> None:
    page = show(many).page
    page.fill("#search", "t0042")
    expect(page.locator("#stores .store h3")).to_have_text(
        ["cache Dragonfly in t0042", "pg Cluster in pg-0002", "t0042-pooler Pooler in pg-0002"]
    )
    expect(page.locator("#access .item:visible h3")).to_have_text(
        ["cache in t0042, port 6379", "pg in pg-0002, port 5432"]
    )
    caches = page.locator("figure", has_text="60 caches like this one")
    expect(caches.locator(".member")).to_have_text("t0042/cache")
    caches.locator("a.application").click()
    expect(page.get_by_role("dialog")).to_contain_text("NetworkPolicy t0042/cache-traffic, ingress rule 1")


def test_another_of_many_can_be_drawn(show: Callable[..., Seen], many: Path) -> None:
    page = show(many).page
    caches = page.locator("figure", has_text="60 caches like this one")
    first = caches.locator(".band").text_content()
    caches.locator("summary").click()
    caches.get_by_role("button", name="t0007/cache").click()
    expect(caches.locator(".member")).to_have_text("t0007/cache")
    expect(caches.locator("a.store")).to_contain_text("t0007")
    assert caches.locator(".band").text_content() != first
    expect(caches).to_contain_text("40 more: search to find one.")


def test_the_short_answer_holds_all_stores_folded(show: Callable[..., Seen], many: Path) -> None:
    page = show(many).page
    expect(page.locator("#access .item:visible")).to_have_count(6)
    page.get_by_text("58 more stores; or search").click()
    expect(page.locator("#access .item:visible")).to_have_count(64)


def test_it_logs_nothing_and_asks_nobody(show: Callable[..., Seen], many: Path) -> None:
    seen = show(many)
    seen.page.fill("#search", "t00")
    expect(seen.page.locator("#matches")).to_contain_text("matches")
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith("data:")] == [seen.asked[0]]
