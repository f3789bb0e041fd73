"""Programs of Debian's packages, unpacked into our cache with the libraries that they need; nothing is installed.

apt itself fetches them, from the mirror of this machine's own sources and under the signatures of its own keyring, with
a state of its own: another release of Debian may be named than the one that runs here.
"""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from rich.console import Console

from seawall import paths
from seawall.errors import EnvironmentFailure
from seawall.tools.failures import without_addresses

_SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))
_CONFIGURATION = Path("/etc/apt/apt.conf.d")
LIBRARIES = r"lib"
"""The names of packages of libraries, as a regular expression."""
_NEEDED = ("apt-get", "apt-cache", "dpkg", "dpkg-deb")


class UnsupportedMachineError(EnvironmentFailure):
    """Debian's packages are not for this machine."""


@dataclass(frozen=True)
class Mirror:
    """Where this machine's own release of Debian comes from."""

    address: str
    release: str
    """Its code name, like `bookworm`."""
    keyring: str
    """The file with the archive's keys; empty where the source names none, which means apt's own."""


@dataclass(frozen=True)
class Unpacked:
    """A package and its libraries in a folder."""

    root: Path
    version: str
    """The package's version, as Debian writes it."""

    @property
    def libraries(self) -> str:
        """The folders with the libraries, as a search path."""
        return ":".join(str(path) for path in sorted(self.root.glob("usr/lib/*-linux-gnu*")) if path.is_dir())

    def command(self, program: str) -> tuple[str, ...]:
        """A program (its path in the package) with the loader and the libraries that were unpacked with it.

        Its C library may be newer than this machine's. A program that it starts itself gets this machine's.
        """
        loader = next(self.root.glob("usr/lib/*-linux-gnu*/ld-linux*.so.*"), None)
        assert loader is not None, f"{self.root} has no loader"
        return (str(loader), "--library-path", self.libraries, str(self.root / program))


