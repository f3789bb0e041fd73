"""Programs that refuse to run as root (PostgreSQL, PgBouncer) and what they start, run as somebody else.

As root they run as `nobody`, with the one right to read every file: without it they could not read barman's
environment or an interpreter below root's home. They write only what is given to them with `own`. Who is not root runs
them as they are.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from seawall.errors import EnvironmentFailure

USER = "nobody"
_READ = {"dac_read_search": 1 << 2, "dac_override": 1 << 1}
"""Capabilities that let a process read every file, the smaller one first; containers often have the second only."""


@cache
def prefix() -> tuple[str, ...]:
    """What is put before a command, so that it runs unprivileged; nothing when we are so already.

    Raises `EnvironmentFailure` when root cannot become somebody else here.
    """
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EnvironmentFailure(f"PostgreSQL does not run as root, and setpriv is missing to run it as {USER}")
    status = Path("/proc/self/status").read_text()
    held = int(status.partition("CapBnd:")[2].split()[0], 16) & int(status.partition("CapEff:")[2].split()[0], 16)
    right = next((f"+{name}" for name, bit in _READ.items() if held & bit), "")
    rights = f"-all,{right}".rstrip(",")
    account = pwd.getpwnam(USER)
    return (
        setpriv,
        f"--reuid={account.pw_uid}",
        f"--regid={account.pw_gid}",
        "--clear-groups",
        f"--inh-caps={rights}",
        f"--ambient-caps={rights}",
        f"--bounding-set={rights}",
        "--securebits=+no_setuid_fixup",  # so that access(2), by which PostgreSQL looks for its programs, agrees
    )


def own(path: Path) -> Path:
    """Give a file, or a folder with all that is in it, to whom `prefix` runs commands as; the path again."""
    if os.geteuid() == 0:
        account = pwd.getpwnam(USER)
        for each in (path, *path.rglob("*")):
            os.chown(each, account.pw_uid, account.pw_gid, follow_symlinks=False)
    return path


def folder(name: str) -> Path:
    """A new folder of its own with a short path (a Unix socket's may have 107 characters); the caller removes it."""
    return own(Path(tempfile.mkdtemp(prefix=f"seawall-{name}-")))


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of commands: nothing of ours, so that no credentials, proxies or authorities come along."""
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent", "TZ": "UTC", **(more or {})}


def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    check: bool = True,
    cwd: Path | None = None,
    seconds: float = 240,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end. Raises `AssertionError` with its last words when it fails, unless `check` is off.

    It is ended, and that is raised as well, when it is not done in time (a base backup waits for WAL for ever, say).
    """
    try:
        done = subprocess.run(
            [*prefix(), *map(str, command)],
            env=environment(env),
            cwd=cwd or "/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired as late:
        said = b"".join(part if isinstance(part, bytes) else b"" for part in (late.stdout, late.stderr))
        raise AssertionError(
            f"{Path(command[0]).name} is not done after {seconds:.0f} seconds: {said.decode(errors='replace')[-3000:]}"
        ) from None
    assert not check or done.returncode == 0, (
        f"{Path(command[0]).name} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}"
    )
    return done


def start(
    command: Sequence[str | Path], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a server that writes to `log`. It gets SIGINT when the thread that started it ends, however that ends."""
    before = prefix() or _setpriv()
    with log.open("ab") as output:
        return subprocess.Popen(
            [*before, *(["--pdeathsig=INT"] if before else []), *map(str, command)],
            env=environment(env),
            cwd=cwd or "/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _setpriv() -> tuple[str, ...]:
    found = shutil.which("setpriv")
    return (found,) if found else ()
