"""The programs of these tests: found on this machine, or got into our cache.

PostgreSQL: on PATH, in Debian's folder, or Debian's own package, unpacked. barman-cloud: in an environment of its own,
from the pinned list beside this file (its licence is GPL-3: nothing of ours imports it).
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import debian_packages
import unprivileged
from filelock import FileLock
from rich.console import Console

from seawall import paths
from seawall.errors import EnvironmentFailure
from seawall.tools.failures import without_addresses

LONG = os.environ.get("SEAWALL_DATA") == "long"
"""Whether the long form runs (`make test-data`): every combination, more data, more rounds."""

PGBOUNCER_RELEASES = ("bookworm", "trixie")
"""The releases of Debian whose PgBouncer is tried: 1.18, which knows no prepared statements, and 1.24, which does."""

_PINS = Path(__file__).resolve().with_name("requirements-barman.txt")
_SYSTEM = "/usr/lib/postgresql"
_SERVER = rf"{debian_packages.LIBRARIES}|postgresql-(client-)?\d"


@dataclass(frozen=True)
class Programs:
    """Programs of one kind in one folder."""

    folder: Path
    version: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """What they need to run, such as where their libraries are."""

    def path(self, name: str) -> Path:
        """A program. Raises `AssertionError` when it is not there."""
        found = self.folder / name
        assert found.is_file(), f"{self.folder} has no {name}"
        return found


@dataclass(frozen=True)
class Tools:
    """What every test here needs."""

    postgres: Programs
    """initdb, postgres, psql, pg_checksums, pg_waldump, pg_controldata."""
    barman: Programs
    """barman-cloud-backup and its siblings."""


def tools(console: Console) -> Tools:
    """PostgreSQL and barman-cloud. Raises `EnvironmentFailure` with the reason when one cannot be had."""
    return Tools(postgres(console), barman(console))


def postgres(console: Console) -> Programs:
    """PostgreSQL's own programs, of this machine or of Debian's package. Raises `EnvironmentFailure`."""
    found = _installed_postgres()
    return _postgres_in(found, {}) if found is not None else packaged_postgres(console)


def packaged_postgres(console: Console) -> Programs:
    """PostgreSQL of the package of this machine's Debian, unpacked. Raises `EnvironmentFailure`."""
    release = debian_packages.mirror().release
    got = debian_packages.unpacked("postgresql", release, console, needs=_SERVER, without=("libc6",))
    (found,) = got.root.glob("usr/lib/postgresql/*/bin")
    return _postgres_in(found, {"LD_LIBRARY_PATH": got.libraries})


def _installed_postgres() -> Path | None:
    on_path = shutil.which("postgres")
    debian = sorted(Path(_SYSTEM).glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    return Path(on_path).resolve().parent if on_path else debian[-1].parent if debian else None


def _postgres_in(folder: Path, environment: Mapping[str, str]) -> Programs:
    said = unprivileged.run([folder / "postgres", "--version"], env=environment).stdout
    return Programs(folder, re.findall(r"\d+(?:\.\d+)+", said)[0], environment)


def barman(console: Console) -> Programs:
    """barman-cloud in an environment of its own, made once. Raises `EnvironmentFailure` when it cannot be."""
    pins = _PINS.read_text()
    version = pins.partition("\nbarman==")[2].split()[0]
    digest = hashlib.sha256(pins.encode()).hexdigest()[:8]  # another list is another folder: this one may be in use
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = paths.cache() / "data" / f"barman-{version}-{digest}-python{python}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        complete = folder / "complete"
        if not complete.is_file():
            console.print(f"installing barman-cloud {version} into {folder}")
            uv = str(Path(sys.executable).parent / "uv")
            _install(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
            into = ("--python", str(folder / "bin" / "python"), "--compile-bytecode")
            # The list holds psycopg2-binary for psycopg2, which would have to be compiled: the same module.
            _install(uv, "pip", "install", "--quiet", *into, "--no-deps", "--require-hashes", "-r", str(_PINS))
            complete.touch()
    made = Programs(folder / "bin", version)
    asked = unprivileged.run([made.path("barman-cloud-backup"), "--version"], check=False)
    if asked.returncode:
        raise EnvironmentFailure(
            f"barman-cloud in {folder} does not run as {unprivileged.USER}: {asked.stderr.strip()[-300:]}; set "
            "SEAWALL_CACHE to a folder that everybody may read"
        )
    return made


def _install(*command: str) -> None:
    environment = os.environ | {"UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(paths.cache() / "uv"))}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise EnvironmentFailure(
            f"barman-cloud could not be installed: {without_addresses(done.stderr).strip()[-500:]}; connect this "
            "machine, or use the cache of one that has it (SEAWALL_CACHE)"
        )


@dataclass(frozen=True)
class PgBouncer:
    """One PgBouncer."""

    version: tuple[int, ...]
    package: str
    """Debian's version of its package."""
    command: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its version as text."""
        return ".".join(map(str, self.version))


def pgbouncer(release: str, console: Console) -> PgBouncer:
    """The PgBouncer of a release of Debian, with its own libraries. Raises `EnvironmentFailure`."""
    got = debian_packages.unpacked("pgbouncer", release, console)
    command = got.command("usr/sbin/pgbouncer")
    said = unprivileged.run([*command, "--version"]).stdout
    number = re.search(r"PgBouncer (\d+)\.(\d+)\.(\d+)", said)
    assert number is not None, said
    return PgBouncer(tuple(map(int, number.groups())), got.version, command)
