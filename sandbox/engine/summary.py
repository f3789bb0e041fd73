"""What a run of the engine did, as data and as a person reads it."""

import json
import shlex
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.markup import escape

from seawall.errors import EnvironmentFailure, PolicyViolation
from seawall.policy.findings import DEFERRED_POLICY, PACK, WAIVED
from seawall.policy.rules import load
from seawall.sandbox.engine.events import Recorder, plain, resource_name
from seawall.sandbox.engine.plugins import Plugin

Operation = Literal["preview", "up", "destroy"]
UNCHANGED = frozenset({"same", "read", "refresh"})
"""Engine operations that change nothing outside the state."""
_ORDER = ("create", "update", "replace", "delete", "same")


@dataclass(frozen=True)
class Violation:
    """A policy's complaint about one resource, or about the stack as a whole."""

    policy: str
    level: str
    """`mandatory` stops the run; `advisory` does not."""
    severity: str
    """critical, high, medium, low, or "" where the policy gives none."""
    urn: str
    """The resource's URN; "" for the stack as a whole."""
    message: str

    @property
    def mandatory(self) -> bool:
        """Whether it stops the run."""
        return self.level == "mandatory"


@dataclass(frozen=True)
class PolicyVerdict:
    """What one policy of the pack said in this run."""

    policy: str
    passed: int
    """Resources (1 for a policy about the whole stack) that it found nothing wrong with."""
    violations: int
    deferred: int
    """Complaints that wait for a value which another resource of the stack makes: decided by `up`."""
    waived: int = 0
    """Complaints that a waiver covers."""
    silent: str = ""
    """Why a rule of our own pack gave no verdict; "" where it gave one."""


@dataclass(frozen=True)
class Note:
    """What a provider stand-in simulated, or did otherwise than the vendor's plugin."""

    plugin: str
    kind: str
    text: str
    urn: str


@dataclass(frozen=True)
class Target:
    """Where the stack's resources are."""

    api_server: str
    kubeconfig: Path
    context: str
    s3: str


