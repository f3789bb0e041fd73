"""How tests and risks stand, by the evidence that counts. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from seawall.qa.evidence.model import Environment, Evidence, Verdict
from seawall.qa.evidence.validity import REPOSITORY_NEEDS, Counts
from seawall.qa.gate.model import RiskStanding, SetAside, State, TestStanding
from seawall.qa.gate.pack import PackFinding
from seawall.qa.register import Need, Register, Service, Test, service

NEEDS: Mapping[Need, str] = {
    "repo": "this repository",
    "api": "a real cluster's API server",
    "cnpg-operator": "the CloudNativePG operator",
    "dragonfly-operator": "the Dragonfly operator",
    "eso": "the External Secrets operator",
    "object-store": "the object store",
    "kubelet": "nodes that run containers, and a CNI that enforces",
    "dns": "the cluster's DNS",
    "scrape": "a metrics store",
}
"""What each need is, for a person."""


def needs(names: Sequence[str]) -> str:
    """What a test needs, in words."""
    return "; ".join(NEEDS[name] for name in names if name in NEEDS)  # type: ignore[index]


def tests(
    register: Register,
    which: Service,
    weighed: Iterable[Counts | SetAside],
    reasons: Mapping[str, str] | None = None,
) -> tuple[TestStanding, ...]:
    """Every test of a service, in the register's order. `reasons` says why a test was not run just now."""
    given = tuple(weighed)
    return tuple(
        _test(name, test, register.risks_of(name), given, (reasons or {}).get(name))
        for name, test in register.tests.items()
        if service(name) == which
    )


def of_no_test(register: Register, which: Service, weighed: Iterable[Counts | SetAside]) -> tuple[SetAside, ...]:
    """What was set aside and belongs to no test of the register; what names no service is told for each."""
    aside = (it for it in weighed if isinstance(it, SetAside) and not _of(it.file, register.tests))
    return tuple(it for it in aside if service(it.file) in (None, which))


def risks(
    register: Register, which: Service, standings: Iterable[TestStanding], findings: Iterable[PackFinding]
) -> tuple[RiskStanding, ...]:
    """Every risk of a service, the highest score first."""
    by_id = {standing.test: standing for standing in standings}
    pack = [it for it in findings if it.waived is None]
    made = []
    for name, risk in register.risks.items():
        if service(name) != which:
            continue
        found = sum(name in it.risks for it in pack)
        open_tests = [by_id[test] for test in risk.tests if by_id[test].state is not State.PASSED]
        made.append(
            RiskStanding(
                name,
                risk.title,
                risk.score,
                risk.severity,
                risk.tests,
                lowered=bool(risk.tests) and not open_tests and not found,
                reason=_reason(open_tests, found, len(risk.tests)),
                findings=found,
            )
        )
    return tuple(sorted(made, key=lambda it: -it.score))


def _reason(open_tests: Sequence[TestStanding], found: int, count: int) -> str:
    parts = []
    for state in (State.FAILED, State.NOT_RUN):
        names = [test.test for test in open_tests if test.state is state]
        if names:
            verb = "failed" if state is State.FAILED else "has not been run" if len(names) == 1 else "have not been run"
            parts.append(f"{', '.join(names)} {verb}")
    if found:
        parts.append(f"the policy pack finds it {found} time{'s' if found > 1 else ''}")
    if not count:
        parts.append("no test shows it mended")
    return "; ".join(parts) or ("its test has passed" if count == 1 else f"all {count} of its tests have passed")


def _test(
    name: str, test: Test, risk_names: Sequence[str], weighed: Sequence[Counts | SetAside], not_run: str | None
) -> TestStanding:
    counting = [it for it in weighed if isinstance(it, Counts) and it.evidence.test == name]
    aside = tuple(it for it in weighed if isinstance(it, SetAside) and _of(it.file, (name,)))
    # of two that ended in the same second the failure decides
    newest = max(counting, key=lambda it: (it.evidence.finished, it.evidence.verdict is Verdict.FAILED), default=None)
    seen = newest.evidence if newest is not None else None
    return TestStanding(
        test=name,
        priority=test.priority,
        needs=test.needs,
        expect=test.expect,
        risks=tuple(risk_names),
        state=State.NOT_RUN if seen is None else State(seen.verdict.value),
        reason=_seen(seen) if seen is not None else _not_run(test, aside, not_run),
        evidence=newest.file if newest is not None else None,
        environment=seen.environment if seen is not None else None,
        when=seen.finished if seen is not None else None,
        set_aside=aside,
    )


def _of(file: str, names: Iterable[str]) -> bool:
    """Whether a file's name is that of a test's evidence: `DFLY-INT-004-2026…`, and not `DFLY-INT-0040-2026…`."""
    return any(file.startswith(f"{name}-2") for name in names)


_PLACES = {
    Environment.REAL: "on the cluster {0}",
    Environment.SIMULATED: "on the simulated cluster {0}",
    Environment.REPOSITORY: "in the repository",
}


def _seen(evidence: Evidence) -> str:
    cluster = evidence.cluster.context if evidence.cluster is not None else ""
    place = _PLACES[evidence.environment].format(cluster)
    if evidence.verdict is Verdict.PASSED:
        return f"passed {place}"
    wrong = next(it for it in evidence.observed if not it.ok)
    return f"failed {place}: {wrong.what}: expected {wrong.expected}, found {wrong.found}"


def _not_run(test: Test, aside: Sequence[SetAside], reason: str | None) -> str:
    words = f"needs {needs(test.needs)}"
    if aside:
        latest = max(aside, key=lambda it: it.file)
        if latest.why.startswith(Environment.SIMULATED):
            return f"{words}; that it passed in the sandbox does not count"
        return f"{words}; its evidence is set aside ({latest.why})"
    if test.needs == REPOSITORY_NEEDS:
        return reason or words
    return f"{words}; {reason}" if reason and not reason.startswith("needs ") else words
