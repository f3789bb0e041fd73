"""The generated pages are those that would be made now; one that is not is found."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages_samples import all_pages
from stack_samples import CHECKOUT
from typer.testing import CliRunner

from seawall.cli.app import app
from seawall.pages import book
from seawall.pages.markdown import MADE

PAGES = all_pages()


def test_no_page_is_out_of_date() -> None:
    found = [f"{page.path}: {page.difference}" for page in book.stale(CHECKOUT, PAGES)]
    assert found == [], "run `make docs`"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with nothing but up-to-date pages, and one that a person wrote."""
    book.write(tmp_path, PAGES)
    (tmp_path / "docs" / "own.md").write_text("# Mine\n")
    return tmp_path


def test_a_page_that_somebody_changed_is_found_and_mended(checkout: Path) -> None:
    page = checkout / "docs" / "contracts.md"
    page.write_text(page.read_text().replace("6379", "6380"))
    [stale] = book.stale(checkout, PAGES)
    assert stale.path == "docs/contracts.md"
    assert "6380" in stale.difference
    assert len(stale.difference.splitlines()) <= 21
    assert book.write(checkout, PAGES) == ["docs/contracts.md"]
    assert book.stale(checkout, PAGES) == []


def test_a_page_that_is_missing_is_found(checkout: Path) -> None:
    (checkout / "docs" / "versions.md").unlink()
    assert book.stale(checkout, PAGES) == [book.Stale("docs/versions.md", "is missing")]


def test_a_page_that_is_made_no_more_is_found_and_removed(checkout: Path) -> None:
    old = checkout / "docs" / "reference" / "former.md"
    old.write_text(f"{MADE}from what is gone. -->\n# Former\n")
    assert book.stale(checkout, PAGES) == [book.Stale("docs/reference/former.md", "")]
    assert book.write(checkout, PAGES) == ["docs/reference/former.md"]
    assert not old.exists()
    assert (checkout / "docs" / "own.md").exists()


def test_what_is_up_to_date_is_not_written_again(checkout: Path) -> None:
    assert book.write(checkout, PAGES) == []


def test_the_same_settings_make_the_same_pages() -> None:
    code = (
        "import hashlib, json\nfrom seawall import paths\nfrom seawall.pages import book\n"
        "print(hashlib.sha256(json.dumps(book.pages(paths.checkout())).encode()).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=CHECKOUT,
        env={"PYTHONHASHSEED": "1", "PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(json.dumps(PAGES).encode()).hexdigest()


@pytest.mark.parametrize("path", [path for path in PAGES if path.endswith(".md")])
def test_a_page_says_how_it_is_made_and_holds_nothing_of_this_machine(path: str) -> None:
    text = PAGES[path]
    assert text.startswith(MADE)
    assert text.count(MADE) == 1
    assert str(CHECKOUT) not in text
    assert not re.search(r"/(root|home|Users|work|tmp/(?!$))/|\b20\d\d-\d\d-\d\d\b|0x[0-9a-f]{6,}|<function", text)


@pytest.mark.parametrize("path", [path for path in PAGES if path.endswith(".md")])
def test_no_table_is_broken(path: str) -> None:
    outside = re.sub(r"^```.*?^```$", "", PAGES[path], flags=re.MULTILINE | re.DOTALL)
    for table in re.findall(r"(?:^\|.*\n?)+", outside, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1, table
        assert table.splitlines()[1].startswith("| ---")


def test_make_docs_is_the_command() -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", "docs", "ARGS=--check"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1].strip() == ".venv/bin/python -m seawall.cli docs --check"
    shown = CliRunner().invoke(app, ["docs", "--help"], env={"COLUMNS": "200"})
    assert "Example: seawall docs --check" in shown.output
    assert "Exit codes:" in shown.output


def test_the_command_lists_what_is_out_of_date(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seawall.paths.checkout", lambda: checkout)
    monkeypatch.setattr(book, "pages", lambda folder: PAGES)

    def docs(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["docs", *arguments])
        return done.exit_code, done.output

    assert docs("--check") == (0, f"{len(PAGES)} pages, all up to date\n")
    (checkout / "docs" / "versions.md").write_text("nothing\n")
    (checkout / "docs" / "former.md").write_text(f"{MADE}from what is gone. -->\n")
    code, said = docs("--check")
    assert code == 1
    assert "docs/versions.md: out of date; run `make docs`\n--- docs/versions.md\n" in said
    assert "-nothing\n" in said
    assert "docs/former.md: made no more; run `make docs`\n" in said
    code, said = docs()
    assert code == 0
    assert said == f"docs/versions.md: written\ndocs/former.md: removed\n{len(PAGES)} pages, 2 of them changed\n"
    assert docs("--check") == (0, f"{len(PAGES)} pages, all up to date\n")
