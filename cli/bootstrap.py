"""Makes .venv and keeps it equal to requirements-dev.txt: `python3 cli/bootstrap.py CHECKOUT CACHE`.

Runs before anything is installed, so it uses the standard library only, and nothing that a Python older than ours would
not even read: it has to tell its user that it is too old. Everything that it installs is pinned with hashes.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

OLDEST = (3, 11)
NEWER = ("python3.14", "python3.13", "python3.12", "python3.11")
FAILED = 3  # the exit code for an environment that failed, as in seawall/errors.py


def fail(sentence: str) -> NoReturn:
    """Leave with one sentence on stderr."""
    print(f"error: {sentence}", file=sys.stderr)
    sys.exit(FAILED)


def insist_on_python() -> None:
    """Go on with a Python that is new enough: this one, or one of a newer name on PATH."""
    if sys.version_info[:2] >= OLDEST:
        return
    for name in NEWER:
        found = shutil.which(name)
        if found:
            os.execv(found, [found, *sys.argv])  # noqa: S606 - replaces this process
    fail(
        f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, but {sys.executable} is {sys.version.split()[0]}: "
        "install one, or name it with `make PYTHON=/path/to/python3`"
    )


def locks(checkout: Path) -> "list[Path]":
    """The lock files that the environment is made from: uv, and what uv installs."""
    return [checkout / "cli" / "requirements-uv.txt", checkout / "requirements-dev.txt"]


def wanted(checkout: Path) -> str:
    """What the environment must be made of, as a hash of the lock files."""
    return hashlib.sha256(b"".join(lock.read_bytes() for lock in locks(checkout))).hexdigest()


def is_made(venv: Path, want: str) -> bool:
    """Whether the environment was made completely, from just this, and its interpreter is still there."""
    try:
        return (venv / ".seawall").read_text() == want and os.access(str(venv / "bin" / "python"), os.X_OK)
    except FileNotFoundError:
        return False


def make(checkout: Path, venv: Path, cache: Path, want: str) -> None:
    """Make or complete the environment."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "UV_PYTHON")}
    env.update(
        UV_CACHE_DIR=str(cache / "uv"),
        PIP_CACHE_DIR=str(cache / "pip"),
        RUSTUP_HOME=str(cache / "rustup"),  # pip asks `rustc` for its version, and rustup would write into HOME
        PIP_DISABLE_PIP_VERSION_CHECK="1",
        UV_NO_PROGRESS="1",
        VIRTUAL_ENV=str(venv),
    )
    python = str(venv / "bin" / "python")
    if works(python):
        print("bringing .venv up to date with requirements-dev.txt", file=sys.stderr)
    else:
        print("making .venv (once)", file=sys.stderr)
        create(venv, env)
    uv_lock, packages = locks(checkout)
    run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(uv_lock)], env, "installing uv")
    uv = str(venv / "bin" / "uv")
    run([uv, "pip", "install", "--quiet", "--require-hashes", "-r", str(packages)], env, "installing the packages")
    (venv / ".seawall").write_text(want)


def works(python: str) -> bool:
    """Whether an interpreter is there, starts and is new enough; one whose Python was removed does not."""
    probe = f"import pip, sys; sys.exit(sys.version_info[:2] < {OLDEST!r})"
    try:
        return subprocess.call([python, "-c", probe], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def create(venv: Path, env: "dict[str, str]") -> None:
    """Make an empty environment with pip in it."""
    shutil.rmtree(str(venv), ignore_errors=True)
    command = [sys.executable, "-m", "venv", str(venv)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        shutil.rmtree(str(venv), ignore_errors=True)
        fail(f"{sys.executable} cannot make a virtual environment (see above): on Debian, `apt install python3-venv`")


def run(command: "list[str]", env: "dict[str, str]", what: str) -> None:
    """Run a step; its output is shown only when it fails."""
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.stderr.buffer.write(done.stdout)
        fail(f"{what} failed (see above): is a package registry reachable from here?")


def main(checkout: Path, cache: Path) -> None:
    """Make the environment unless it is there; two at once take turns."""
    import fcntl

    venv, want = checkout / ".venv", wanted(checkout)
    if is_made(venv, want):
        return
    folder = cache / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"venv-{hashlib.sha256(str(checkout).encode()).hexdigest()[:12]}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("another command is making .venv: waiting until it has ended", file=sys.stderr)
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_made(venv, want):
            make(checkout, venv, cache, want)


if __name__ == "__main__":
    insist_on_python()
    try:
        main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).absolute())
    except OSError as error:
        fail(f"{error.filename or 'a file'} cannot be written or read: {error.strerror}")
    except KeyboardInterrupt:
        sys.exit(130)
