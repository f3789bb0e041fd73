"""Which program on PATH is used: decided by its version, asked quickly and once."""

import os
from pathlib import Path

import pytest
from toolchain_fakes import MAKES, World, recorder

from seawall.errors import UserError
from seawall.tools import catalog, toolchain, versions
from seawall.tools.versions import Version


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.make(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Kubernetes v1.36.3", Version(1, 36, 3)),
        ("etcd Version: 3.6.5\nGit SHA: Not provided\nGo Version: go1.26.8", Version(3, 6, 5)),
        ("kwok version v0.8.0 go1.26.8 (linux/amd64)", Version(0, 8, 0)),
        ("go version go1.27 linux/amd64", Version(1, 27, 0)),
        ("Client Version: v1.36.0-rc.1", None),
        ("v3.259.0+dirty", Version(3, 259, 0)),
        ("command not found", None),
    ],
)
def test_versions_are_read_from_what_programs_print(text: str, version: Version | None) -> None:
    assert versions.parse(text) == version


@pytest.mark.parametrize(
    ("name", "says", "used"),
    [
        ("kubectl", "Client Version: v1.36.3", True),
        ("kubectl", "Client Version: v1.36.0", True),
        ("kubectl", "Client Version: v1.35.9", False),
        ("kubectl", "Client Version: v1.37.0", False),
        ("kube-apiserver", "Kubernetes v1.36.9", True),
        ("etcd", "etcd Version: 3.6.0", True),
        ("etcd", "etcd Version: 3.5.21", False),
        ("etcd", "etcd Version: 4.0.0", False),
        ("kwok", "kwok version v0.9.1", True),
        ("kwok", "kwok version v0.7.0", False),
        ("pulumi", "v3.259.0", True),
        ("pulumi", "v3.300.1", True),
        ("pulumi", "v3.258.9", False),
        ("pulumi", "v4.0.0", False),
    ],
)
def test_a_program_on_path_is_used_when_its_version_fits(world: World, name: str, says: str, used: bool) -> None:
    binary = world.program(name, f"echo '{says}'")
    found = toolchain.find(catalog.tool(name))
    if used:
        assert found is not None
        assert (found.path, found.source) == (binary, "PATH")
    else:
        assert found is None


def test_a_program_is_asked_with_the_arguments_of_the_catalogue(world: World) -> None:
    world.program("kubectl", '[ "$*" = "version --client" ] && echo v1.36.3')
    assert toolchain.find(catalog.tool("kubectl")) is not None


@pytest.mark.parametrize("body", ["echo v1.36.3; exit 1", "echo nothing that helps", ":"])
def test_a_program_that_fails_or_gives_no_version_is_not_used(world: World, body: str) -> None:
    world.program("kubectl", body)
    assert toolchain.find(catalog.tool("kubectl")) is None


def test_a_program_that_hangs_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "_PROBE_SECONDS", 0.2)
    world.program("kubectl", f"[ -e {world.cache}.awake ] && echo v1.36.3 && exit; exec sleep 60")
    assert toolchain.find(catalog.tool("kubectl")) is None
    monkeypatch.undo()
    monkeypatch.setenv("SEAWALL_CACHE", str(world.cache))
    monkeypatch.setenv("PATH", str(world.bin))
    Path(f"{world.cache}.awake").touch()
    assert toolchain.find(catalog.tool("kubectl")) is not None, "that it was slow once is not remembered"


def test_a_program_is_asked_once_for_each_state_of_its_file(world: World) -> None:
    count = world.cache.with_suffix(".count")
    kubectl = world.program("kubectl", f"echo x >> {count}; echo v1.36.3")
    for _ in range(3):
        assert toolchain.find(catalog.tool("kubectl")) is not None
    assert count.read_text() == "x\n"
    os.utime(kubectl, ns=(1, 1))
    world.program("kubectl", f"echo x >> {count}; echo v1.20.0")
    assert toolchain.find(catalog.tool("kubectl")) is None
    assert count.read_text() == "x\nx\n"


def test_a_damaged_memory_of_versions_is_no_problem(world: World) -> None:
    world.program("kubectl", "echo v1.36.3")
    (world.cache / "tools").mkdir(parents=True)
    for damage in ("{", "[]", '{"a": 1}'):
        (world.cache / "tools" / ".path-versions.json").write_text(damage)
        assert toolchain.find(catalog.tool("kubectl")) is not None


def test_the_cache_comes_before_path(world: World) -> None:
    world.program("kubectl", "echo v1.36.9")
    ours = world.executable("kubectl", "v1.36.3")
    ours.parent.mkdir(parents=True)
    ours.write_text("#!/bin/sh\n")
    ours.chmod(0o755)
    found = toolchain.find(catalog.tool("kubectl"))
    assert found is not None
    assert (found.path, found.source) == (ours, "cache")


def test_a_program_called_manager_on_path_is_not_taken_for_the_operator(world: World) -> None:
    world.program("cnpg-manager", "echo v1.30.0")
    world.program("manager", "echo v1.30.0")
    assert toolchain.find(catalog.tool("cnpg-manager")) is None


def test_ensure_returns_what_is_there_without_a_word_and_without_go(world: World) -> None:
    kubectl = world.program("kubectl", "echo v1.36.3")
    etcd = world.program("etcd", "echo etcd Version: 3.6.9")
    console, text = recorder()
    assert toolchain.ensure(["kubectl", "etcd"], console=console) == {"kubectl": kubectl, "etcd": etcd}
    assert text.getvalue() == ""


def test_ensure_builds_only_what_path_does_not_have(world: World) -> None:
    kubectl = world.program("kubectl", "echo v1.36.3")
    world.program("kube-scheduler", "echo Kubernetes v1.30.0")
    world.go(MAKES)
    tools = toolchain.ensure(["kubectl", "kube-scheduler"], console=recorder()[0])
    assert tools == {"kubectl": kubectl, "kube-scheduler": world.executable("kube-scheduler", "v1.36.3")}
    assert [line.split()[-1] for line in world.asked()] == ["k8s.io/kubernetes/cmd/kube-scheduler"]


def test_an_unknown_tool_is_refused_before_anything_is_done(world: World) -> None:
    with pytest.raises(UserError, match="there is no tool 'kubeadm'"):
        toolchain.ensure(["etcd", "kubeadm"], console=recorder()[0])
    assert not world.cache.exists()
