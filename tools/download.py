"""Tools fetched ready-made, each by its vendor's own way. Only ever on request (`DOWNLOAD=1`).

What comes from a release is trusted as its vendor's documentation does (TLS, no recorded hash), must be complete, and
must then say the version that was asked for. The Go modules are the way with recorded hashes.
"""

import os
import platform
import re
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from seawall.tools import layout, processes, versions
from seawall.tools.catalog import Download, Tool, tool
from seawall.tools.failures import cause

_TIMEOUT_SECONDS = 30.0
_CHUNK = 1 << 20
_OFFLINE = "no network: its vendor's server is not reached from here"
_KWOK_RELEASES = "https://github.com/kubernetes-sigs/kwok/releases/download"

Detail = Callable[[str], None]


class DownloadError(Exception):
    """A tool could not be fetched; the text is a clause that says why, without any address."""

    def __init__(self, why: str, *, unreachable: str = "") -> None:
        super().__init__(why)
        self.unreachable = unreachable
        """The host that was not reached, so that nobody waits for it again."""


def fetch(wanted: Tool, into: Path, *, kwokctl: Path | None, unreachable: Collection[str], detail: Detail) -> None:
    """Put a tool's executable at `into / wanted.executable`, by the vendor's way that the catalogue names.

    `kwokctl` is needed for the tools that kwokctl knows where to find; hosts in `unreachable` are not tried.
    Raises `DownloadError`, leaving `into` to the caller.
    """
    into.mkdir(parents=True, exist_ok=True)
    target = into / wanted.executable
    if wanted.download is Download.PULUMI:
        _pulumi(wanted, into, detail)
    elif wanted.download is Download.KWOK_RELEASE:
        prefix = os.environ.get("KWOK_BINARY_PREFIX", f"{_KWOK_RELEASES}/{wanted.version}")
        _save(f"{prefix}/{wanted.name}-{_system()}-{_machine()}", target, unreachable, detail)
    elif wanted.download is Download.KWOKCTL and kwokctl is not None:
        _save(_artifact(wanted, kwokctl), target, unreachable, detail)
    else:
        raise DownloadError("its vendor publishes no ready-made binary")
    target.chmod(0o755)
    if wanted.probe:
        says = versions.ask(target, wanted.probe)
        if says != versions.parse(wanted.version):
            raise DownloadError(f"what its vendor sent says version {says or 'nothing'}, not {wanted.version}")


def _pulumi(wanted: Tool, into: Path, detail: Detail) -> None:
    # In a process of its own: it can be ended as a whole, and its home is not the user's.
    script = (
        "import sys; from pulumi.automation import PulumiCommand; from semver import VersionInfo; "
        "PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))"
    )
    home = into.parent / f"{into.name}-home"
    home.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"HOME": str(home), "PULUMI_HOME": str(home / ".pulumi")}
    detail("the Automation API's installer")
    try:
        done = processes.run(
            [sys.executable, "-c", script, str(into), wanted.version.removeprefix("v")],
            cwd=into,
            env=environment,
            on_line=lambda _line: None,
        )
    finally:
        shutil.rmtree(home, ignore_errors=True)
    if done.returncode != 0 or not (into / wanted.executable).is_file():
        raise DownloadError(f"the Automation API's installer failed ({_why(done.stdout)})")


def _artifact(wanted: Tool, kwokctl: Path) -> str:
    """The address that kwokctl itself would fetch this tool from, for this platform and our pinned versions."""
    scratch = layout.partial() / "kwokctl"
    environment = os.environ | {
        "KWOK_KUBE_VERSION": tool("kube-apiserver").version,
        "KWOK_ETCD_VERSION": tool("etcd").version.removeprefix("v"),
        "KWOK_WORKDIR": str(scratch),
    }
    command = [str(kwokctl), "get", "artifacts", "--runtime", "binary", "--filter", "binary"]
    try:
        listed = processes.run(command, cwd=kwokctl.parent, env=environment, on_line=lambda _line: None)
    except OSError as error:
        raise DownloadError(f"kwokctl does not run ({error.strerror})") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    pattern = re.compile(rf"^{re.escape(wanted.name)}(-{_system()}-{_machine()})?$")
    for address in listed.stdout.split():
        parts = urlsplit(address)
        if parts.scheme in ("http", "https") and pattern.match(parts.fragment or parts.path.rsplit("/", 1)[-1]):
            return address
    raise DownloadError("kwokctl names no ready-made binary of it for this platform")


def _save(address: str, target: Path, unreachable: Collection[str], detail: Detail) -> None:
    """Fetch a file; `<archive>#<name>` means the file of that name inside the archive."""
    archive, _, member = address.partition("#")
    if urlsplit(archive).scheme not in ("http", "https"):
        raise DownloadError("its address is neither http nor https")
    host = urlsplit(archive).netloc
    if host in unreachable:
        raise DownloadError(_OFFLINE)
    received = target.parent / f"{target.name}.received" if member else target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with urllib.request.urlopen(archive, timeout=_TIMEOUT_SECONDS) as answer, received.open("wb") as file:  # noqa: S310
            size = int(answer.headers.get("Content-Length") or 0)
            if _copy(answer, file, size, detail) != size > 0:
                raise DownloadError("the connection ended in the middle")
        if member:
            _extract(received, archive, member, target)
            received.unlink()
    except urllib.error.HTTPError as error:
        raise DownloadError(f"its vendor's server answered {error.code} {error.reason}") from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise DownloadError(_OFFLINE, unreachable=host) from error
    except (tarfile.TarError, zipfile.BadZipFile, EOFError) as error:
        raise DownloadError("the archive that its vendor's server sent is damaged") from error


def _copy(source: IO[bytes], file: IO[bytes], size: int, detail: Detail) -> int:
    """Copy all of it, saying how far it is; returns the bytes copied."""
    done = 0
    while chunk := source.read(_CHUNK):
        file.write(chunk)
        done += len(chunk)
        detail(f"{done >> 20} of {size >> 20} MiB" if size else f"{done >> 20} MiB")
    return done


def _extract(received: Path, archive: str, member: str, target: Path) -> None:
    """Take one file, found by its base name, out of a .zip or .tar.* archive."""
    if archive.endswith(".zip"):
        with zipfile.ZipFile(received) as zipped:
            for name in zipped.namelist():
                if name.rsplit("/", 1)[-1] == member:
                    with zipped.open(name) as inner, target.open("wb") as file:
                        shutil.copyfileobj(inner, file)
                    return
    else:
        with tarfile.open(received) as packed:
            for entry in packed:
                inner_file = packed.extractfile(entry) if entry.isfile() else None
                if inner_file is not None and entry.name.rsplit("/", 1)[-1] == member:
                    with inner_file, target.open("wb") as file:
                        shutil.copyfileobj(inner_file, file)
                    return
    raise DownloadError(f"the archive that its vendor's server sent holds no {member}")


def _why(output: str) -> str:
    known = cause(output)
    if (known is not None and known.network) or "urlopen error" in output:
        return _OFFLINE
    return "it gave no reason that helps" if not output.strip() else "its own output ends: " + _last_line(output)


def _last_line(output: str) -> str:
    return re.sub(r"\S+://\S+", "<address>", output.strip().splitlines()[-1].strip())


def _system() -> str:
    return "darwin" if sys.platform == "darwin" else "linux"


def _machine() -> str:
    return "arm64" if platform.machine().lower() in ("aarch64", "arm64") else "amd64"