def mirror() -> Mirror:
    """The mirror of this machine's own release. Raises `EnvironmentFailure` when it is no Debian or has no source."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        system = {}
    if system.get("ID") != "debian" or not all(map(shutil.which, _NEEDED)):
        called = system.get("PRETTY_NAME", platform.system())
        raise UnsupportedMachineError(f"this machine ({called}) is no Debian with apt")
    release = system.get("VERSION_CODENAME", "")
    files = [path for place in _SOURCES for path in (sorted(place.iterdir()) if place.is_dir() else [place])]
    for path in files:
        if path.suffix in (".list", ".sources") and path.is_file():
            read = sources if path.suffix == ".sources" else lines
            for address, suites, keyring in read(path.read_text()):
                if release in suites:
                    return Mirror(address, release, keyring)
    raise EnvironmentFailure(f"apt has no source of {release}: add one to this machine")


Source = tuple[str, list[str], str]


def sources(text: str) -> Iterator[Source]:
    """Address, suites and keyring of every source of packages in a file of the newer format (deb822)."""
    text = re.sub(r"^#.*\n?", "", text, flags=re.MULTILINE)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {key.lower(): value for key, value in re.findall(r"^([\w-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.M)}
        words = {key: value.split() for key, value in fields.items()}
        wanted = "deb" in words.get("types", ()) and "main" in words.get("components", ())
        if wanted and words.get("uris") and words.get("enabled") != ["no"]:
            yield words["uris"][0], words.get("suites", []), _file(fields.get("signed-by", "").strip())


def lines(text: str) -> Iterator[Source]:
    """The same of a file of the older format: one source a line."""
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[([^]]*)]\s*)?(\S+)\s+(\S+)((?:\s+\w\S*)*)", line.partition("#")[0].strip())
        if found and "main" in found[4].split():
            options = dict(option.partition("=")[::2] for option in (found[1] or "").split())
            yield found[2], [found[3]], _file(options.get("signed-by", ""))


def _file(keyring: str) -> str:
    return keyring if re.fullmatch(r"/\S+", keyring) else ""


def unpacked(
    package: str, release: str, console: Console, *, needs: str = LIBRARIES, without: Sequence[str] = ()
) -> Unpacked:
    """A package of a release, with the libraries that it needs, in our cache; fetched once.

    `needs` is what the names of the packages start with that come along when it, or one of them, depends on them;
    `without` names some that this machine has. Raises `EnvironmentFailure` when it cannot be had.
    """
    machine = platform.machine()
    folder = paths.cache() / "data" / f"{package}-{release}-{machine}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        version = folder / "version"
        if not version.is_file():
            console.print(f"fetching {package} of Debian {release} and its libraries into {folder}")
            work = folder.with_name(f"{folder.name}.part")
            shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            try:
                apt = _Apt(mirror(), release, work)
                apt.fetch(package, needs, without)
                apt.unpack(work / "root")
                (work / "root" / "version").write_text(apt.version(package))
                (work / "root").rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return Unpacked(folder, version.read_text())


class _Apt:
    """apt with one source, and lists and a state of its own in which nothing is installed."""

    def __init__(self, source: Mirror, release: str, work: Path) -> None:
        self._what = f"Debian {release}"
        for part in ("lists/partial", "cache/archives/partial", "packages"):
            (work / part).mkdir(parents=True)
        (work / "status").touch()
        signed = f"Signed-By: {source.keyring}\n" if source.keyring else ""
        given = work / "debian.sources"
        given.write_text(f"Types: deb\nURIs: {source.address}\nSuites: {release}\nComponents: main\n{signed}")
        self._packages = work / "packages"
        # This machine's own configuration holds (its proxy, say), but neither its sources nor what follows an update.
        parts = work / "parts"
        parts.mkdir()
        for path in _CONFIGURATION.iterdir() if _CONFIGURATION.is_dir() else ():
            shutil.copy(path, parts)
        settings = {
            "Dir::Etc::sourcelist": given,
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State": work,
            "Dir::State::lists": work / "lists",
            "Dir::State::status": work / "status",
            "Dir::Cache": work / "cache",
            "APT::Sandbox::User": "root",  # another user could not read our cache
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::Retries": "3",
        }
        cleared = [f"#clear APT::Update::{hook};" for hook in ("Pre-Invoke", "Post-Invoke", "Post-Invoke-Success")]
        said = [f'{key} "{value}";' for key, value in settings.items()]
        (parts / "zz-seawall").write_text("\n".join([*cleared, *said, ""]))
        (work / "apt.conf").write_text(f'Dir::Etc::parts "{parts}";\n')
        self._environment = os.environ | {"APT_CONFIG": str(work / "apt.conf"), "LC_ALL": "C.UTF-8"}
        self._run("apt-get", "update", "--error-on=any")

    def fetch(self, package: str, needs: str, without: Sequence[str]) -> None:
        """Download a package and what it needs, and what that needs, as apt checks them."""
        known: set[str] = set()
        wanted = {package}
        while wanted:
            known |= wanted
            shown = self._run("apt-cache", "show", "--no-all-versions", *sorted(wanted), check=False)
            depends = ",".join(re.findall(r"^(?:Pre-)?Depends: (.*)$", shown, re.MULTILINE))
            first = {each.split("|")[0].split("(")[0].split(":")[0].strip() for each in depends.split(",")}
            wanted = {name for name in first if re.match(needs, name)} - known - set(without)
        self._run("apt-get", "download", *sorted(known), cwd=self._packages)

    def unpack(self, into: Path) -> None:
        """Unpack what was fetched. Older releases keep libraries in /lib as well, which is /usr/lib here."""
        (into / "usr" / "lib").mkdir(parents=True)
        (into / "lib").symlink_to("usr/lib")
        (into / "usr" / "lib64").mkdir()
        (into / "lib64").symlink_to("usr/lib64")
        for package in sorted(self._packages.glob("*.deb")):
            archive = subprocess.Popen(("dpkg-deb", "--fsys-tarfile", str(package)), stdout=subprocess.PIPE)
            # tar as dpkg calls it, but following our links instead of replacing them by the package's folders.
            tar = ("tar", "--extract", "--keep-directory-symlink", "--no-same-owner", "--directory", str(into))
            subprocess.run(tar, stdin=archive.stdout, check=True)
            assert archive.wait() == 0, f"{package.name} could not be unpacked"

    def version(self, package: str) -> str:
        """The version that was fetched."""
        (file,) = self._packages.glob(f"{package}_*.deb")
        return self._run("dpkg-deb", "--field", str(file), "Version").strip()

    def _run(self, *command: str, check: bool = True, cwd: Path | None = None) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=self._environment)
        if check and done.returncode:
            reason = without_addresses(done.stderr or done.stdout).strip()[-500:]
            raise EnvironmentFailure(
                f"packages of {self._what} cannot be had: {reason}; connect this machine, or use the cache of one that "
                "has them (SEAWALL_CACHE)"
            )
        return done.stdout
