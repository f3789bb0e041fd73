"""What to do about tests and risks that keep a gate from passing: which test has to run, and by which command. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from seawall.qa.checks import Creates, all_checks
from seawall.qa.evidence.validity import REPOSITORY_NEEDS
from seawall.qa.gate.model import Gate, RiskStanding, State, TestStanding

TRY_LIVE: Final = "Run it on the real cluster: `seawall verify --context NAME --sign-with KEY` (docs/verify.md)."
WRITE_TEST: Final = "Write a test, and name it in qa/register.yaml."
_OF_THE_PACK: Final = "Mend what the policy pack finds of it."
_MOST = 3
"""So many tests a command names; of more it runs all of their kind."""
_HERE: Final = "seawall gate --sign-with KEY"
_ALL: Final = {
    Creates.NOTHING: "every test that only reads",
    Creates.PROBES: "every test that makes no more than probe pods",
    Creates.DISRUPTIVE: "every test that changes what runs",
}
"""What a command is given for that names no test; those that only read it runs as well."""
_OPTIONS: Final = {Creates.NOTHING: (), Creates.PROBES: ("--probe",), Creates.DISRUPTIVE: ("--disruptive",)}


def order(gate: Gate, mend: str) -> tuple[int, bool]:
    """By what mends are sorted: the worst first, then what a command does, as other reasons often go with it."""
    return -gate, "`" not in mend


def again(test: TestStanding) -> str:
    """What to do about a test that failed."""
    return f"Mend what {test.test} shows, and run it again: `{_command([test])}`."


def run(tests: Iterable[TestStanding]) -> Mapping[str, str]:
    """Test → how it is run. Tests that are run alike, and change alike what runs, have one command."""
    given = tuple(tests)
    alike = {kind: [test for test in given if _kind(test) == kind] for kind in map(_kind, given)}
    return {test.test: _run(alike[_kind(test)]) for test in given}


def lower(risks: Iterable[RiskStanding], tests: Sequence[TestStanding]) -> Mapping[str, str]:
    """Risk → how it is lowered."""
    left = [risk for risk in risks if not risk.lowered]
    wanted = {name for risk in left for name in risk.tests}
    still = [test.test for test in tests if test.test in wanted and test.state is not State.PASSED]
    let_pass = f"Let {_and(still)} pass with evidence that counts."
    found = {risk.risk: let_pass if set(still) & set(risk.tests) else _OF_THE_PACK for risk in left}
    return {**found, **{risk.risk: WRITE_TEST for risk in left if not risk.tests}}


def _run(tests: Sequence[TestStanding]) -> str:
    if _here(tests[0]):
        what, where, more = "the tests of the repository", "on a clean checkout", ""
    else:
        what, where, more = _ALL[all_checks()[tests[0].test].creates], "on the real cluster", " (docs/verify.md)"
    if len(tests) <= _MOST:
        what = _and([test.test for test in tests])
    return f"Run {what} {where}: `{_command(tests)}`{more}."


def _command(tests: Sequence[TestStanding]) -> str:
    if _here(tests[0]):
        return _HERE
    checks = [all_checks()[test.test] for test in tests]
    words = ["seawall verify --context NAME"]
    words += ["--peer NAME"] * any(check.peer for check in checks)
    words += ["--metrics URL"] * any("scrape" in test.needs for test in tests)
    words += _OPTIONS[checks[0].creates]
    words += [f"--test {test.test}" for test in tests] if len(tests) <= _MOST else []
    return " ".join([*words, "--sign-with KEY"])


def _kind(test: TestStanding) -> tuple[bool, str]:
    return _here(test), all_checks()[test.test].creates


def _here(test: TestStanding) -> bool:
    return test.needs == REPOSITORY_NEEDS


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
