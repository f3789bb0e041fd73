"""Waivers: who has accepted which finding, why, and until when.

A waiver covers what one rule finds on one resource. It changes nothing about the verdict: the finding stays, marked,
and does not fail. Everything that is wrong with a waiver is a finding itself, of the rule `SEAWALL-WAIVERS`, which
nothing can waive. The file's form is in `waiver_file`.
"""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from seawall.policy.estate.kinds import GroupKind
from seawall.policy.estate.model import KubeObject, Origin
from seawall.policy.findings import WAIVERS_POLICY, Finding, Outcome, Rule, Waived
from seawall.policy.judging import in_order

LONGEST = timedelta(days=366)
"""A waiver that holds longer is refused: nobody remembers why by then."""
WAIVER: GroupKind = ("seawall.dev", "Waiver")
"""What a finding about a waiver is about. No such object exists in a cluster."""

RULE = Rule(
    id=WAIVERS_POLICY,
    risks=(),
    title="Waivers are complete, in force and needed",
    score=6,
    why=(
        "A waiver switches a protection off. One that nobody signed, that has expired, or that covers nothing any more "
        "hides the next mistake."
    ),
    mend="Complete the waiver, renew it with its approver, or delete it.",
    kinds=(WAIVER,),
)
"""About the waivers themselves. It is no file of `rules/`: it looks at no object of the estate."""


def today() -> date:
    """The day by which waivers are in force: the running one, in UTC."""
    return datetime.now(UTC).date()


