"""An upgrade from the state of an earlier release replaces nothing, and deletes only what is announced."""

import io
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import released_state
from engine_trial import PACK, Trial
from released_state import replaced, steps
from rich.console import Console

from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import RunSummary

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

DELETIONS = {
    "0.1.0": ["operators-barman", "operators-cnpg", "operators-dragonfly"],
}
"""Release → what an upgrade of stack `sandbox` from it deletes; docs/upgrade-notes.md says why. The budgets of
operators that are not managed here."""


@dataclass(frozen=True)
class Upgrade:
    """What a release deployed, and what the present program then did, twice."""

    release: str
    before: RunSummary
    upgrade: RunSummary
    again: RunSummary


def engine(sandbox: Sandbox, **options: Path) -> Engine:
    screen = Console(file=io.StringIO(), width=400)
    return Engine(CHECKOUT, "sandbox", sandbox, screen, vendor_plugins=False, **options)


@pytest.fixture(scope="module", params=released_state.releases())
def upgraded(
    request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Upgrade]:
    """Stack `sandbox` as the release deployed it, brought to the present."""
    folder = tmp_path_factory.mktemp("upgrade")
    program, pack = folder / "program.py", folder / "pack"
    program.write_text(f"import sys\nsys.path.insert(0, {str(HERE)!r})\nimport released_program\n")
    with program.open("a") as file:
        file.write(f"released_program.deploy({request.param!r})\n")
    pack.write_text(textwrap.dedent(PACK).lstrip())  # the real one judges the present program only
    pack.chmod(0o755)
    try:
        before = engine(sandbox, program=program, policy_pack=pack).up()
        yield Upgrade(request.param, before, engine(sandbox).up(), engine(sandbox).preview())
    finally:
        engine(sandbox).destroy()


def test_the_release_is_there_as_it_was(upgraded: Upgrade) -> None:
    names = {resource["urn"].rsplit("::", 1)[1] for resource in released_state.read(upgraded.release)["resources"]}
    assert len(names) > 50
    assert set(steps(upgraded.before)) - {"refresh"} == {"create"}
    assert names <= set(steps(upgraded.before)["create"])


def test_nothing_is_replaced_and_nothing_fails(upgraded: Upgrade) -> None:
    assert replaced(steps(upgraded.upgrade)) == []
    assert upgraded.upgrade.errors == ()
    assert upgraded.upgrade.warnings == ()


def test_only_what_is_announced_is_deleted(upgraded: Upgrade) -> None:
    assert steps(upgraded.upgrade).get("delete", []) == DELETIONS[upgraded.release]


def test_after_the_upgrade_nothing_changes(upgraded: Upgrade) -> None:
    assert upgraded.again.changed == 0


# The kept states


@pytest.mark.parametrize("release", released_state.releases())
def test_a_kept_state_says_nothing_of_a_machine(release: str) -> None:
    state = released_state.read(release)
    assert state["release"] == release
    assert not re.search(r'"(outputs|created|modified|sourcePosition|stackTrace|kubeconfig)"', json.dumps(state))
    assert not re.search(r"/(home|root|work|Users)/|/tmp/\w", json.dumps(state))


def test_an_export_is_cleaned_whatever_its_shape() -> None:
    kept = {"urn": "urn:pulumi:s::p::t:i:T::a", "type": "t:i:T", "inputs": {"a": 1}}
    resources = [{"urn": "u", "type": "pulumi:providers:x"}, {**kept, "outputs": {"a": 1}, "created": "now"}]
    for exported in ({"deployment": {"resources": resources}}, {"checkpoint": {"latest": {"resources": resources}}}):
        assert released_state.cleaned(exported, "9.9.9") == {"release": "9.9.9", "resources": [kept]}


# That the checks above would see a renaming, on components of the real engine

RENAMED = """
    import pulumi

    class Thing(pulumi.ComponentResource):
        def __init__(self, type_, name, opts=None):
            super().__init__(type_, name, {{}}, opts)
            child = pulumi.ResourceOptions(parent=self)
            pulumi.ComponentResource("trial:index:Child", "child", {{}}, child)
            self.register_outputs({{}})

    Thing({type!r}, {name!r}, pulumi.ResourceOptions(aliases={aliases}))
"""


def written(trial: Trial, type_: str, name: str, aliases: str = "[]") -> Engine:
    trial.program(RENAMED.format(type=type_, name=name, aliases=aliases))
    return trial.engine()


@pytest.fixture(scope="module")
def old(toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Trial:
    """A deployed component with a child; the tests only preview what would become of it."""
    trial = Trial.make(tmp_path_factory.mktemp("renamed"))
    written(trial, "trial:index:Old", "thing").up()
    return trial


def test_a_renaming_without_an_alias_is_seen(old: Trial) -> None:
    seen = steps(written(old, "trial:index:New", "thing").preview())
    assert seen["delete"] == seen["create"] == ["child", "thing"]


@pytest.mark.parametrize(
    ("type_", "name", "alias"),
    [
        ("trial:index:New", "thing", "[pulumi.Alias(type_='trial:index:Old')]"),
        ("trial:index:Old", "thong", "[pulumi.Alias(name='thing')]"),
    ],
)
def test_a_renaming_with_an_alias_changes_nothing(old: Trial, type_: str, name: str, alias: str) -> None:
    seen = steps(written(old, type_, name, alias).preview())
    assert seen["same"] == sorted(["child", name, "trial-dev"])
    assert not {"create", "delete"} & seen.keys()
    assert replaced(seen) == []
