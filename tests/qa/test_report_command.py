"""`seawall report`: sources, files, and what is refused."""

import re
from pathlib import Path

import pytest
import yaml
from report_samples import platform
from typer.testing import CliRunner

from seawall.cli.report import app
from seawall.errors import UserError
from seawall.qa import register


def run(*args: object) -> tuple[int, str]:
    done = CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(arg) for arg in args])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, " ".join(done.output.split())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rendered"
    made.mkdir()
    (made / "estate.yaml").write_text(yaml.safe_dump_all(platform(1)))
    return made


def test_a_folder_becomes_a_page_and_markdown(folder: Path, tmp_path: Path) -> None:
    html, text = tmp_path / "report.html", tmp_path / "report.md"
    code, said = run(folder, "--out", html, "--out", text)
    assert code == 0
    assert "report.html" in said
    assert "Dragonfly t0000/cache" in html.read_text()
    assert "**t0000**" in text.read_text()
    assert "No gate was evaluated" in html.read_text(), "a folder of anybody's is not what our gates are about"


def test_without_a_source_it_is_the_stack_of_the_gate_with_both_gates(tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    code, said = run("--out", html, "--evidence", tmp_path / "none")
    assert code == 0
    text = html.read_text()
    assert "stack infra, rendered" in text
    for story in ("STORY-DB-DRAGONFLY-OPERATOR-CLUSTER", "STORY-DB-CNPG-SHARED-CLUSTER"):
        assert f"{story}: CONCERNS" in said, "no test counts without evidence"
        assert story in text
    assert re.search(r"commit <code>[0-9a-f]{12}(, changed since)?</code>", text)
    known = register.load()
    assert set(re.findall(r'id="risk=([^"]+)"', text)) == set(known.risks)
    assert set(re.findall(r'id="test=([^"]+)"', text)) == set(known.tests)
    assert "Dragonfly dragonfly-system/dragonfly" in text


def test_another_stack_may_be_named(tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    assert run("--stack", "apps", "--no-gates", "--out", html)[0] == 0
    assert "stack apps, rendered" in html.read_text()
    with pytest.raises(UserError, match="there is no stack nowhere; there are apps, infra"):
        run("--stack", "nowhere", "--out", html)


def test_gates_may_be_asked_for_with_a_folder(folder: Path, tmp_path: Path) -> None:
    html = tmp_path / "report.html"
    assert run(folder, "--gates", "--evidence", tmp_path / "none", "--out", html)[0] == 0
    assert "STORY-DB-CNPG-SHARED-CLUSTER" in html.read_text()


def test_a_state_is_read(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text("{}")
    with pytest.raises(UserError, match="state"):
        run("--state", state, "--out", tmp_path / "report.html")


def test_what_cannot_be_read_is_told_and_on_the_page(folder: Path, tmp_path: Path) -> None:
    (folder / "broken.yaml").write_text("apiVersion: v1\nkind: [\n")
    html = tmp_path / "report.html"
    code, said = run(folder, "--out", html)
    assert code == 0
    assert "1 could not be read" in said
    assert "broken.yaml" in html.read_text()


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--out", "report.pdf"], r"--out report.pdf: the name has to end with .html or .md"),
        (["--out", "a.md", "--out", "a.md"], "written twice"),
        (["--metrics", "http://m.example.org"], "say which with --context"),
        (["DIR", "--context", "c"], "exclude each other"),
        (["DIR", "--stack", "infra"], "leave it out with DIR"),
        (["--waivers", "w.yaml"], "policy.STACK.json"),
        (["nowhere"], "no such folder or file"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(
    args: list[str], why: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=why):
        run(*(folder if arg == "DIR" else arg for arg in args))
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_place_that_cannot_be_written_is_told(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing/report.html cannot be written: No such file or directory"):
        run(folder, "--out", tmp_path / "missing" / "report.html")
