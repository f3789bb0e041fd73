"""Rules over an estate: each rule on each object contained, so that one failure hides nothing and passes nothing."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from seawall.policy.carrying import Carrier
from seawall.policy.estate.defects import DefectError
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, UnknownValueError, WrongTypeError
from seawall.policy.findings import Finding, Outcome, Rule, Violation
from seawall.policy.rules import load
from seawall.policy.second_core import spread
from seawall.policy.secrecy import secret_texts, without_secrets

LARGE = 500
"""Objects. Fewer are judged before a second process has begun."""

LONGEST = 4000
"""Characters of a message. None of ours is half as long, but for what it quotes."""

MOST = 1000
"""Violations that one check may say of one object. An object with more is an attack, or one mistake in many lines."""

MOST_UNJUDGED = 100
"""Findings of one rule about declarations that were not judged; the last of them counts the others."""


def judge(
    estate: Estate, rules: Sequence[Rule] | None = None, *, preview: bool = False, two_cores: bool = False
) -> list[Finding]:
    """Every finding of these rules (all, when none are given) over an estate, the worst first.

    In a preview, a verdict that waits for another resource of the same stack is deferred; anywhere else an unknown
    value is a rule that could not be evaluated. With `two_cores` a copy of this process takes some of the rules, where
    the estate is large.
    """
    chosen = load() if rules is None else rules
    estates = (estate, *estate.variants)
    alike = sorted(chosen, key=lambda rule: not rule.reaches)  # neighbours are judged by the same process
    tasks = [(rule, each) for each in estates for rule in alike]

    def judged(number: int) -> list[Finding]:
        rule, each = tasks[number]
        subjects = (subject for kind in rule.kinds for subject in each.every(kind))
        return [finding for subject in subjects for finding in _judge_one(rule, subject, each, preview)]

    if two_cores and len(estate.declared) >= LARGE:
        carrier = Carrier(estates, chosen)
        lists = spread(len(tasks), judged, pack=carrier.pack, unpack=carrier.unpack)
    else:
        lists = [judged(number) for number in range(len(tasks))]
    found: dict[object, Finding] = {}
    for finding in (finding for several in lists for finding in several):
        found.setdefault(_identity(finding), finding)  # what does not differ is found in every variant
    findings = [*found.values(), *_not_judged(estate, chosen)]
    declared = dict.fromkeys(thing for each in estates for thing in each.declared)
    return in_order(without_secrets(findings, secret_texts([*declared, *estate.others])))


def _identity(finding: Finding) -> tuple[object, ...]:
    return finding.rule.id, finding.outcome, finding.subject, finding.about, finding.path, finding.message, finding.key


def _not_judged(estate: Estate, rules: Sequence[Rule]) -> Iterator[Finding]:
    """What is declared so often, each time otherwise, that not every declaration can be looked at."""
    for rule in rules:
        left = [thing for thing in estate.unjudged if thing.group_kind in rule.kinds]
        for place, thing in enumerate(left[:MOST_UNJUDGED]):
            others = len(left) - place if place == MOST_UNJUDGED - 1 else 1
            which = "this declaration was" if others == 1 else f"this and {others - 1} other declarations were"
            yield Finding(
                rule,
                Outcome.NOT_EVALUATED,
                thing,
                f"declared too often, each time otherwise: {which} not judged",
                "Check the folders one by one.",
            )


def judge_alone(subject: KubeObject, rules: Sequence[Rule] | None = None) -> list[Finding]:
    """What can be said of one object before the rest is known. Values that are not known yet are left to `judge`."""
    findings: list[Finding] = []
    for rule in load() if rules is None else rules:
        for check in rule.alone if subject.group_kind in rule.kinds else ():
            findings += _contained(rule, subject, check, (subject,), preview=False, await_unknown=True)
    return in_order(without_secrets(findings, secret_texts([subject])))


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first; those that are alike but for numbers are counted, so that each has a fingerprint of its own."""
    seen: Counter[tuple[str, ...]] = Counter()
    ordered: list[Finding] = []
    for finding in sorted(findings, key=_order):
        place = seen[finding.likeness]
        seen[finding.likeness] += 1
        ordered.append(finding if place == finding.ordinal else replace(finding, ordinal=place))
    return ordered


