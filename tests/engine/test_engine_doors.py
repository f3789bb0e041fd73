"""One stack, deployed for real, through every door: the same findings on its Kubernetes objects from each.

What rightly differs is in `DIFFERENCES`, each with what the door tells its user instead.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from engine_trial import Trial
from test_engine_stacks import engine, program

from seawall.policy.estate.sight import FOLDER, LIVE, STACK, STATE
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.engine import environment, layout, render
from seawall.sandbox.engine.driver import Engine
from seawall.sandbox.engine.summary import PolicyRefusal, RunSummary, Violation

CHECKOUT = Path(__file__).resolve().parents[2]
PACK = CHECKOUT / "policy" / "pack"
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((Path(__file__).parent / "data" / "doors.yaml").read_text()))

Told = tuple[str, str, str]
"""Rule, resource, message; what waits for the next full hour is left out."""

DOORS = ("preview", "update", "analyze", "state", "folder", "live")


@dataclass(frozen=True)
class Difference:
    """A finding that some doors rightly do not have."""

    rule: str
    resource: str
    lacks: frozenset[str]
    """The doors that do not have it."""
    instead: str
    """How what these doors say they do not see begins; the reason of the difference."""


DIFFERENCES = (
    Difference(
        "CNPG-SW-020",  # no image is given
        "Cluster doors-postgres/main",
        frozenset(DOORS) - {"folder"},
        "what was left to a default",  # the operator's webhook has written its image into the object
    ),
    Difference(
        "CNPG-OPS-003",  # the store's Secret is not there
        "ObjectStore doors-postgres/backups",
        frozenset(DOORS) - {"live"},
        "whether these Secrets arrive",  # whoever sees one stack only cannot know what others make
    ),
)
UNSEEN = {"preview": STACK, "update": STACK, "analyze": STATE, "state": STATE, "folder": FOLDER, "live": LIVE}


@dataclass(frozen=True)
class Doors:
    """What came through each door."""

    findings: Mapping[str, frozenset[Told]]
    notes: Mapping[str, tuple[str, ...]]
    """What our own command line says is not seen, by door."""


def title(of: Mapping[str, Any]) -> str:
    """A resource of a report, as messages name it."""
    return f"{of['kind']} {of['namespace']}/{of['name']}" if of.get("namespace") else f"{of['kind']} {of['name']}"


def titles(manifests: list[dict[str, Any]]) -> frozenset[str]:
    """The resources that these manifests declare."""
    return frozenset(title({"kind": it["kind"], **it["metadata"]}) for it in manifests)


def without_times(message: str) -> str:
    return re.sub(r" \(next: [^)]*\)", "", message)


def of_engine(found: list[tuple[str, str]]) -> frozenset[Told]:
    """Findings as the engine shows them: a description, a line `resource: message.`, and the mend."""
    told = set()
    for policy, text in found:
        said = text.split("\n", 1)[1].partition(".\nMend: ")[0]
        resource, _, message = said.partition(": ")
        told.add((policy, resource, without_times(message)))
    return frozenset(told)


def of_check(report: Mapping[str, Any]) -> frozenset[Told]:
    told = set()
    for finding in report["findings"]:
        violated = finding["outcome"] == "violated"
        rule = finding["rule"] if violated else f"SEAWALL-{finding['outcome'].upper().replace(' ', '-')}"
        message = finding["message"] if violated else f"{finding['rule']} {finding['outcome']}: {finding['message']}"
        told.add((rule, title(finding["resource"]), without_times(message)))
    return frozenset(told)


def violations(found: tuple[Violation, ...]) -> frozenset[Told]:
    return of_engine([(violation.policy, violation.message) for violation in found])


def check(*arguments: object) -> dict[str, Any]:
    """The report of `seawall check`."""
    command = [sys.executable, "-m", "seawall.cli", "check", *map(str, arguments), "--format", "json"]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@dataclass(frozen=True)
class Opener:
    """Opens every door on one deployed stack."""

    sandbox: Sandbox
    pulumi: Path
    folder: Path
    own: frozenset[str]
    """The sandbox is shared: of the cluster only these resources count, as `title` has them."""

    def cli(self, *arguments: object, stack: str) -> subprocess.CompletedProcess[str]:
        """The Pulumi CLI on the sandbox's backend."""
        return subprocess.run(
            [str(self.pulumi), *map(str, arguments)],
            cwd=layout.work(self.sandbox.state, stack),
            env=environment.ambient() | environment.engine(self.sandbox.state, self.pulumi),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def exported(self, stack: str) -> Path:
        """What `pulumi stack export` writes."""
        file = self.folder / "state.json"
        done = self.cli("stack", "export", "--stack", stack, "--file", file, stack=stack)
        assert done.returncode == 0, done.stderr
        return file

    def analyzed(self, state: Path, stack: str) -> tuple[int, frozenset[Told]]:
        """Exit code and findings of `pulumi policy analyze` on an exported state."""
        done = self.cli("policy", "analyze", "--file", state, "--policy-pack", PACK, "--json", stack=stack)
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events, done.stderr
        said = [event["policyEvent"] for event in events if "policyEvent" in event]
        return done.returncode, of_engine([(each["policyName"], each["message"]) for each in said])

    def rendered(self, driver: Engine) -> Path:
        """What `seawall render` writes."""
        folder = self.folder / "rendered"
        render.write(render.manifests(driver.preview(policies=False).events), folder)
        return folder

    def live(self) -> dict[str, Any]:
        """The report on the cluster, without what others have in it."""
        where = self.sandbox.endpoints
        report = check("--context", where.context, "--kubeconfig", where.kubeconfig)
        return {**report, "findings": [it for it in report["findings"] if title(it["resource"]) in self.own]}


@pytest.fixture(scope="module")
def doors(sandbox: Sandbox, toolchain: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """The stack of data/doors.yaml, deployed under a pack that lets everything pass, seen through every door."""
    folder = tmp_path_factory.mktemp("doors")
    trial = Trial.make(folder, sandbox)
    (trial.folder / "Pulumi.yaml").write_text("name: doors\nruntime: python\n")
    trial.program(program(MANIFESTS))
    opener = Opener(sandbox, toolchain["pulumi"], folder, titles(MANIFESTS))
    try:
        with pytest.raises(PolicyRefusal) as before:
            trial.engine(policy_pack=PACK).preview()
        trial.engine().up()
        with pytest.raises(PolicyRefusal) as update:
            trial.engine(policy_pack=PACK).preview()
        state = opener.exported("dev")
        reports = {
            "state": check("--state", state),
            "folder": check(opener.rendered(trial.engine())),
            "live": opener.live(),
        }
        code, analyzed = opener.analyzed(state, "dev")
        assert code != 0
        yield Doors(
            {
                "preview": violations(before.value.summary.violations),
                "update": violations(update.value.summary.violations),
                "analyze": analyzed,
                **{door: of_check(report) for door, report in reports.items()},
            },
            {door: tuple(note["text"] for note in report["notes"]) for door, report in reports.items()},
        )
    finally:
        trial.engine().destroy()


def test_the_stack_is_bad_in_many_ways(doors: Doors) -> None:
    assert len({rule for rule, _, _ in doors.findings["folder"]}) >= 20
    assert len({resource for _, resource, _ in doors.findings["folder"]}) >= 6
    assert not any(rule.startswith("SEAWALL-") for found in doors.findings.values() for rule, _, _ in found)


@pytest.mark.parametrize("door", DOORS)
def test_every_door_finds_the_same(doors: Doors, door: str) -> None:
    everything = frozenset[Told]().union(*doors.findings.values())
    known = {(it.rule, it.resource) for it in DIFFERENCES if door in it.lacks}
    missing = {told for told in everything - doors.findings[door] if told[:2] not in known}
    assert missing == set()


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda it: it.rule)
def test_a_difference_is_one_and_its_reason_is_told(doors: Doors, difference: Difference) -> None:
    for door in DOORS:
        has = any(told[:2] == (difference.rule, difference.resource) for told in doors.findings[door])
        assert has == (door not in difference.lacks), door
        if door in difference.lacks:
            told = (*UNSEEN[door].unseen, *doors.notes.get(door, doors.notes["state"]))
            assert any(text.startswith(difference.instead) for text in told), door


def test_each_door_says_what_it_does_not_see(doors: Doors) -> None:
    for door, notes in doors.notes.items():
        assert set(UNSEEN[door].unseen) <= set(notes)


def test_the_clean_stack_has_no_finding_from_any_door(
    sandbox: Sandbox, toolchain: Mapping[str, Path], tmp_path: Path
) -> None:
    driver = engine(sandbox, "sandbox")
    try:
        assert seen(driver.up()) == []
        assert seen(driver.preview()) == []
        folder = Opener(sandbox, toolchain["pulumi"], tmp_path, frozenset()).rendered(driver)
        own = titles([yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml")])
        opener = Opener(sandbox, toolchain["pulumi"], tmp_path, own)
        state = opener.exported("sandbox")
        assert opener.analyzed(state, "sandbox") == (0, frozenset())
        reports = {"folder": check(folder), "state": check("--state", state), "live": opener.live()}
        for door, report in reports.items():
            assert {told for told in of_check(report) if told[0] != "SEAWALL-DEFERRED"} == set(), door
    finally:
        driver.destroy()


def seen(done: RunSummary) -> list[Violation]:
    """What the pack has said, but for what waits for an update."""
    return [violation for violation in done.violations if violation.policy != "SEAWALL-DEFERRED"]