@dataclass(frozen=True)
class Waiver:
    """One accepted finding."""

    rule: str
    kind: str
    """Of the resource: the Kubernetes kind, or the type token of any other Pulumi resource."""
    namespace: str
    """Empty for what has none."""
    name: str
    """The exact name, or its beginning and a `*`."""
    reason: str
    approver: str
    expires: date
    """The last day on which it holds."""
    outcome: Outcome = Outcome.VIOLATED
    """Which verdict it covers: `violated`, or `not evaluated` when it says so."""
    origin: Origin = field(default_factory=Origin, compare=False)

    @property
    def resource(self) -> str:
        """The resource for a person."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding, in force or not."""
        return finding.outcome is self.outcome and self.concerns(finding.rule.id, finding.subject)

    def concerns(self, rule: str, subject: KubeObject) -> bool:
        """Whether it is about this rule and this resource, whatever the verdict."""
        same_place = (rule, subject.kind, subject.namespace) == (self.rule, self.kind, self.namespace)
        if self.name.endswith("*"):
            return same_place and subject.name.startswith(self.name[:-1])
        return same_place and subject.name == self.name


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file of waivers."""

    message: str
    mend: str
    what: str = "(the file)"
    """Which waiver, for a person."""
    origin: Origin = field(default_factory=Origin)
    path: tuple[str, ...] = ()

    def finding(self) -> Finding:
        """As a finding of the rule about waivers."""
        group, kind = WAIVER
        subject = KubeObject(group, kind, "", self.what, {}, self.origin)
        return Finding(RULE, Outcome.VIOLATED, subject, self.message, self.mend, self.path)


@dataclass(frozen=True)
class Waivers:
    """The waivers of one file, and what was wrong with others in it, which waive nothing."""

    waivers: tuple[Waiver, ...] = ()
    problems: tuple[Problem, ...] = ()

    def mark(self, findings: Iterable[Finding], today: date) -> list[Finding]:
        """The findings, those that a waiver in force covers marked so."""
        holding: dict[str, list[Waiver]] = {}
        for waiver in _firsts(self.waivers):
            if waiver.expires >= today and not _too_long(waiver, today):
                holding.setdefault(waiver.rule, []).append(waiver)
        marked = []
        for finding in findings:
            found = next((waiver for waiver in holding.get(finding.rule.id, ()) if waiver.covers(finding)), None)
            waived = Waived(found.reason, found.approver, found.expires) if found is not None else None
            marked.append(finding if waived is None else replace(finding, waived=waived))
        return marked


def apply(
    given: Waivers,
    findings: Sequence[Finding],
    *,
    today: date,
    known: Iterable[str],
    judged: Iterable[str] | None,
    cloud: bool,
    earlier: Sequence[Finding] = (),
) -> list[Finding]:
    """The findings marked, and those about the waivers themselves, in order.

    `today` is the day in UTC. `known` are the ids of all rules. `judged` are the rules that judged the whole estate, so
    that a waiver which covers nothing is not needed; None when something was left out or could not be read. `cloud`
    says whether resources that are no Kubernetes objects were looked at. `earlier` are findings that were reported
    before: a waiver that covers one of them is needed.
    """
    wrong = [*given.problems, *_expired(given.waivers, today), *_unknown(given.waivers, known)]
    wrong += _repeated(given.waivers)
    if judged is not None:
        wrong += _unused(given.waivers, [*findings, *earlier], set(judged), today, cloud=cloud)
    return in_order([*given.mark(findings, today), *(problem.finding() for problem in wrong)])


def nearest(word: str, known: Iterable[str]) -> str:
    """A question after the nearest known word, with a space before it; empty when none is near."""
    near = difflib.get_close_matches(word.upper(), {each.upper(): each for each in known}, n=1, cutoff=0.7)
    return f" Did you mean {near[0]}?" if near else ""


def _too_long(waiver: Waiver, today: date) -> bool:
    return waiver.expires > today + LONGEST


def _problem(waiver: Waiver, message: str, mend: str, *path: str) -> Problem:
    return Problem(message, mend, f"{waiver.rule} on {waiver.resource}", waiver.origin, path)


def _expired(waivers: Iterable[Waiver], today: date) -> Iterator[Problem]:
    for waiver in waivers:
        if waiver.expires < today:
            yield _problem(
                waiver,
                f"it expired after {waiver.expires.isoformat()} and waives nothing any more",
                f"Mend what {waiver.rule} finds and delete the waiver, or let {waiver.approver} renew it.",
                "expires",
            )
        elif _too_long(waiver, today):
            yield _problem(
                waiver,
                f"{waiver.expires.isoformat()} is more than {LONGEST.days} days from now: it waives nothing",
                "Set expires to a day within a year; renew it then if it is still right.",
                "expires",
            )


def _unknown(waivers: Iterable[Waiver], known: Iterable[str]) -> Iterator[Problem]:
    ids = set(known)
    for waiver in waivers:
        if waiver.rule == WAIVERS_POLICY:
            yield _problem(
                waiver, f"{WAIVERS_POLICY} cannot be waived", "Mend the waiver that it complains about.", "rule"
            )
        elif waiver.rule not in ids:
            yield _problem(
                waiver,
                f"there is no rule {waiver.rule}.{nearest(waiver.rule, ids)}",
                "Give the id of a rule as `seawall rules` lists it.",
                "rule",
            )


def _identity(waiver: Waiver) -> tuple[object, ...]:
    return waiver.rule, waiver.kind, waiver.namespace, waiver.name, waiver.outcome


def _firsts(waivers: Iterable[Waiver]) -> list[Waiver]:
    """Of several waivers of the same thing, the first: what the others say is not looked at."""
    firsts: dict[tuple[object, ...], Waiver] = {}
    for waiver in waivers:
        firsts.setdefault(_identity(waiver), waiver)
    return list(firsts.values())


def _repeated(waivers: Iterable[Waiver]) -> Iterator[Problem]:
    firsts: dict[tuple[object, ...], Waiver] = {}
    for waiver in waivers:
        first = firsts.setdefault(_identity(waiver), waiver)
        if first is not waiver:
            yield _problem(
                waiver,
                f"the same is waived until {first.expires.isoformat()} by {first.approver}; only that one counts",
                "Keep one of the two.",
            )


def _unused(
    waivers: Iterable[Waiver], findings: Sequence[Finding], judged: set[str], today: date, *, cloud: bool
) -> Iterator[Problem]:
    for waiver in _firsts(waivers):
        looked = waiver.rule in judged and (cloud or ":" not in waiver.kind)
        if not looked or waiver.expires < today or _too_long(waiver, today):
            continue
        mine = [finding for finding in findings if waiver.concerns(finding.rule.id, finding.subject)]
        if any(waiver.covers(finding) or finding.outcome is not Outcome.VIOLATED for finding in mine):
            continue  # covers something, or may do so once a verdict is there
        yield _problem(
            waiver,
            f"{waiver.rule} finds nothing on {waiver.resource} that it would waive"
            + (f" ({waiver.outcome.value})" if waiver.outcome is not Outcome.VIOLATED else ""),
            "Delete the waiver, or correct its resource when it names another one.",
            "resource",
        )
