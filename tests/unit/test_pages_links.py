"""Every relative link in README.md, CHANGELOG.md and docs/ points to something, and every page is linked from one."""

import re
from pathlib import Path

import pytest
from stack_samples import CHECKOUT

from seawall.pages.markdown import anchor

EVIDENCE = sorted((CHECKOUT / "docs" / "qa" / "evidence").glob("*-2*.md"))
"""What runs have left: no pages, and nobody edits them."""
PAGES = sorted({CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", *(CHECKOUT / "docs").rglob("*.md")} - set(EVIDENCE))
_LINK = re.compile(r"\]\(([^()\s]+(?:\([^()]*\))?)\)")


def prose(text: str) -> str:
    """The page without its code."""
    return re.sub(r"(`+)[^`]+?\1", "", re.sub(r"^(```|~~~).*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL))


def links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(prose(page.read_text())) if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    text = page.read_text()
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    found: set[str] = set()
    for heading in headings:
        name = anchor(re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading))
        number = next(n for n in range(99) if (f"{name}-{n}" if n else name) not in found)
        found.add(f"{name}-{number}" if number else name)
    return found | set(re.findall(r'<a id="([^"]+)">', text))


def wrong(page: Path) -> list[str]:
    found = []
    for link in links(page):
        path, _, part = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists():
            found.append(f"{link}: there is no such file")
        elif part and part not in anchors(target):
            found.append(f"{link}: there is no such heading")
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_points_to_something(page: Path) -> None:
    assert wrong(page) == []


def test_every_page_is_linked_from_another() -> None:
    linked = {
        (page.parent / link.partition("#")[0]).resolve() for page in PAGES for link in links(page) if link[0] != "#"
    }
    roots = {CHECKOUT / "README.md", CHECKOUT / "CHANGELOG.md", CHECKOUT / "docs" / "README.md"}
    lost = [page.relative_to(CHECKOUT).as_posix() for page in PAGES if page.resolve() not in linked | roots]
    assert lost == []


def test_what_points_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "other.md").write_text('# Two words\n<a id="own"></a>\n# Two words\n')
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](other.md#two-words) [b](other.md#two-words-1) [c](#here) [d](other.md#own) [e](https://example.org/x)\n"
        "[f](nowhere.md) [g](other.md#three-words) [h](#there) `[i](code.md)`\n\n```\n[j](block.md)\n```\n"
    )
    assert [text.partition(":")[0] for text in wrong(page)] == ["nowhere.md", "other.md#three-words", "#there"]
