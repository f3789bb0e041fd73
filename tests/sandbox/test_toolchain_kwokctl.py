"""The real tools say versions that we accept, and the real kwokctl names what DOWNLOAD=1 fetches (from our server)."""

import http.server
import tarfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from seawall.errors import EnvironmentFailure
from seawall.tools import catalog, download, versions
from seawall.tools.toolchain import ensure

PLATFORM = f"{download._system()}-{download._machine()}"


def test_every_tool_of_the_sandbox_says_a_version_that_we_accept(toolchain: Mapping[str, Path]) -> None:
    asked = [catalog.tool(name) for name in toolchain if catalog.tool(name).probe]
    assert {"kube-apiserver", "etcd", "kwok", "pulumi"} <= {tool.name for tool in asked}
    for tool in asked:
        says = versions.ask(toolchain[tool.name], tool.probe)
        assert says is not None, tool.name
        assert versions.good_enough(tool, says), f"{tool.name} says {says}"


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder served on loopback, and its address."""
    folder = tmp_path / "vendor"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, directory=str(folder), **options)  # type: ignore[arg-type]

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_kwokctl_itself_names_what_is_downloaded(
    toolchain: Mapping[str, Path], vendor: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:  # the sandbox itself does not need it, so it may have to be built first
        kwokctl = ensure(["kwokctl"], console=Console(stderr=True))["kwokctl"]
    except EnvironmentFailure as failure:
        pytest.skip(f"there is no kwokctl: {failure}")
    folder, address = vendor
    (folder / f"kwokctl-{PLATFORM}").symlink_to(kwokctl)
    (folder / f"kwok-{PLATFORM}").symlink_to(toolchain["kwok"])
    for name in ("kube-scheduler", "kubectl"):
        (folder / name).symlink_to(toolchain[name])
    version = catalog.tool("etcd").version
    with tarfile.open(folder / f"etcd-{version}-{PLATFORM}.tar.gz", "w:gz", compresslevel=1) as archive:
        archive.add(toolchain["etcd"], f"etcd-{version}-{PLATFORM}/etcd")
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name in ("KWOK_BINARY_PREFIX", "KWOK_KUBE_BINARY_PREFIX", "KWOK_ETCD_BINARY_PREFIX"):
        monkeypatch.setenv(name, address)
    monkeypatch.setenv("KWOK_KUBECTL_BINARY", f"{address}/kubectl")
    names = ["etcd", "kwokctl", "kwok", "kube-scheduler", "kubectl"]
    found = ensure(names, console=Console(stderr=True), download=True)
    for name in names:
        assert found[name].is_relative_to(tmp_path / "cache" / "tools" / name)
        assert versions.ask(found[name], catalog.tool(name).probe) == versions.parse(catalog.tool(name).version)
    assert list(home.iterdir()) == []
