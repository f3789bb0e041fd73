"""Building with a fake Go: what is asked of it, where the result lands, what a person reads when it fails."""

import os
import signal
import time
from pathlib import Path

import pytest
from toolchain_fakes import MAKES, World, alive, python, recorder

from seawall.errors import EnvironmentFailure
from seawall.tools import catalog, progress, toolchain
from seawall.tools.failures import explain, without_addresses


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World.make(tmp_path, monkeypatch)


def failing(world: World, names: list[str]) -> str:
    with pytest.raises(EnvironmentFailure) as failure:
        toolchain.ensure(names, console=recorder()[0])
    return str(failure.value)


def test_every_tool_is_built_once_one_go_build_for_each_module(world: World) -> None:
    world.go(MAKES)
    world.module("cnpg-manager", "Port:    port,")
    console, text = recorder()
    tools = toolchain.ensure(catalog.NAMES, console=console)
    assert list(tools) == list(catalog.NAMES)
    assert len(world.built()) == len({tool.folder for tool in catalog.TOOLS})
    for tool in catalog.TOOLS:
        assert tools[tool.name] == world.executable(tool.name, tool.edition, tool.executable)
        assert tools[tool.name].read_text() == f"built {tool.package}\n"
        assert os.access(tools[tool.name], os.X_OK)
    assert world.unfinished() == []
    assert toolchain.ensure(catalog.NAMES, console=console) == tools
    assert len(world.built()) == len({tool.folder for tool in catalog.TOOLS}), "nothing is built twice"
    said = text.getvalue()
    assert "kube-apiserver           v1.36.3   k8s.io/kubernetes" in said
    assert "Together about 1" in said
    assert "DOWNLOAD=1" in said
    assert "building etcd v3.6.5: about 40 s" in said
    assert "built 2 tools of kwok v0.8.0 in " in said


def test_an_amended_tool_is_built_from_a_changed_copy_of_its_module_and_kept_under_a_name_of_its_own(
    world: World,
) -> None:
    world.go(f'cat "${{out}}module/internal/cmd/manager/controller/controller.go" > {world.cache}.source; {MAKES}')
    module = world.module("cnpg-manager", "a\n\tPort:    port,\nb\n")
    tools = toolchain.ensure(["cnpg-manager"], console=recorder()[0])
    assert tools["cnpg-manager"] == world.executable("cnpg-manager", "v1.30.0-loopback")
    assert Path(f"{world.cache}.source").read_text() == 'a\n\tHost: "127.0.0.1", Port: port,\nb\n'
    assert "Host" not in (module / "internal/cmd/manager/controller/controller.go").read_text()
    assert "-modfile=" in world.built()[0]
    assert world.unfinished() == []


@pytest.mark.parametrize(("source", "times"), [("Port: other,", 0), ("Port:    port,\nPort:    port,", 2)])
def test_an_amendment_that_does_not_fit_the_module_is_refused(world: World, source: str, times: int) -> None:
    world.go(MAKES)
    world.module("cnpg-manager", source)
    assert f"holds the text to change {times} times instead of once" in failing(world, ["cnpg-manager"])
    assert world.built() == []
    assert world.unfinished() == []


def test_go_is_asked_for_a_read_only_trimmed_build_with_the_version_set(world: World) -> None:
    world.go(MAKES)
    toolchain.ensure(["kubectl"], console=recorder()[0])
    (asked,) = world.asked()
    assert asked.split()[0].endswith("tools/go/kubernetes")
    for flag in ("-trimpath", "-mod=readonly", "-buildvcs=false", "component-base/version.gitVersion=v1.36.3"):
        assert flag in asked


