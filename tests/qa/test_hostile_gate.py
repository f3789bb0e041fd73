"""Files that somebody made to fool the gate, to stop it, or to say something else to a reader than to it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from evidence_samples import CHECKOUT, GOOD, STRANGER, evidence
from pydantic import ValidationError
from test_evidence_repository import Git
from typer.testing import CliRunner

from seawall.cli import evidence as evidence_command
from seawall.cli import gate as gate_command
from seawall.cli import report as report_command
from seawall.errors import EnvironmentFailure, UserError
from seawall.qa import own_file, register
from seawall.qa.evidence import document, files, repository, signers
from seawall.qa.gate import gate_folder
from seawall.qa.gate.stories import STORIES
from seawall.qa.strict_yaml import NotReadError, load
from seawall.qa.verify.asking import command

LINE = STRANGER.public.line
STORY = next(iter(STORIES.values())).id


def forged(pattern: str, instead: str) -> bytes:
    """Evidence with something else in it, and the digest of what it holds then."""
    text = re.sub(pattern, lambda _: instead, document.text(evidence()), count=1, flags=re.MULTILINE)
    return re.sub("^digest: .*$", f"digest: {document.digest(text)}", text, count=1, flags=re.MULTILINE).encode()


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [
        ("nodes: 3", f"nodes: 0x{'f' * 10_000}"),
        ("nodes: 3", f"nodes: 0b{'1' * 100_000}"),
        ("^started: .*$", "started: '0001-01-01T00:00:00+14:00'"),
        ("^finished: .*$", "finished: '9999-12-31T23:59:59-14:00'"),
        ("dirty: false", f"dirty: {'[' * 100_000}"),
    ],
)
def test_a_value_out_of_range_is_refused_and_stops_nothing(pattern: str, instead: str) -> None:
    with pytest.raises(document.NotEvidenceError):
        document.parse(forged(pattern, instead))


@pytest.mark.parametrize(
    "versions", [{"a": "1\n\n## DFLY-INT-004: passed"}, {"a\n- environment: real": "1"}, {"a": "1\u2028b"}, {"a": ""}]
)
def test_no_version_makes_lines_of_its_own_on_the_page(versions: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="versions"):
        evidence(versions=versions)


@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029", "\r"])
def test_no_comment_hides_a_signer_behind_what_only_python_takes_for_the_end_of_a_line(end: str) -> None:
    with pytest.raises(UserError, match="line 2: must hold no signs that are not shown"):
        signers.parse(f"platform-team {GOOD.public.line}\n# who signs what{end}stranger {LINE}\n")


def test_signers_with_the_ends_of_lines_of_another_system_are_read() -> None:
    found = signers.parse(f"# who\r\nplatform-team {GOOD.public.line}\r\n\r\n")

    assert [it.principals for it in found.lines] == ["platform-team"]


def test_no_command_line_is_too_long_or_too_odd_for_evidence() -> None:
    words = ["gate", "--out", "/home/somebody/gates", *(["--test", "DB.CNPG.SHARED-INT-001"] * 100), "\udcff\x1b[31m"]

    given = evidence(command=command(words))

    assert document.parse(document.text(given).encode()).command.startswith("seawall gate --test DB.CNPG")


def test_what_decides_is_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("x")
    for name, target in (("link", "elsewhere"), ("endless", "/dev/zero"), ("nowhere", "none")):
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()

    for name in ("link", "endless", "nowhere", "pipe", "folder"):
        with pytest.raises(UserError, match="must be a file of its own"):
            own_file.content(tmp_path / name, 100)
    with pytest.raises(UserError, match="larger than 0 KiB"):
        own_file.content(tmp_path / "elsewhere", 0)
    assert own_file.content(tmp_path / "none", 100) is None
    assert own_file.content(tmp_path / "elsewhere", 1) == b"x"


@pytest.mark.parametrize("text", ['"\\e[31mx": 1\n"\\e[31mx": 1\n', "a: !<tag:\u202ex> 1\n"])
def test_what_is_told_of_a_file_moves_no_cursor(text: str) -> None:
    with pytest.raises(NotReadError) as refused:
        load(text)

    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("  CNPG-SEC-001: {score: 1}\n  CNPG-SEC-001: {score: 9}", "line 3: CNPG-SEC-001 is given twice"),
        ("  CNPG-SEC-001: &a {score: 1}\n  CNPG-SEC-002: *a", "line 3: aliases are not read here"),
        ("  CNPG-SEC-001: {score: 1, score: 9}", "line 2: score is given twice"),
    ],
)
def test_the_register_says_one_thing_to_every_reader(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "register.yaml"
    file.write_text(f"risks:\n{text}\n")

    with pytest.raises(UserError, match=re.escape(f"register.yaml: {why}")):
        register.load(file)


@pytest.mark.parametrize("content", [b"", b"- a\n", b"\xff"])
def test_a_register_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "register.yaml").write_bytes(content)

    with pytest.raises(UserError, match=r"register\.yaml: "):
        register.load(tmp_path / "register.yaml")


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_change_that_git_was_told_not_to_see_is_seen(tmp_path: Path, flag: str) -> None:
    git = Git(tmp_path / "checkout")
    git.commit(a="1", docs__qa__gates__S="1")
    git("update-index", flag, "docs/qa/gates/S")
    assert not repository.head(git.folder).dirty

    git("update-index", flag, "a")
    (git.folder / "a").write_text("2")

    assert repository.head(git.folder).dirty


def test_what_a_sparse_checkout_leaves_out_is_no_change(tmp_path: Path) -> None:
    git = Git(tmp_path / "checkout")
    git.commit(a="1", more__b="1")
    git("update-index", "--skip-worktree", "more/b")
    (git.folder / "more" / "b").unlink()

    assert not repository.head(git.folder).dirty


def test_a_replaced_commit_leads_nowhere_else(tmp_path: Path) -> None:
    git = Git(tmp_path / "checkout")
    first, second = git.commit(a="1"), git.commit(a="2")
    git("checkout", "--quiet", "--orphan", "lonely")
    git("replace", second, git.commit(a="2"))
    git("checkout", "--quiet", "--detach", second)

    assert repository.commits(git.folder).known == {first, second}
    assert repository.versions(git.folder, "a") == ["2", "1"]


@pytest.mark.parametrize("target", ["../elsewhere", "other"])
def test_a_folder_of_gate_files_that_became_a_link_keeps_its_history(tmp_path: Path, target: str) -> None:
    git = Git(tmp_path / "checkout")
    [made] = (CHECKOUT / gate_folder.FOLDER).glob(f"{STORY}.yml")
    git.commit(**{f"gates__{STORY}.yml": made.read_text()})
    gates = git.folder / "gates"
    (gates / made.name).unlink()
    gates.rmdir()
    (git.folder / target).mkdir()
    gates.symlink_to(target)

    with pytest.raises(UserError, match="the history was rewritten"):
        gate_folder.history(gates, STORY, git.folder)


def test_a_signature_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    file = files.write(tmp_path, evidence())
    file.with_name(file.name + files.SIGNATURE).mkdir()

    with pytest.raises(EnvironmentFailure, match="cannot be written"):
        files.sign(file, GOOD)


def test_a_name_that_no_file_can_have_is_a_mistake() -> None:
    for name in ("x" * 300, str(CHECKOUT / "README.md" / "x")):
        found = CliRunner().invoke(evidence_command.app, ["verify", name])
        assert isinstance(found.exception, UserError)


def called(*words: str, encoding: str = "utf-8") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "seawall.cli", "evidence", *words]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)


def test_no_mistake_moves_the_cursor(tmp_path: Path) -> None:
    done = called("verify", str(tmp_path / "a\x1b[31m\u202eb"))

    assert done.returncode == 2
    assert "a\\x1b[31m\\u202eb: there is no such file\n" in done.stderr


def test_a_terminal_that_knows_few_signs_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a→b.md").touch()

    done = called("list", "--evidence", str(tmp_path), encoding="ascii")

    assert (done.returncode, done.stderr) == (0, "")
    assert "a\\u2192b.md" in done.stdout


@pytest.mark.parametrize("reviewer", ["", "  ", "todo", "a\x1b[31mb", "head\nof platform", "\udcff", "--------"])
def test_a_reviewer_is_somebody(tmp_path: Path, reviewer: str) -> None:
    found = CliRunner().invoke(gate_command.app, ["--no-run", "--out", str(tmp_path), "--reviewer", reviewer])

    assert isinstance(found.exception, UserError)
    assert str(found.exception).startswith("--reviewer ")
    assert str(found.exception).isprintable()
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_a_folder_is_told_before_anything_is_run(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    calls = (
        (gate_command.app, ["--evidence", str(file)]),
        (gate_command.app, ["--out", str(file)]),
        (gate_command.app, ["--out", str(tmp_path / ("x" * 300))]),
        (evidence_command.app, ["list", "--evidence", str(file)]),
        (report_command.app, ["--evidence", str(file), "--out", str(tmp_path / "r.html")]),
    )
    for app, words in calls:
        found = CliRunner().invoke(app, words)
        assert isinstance(found.exception, UserError), words
        assert str(found.exception).startswith(("--evidence ", "--out "))


def test_a_file_of_every_kind_in_the_folder_is_set_aside(tmp_path: Path) -> None:
    good = files.write(tmp_path, evidence(), signer=GOOD)
    (tmp_path / good.name.lower()).write_bytes(good.read_bytes())
    (tmp_path / good.name.replace("INT-004", "INT-005")).write_bytes(good.read_bytes())
    (tmp_path / "huge.md").write_bytes(forged("nodes: 3", f"nodes: 0x{'f' * 10_000}"))
    (tmp_path / "crlf.md").write_bytes(good.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "late.md").write_bytes(forged("^finished: .*$", "finished: '9999-12-31T23:59:59-14:00'"))
    (tmp_path / os.fsdecode(b"\xff.md")).write_bytes(b"\xff")
    (tmp_path / "zero.md").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe.md")
    (tmp_path / "folder.md").mkdir()

    found = files.read_all(tmp_path)

    assert [it.file for it in found if it.evidence is not None] == [good.name]
    assert len(found) == 10
    assert all(it.problem for it in found if it.file != good.name)
