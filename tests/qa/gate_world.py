"""A story's whole world for the gate: files on disk, findings, waivers, register, clock. At first all is green."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from evidence_samples import APPS, COMMIT, GOOD, INFRA, NOW, SIGNERS, evidence

from seawall.policy.findings import Severity
from seawall.policy.rules import load as load_rules
from seawall.qa import register as registers
from seawall.qa.evidence import document, files
from seawall.qa.evidence.model import Evidence
from seawall.qa.evidence.repository import Commits
from seawall.qa.evidence.signers import Signers
from seawall.qa.evidence.sshsig import Signer
from seawall.qa.evidence.validity import Counts, Sight, weigh
from seawall.qa.gate import settings, standings
from seawall.qa.gate.decision import Inputs, decide
from seawall.qa.gate.model import Outcome, SetAside
from seawall.qa.gate.pack import PackFinding
from seawall.qa.gate.settings import GateSettings
from seawall.qa.gate.stories import STORIES
from seawall.qa.gate.waiving import Waivers
from seawall.qa.register import Priority, Register, Risk, Test

REGISTER = registers.load()
MINE = [name for name in REGISTER.tests if registers.service(name) == "dragonfly"]
RULES = [rule.id for rule in load_rules()]


def file_of(given: Evidence, signer: Signer | None = GOOD, **how: Any) -> dict[str, bytes]:
    """File name → content, of the evidence and of its signature."""
    content = document.text(given).encode()
    name = how.get("name") or document.name(given)
    made = {name: how.get("content") or content}
    if signer is not None:
        signed = signer.sign(content, how.get("namespace", "seawall-evidence"))
        made[name + files.SIGNATURE] = how.get("signature") or signed
    return made


def waiver(about: str, **changes: Any) -> dict[str, Any]:
    given = {
        "about": about,
        "reason": "accepted until the migration is through",
        "approver": "head of platform",
        "expires": "2026-12-31",
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


def finding(rule: str, severity: Severity, *, undecided: bool = False, waived: str | None = None) -> PackFinding:
    risks = next((it.risks for it in load_rules() if it.id == rule), (rule,))
    return PackFinding(
        rule, risks, severity, "Dragonfly data/cache", "is open to everybody", "Close it.", undecided, waived
    )


@dataclass
class World:
    """What there is."""

    files: dict[str, bytes] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    pipes: list[str] = field(default_factory=list)
    findings: list[PackFinding] = field(default_factory=list)
    waivers: list[dict[str, Any]] = field(default_factory=list)
    register: Register = REGISTER
    signers: Signers = SIGNERS
    commits: Commits = field(default_factory=lambda: Commits(frozenset({COMMIT})))
    clusters: frozenset[str] = frozenset({INFRA})
    now: datetime = NOW
    settings_text: str | None = None

    def put(self, given: Evidence, signer: Signer | None = GOOD, **how: Any) -> None:
        self.files.update(file_of(given, signer, **how))

    def take(self, *tests: str) -> None:
        """No evidence of these tests."""
        self.files = {
            name: content for name, content in self.files.items() if not any(name.startswith(f"{it}-2") for it in tests)
        }

    def instead(self, test: str, signer: Signer | None = GOOD, *, how: dict[str, Any] | None = None, **it: Any) -> None:
        """Other evidence of a test than the one that was there."""
        self.take(test)
        self.put(evidence(test, **it), signer, **(how or {}))

    def risk(self, name: str, **changes: Any) -> None:
        found = dict(self.register.risks)
        found[name] = Risk.model_construct(**{**dict(found[name]), **changes})
        self.register = self.register.model_copy(update={"risks": found})

    def test(self, name: str, priority: Priority) -> None:
        found = dict(self.register.tests)
        found[name] = Test.model_construct(**{**dict(found[name]), "priority": priority})
        self.register = self.register.model_copy(update={"tests": found})

    def told(self) -> GateSettings:
        """The settings, as a file would say them."""
        text = self.settings_text or yaml.safe_dump(
            {
                "version": 1,
                "clusters": {"infra": [{"uid": uid, "name": "infra"} for uid in sorted(self.clusters)]},
                "waivers": self.waivers,
            }
        )
        return settings.parse(text, self.register, RULES, ["infra", "apps"], self.now.date())

    def sight(self) -> Sight:
        told = self.told()
        peers = frozenset({APPS})
        uids = told.uids("infra")
        return Sight(self.register.tests, self.commits, self.signers, self.now, uids, peers, told.max_age)

    def weighed(self, folder: Path) -> list[Counts | SetAside]:
        """Puts the files into a folder, and reads them back."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        for name, target in self.links.items():
            (folder / name).symlink_to(target)
        for name in self.pipes:
            os.mkfifo(folder / name)
        return [weigh(found, self.sight()) for found in files.read_all(folder)]

    def outcome(self, folder: Path) -> Outcome:
        return decide(self.inputs(self.weighed(folder)))

    def inputs(self, weighed: Sequence[Counts | SetAside]) -> Inputs:
        accepted = self.told().accepted()
        findings = Waivers(accepted, self.now.date()).mark(self.findings)
        tests = standings.tests(self.register, "dragonfly", weighed)
        return Inputs(
            service="dragonfly",
            story=STORIES["dragonfly"].id,
            title=STORIES["dragonfly"].title,
            at=self.now,
            tests=tests,
            risks=standings.risks(self.register, "dragonfly", tests, findings),
            findings=findings,
            waivers=accepted,
            slos={"DFLY-PERF-001": "95th percentile"},
            set_aside=standings.of_no_test(self.register, "dragonfly", weighed),
        )


_GREEN: dict[str, bytes] = {}


def green() -> World:
    """Every test of the story has passed on the right cluster, and is signed."""
    if not _GREEN:
        for name in MINE:
            _GREEN.update(file_of(evidence(name)))
    return World(files=dict(_GREEN))


def without_waivers(inputs: Inputs) -> Inputs:
    """The same, with nothing accepted."""
    return replace(inputs, waivers=(), findings=tuple(replace(it, waived=None) for it in inputs.findings))
