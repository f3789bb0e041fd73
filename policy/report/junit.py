"""The result as JUnit XML: a suite per rule, a case per object that the rule looked at.

A rule without objects is one skipped case, so that it never looks like a pass. What does not fail the check does not
fail its case: waived and known findings are skipped, advice is output of the case.
"""

from collections.abc import Iterable
from io import BytesIO

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite

from seawall.policy.acceptance.waivers import RULE as WAIVERS
from seawall.policy.findings import Finding, Outcome, Rule
from seawall.policy.report.result import Result, Standing
from seawall.policy.report.text import for_xml, labelled, marked, plain


def to_junit(result: Result) -> str:
    """The result as XML text."""
    by_rule: dict[str, dict[str, list[Finding]]] = {}
    for finding in result.findings:
        by_rule.setdefault(finding.rule.id, {}).setdefault(finding.subject.title, []).append(finding)
    document = JUnitXml("seawall")
    for judged in result.judged:
        found = by_rule.get(judged.rule.id, {})
        titles = dict.fromkeys([*(subject.title for subject in judged.subjects), *found])
        document.add_testsuite(_suite(judged.rule, {title: found.get(title, []) for title in titles}, result))
    wrong = by_rule.get(WAIVERS.id)
    if wrong:
        document.add_testsuite(_suite(WAIVERS, wrong, result))
    if result.unreadable:
        document.add_testsuite(_input(result))
    document.time = round(result.seconds, 3)
    stream = BytesIO()
    document.write(stream, pretty=True)
    return stream.getvalue().decode()


def _suite(rule: Rule, cases: dict[str, list[Finding]], result: Result) -> TestSuite:
    suite = TestSuite(for_xml(f"{rule.id}: {rule.title}"))
    for title, findings in cases.items():
        suite.add_testcase(_case(rule, title, findings, result))
    if not cases:
        nothing = TestCase(rule.title, rule.id)
        nothing.result = [Skipped("nothing to judge")]
        suite.add_testcase(nothing)
    return suite


def _case(rule: Rule, title: str, findings: list[Finding], result: Result) -> TestCase:
    case = TestCase(for_xml(plain(title)), rule.id)
    failing = [finding for finding in findings if result.standing(finding) is Standing.FAILS]
    told = [finding for finding in findings if result.standing(finding) is Standing.TOLD]
    quiet = [finding for finding in findings if finding not in failing and finding not in told]
    undecided = all(finding.outcome is Outcome.NOT_EVALUATED for finding in failing)
    if failing:
        verdict = (Error if undecided else Failure)(for_xml(labelled(failing[0])), rule.severity.value)
        verdict.text = for_xml(_text(failing))
        case.result = [verdict]
    elif quiet:
        case.result = [Skipped(for_xml(marked(quiet[0]) or labelled(quiet[0])))]
    others = [*told, *quiet]
    if others:
        case.system_out = for_xml(_text(others))
    return case


def _text(findings: Iterable[Finding]) -> str:
    return "\n".join(_lines(finding) for finding in findings)


def _lines(finding: Finding) -> str:
    lines = [plain(finding.place), labelled(finding), f"Mend: {plain(finding.mend)}", marked(finding)]
    return "\n".join(line for line in [*lines, f"Fingerprint: {finding.fingerprint}"] if line)


def _input(result: Result) -> TestSuite:
    suite = TestSuite("input")
    for problem in result.unreadable:
        case = TestCase(for_xml(plain(problem.place)), "input")
        case.result = [Error(for_xml(plain(problem.why)), "unreadable")]
        suite.add_testcase(case)
    return suite