@dataclass(frozen=True)
class RunSummary:
    """What a preview, an update or a destroy did."""

    operation: Operation
    stack: str
    changes: Mapping[str, int]
    """Resources per engine operation: create, update, replace, delete, same, …"""
    policies: tuple[PolicyVerdict, ...]
    violations: tuple[Violation, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    duration_s: float
    plugins: tuple[Plugin, ...]
    notes: tuple[Note, ...]
    target: Target
    recovered: tuple[str, ...]
    """What had to be mended before the run, a sentence each."""
    events: Path
    """The engine's event log, a JSON object a line."""

    @property
    def changed(self) -> int:
        """How many resources a preview would change, or an update has changed."""
        return sum(count for operation, count in self.changes.items() if operation not in UNCHANGED)

    @property
    def refused(self) -> bool:
        """Whether a mandatory policy was violated."""
        return any(violation.mandatory for violation in self.violations)


class PolicyRefusal(PolicyViolation):
    """The policy pack refused the run; `summary` says what was violated."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


class EngineFailure(EnvironmentFailure):
    """The engine failed; `summary` holds its errors and warnings."""

    def __init__(self, message: str, summary: RunSummary) -> None:
        super().__init__(message)
        self.summary = summary


def verdicts(recorder: Recorder) -> tuple[PolicyVerdict, ...]:
    """How often each policy of the pack passed, was violated or deferred in a run."""
    passed: Counter[str] = Counter()
    names: set[str] = set()
    for kind in ("policyAnalyzeSummaryEvent", "policyAnalyzeStackSummaryEvent"):
        for event in recorder.of(kind):
            passed.update(event.get("passed") or [])
            names.update([*(event.get("passed") or []), *(event.get("failed") or [])])
    found = violations(recorder)
    names.update(violation.policy for violation in found)
    deferred = Counter(violation.policy for violation in found if is_deferred(violation))
    waived = Counter(violation.policy for violation in found if is_waived(violation))
    violated = Counter(violation.policy for violation in found) - deferred - waived
    said = [PolicyVerdict(name, passed[name], violated[name], deferred[name], waived[name]) for name in names]
    return tuple(sorted([*said, *_silent(recorder, names, found)], key=lambda verdict: verdict.policy))


def _silent(recorder: Recorder, names: set[str], found: Iterable[Violation]) -> Iterator[PolicyVerdict]:
    """Our rules that gave no verdict: the engine counts neither what does not apply nor what cannot be said yet."""
    if not any(event.get("policyPackName") == PACK for event in recorder.of("policyAnalyzeStackSummaryEvent")):
        return
    for rule in load():
        if rule.id not in names:
            others = [violation.policy for violation in found if rule.id in violation.message]
            why = f"no verdict yet, see {others[0]}" if others else "not applicable, nothing in this stack to judge"
            yield PolicyVerdict(rule.id, 0, 0, 0, silent=why)


def is_deferred(violation: Violation) -> bool:
    """Whether this is not a complaint yet."""
    return violation.policy == DEFERRED_POLICY


def is_waived(violation: Violation) -> bool:
    """Whether a waiver covers this complaint."""
    return not violation.mandatory and WAIVED in violation.message


def violations(recorder: Recorder) -> tuple[Violation, ...]:
    """Every policy event of a run."""
    return tuple(
        Violation(
            policy=event["policyName"],
            level="mandatory" if event["enforcementLevel"] == "mandatory" else "advisory",
            severity=event.get("severity") or "",
            urn=event.get("resourceUrn") or "",
            message=plain(event["message"]),
        )
        for event in recorder.of("policyEvent")
    )


def notes(file: Path) -> tuple[Note, ...]:
    """What the provider stand-ins wrote down in this run."""
    if not file.is_file():
        return ()
    found = []
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            item = json.loads(line)
        except ValueError:
            continue  # the last line of a plugin that was killed
        found.append(Note(*(str(item.get(key, "")) for key in ("plugin", "kind", "text", "urn"))))
    return tuple(dict.fromkeys(found))


def show(summary: RunSummary, console: Console) -> None:
    """Print what a person wants to know after a run; every line is whole, so that it can be searched for in a log."""
    console.print()
    console.print(f"[bold]Stack {escape(summary.stack)}[/]: {_headline(summary)}", soft_wrap=True)
    for label, lines in _rows(summary):
        for number, line in enumerate(lines):
            console.print(f"[bold]{label if number == 0 else '':<14}[/]{line}", soft_wrap=True, highlight=False)


def _rows(summary: RunSummary) -> Iterator[tuple[str, list[str]]]:
    verb = "would change" if summary.operation == "preview" else "changed"
    counts = ", ".join(f"{summary.changes[name]} {name}" for name in _ordered(summary.changes))
    yield "resources", [f"{verb} {summary.changed} ({counts or 'none'})"]
    yield "policies", [_verdict(verdict) for verdict in summary.policies]
    yield "warnings", [str(len(summary.warnings)), *(escape(f"- {warning}") for warning in summary.warnings)]
    yield "plugins", [escape(plugin.sentence()) for plugin in summary.plugins]
    yield "simulated", _simulated(summary.notes)
    yield "API server", [escape(f"{summary.target.api_server}, context {summary.target.context}")]
    yield "S3, KMS, IAM", [summary.target.s3]
    yield "kubectl", _kubectl(summary.target)
    yield "time", [f"{summary.duration_s:.1f} s"]


def _kubectl(target: Target) -> list[str]:
    lines = [escape(f"export KUBECONFIG={shlex.quote(str(target.kubeconfig))}")]
    if shutil.which("kubectl") is None:
        lines.append("there is none on PATH: `seawall tools get kubectl` has one and says where")
    return lines


def _headline(summary: RunSummary) -> str:
    if summary.refused:
        return "[red]refused by the policy pack[/]"
    if summary.errors:
        return "[red]failed[/]"
    done = {"preview": "previewed", "destroy": "destroyed"}.get(summary.operation, "up")
    return f"[green]{done}[/], {summary.changed} change{'' if summary.changed == 1 else 's'}"


def _verdict(verdict: PolicyVerdict) -> str:
    if verdict.silent:
        return escape(f"{verdict.policy}: {verdict.silent}")
    parts = [f"{verdict.passed} passed"]
    if verdict.violations:
        parts.append(f"[red]{verdict.violations} violated[/]")
    if verdict.deferred:
        parts.append(f"[yellow]{verdict.deferred} deferred[/]")
    if verdict.waived:
        parts.append(f"[cyan]{verdict.waived} waived[/]")
    return f"{escape(verdict.policy)}: {', '.join(parts)}"


def _simulated(found: Iterable[Note]) -> list[str]:
    """One line per kind of note: how many, and one example."""
    grouped: dict[tuple[str, str], list[Note]] = {}
    for note in found:
        grouped.setdefault((note.plugin, note.kind), []).append(note)
    lines = []
    for (plugin, kind), members in sorted(grouped.items()):
        first = members[0]
        where = f" ({resource_name(first.urn)})" if resource_name(first.urn) else ""
        more = f"; {len(members) - 1} more of this kind" if len(members) > 1 else ""
        lines.append(escape(f"{plugin}, {kind}: {first.text}{where}{more}"))
    return lines


def _ordered(changes: Mapping[str, int]) -> list[str]:
    return sorted((name for name in changes if changes[name]), key=lambda n: (_ORDER.index(n) if n in _ORDER else 9, n))
