"""`seawall tools`: what a person reads, and that cleaning keeps what is used."""

from pathlib import Path

import pytest
from toolchain_fakes import MAKES, World
from typer.testing import CliRunner

from seawall.cli.tools import app
from seawall.tools import catalog, layout


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("DOWNLOAD", raising=False)
    monkeypatch.delenv("SEAWALL_DOWNLOAD", raising=False)
    return World.make(tmp_path, monkeypatch)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_list_says_for_each_tool_where_it_comes_from_and_changes_nothing(world: World) -> None:
    kubectl = world.program("kubectl", "echo v1.36.1")
    put(world.executable("etcd", "v3.6.5"))
    rows = {line.split()[0]: line for line in run("list").splitlines()[1:]}
    assert set(rows) == set(catalog.NAMES)
    assert "our cache" in rows["etcd"]
    assert f"PATH: {kubectl}" in rows["kubectl"]
    assert "v1.36.1" in rows["kubectl"]
    assert "not here: about 3 min to build" in rows["pulumi"]
    assert not (world.cache / "go").exists()


def test_get_prints_one_path_per_tool(world: World) -> None:
    world.go(MAKES)
    assert run("get", "etcd", "kwok").splitlines() == [
        f"etcd: {world.executable('etcd', 'v3.6.5')}",
        f"kwok: {world.executable('kwok', 'v0.8.0')}",
    ]
    world.module("cnpg-manager", "Port:    port,")
    assert len(run("get").splitlines()) == len(catalog.FOR_USE)


@pytest.mark.parametrize(("value", "downloads"), [("1", True), ("0", False), ("", False)])
def test_download_is_asked_for_by_a_variable(
    world: World, monkeypatch: pytest.MonkeyPatch, value: str, downloads: bool
) -> None:
    monkeypatch.setenv("DOWNLOAD", value)
    monkeypatch.setenv("KWOK_BINARY_PREFIX", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    world.go(MAKES)
    result = CliRunner().invoke(app, ["get", "kwokctl"])
    assert result.exit_code == 0
    assert ("kwokctl v0.8.0 was not downloaded: no network" in result.stderr) is downloads


def test_clean_keeps_the_tools_and_the_manifests_and_removes_the_rest(world: World) -> None:
    kept = [put(layout.executable(tool)) for tool in catalog.TOOLS]
    kept += [put(layout.unpacked(catalog.module(name)) / "crd.yaml") for name in ("cnpg-manager", "cilium")]
    gone = [
        put(world.cache / "go" / "build" / "00" / "x"),
        put(world.cache / "go" / "mod" / "cache" / "download" / "github.com" / "x.zip"),
        put(world.cache / "go" / "mod" / "github.com" / "cilium" / "cilium@v1.17.0" / "crd.yaml"),
        put(world.cache / "go" / "mod" / "k8s.io" / "api@v0.36.3" / "types.go"),
        put(world.executable("etcd", "v3.5.0")),
        put(world.cache / "tools" / ".partial" / "x"),
        put(world.cache / "tools" / "logs" / "etcd.log"),
    ]
    assert run("clean").startswith("0.0 GB freed in ")
    assert [path for path in kept if not path.exists()] == []
    assert [path for path in gone if path.exists()] == []


def test_clean_of_an_empty_cache_is_fine(world: World) -> None:
    assert run("clean").startswith("0.0 GB freed")
