"""Which provider plugins the engine gets."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from engine_trial import Trial

from seawall.errors import EnvironmentFailure
from seawall.sandbox.engine import driver, plugins

SDK = plugins.sdk_version("kubernetes")
CHECKOUT = Path(__file__).resolve().parents[2]


def vendors(folder: Path, *versions: str) -> Path:
    """A folder of installed plugins like `~/.pulumi/plugins`."""
    for version in versions:
        file = folder / f"resource-kubernetes-v{version}" / "pulumi-resource-kubernetes"
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    return folder


def bumped(part: int) -> str:
    numbers = [int(number) for number in SDK.split(".")]
    numbers[part] += 1
    return ".".join(map(str, numbers))


@pytest.fixture(autouse=True)
def empty_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No plugin on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def kubernetes(home: Path, folders: list[Path] | None) -> plugins.Plugin:
    return next(plugin for plugin in plugins.install(home, folders) if plugin.name == "kubernetes")


def installed(home: Path) -> Path:
    return home / "plugins" / f"resource-kubernetes-v{SDK}" / "pulumi-resource-kubernetes"


def test_without_the_vendors_plugin_the_stand_in_runs_and_says_so(tmp_path: Path) -> None:
    plugin = kubernetes(tmp_path, [tmp_path / "nothing"])
    assert plugin.stand_in
    assert "stand-in" in plugin.sentence()
    assert installed(tmp_path).stat().st_mode & stat.S_IXUSR
    assert "seawall.sandbox.plugins.kubernetes" in installed(tmp_path).read_text()


@pytest.mark.parametrize("version", [SDK, bumped(2), bumped(1)])
def test_the_vendors_plugin_of_this_version_or_newer_is_used_instead(tmp_path: Path, version: str) -> None:
    folder = vendors(tmp_path / "vendor", version)
    plugin = kubernetes(tmp_path, [folder])
    assert (plugin.stand_in, plugin.version) == (False, version)
    assert installed(tmp_path).resolve().is_relative_to(folder)
    assert "vendor's plugin" in plugin.sentence()


@pytest.mark.parametrize("version", ["0.1.0", "4.0.0", bumped(0)])
def test_an_older_plugin_or_one_of_another_major_version_is_not_used(tmp_path: Path, version: str) -> None:
    assert kubernetes(tmp_path, [vendors(tmp_path / "vendor", version)]).stand_in


def test_the_newest_is_used(tmp_path: Path) -> None:
    folder = vendors(tmp_path / "vendor", SDK, bumped(1))
    assert kubernetes(tmp_path, [folder]).version == bumped(1)


def test_stand_ins_replace_a_vendors_plugin_and_the_other_way_round(tmp_path: Path) -> None:
    folder = vendors(tmp_path / "vendor", SDK)
    target = folder / f"resource-kubernetes-v{SDK}" / "pulumi-resource-kubernetes"
    kubernetes(tmp_path, [folder])
    assert kubernetes(tmp_path, None).stand_in
    assert not installed(tmp_path).is_symlink()
    assert target.read_text() == "#!/bin/sh\n", "the vendor's file is not written through the link"
    assert not kubernetes(tmp_path, [folder]).stand_in


def test_a_plugin_on_path_is_asked_for_its_version(tmp_path: Path, empty_path: Path) -> None:
    # Our stand-in plays the vendor's plugin here: it reports the SDK's version.
    file = empty_path / "pulumi-resource-kubernetes"
    variables = f"PYTHONPATH={CHECKOUT} SEAWALL_SANDBOX_API_SERVER=https://127.0.0.1:1"
    file.write_text(f'#!/bin/sh\n{variables} exec {sys.executable} -m seawall.sandbox.plugins.kubernetes "$@"\n')
    file.chmod(0o755)
    plugin = kubernetes(tmp_path, [])
    assert (plugin.stand_in, plugin.version) == (False, SDK)
    assert plugin.origin == str(empty_path)


@pytest.mark.parametrize("script", ["exit 1", "echo hello", "sleep 600"])
def test_something_on_path_that_is_no_plugin_is_not_used(empty_path: Path, script: str) -> None:
    file = empty_path / "pulumi-resource-kubernetes"
    file.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script.replace('sleep', 'exec sleep')}\n")
    file.chmod(0o755)
    assert plugins.reported_version(file, timeout=0.5) is None


def test_the_users_own_plugins_and_our_downloads_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert plugins.vendor_folders(tmp_path / "cache") == [
        tmp_path / ".pulumi" / "plugins",
        tmp_path / "cache" / "pulumi" / "plugins",
    ]
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "elsewhere"))
    assert plugins.vendor_folders(tmp_path)[0] == tmp_path / "elsewhere" / "plugins"


@pytest.mark.parametrize("home", ["home", "another"])
def test_a_sandbox_as_pulumi_home_holds_no_vendors_plugin(tmp_path: Path, home: str) -> None:
    kubernetes(tmp_path / home, None)
    plugin = kubernetes(tmp_path / "home", [tmp_path / home / "plugins"])
    assert plugin.stand_in
    assert "seawall.sandbox.plugins.kubernetes" in installed(tmp_path / "home").read_text()


def test_a_vendors_plugin_that_is_linked_into_our_home_is_not_linked_to_itself(tmp_path: Path) -> None:
    folder = vendors(tmp_path / "vendor", SDK)
    kubernetes(tmp_path / "home", [folder])
    assert not kubernetes(tmp_path / "home", [tmp_path / "home" / "plugins"]).stand_in
    assert installed(tmp_path / "home").resolve().is_relative_to(folder)


def fake_pulumi(folder: Path, script: str) -> Path:
    file = folder / "pulumi"
    file.write_text(f'#!/bin/sh\nif [ "$1" = version ]; then echo v3.259.0; exit; fi\n{script}\n')
    file.chmod(0o755)
    return file


def test_plugins_are_downloaded_by_the_vendors_own_way(tmp_path: Path) -> None:
    log = tmp_path / "log"
    said: list[str] = []
    pulumi = fake_pulumi(tmp_path, f'echo "$PULUMI_HOME $@" >> {log}')
    driver._download_plugins(pulumi, tmp_path / "home", said.append)
    assert log.read_text().splitlines() == [
        f"{tmp_path / 'home'} --non-interactive plugin install resource {name} v{plugins.sdk_version(name)}"
        for name in ("kubernetes", "aws")
    ]
    assert said[0] == f"downloading the vendor's plugin kubernetes v{SDK}"


def test_a_download_that_the_network_does_not_allow_says_what_to_do(tmp_path: Path) -> None:
    pulumi = fake_pulumi(tmp_path, 'echo "error: dial tcp: no route to host" >&2; exit 255')
    with pytest.raises(EnvironmentFailure) as failure:
        driver._download_plugins(pulumi, tmp_path / "home", lambda sentence: None)
    text = str(failure.value)
    assert "no route to host" in text
    assert "without DOWNLOAD=1" in text


def test_a_download_gets_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_ACCESS_TOKEN", "token")
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    log = tmp_path / "log"
    driver._download_plugins(fake_pulumi(tmp_path, f"/usr/bin/env >> {log}"), tmp_path / "home", lambda sentence: None)
    names = {line.partition("=")[0] for line in log.read_text().splitlines()}
    assert "HTTPS_PROXY" in names
    assert not names & {"PULUMI_ACCESS_TOKEN", "AWS_PROFILE"}


def test_the_engine_never_takes_a_plugin_from_path_by_itself(trial: Trial) -> None:
    """The choice above is the only one: see `PULUMI_IGNORE_AMBIENT_PLUGINS`."""
    from seawall.sandbox.engine import environment

    variables = environment.engine(trial.state, Path("/tools/pulumi"))
    assert variables["PULUMI_IGNORE_AMBIENT_PLUGINS"] == "true"
    assert variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] == "true"
    assert variables["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_the_wrapper_runs_the_stand_in_whatever_folder_it_is_started_in(tmp_path: Path) -> None:
    kubernetes(tmp_path, None)
    process = subprocess.Popen(
        [str(installed(tmp_path)), "127.0.0.1:1"],
        cwd="/",
        env={
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONUNBUFFERED": "1",
            "PATH": os.defpath,
            "SEAWALL_SANDBOX_API_SERVER": "https://127.0.0.1:1",
        },
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip().isdigit()
    finally:
        process.kill()
        process.communicate()