def test_go_writes_into_our_cache_only_and_keeps_how_it_reaches_modules(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")
    monkeypatch.setenv("GOOS", "plan9")
    monkeypatch.setenv("GOPROXY", "https://modules.example")
    world.go(f"env > {world.cache}.env; {MAKES}")
    toolchain.ensure(["etcd"], console=recorder()[0])
    env = dict(line.split("=", 1) for line in Path(f"{world.cache}.env").read_text().splitlines() if "=" in line)
    for name in ("GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR"):
        assert env[name].startswith(f"{world.cache}/go/"), name
    assert env["GOTOOLCHAIN"] == "local"
    assert env["CGO_ENABLED"] == "0"
    assert env["GOPROXY"] == "https://modules.example"
    assert env["GOFLAGS"] == "-modcacherw"
    assert "GOOS" not in env


def test_the_modules_of_later_builds_are_fetched_while_the_first_is_built(world: World) -> None:
    listed = f"{world.cache}.listed"
    # The first build lasts until the others' modules were asked for; how that ends does not matter.
    world.go(f'while [ "$(cat {listed} | wc -l)" -lt 2 ]; do sleep 0.05; done; {MAKES}', listing="exit 1")
    toolchain.ensure(["etcd", "kwok", "pulumi"], console=recorder()[0])
    assert [line.split()[0].rsplit("/", 1)[-1] for line in world.listed()] == ["kwok", "pulumi"]
    assert world.listed()[0].endswith("-mod=readonly -deps sigs.k8s.io/kwok/cmd/kwok")


def test_a_fetch_that_still_runs_when_the_builds_fail_is_ended(world: World) -> None:
    pids = Path(f"{world.cache}.pids")
    world.go(
        f"while [ ! -e {pids} ]; do sleep 0.05; done; exit 1",
        listing=f"sleep 300 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait",
    )
    failing(world, ["etcd", "kwok"])
    assert not [pid for pid in map(int, pids.read_text().split()) if alive(pid)]


def test_a_compiler_error_names_tool_module_reason_log_and_mend(world: World) -> None:
    world.go(
        "echo 'go: downloading a.b/c v1'; echo 'google.golang.org/grpc'; echo '# k8s.io/kubernetes/pkg'; "
        "echo 'pkg/x.go:12:3: undefined: y at https://modules.example/k8s'; exit 1"
    )
    message = failing(world, ["kubectl", "kube-scheduler"])
    assert message.startswith("kube-scheduler, kubectl (Go module k8s.io/kubernetes) could not be built:\n")
    assert "pkg/x.go:12:3: undefined: y" in message
    assert "downloading" not in message
    assert "modules.example" not in message
    assert "put kube-scheduler v1.36 and kubectl v1.36 on PATH" in message
    log = world.cache / "tools" / "logs" / "kubernetes.log"
    assert str(log) in message
    assert "go: downloading a.b/c v1" in log.read_text()
    assert "modules.example" not in log.read_text()


@pytest.mark.parametrize(
    ("words", "reason", "mend"),
    [
        ("dial tcp: lookup modules.example on 10.0.0.1:53: no such host", "no network", "connect it"),
        ("dial tcp 127.0.0.1:9: connect: connection refused", "no network", "set GOPROXY"),
        ("read tcp: i/o timeout", "no network", "connect it"),
        ("proxyconnect tcp: EOF", "no network", "connect it"),
        ("write /x: no space left on device", "the disk is full", "SEAWALL_CACHE to another disk"),
        ("compile: signal: killed", "want of memory", "more memory"),
        ("verifying a.b/c: checksum mismatch", "hash is recorded", "do not work around it"),
        ("go: a.b/c requires go >= 1.99", "too old", "install a newer Go"),
        ("module lookup disabled by GOPROXY=off", "told not to fetch", "unset GOPROXY"),
        ("reading https://modules.example/x: 404 Not Found", "does not have", "set GOPROXY"),
    ],
)
def test_known_causes_are_said_in_plain_words(world: World, words: str, reason: str, mend: str) -> None:
    world.go(f"echo 'go: {words}'; exit 1")
    message = failing(world, ["etcd"])
    assert message.startswith("etcd (Go module go.etcd.io/etcd/server/v3) could not be built: ")
    assert reason in message
    assert mend in message
    assert "modules.example" not in message
    if reason == "no network":
        assert "\n" not in message, "one sentence"


def test_a_host_that_go_fetches_from_is_never_shown() -> None:
    text = explain(
        "etcd",
        "m",
        'Get "https://modules.example/a/@v/list": weird\nmodules.example said no\nsums.example said no',
        hosts=["modules.example", "sums.example"],
        log="/log",
        otherwise="wait",
    )
    assert ".example" not in text
    assert without_addresses("see https://a.example:8080/x?y=1 now") == "see <address> now"


def test_a_go_that_ends_well_but_makes_nothing_is_a_failure(world: World) -> None:
    world.go("exit 0")
    assert "etcd (Go module go.etcd.io/etcd/server/v3) could not be built" in failing(world, ["etcd"])


def test_a_failed_build_leaves_no_executable_and_the_next_one_starts_clean(world: World) -> None:
    world.go('mkdir -p "$out"; echo half > "${out}etcd"; exit 1')
    failing(world, ["etcd"])
    assert not world.executable("etcd", "v3.6.5").exists()
    assert world.unfinished() == []
    world.go(MAKES)
    assert toolchain.ensure(["etcd"], console=recorder()[0])["etcd"].read_text() == "built seawall/tools/etcd\n"


def test_what_a_killed_build_left_is_swept_and_never_used(world: World) -> None:
    left = world.cache / "tools" / ".partial" / "etcd-1" / "etcd"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    (world.cache / "tools" / "etcd" / "v3.6.5").mkdir(parents=True)  # a folder without its executable
    world.go(MAKES)
    tools = toolchain.ensure(["etcd"], console=recorder()[0])
    assert tools["etcd"].read_text() == "built seawall/tools/etcd\n"
    assert world.unfinished() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupt_ends_go_and_all_its_children_and_leaves_nothing(world: World, number: int) -> None:
    pids = Path(f"{world.cache}.pids")
    world.go(
        f'mkdir -p "$out"; echo half > "${{out}}etcd"; sleep 300 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait'
    )
    code = """
        import sys
        from rich.console import Console
        from seawall.tools.toolchain import ensure
        try:
            ensure(["etcd"], console=Console())
        except KeyboardInterrupt:
            sys.exit(130)
        """
    child = python(code)
    try:
        deadline = time.monotonic() + 60
        while not pids.exists():
            assert time.monotonic() < deadline, "go was not started"
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(number)
        assert child.wait(60) == 130
    finally:
        child.kill()
        child.wait()
    assert not [pid for pid in map(int, pids.read_text().split()) if alive(pid)]
    assert not world.executable("etcd", "v3.6.5").exists()
    assert world.unfinished() == []
    world.go(MAKES)
    assert "etcd" in toolchain.ensure(["etcd"], console=recorder()[0])


def test_a_long_build_says_every_now_and_then_that_it_is_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "HEARTBEAT_SECONDS", 0.1)
    world.go(f"echo go.etcd.io/bbolt; sleep 1; {MAKES}")
    console, text = recorder()
    toolchain.ensure(["etcd"], console=console)
    assert "still building etcd v3.6.5: " in text.getvalue()
    assert "at go.etcd.io/bbolt" in text.getvalue()


