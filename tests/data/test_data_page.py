"""docs/data.md: a run of some of the tests leaves what the others measured."""

from pathlib import Path

from data_page import Figures


def run(page: Path, section: str, **columns: str) -> str:
    figures = Figures()
    figures.row(section, columns, note=f"About {section}.")
    figures.used("PostgreSQL", "15.18")
    figures.write(page)
    return page.read_text()


def test_a_run_changes_its_own_sections_alone(tmp_path: Path) -> None:
    page = tmp_path / "data.md"
    run(page, "Restores", rows="1", time="2 s")
    first = run(page, "Damage", kind="hole", verdict="wal-hole")
    assert "| 1 | 2 s |" in first and "| hole | wal-hole |" in first

    second = run(page, "Restores", rows="7")
    assert "| 7 |" in second and "2 s" not in second
    assert "| hole | wal-hole |" in second
    assert second.index("## Restores") < second.index("## Damage")
    assert second.count("PostgreSQL 15.18") == 2, "each section says what it was measured with"
    assert second.count("# Backups that restore") == 1


def test_the_same_run_writes_the_same_page(tmp_path: Path) -> None:
    page = tmp_path / "data.md"
    first = run(page, "Restores", rows="1").splitlines()
    second = run(page, "Restores", rows="1").splitlines()
    # The load may have changed.
    assert [it for it in first if "load" not in it] == [it for it in second if "load" not in it]
