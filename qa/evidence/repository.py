"""What git knows of the checkout: which commit it is, what came before it, and whether it was changed since."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from seawall.errors import EnvironmentFailure

OUTPUTS = ("docs/qa/evidence", "docs/qa/gates")
"""What a run itself writes: it makes no checkout dirty."""


@dataclass(frozen=True)
class Head:
    """What is checked out."""

    commit: str
    dirty: bool
    """Whether there are changes, or files, that are in no commit; evidence and gate files aside."""


@dataclass(frozen=True)
class Commits:
    """The commits that led here."""

    known: frozenset[str] = frozenset()
    shallow: bool = False
    """Whether older ones are missing from this clone."""


def head(checkout: Path) -> Head:
    """The commit and whether it was changed since. Raises `EnvironmentFailure` when git cannot tell."""
    commit = _git(checkout, ["rev-parse", "--verify", "HEAD"]).strip()
    apart = [f":(top,exclude){path}" for path in OUTPUTS]
    changed = _git(checkout, ["status", "--porcelain", "--untracked-files=all", "--", ":(top)", *apart])
    return Head(commit, bool(changed.strip()) or _unwatched(checkout, apart))


def _unwatched(checkout: Path, apart: Sequence[str]) -> bool:
    """Whether there are files in which git was told to see no change (assume-unchanged, skip-worktree)."""
    told = _git(checkout, ["ls-files", "-v", "-z", "--full-name", "--", ":(top)", *apart]).split("\0")
    top = Path(_git(checkout, ["rev-parse", "--show-toplevel"]).rstrip("\n"))
    # a sparse checkout leaves files out, which is no change
    return any(it[0].islower() or (it[0] == "S" and os.path.lexists(top / it[2:])) for it in told if it)


def commits(checkout: Path) -> Commits:
    """HEAD and all that came before it; none where there is no git. Raises `EnvironmentFailure` when git fails."""
    if not _has_commits(checkout):
        return Commits()
    found = frozenset(_git(checkout, ["rev-list", "HEAD"]).split())
    return Commits(found, _git(checkout, ["rev-parse", "--is-shallow-repository"]).strip() == "true")


def versions(checkout: Path, path: str, *, newest: bool = False) -> list[str]:
    """What a file has held in each commit that led here and changed it, or (`newest`) in the one that is checked out;
    none where there is no git."""
    if not _has_commits(checkout):
        return []
    # on every branch that was merged, whatever became of it
    changing = ["HEAD"] if newest else _git(checkout, ["rev-list", "--full-history", "HEAD", "--", path]).split()
    there = (it for it in changing if _git(checkout, ["ls-tree", "--name-only", it, "--", path]).strip())
    return [_git(checkout, ["show", f"{commit}:./{path}"]) for commit in there]


def _has_commits(checkout: Path) -> bool:
    return (checkout / ".git").exists() and bool(_git(checkout, ["rev-list", "--max-count=1", "--all"]).strip())


def _git(checkout: Path, arguments: Sequence[str]) -> str:
    # a hook's GIT_DIR would make git answer about another repository
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(checkout), "-c", "core.quotePath=false", "-c", "core.fsmonitor=false", *arguments],
            # `git replace` would give another history than the commits'
            env={**environment, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_REPLACE_OBJECTS": "1"},
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
        )
    except FileNotFoundError:
        raise EnvironmentFailure("git is not on PATH: evidence names the commit that ran") from None
    except subprocess.CalledProcessError as error:
        why = error.stderr.strip().splitlines()
        raise EnvironmentFailure(f"git {arguments[0]} failed in {checkout}: {why[0] if why else 'no reason'}") from None
    return done.stdout