def test_a_cache_that_cannot_be_written_is_one_sentence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.go(MAKES)
    blocked = world.cache.parent / "a-file"
    blocked.write_text("")
    monkeypatch.setenv("SEAWALL_CACHE", str(blocked / "cache"))
    message = failing(world, ["etcd"])
    assert "cannot be written: set SEAWALL_CACHE to a folder of yours" in message
    assert "\n" not in message


def test_module_dir_fetches_a_module_once_and_checks_it_against_our_go_sum(world: World) -> None:
    where = world.cache / "go" / "mod" / "github.com" / "cilium" / "cilium@v1.18.0"
    world.go("exit 1", mod=f"mkdir -p {where}")
    console, text = recorder()
    assert toolchain.module_dir("cilium", console=console) == where
    assert toolchain.module_dir("cilium", console=console) == where
    (asked,) = world.asked()
    assert asked.endswith("tools/go/cilium mod download github.com/cilium/cilium@v1.18.0")
    assert "fetching the manifests of cilium v1.18.0" in text.getvalue()


def test_a_module_whose_unpacking_was_interrupted_is_fetched_again(world: World) -> None:
    where = world.cache / "go" / "mod" / "github.com" / "cilium" / "cilium@v1.18.0"
    marker = (
        world.cache
        / "go"
        / "mod"
        / "cache"
        / "download"
        / "github.com"
        / "cilium"
        / "cilium"
        / "@v"
        / "v1.18.0.partial"
    )
    for folder in (where, marker.parent):
        folder.mkdir(parents=True)
    marker.touch()
    world.go("exit 1", mod=f"rm {marker}")
    assert toolchain.module_dir("cilium", console=recorder()[0]) == where
    assert len(world.asked()) == 1


def test_a_module_that_cannot_be_fetched_is_one_sentence(world: World) -> None:
    world.go("exit 1", mod="echo 'dial tcp: lookup modules.example: no such host'; exit 1")
    with pytest.raises(EnvironmentFailure) as failure:
        toolchain.module_dir("cilium", console=recorder()[0])
    assert str(failure.value).startswith(
        "the manifests of cilium v1.18.0 (Go module github.com/cilium/cilium) could not be fetched: no network"
    )
