"""Which provider plugins the engine runs: the vendor's where they are installed, else our stand-ins."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc
from semver import VersionInfo

PROVIDERS = ("kubernetes", "aws")
"""Our program's providers, each with an SDK `pulumi-<name>` and a stand-in `seawall.sandbox.plugins.<name>`."""


@dataclass(frozen=True)
class Plugin:
    """A provider plugin as the engine will run it."""

    name: str
    version: str
    """The plugin's version; for a stand-in the version of the SDK that it stands in for."""
    stand_in: bool
    origin: str
    """Where it comes from, as a person would say it."""

    def sentence(self) -> str:
        """What to tell the user about it."""
        if self.stand_in:
            return f"pulumi-{self.name}: stand-in for {self.version} (the vendor's plugin is not installed)"
        return f"pulumi-{self.name}: the vendor's plugin {self.version} from {self.origin}"


def sdk_version(name: str) -> str:
    """The version of the installed SDK; the engine asks for a plugin of exactly this version."""
    return installed_version(f"pulumi-{name}")


def install(home: Path, vendors: Iterable[Path] | None) -> tuple[Plugin, ...]:
    """Lay out `home` (PULUMI_HOME) so that the engine finds one plugin per provider, and say which they are.

    `vendors` are folders like `~/.pulumi/plugins`; besides them PATH is looked at. A vendor's plugin is taken when it
    has the SDK's major version and is not older. With None only stand-ins are used.
    """
    folders = None if vendors is None else list(vendors)
    return tuple(_install(home, name, folders) for name in PROVIDERS)


def vendor_folders(cache: Path) -> list[Path]:
    """Where the vendor's plugins may be: the user's Pulumi home, and our own cache of downloads."""
    users = os.environ.get("PULUMI_HOME") or str(Path.home() / ".pulumi")
    return [Path(users) / "plugins", cache / "pulumi" / "plugins"]


def _install(home: Path, name: str, vendors: list[Path] | None) -> Plugin:
    wanted = sdk_version(name)
    folder = home / "plugins" / f"resource-{name}-v{wanted}"
    folder.mkdir(parents=True, exist_ok=True)
    executable = folder / f"pulumi-resource-{name}"
    scratch = executable.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    found = None if vendors is None else _vendor(name, VersionInfo.parse(wanted), vendors)
    if found:
        file, version = found
        scratch.symlink_to(file)
        plugin = Plugin(name, str(version), stand_in=False, origin=str(file.parent))
    else:
        scratch.write_text(_wrapper(name), encoding="utf-8")
        scratch.chmod(0o755)
        plugin = Plugin(name, wanted, stand_in=True, origin=f"seawall.sandbox.plugins.{name}")
    scratch.replace(executable)
    return plugin


_MODULE = "seawall.sandbox.plugins"


def _wrapper(name: str) -> str:
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m {_MODULE}.{name} "$@"\n'


def _is_stand_in(executable: Path) -> bool:
    """Whether it is ours: PULUMI_HOME may be a sandbox's own, for a look at its state with the CLI."""
    with executable.open("rb") as stream:
        return f"-m {_MODULE}.".encode() in stream.read(4096)


def _vendor(name: str, wanted: VersionInfo, folders: list[Path]) -> tuple[Path, VersionInfo] | None:
    found: list[tuple[VersionInfo, Path]] = []
    for folder in folders:
        for candidate in folder.glob(f"resource-{name}-v*/pulumi-resource-{name}"):
            match = re.fullmatch(rf"resource-{name}-v(\d+\.\d+\.\d+)", candidate.parent.name)
            if match and os.access(candidate, os.X_OK) and not _is_stand_in(candidate):
                found.append((VersionInfo.parse(match.group(1)), candidate.resolve()))
    on_path = shutil.which(f"pulumi-resource-{name}")
    if on_path and (version := reported_version(Path(on_path))):
        found.append((version, Path(on_path).resolve()))
    fitting = [(version, file) for version, file in found if version.major == wanted.major and version >= wanted]
    if not fitting:
        return None
    version, file = max(fitting)
    return file, version


def reported_version(executable: Path, timeout: float = 20) -> VersionInfo | None:
    """The version that a provider plugin reports of itself (seconds to wait: `timeout`); None when it reports none."""
    try:
        process = subprocess.Popen(
            [str(executable), "127.0.0.1:1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    killer = threading.Timer(timeout, process.kill)  # a plugin that never says its port ends the wait below
    killer.start()
    try:
        port = process.stdout.readline().strip() if process.stdout else ""
        if not port.isdigit():
            return None
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = provider_pb2_grpc.ResourceProviderStub(channel)
            answer = stub.GetPluginInfo(empty_pb2.Empty(), timeout=timeout)
        return VersionInfo.parse(str(answer.version).removeprefix("v"))
    except (grpc.RpcError, ValueError):
        return None
    finally:
        killer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