def _judge_one(rule: Rule, subject: KubeObject, estate: Estate, preview: bool) -> list[Finding]:
    found: list[Finding] = []
    for alone in rule.alone:
        found += _contained(rule, subject, alone, (subject,), preview=preview)
    if subject.unknown is not None and rule.together:  # its neighbours are not known either
        return [*found, _undecided(rule, subject, subject.unknown, preview)]
    for together in rule.together:
        found += _contained(rule, subject, together, (subject, estate), preview=preview)
    return found


def _contained(
    rule: Rule,
    subject: KubeObject,
    check: Callable[..., Iterable[Violation]],
    given: tuple[object, ...],
    *,
    preview: bool,
    await_unknown: bool = False,
) -> list[Finding]:
    """What one check finds. No generator: nearly all of some hundred thousand calls find nothing."""
    found: list[Finding] = []
    try:
        for violation in check(*given):  # what was found before a check stumbles stays found
            if len(found) == MOST:
                found.append(_more(rule, subject))
                break
            found.append(
                Finding(
                    rule,
                    Outcome.VIOLATED,
                    subject,
                    _short(violation.message),
                    _short(violation.mend),
                    violation.path,
                    violation.about,
                    {name: _short(value) for name, value in violation.facts.items()},
                    violation.key,
                )
            )
    except CannotEvaluateError as problem:
        if not (await_unknown and isinstance(problem, UnknownValueError)):
            found.append(_undecided(rule, subject, problem, preview))
    except Exception as bug:  # whatever a rule runs into, it must neither pass nor end the analysis
        found.append(_undecided(rule, subject, DefectError("the rule", bug), preview))
    return found


def _more(rule: Rule, subject: KubeObject) -> Finding:
    why = f"more than {MOST} mistakes of one sort: the others are not listed"
    return Finding(rule, Outcome.NOT_EVALUATED, subject, why, "Mend those that are listed, then check again.")


def _short(text: str) -> str:
    """A text that a person can read, however long what it quotes is."""
    if len(text) <= LONGEST:
        return text
    whole, _, _ = text[:LONGEST].rpartition(" ")  # half of a secret would not be known as one
    return f"{whole} …".lstrip()


def _undecided(rule: Rule, subject: KubeObject, problem: CannotEvaluateError, preview: bool) -> Finding:
    blamed = problem.subject if isinstance(problem.subject, KubeObject) else subject
    where = "" if blamed is subject else f"{blamed.title}: "
    unknown = isinstance(problem, UnknownValueError)
    deferred = unknown and preview and bool(problem.path) and problem.path[0] in blamed.origin.awaits
    if deferred:
        outcome, mend = (
            Outcome.DEFERRED,
            "Nothing to do now: it is judged again, and enforced, when the value is known.",
        )
    elif isinstance(problem, DefectError):
        outcome = Outcome.NOT_EVALUATED
        mend = f"This is a defect of {problem.what}: report it with the object that it failed on."
    elif unknown:
        outcome, mend = Outcome.NOT_EVALUATED, "Give the value in the program instead of reading it from elsewhere."
    elif isinstance(problem, WrongTypeError) and problem.later:
        outcome, mend = (
            Outcome.NOT_EVALUATED,
            "Check what `flux build` or your own tool writes: there the value is known.",
        )
    else:
        outcome, mend = Outcome.NOT_EVALUATED, "Correct the field: as it is, the rule cannot tell what it means."
    about = None if blamed is subject else blamed
    return Finding(rule, outcome, subject, _short(f"{where}{problem.why}"), mend, problem.path, about)


_OUTCOMES = {outcome: place for place, outcome in enumerate(Outcome)}


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        finding.rule.severity.rank,
        finding.rule.id,
        _OUTCOMES[finding.outcome],
        finding.subject.title,
        finding.message,
    )
