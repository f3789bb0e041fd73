"""What git knows: commits that led here, changes that are in none, and what a file held before."""

import subprocess
from pathlib import Path

import pytest

from seawall.errors import EnvironmentFailure
from seawall.qa.evidence import repository


class Git:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self("init", "--quiet", "--initial-branch=main")

    def __call__(self, *arguments: str) -> str:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, content in files.items():
            file = self.folder / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message", "x")
        return self("rev-parse", "HEAD")


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return Git(tmp_path / "checkout")


def test_head_and_what_led_to_it(git: Git) -> None:
    first = git.commit(a="1")
    git("switch", "--quiet", "--create", "side")
    side = git.commit(b="1")
    git("switch", "--quiet", "main")
    second = git.commit(a="2")
    assert repository.head(git.folder) == repository.Head(second, dirty=False)
    assert repository.commits(git.folder) == repository.Commits(frozenset({first, second}))
    git("merge", "--quiet", "side")
    assert side in repository.commits(git.folder).known


def test_changes_and_new_files_make_a_checkout_dirty(git: Git) -> None:
    git.commit(a="1")
    (git.folder / "new").write_text("")
    assert repository.head(git.folder).dirty
    (git.folder / "new").unlink()
    (git.folder / "a").write_text("2")
    assert repository.head(git.folder).dirty


def test_what_a_run_writes_makes_none_dirty(git: Git) -> None:
    git.commit(a="1")
    for folder in repository.OUTPUTS:
        (git.folder / folder).mkdir(parents=True)
        (git.folder / folder / "x.md").write_text("")
    assert not repository.head(git.folder).dirty
    (git.folder / "docs" / "qa" / "gate.yaml").write_text("")
    assert repository.head(git.folder).dirty


def test_a_shallow_clone_says_so(git: Git, tmp_path: Path) -> None:
    first = git.commit(a="1")
    second = git.commit(a="2")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{git.folder}", str(clone)], check=True)
    found = repository.commits(clone)
    assert found == repository.Commits(frozenset({second}), shallow=True)
    assert first not in found.known


def test_what_a_file_held(git: Git) -> None:
    git.commit(docs__x="1")
    git.commit(other="1")
    git.commit(docs__x="2")
    git("rm", "--quiet", "docs/x")
    git.commit()
    assert sorted(repository.versions(git.folder, "docs/x")) == ["1", "2"]
    assert repository.versions(git.folder, "docs/x", newest=True) == []
    git.commit(docs__x="3")
    assert repository.versions(git.folder, "docs/x", newest=True) == ["3"]


def test_what_a_branch_held_that_was_merged_and_thrown_away(git: Git) -> None:
    git.commit(x="1")
    git("switch", "--quiet", "--create", "side")
    git.commit(x="side")
    git("switch", "--quiet", "main")
    git.commit(y="1")
    git("merge", "--quiet", "--strategy=ours", "side")
    assert "side" in repository.versions(git.folder, "x")


def test_a_folder_without_git_has_no_commits(tmp_path: Path) -> None:
    assert repository.commits(tmp_path) == repository.Commits()
    assert repository.versions(tmp_path, "x") == []


def test_the_environment_of_a_hook_does_not_lead_elsewhere(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = git.commit(a="1")
    other = Git(tmp_path / "other")
    other.commit(b="1")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    assert repository.head(git.folder).commit == here


def test_git_that_fails_or_is_missing_is_told(git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentFailure, match="git rev-parse failed"):
        repository.head(git.folder)  # no commit yet
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentFailure, match="git is not on PATH"):
        repository.head(git.folder)
