"""The table of the decision: what somebody does to a green story, and what the gate must say of it."""

from collections.abc import Callable
from dataclasses import dataclass

from evidence_samples import (
    APPS,
    COMMIT,
    ELSEWHERE,
    FORMER,
    GOOD,
    OTHER_USE,
    STRANGER,
    ago,
    cluster,
    evidence,
    simulated,
)
from gate_world import World, finding, waiver

from seawall.policy.findings import Severity
from seawall.qa.evidence import document
from seawall.qa.evidence.repository import Commits

P0 = "DFLY-INT-004"
"""A P0 that belongs to no risk: only its own reason shows."""
P0_OF_HIGH = "DFLY-E2E-003"
"""A P0 of DFLY-SEC-001 (score 6)."""
P1 = "DFLY-INT-009"
P1_OF_MEDIUM = "DFLY-INT-007"
P1_OF_HIGH = "DFLY-INT-003"
P2 = "DFLY-INT-011"
P2_OF_MEDIUM = "DFLY-INT-012"
HIGH = "DFLY-SEC-001"
FILE = document.name(evidence(P0))


@dataclass(frozen=True)
class Case:
    """One case."""

    words: str
    """What was done."""
    do: Callable[[World], object]
    gate: str = "CONCERNS"
    steps: str = ""
    """The four steps: P, C or F each; only given where it matters."""
    reason: tuple[str, str] = ("", "")
    """About what there must be a reason, and what it must say."""
    aside: str = ""
    """Why a file must have been set aside."""
    refused: str = ""
    """Instead of a verdict: what the mistake must say."""


def edited(old: str, new: str, *, digest: bool = False) -> Callable[[World], None]:
    """Evidence that was changed after it was signed; with a digest that fits, when asked for."""

    def do(world: World) -> None:
        text = world.files[FILE].decode()
        assert old in text
        text = text.replace(old, new)
        if digest:
            at = text.index("\ndigest: ") + len("\ndigest: ")
            text = text[:at] + document.digest(text) + text[at + len(document.digest(text)) :]
        world.files[FILE] = text.encode()

    return do


def failing(test: str, **how: object) -> Callable[[World], None]:
    return lambda world: world.instead(test, ok=False, **how)  # type: ignore[arg-type]


def both(*does: Callable[[World], object]) -> Callable[[World], None]:
    def do(world: World) -> None:
        for each in does:
            each(world)

    return do


def found(rule: str, severity: Severity, **how: bool) -> Callable[[World], None]:
    return lambda world: world.findings.append(finding(rule, severity, **how))


def waived(about: str, **changes: object) -> Callable[[World], None]:
    return lambda world: world.waivers.append(waiver(about, **changes))


def nine(world: World) -> None:
    """A risk of score 9 whose test was not run."""
    world.risk(HIGH, score=9)
    world.take(P0_OF_HIGH)
    world.test(P0_OF_HIGH, "P1")


def of_nobody(world: World) -> None:
    """A critical risk that only the pack has found: everything else is green."""
    world.risk("DFLY-TECH-002", score=9, tests=())


def copied_from_another_test(world: World) -> None:
    """The good run of another test under this test's name, signature and all."""
    world.take(P0)
    other = evidence("DFLY-INT-005")
    world.put(other, name=document.name(other).replace("DFLY-INT-005", P0))


def renamed_inside(world: World) -> None:
    """The same, with the id changed in the file as well, and the other's signature kept."""
    world.take(P0)
    signature = GOOD.sign(document.text(evidence("DFLY-INT-005")).encode())
    world.put(evidence(P0), signature=signature)


def raw(change: Callable[[str], str], *, digest: bool = True) -> Callable[[World], None]:
    """YAML that was written by somebody, with a digest that fits, and signed by who may sign."""

    def do(world: World) -> None:
        text = change(world.files[FILE].decode())
        if digest:
            right = document.digest(text)
            at = text.index("\ndigest: ") + len("\ndigest: ")
            text = text[:at] + right + text[at + len(right) :]
        world.files[FILE] = text.encode()
        world.files[f"{FILE}.sig"] = GOOD.sign(text.encode())

    return do


def failed_then_hidden(change: Callable[[str], str]) -> Callable[[World], None]:
    """A P0 failed; a verdict `passed` is smuggled in by a trick of YAML, everything signed by who may sign."""

    def do(world: World) -> None:
        world.instead(P0, ok=False)
        raw(change)(world)

    return do


def linked(world: World) -> None:
    world.files[f"kept-{FILE}"] = world.files.pop(FILE)
    world.links[FILE] = f"kept-{FILE}"


def piped(world: World) -> None:
    del world.files[FILE]
    world.pipes.append(FILE)


CASES = [
    # nothing done, and what is harmless
    Case("nothing: every test has passed with evidence that counts", lambda world: None, "PASS", "PPPP"),
    Case("a low finding of the pack", found("DFLY-MON-001", Severity.LOW), "PASS", "PPPP"),
    Case("a P2 without a risk has failed", failing(P2), "PASS", "PPPP"),
    Case("a P2 without a risk was not run", lambda world: world.take(P2), "PASS", "PPPP"),
    Case("a P1 without a risk was not run", lambda world: world.take(P1), "PASS", "PPPP"),
    Case("a waiver that nothing needs", waived(HIGH), "PASS", "PPPP"),
    Case("a stranger's file beside the evidence", lambda world: world.files.update({"notes.txt": b"hello"}), "PASS"),
    Case(
        "evidence of a test that the register does not have",
        lambda world: world.put(evidence("DFLY-INT-099")),
        "PASS",
        aside="of no test",
    ),
    Case(
        "an older simulated run that failed, and passed on the real cluster since",
        lambda world: world.put(simulated(P0, ok=False, **ago(days=2))),
        "PASS",
    ),
    Case(
        "a simulated run that passed, newer than the real one",
        lambda world: world.put(simulated(P0, **ago(minutes=1))),
        "PASS",
        aside="simulated",
    ),
    # step 1
    Case("a P0 failed on the real cluster", failing(P0), "FAIL", "FPFP", (P0, "failed on the cluster infra")),
    Case("a P0 failed, and nobody signed it", failing(P0, signer=None), "FAIL", "FPFP"),
    Case(
        "a P0 failed in the sandbox alone",
        both(lambda w: w.take(P0), lambda w: w.put(simulated(P0, ok=False), None)),
        "FAIL",
        "FPFP",
        (P0, "simulated cluster"),
    ),
    Case(
        "a P0 failed in the sandbox after it had passed on the real cluster",
        lambda world: world.put(simulated(P0, ok=False, **ago(minutes=1)), None),
        "FAIL",
        "FPFP",
    ),
    Case("a P0 failed on a cluster that is not ours", failing(P0, cluster=cluster(ELSEWHERE)), "FAIL", "FPFP"),
    Case("a P0 failed in a dirty checkout", failing(P0, dirty=True, signer=None), "FAIL", "FPFP"),
    Case("a newer failure after a pass", lambda world: world.put(evidence(P0, ok=False, **ago(minutes=1))), "FAIL"),
    Case("a newer pass after a failure", lambda world: world.put(evidence(P0, ok=False, **ago(hours=3))), "PASS"),
    Case(
        "a failure in the same second as a pass",
        lambda world: world.put(evidence(P0, ok=False, cluster=cluster(ELSEWHERE))),
        "FAIL",
    ),
    Case(
        "a newer pass that nobody signed does not clear a failure",
        both(failing(P0, **ago(hours=3)), lambda world: world.put(evidence(P0), None)),
        "FAIL",
        aside="not signed",
    ),
    Case(
        "a newer simulated pass does not clear a failure",
        both(failing(P0, **ago(hours=3)), lambda world: world.put(simulated(P0))),
        "FAIL",
        aside="simulated",
    ),
    Case(
        "a failure that is stale: the test is not run any more",
        failing(P0, **ago(days=31)),
        "CONCERNS",
        "PCPP",
        (P0, "not run"),
        aside="stale",
    ),
    Case(
        "a failure of a commit that is not ours",
        failing(P0, commit="f" * 40),
        "CONCERNS",
        "PCPP",
        aside="unknown commit",
    ),
    Case("a failure without an observation", failing(P0, observed=()), "CONCERNS", "PCPP", aside="a stub"),
    Case("a P0 of a high risk failed", failing(P0_OF_HIGH), "FAIL", "FPFF", (HIGH, "DFLY-E2E-003 failed")),
    Case("a risk of score 9 is not lowered", nine, "FAIL", "FPPC", (HIGH, "score 9")),
    Case(
        "a risk of score 9 is not lowered, and accepted; its test is still not run",
        both(nine, waived(HIGH)),
        "CONCERNS",
        "PPPC",
    ),
    Case("a risk of score 9 has no test at all", of_nobody, "FAIL", "FPPP", ("DFLY-TECH-002", "no test shows it")),
    Case(
        "a risk of score 9 has no test at all, and is accepted",
        both(of_nobody, waived("DFLY-TECH-002")),
        "WAIVED",
        "PPPP",
    ),
    Case("a waiver of the last day", both(of_nobody, waived("DFLY-TECH-002", expires="2026-03-31")), "WAIVED"),
    Case(
        "a waiver that expired yesterday",
        both(of_nobody, waived("DFLY-TECH-002", expires="2026-03-30")),
        "FAIL",
        "FPCP",
        ("DFLY-TECH-002", "a waiver expired after 2026-03-30"),
    ),
    Case(
        "a waiver that expired, of what has been mended since", waived(HIGH, expires="2026-03-30"), "CONCERNS", "PPCP"
    ),
    Case("a waiver of another risk", both(of_nobody, waived("DFLY-OPS-001")), "FAIL", "FPPP"),
    Case(
        "a risk of score 8 is not lowered",
        both(lambda w: w.risk(HIGH, score=8), lambda w: w.take(P1_OF_HIGH), lambda w: w.risk("DFLY-OPS-001", score=8)),
        "CONCERNS",
        "CPPC",
        ("DFLY-OPS-001", "score 8"),
    ),
    Case(
        "a risk of score 6 is not lowered: one of its two tests, a P1, was not run",
        lambda w: w.take(P1_OF_HIGH),
        "CONCERNS",
        "CPPC",
        ("DFLY-OPS-001", "DFLY-INT-003 has not been run"),
    ),
    Case(
        "a risk of score 6 cannot be waived: it makes no FAIL",
        both(lambda w: w.take(P1_OF_HIGH), waived("DFLY-OPS-001")),
        "CONCERNS",
        "CPPC",
    ),
    Case("a risk of score 4 is not lowered", lambda w: w.take(P1_OF_MEDIUM), "CONCERNS", "PPPC"),
    # step 2
    Case("a P0 was not run", lambda world: world.take(P0), "CONCERNS", "PCPP", (P0, "nodes that run containers")),
    Case("no test was ever run", lambda world: world.files.clear(), "CONCERNS", "CCPC"),
    Case(
        "a P0 passed in the sandbox alone",
        both(lambda w: w.take(P0), lambda w: w.put(simulated(P0))),
        "CONCERNS",
        "PCPP",
        (P0, "not run"),
        "simulated",
    ),
    Case(
        "every test passed in the sandbox alone",
        lambda w: [
            w.instead(name, environment="simulated", cluster=cluster(ELSEWHERE, simulated=3))
            for name in list(w.register.tests)
            if name.startswith("DFLY-E2E")
        ],
        "CONCERNS",
        "CCPC",
        aside="simulated",
    ),
    Case(
        "a security risk without any test",
        lambda world: world.risk("DFLY-SEC-002", tests=()),
        "FAIL",
        "PFPP",
        ("DFLY-SEC-002", "no test looks"),
    ),
    Case(
        "a security risk without any test cannot be waived",
        both(lambda world: world.risk("DFLY-SEC-002", tests=()), waived("DFLY-SEC-002")),
        "FAIL",
        "PFPP",
    ),
    Case("another risk without any test", lambda world: world.risk("DFLY-MON-001", tests=()), "PASS"),
    Case(
        "only tests of the repository are P0, and nothing else was run: a static check alone never makes a PASS",
        lambda w: [
            *(w.test(name, "P2") for name, it in REGISTERED.items() if "repo" not in it.needs),
            *(w.take(name) for name, it in REGISTERED.items() if "repo" not in it.needs),
            *(w.risk(name, score=1) for name in list(w.register.risks)),
        ],
        "CONCERNS",
        "PCPC",
        ("evidence", "nothing has been tried on a real cluster"),
    ),
    # step 3
    Case("a critical finding", found(HIGH, Severity.CRITICAL), "FAIL", "CPFF", (HIGH, "open to everybody")),
    Case("a high finding", found(HIGH, Severity.HIGH), "FAIL", "CPFF"),
    Case("a high finding that is accepted", both(found(HIGH, Severity.HIGH), waived(HIGH)), "WAIVED", "PPPP"),
    Case(
        "a high finding that is accepted in the pack's own waivers",
        lambda w: w.findings.append(finding(HIGH, Severity.HIGH, waived="waived until 2026-12-31 by x: y")),
        "WAIVED",
        "PPPP",
    ),
    Case(
        "a high finding that is accepted, and a P0 that was not run",
        both(found(HIGH, Severity.HIGH), waived(HIGH), lambda w: w.take(P0)),
        "CONCERNS",
        "PCPP",
    ),
    Case(
        "a high finding that is accepted, and another that is not",
        both(found(HIGH, Severity.HIGH), waived(HIGH), found("DFLY-OPS-001", Severity.HIGH)),
        "FAIL",
        "CPFF",
    ),
    Case("a medium finding", found("DFLY-TECH-001", Severity.MEDIUM), "CONCERNS", "PPCC"),
    Case(
        "a medium finding cannot be waived by the gate: it makes no FAIL",
        both(found("DFLY-TECH-001", Severity.MEDIUM), waived("DFLY-TECH-001")),
        "CONCERNS",
        "PPCC",
    ),
    Case(
        "a rule without a verdict",
        found("DFLY-MON-001", Severity.LOW, undecided=True),
        "CONCERNS",
        "PPCC",
        ("DFLY-MON-001", "no verdict"),
    ),
    Case(
        "a high rule without a verdict is no FAIL, and is not waived by a waiver of what it would find",
        both(found(HIGH, Severity.HIGH, undecided=True), waived(HIGH)),
        "CONCERNS",
        "CPCC",
    ),
    Case("a P1 without a risk failed", failing(P1), "CONCERNS", "PPCP", (P1, "P1, failed")),
    Case(
        "a P1 without a risk failed in the sandbox alone",
        both(lambda w: w.take(P1), lambda w: w.put(simulated(P1, ok=False), None)),
        "CONCERNS",
        "PPCP",
    ),
    # step 4
    Case(
        "qualities only: a P2 of a small risk was not run",
        lambda world: world.take(P2_OF_MEDIUM),
        "CONCERNS",
        "PPPC",
        ("reliability", "not run: DFLY-INT-012"),
    ),
    Case(
        "qualities only: a P2 of a small risk failed",
        failing(P2_OF_MEDIUM),
        "CONCERNS",
        "PPPC",
        ("reliability", "DFLY-INT-012 failed"),
    ),
    Case(
        "qualities only: a P2 of a high risk failed",
        both(lambda w: w.test(P1_OF_HIGH, "P2"), failing(P1_OF_HIGH)),
        "FAIL",
        "CPPF",
        ("reliability", "failed"),
    ),
    Case("a P1 of a high risk failed", failing(P1_OF_HIGH), "FAIL", "CPCF"),
    Case(
        "a P1 of a high risk failed, and is accepted: the concerns stay",
        both(failing(P1_OF_HIGH), waived(P1_OF_HIGH)),
        "CONCERNS",
        "CPCP",
    ),
    Case(
        "the service level objective was never observed",
        lambda world: world.take("DFLY-E2E-002"),
        "CONCERNS",
        "PCPC",
        ("performance", "not observed: 95th percentile"),
    ),
    # evidence that somebody made up, or that is not what it seems
    Case(
        "edited: found 3 instead of 2, digest left",
        edited("found: '3'", "found: '4'"),
        reason=(P0, ""),
        aside="edited: the digest",
    ),
    Case(
        "edited, with a digest that fits, and the old signature",
        edited("context: infra", "context: other", digest=True),
        aside="not as seawall writes it",
    ),
    Case(
        "edited in front matter and table, with a digest that fits, and the old signature",
        edited("v1.34.2", "v1.34.9", digest=True),
        aside="wrong signature: not of this content",
    ),
    Case(
        "the table edited, with a digest that fits",
        edited("| yes | pods", "| yes | all pods", digest=True),
        aside="not as seawall writes it",
    ),
    Case("a forged digest", edited("\ndigest: sha256:", "\ndigest: sha256:0"), aside="edited: the digest"),
    Case(
        "no digest",
        lambda w: w.files.update({FILE: w.files[FILE].replace(b"\ndigest: ", b"\nremark: ")}),
        aside="without a digest",
    ),
    Case("not signed", lambda world: world.instead(P0, None), aside="not signed: there is no"),
    Case("signed by a key that nobody listed", lambda w: w.instead(P0, STRANGER), aside="does not list (SHA256:"),
    Case(
        "signed by somebody whose key had expired by then",
        lambda w: w.instead(P0, FORMER),
        aside="the key of former-member was valid until 2026-03-21",
    ),
    Case(
        "signed by the same key, for a run while it was valid", lambda w: w.instead(P0, FORMER, **ago(days=11)), "PASS"
    ),
    Case(
        "signed by somebody who may sign other things only",
        lambda w: w.instead(P0, OTHER_USE),
        aside="release-robot may sign git, file only",
    ),
    Case(
        "signed for another namespace",
        lambda w: w.instead(P0, how={"namespace": "file"}),
        aside="made for the namespace 'file'",
    ),
    Case("the signature of another file", renamed_inside, aside="not of this content"),
    Case(
        "a signature that is no signature",
        lambda w: w.instead(P0, how={"signature": b"trust me"}),
        aside="not of the form that ssh-keygen",
    ),
    Case(
        "a signature that is a large file",
        lambda w: w.files.update({f"{FILE}.sig": b"x" * 100_000}),
        aside="wrong signature",
    ),
    Case(
        "nobody is listed any more",
        lambda w: setattr(w, "signers", type(w.signers)()),
        "CONCERNS",
        "CCPC",
        aside="does not list",
    ),
    Case(
        "evidence of another test under this one's name",
        copied_from_another_test,
        aside="renamed: it is the evidence DFLY-INT-005",
    ),
    Case(
        "evidence of another cluster",
        lambda w: w.instead(P0, cluster=cluster(ELSEWHERE, context="lab")),
        aside="another cluster: lab (deadbeef",
    ),
    Case(
        "evidence with clients on another cluster than ours",
        lambda w: w.instead(P0, peer=cluster(ELSEWHERE)),
        aside="another cluster: peer",
    ),
    Case(
        "evidence with clients on the right cluster",
        lambda w: w.instead(P0, peer=cluster(APPS, context="apps")),
        "PASS",
    ),
    Case(
        "no cluster is listed",
        lambda w: setattr(w, "clusters", frozenset()),
        "CONCERNS",
        "CCPC",
        aside="another cluster",
    ),
    Case("as old as it may be, to the second", lambda w: w.instead(P0, **ago(days=30)), "PASS"),
    Case("stale by a second", lambda w: w.instead(P0, **ago(days=30, seconds=1)), aside="stale: it ended 2026-03-01"),
    Case("ended just now", lambda w: w.instead(P0, **ago(seconds=0)), "PASS"),
    Case("from the future, by a second", lambda w: w.instead(P0, **ago(seconds=-1)), aside="from the future"),
    Case("from the next year", lambda w: w.instead(P0, **ago(days=-365)), aside="from the future"),
    Case("a dirty checkout", lambda w: w.instead(P0, dirty=True), aside="dirty"),
    Case("a commit that did not lead here", lambda w: w.instead(P0, commit="ab" * 20), aside="unknown commit: abab"),
    Case(
        "a commit before the one that is checked out",
        lambda w: [setattr(w, "commits", Commits(frozenset({COMMIT, "ab" * 20}))), w.instead(P0, commit="ab" * 20)],
        "PASS",
    ),
    Case(
        "a shallow clone that does not know the commit",
        lambda w: [setattr(w, "commits", Commits(frozenset({COMMIT}), shallow=True)), w.instead(P0, commit="ab" * 20)],
        aside="git fetch --unshallow",
    ),
    Case(
        "a checkout without git", lambda w: setattr(w, "commits", Commits()), "CONCERNS", "CCPC", aside="unknown commit"
    ),
    Case(
        "a test of a cluster, run in the repository",
        lambda w: w.instead(P0, environment="repository", cluster=None),
        aside="another environment",
    ),
    Case(
        "a test of the repository, run on a cluster",
        lambda w: w.instead("DFLY-UNIT-001", environment="real", cluster=cluster()),
        aside="another environment",
    ),
    Case(
        "a verdict without an observation",
        raw(lambda t: t.partition("observed:")[0] + "observed: []\n" + t[t.index("digest: ") :].partition("| yes")[0]),
        aside="must be `passed` when all",
    ),
    Case(
        "a file that was renamed to another day",
        lambda w: w.files.update(
            {
                FILE.replace("20260331", "20260330"): w.files.pop(FILE),
                f"{FILE.replace('20260331', '20260330')}.sig": w.files.pop(f"{FILE}.sig"),
            }
        ),
        aside="renamed",
    ),
    Case("a link to the evidence", linked, aside="a link: evidence is a file of its own"),
    Case("a pipe in the place of the evidence", piped, aside="not a file"),
    Case(
        "a huge file",
        lambda w: w.files.update({FILE: b"---\n" + b"x" * (document.MAX_BYTES + 1)}),
        aside="larger than 256 KiB",
    ),
    Case("an empty file", lambda w: w.files.update({FILE: b""}), aside="without front matter"),
    Case("bytes that are no text", lambda w: w.files.update({FILE: b"---\n\xff\xfe\n---\n"}), aside="not UTF-8"),
    # tricks of YAML, all with a digest that fits and a good signature
    Case(
        "a key given twice: failed, then passed",
        failed_then_hidden(lambda t: t.replace("verdict: failed\n", "verdict: failed\nverdict: passed\n")),
        aside="verdict is given twice",
    ),
    Case(
        "an alias",
        raw(lambda t: t.replace("context: infra", "context: &a infra\n  name: *a", 1)),
        aside="aliases are not read here",
    ),
    Case(
        "a tag of another language",
        raw(lambda t: t.replace("test: DFLY-INT-004", "test: !!python/name:os.system x", 1)),
        aside="front matter",
    ),
    Case(
        "a merge of another mapping",
        raw(lambda t: t.replace("verdict: passed", "<<: {verdict: passed}", 1)),
        aside="not as seawall writes it",
    ),
    Case(
        "the same, quoted otherwise",
        raw(lambda t: t.replace("test: DFLY-INT-004", 'test: "DFLY-INT-004"', 1)),
        aside="not as seawall writes it",
    ),
    Case(
        "a comment in the front matter",
        raw(lambda t: t.replace("dirty: false", "dirty: false # really", 1)),
        aside="not as seawall writes it",
    ),
    Case("a second document", raw(lambda t: t.replace("\n---\n", "\n--- {}\n---\n", 1)), aside="front matter"),
    Case(
        "a key that nobody knows",
        raw(lambda t: t.replace("dirty: false", "dirty: false\ntrusted: true", 1)),
        aside="trusted: unknown key",
    ),
    Case(
        "the verdict turned, and not the observation",
        failed_then_hidden(lambda t: t.replace("verdict: failed", "verdict: passed", 1)),
        aside="must be `passed` when all",
    ),
    Case(
        "the cluster's simulated nodes forgotten",
        lambda w: w.instead(
            P0,
            how={
                "content": document.text(simulated(P0)).replace("simulated_nodes: 3", "simulated_nodes: 0").encode(),
                "name": FILE,
            },
        ),
        aside="edited",
    ),
    Case(
        "a thousand nested lists",
        raw(lambda t: t.replace("dirty: false", "dirty: " + "[" * 1000 + "]" * 1000, 1)),
        aside="front matter",
    ),
    Case(
        "signs that turn the reading direction",
        raw(lambda t: t.replace("pods that are ready", "pods \u202eydaer", 9)),
        aside="signs that are not shown",
    ),
    # mistakes in docs/qa/gate.yaml
    Case(
        "a waiver without approver",
        both(of_nobody, waived("DFLY-TECH-002", approver=None)),
        refused="waivers[0].approver: is missing",
    ),
    Case("a waiver without a reason", waived(HIGH, reason=None), refused="waivers[0].reason: is missing"),
    Case("a waiver with a placeholder for a reason", waived(HIGH, reason="TODO write it down"), refused="placeholder"),
    Case("a waiver with a reason too short", waived(HIGH, reason="because"), refused="at least 10"),
    Case("a waiver without an end", waived(HIGH, expires=None), refused="expires: is missing"),
    Case("a waiver that ends on no day", waived(HIGH, expires="2026-02-30"), refused="expires"),
    Case("a waiver for more than a year", waived(HIGH, expires="2027-04-02"), refused="within 366 days"),
    Case("a waiver of an id that there is not", waived("DFLY-SEC-999"), refused="must be the id of a risk"),
    Case("a waiver of a P0", waived(P0), refused="is a P0"),
    Case("a waiver of the rule about waivers", waived("SEAWALL-WAIVERS"), refused="must be the id of a risk"),
    Case("two waivers of the same", both(waived(HIGH), waived(HIGH, expires="2026-04-30")), refused="waived twice"),
    Case("a waiver with a key that nobody knows", waived(HIGH, approved_by="somebody"), refused="unknown key"),
    Case(
        "a cluster that is listed for two stacks",
        lambda w: setattr(
            w,
            "settings_text",
            f"version: 1\nclusters:\n  infra: [{{uid: {APPS}, name: a}}]\n  apps: [{{uid: {APPS}, name: b}}]\n",
        ),
        refused="is that of a cluster of infra",
    ),
    Case(
        "a stack that there is not",
        lambda w: setattr(w, "settings_text", "version: 1\nstack: infar\n"),
        refused="there is no stack infar",
    ),
    Case(
        "evidence that may be older than a year",
        lambda w: setattr(w, "settings_text", "version: 1\nmax_age_days: 9999\n"),
        refused="max_age_days",
    ),
    Case(
        "the settings say a key twice",
        lambda w: setattr(w, "settings_text", "version: 1\nmax_age_days: 30\nmax_age_days: 300\n"),
        refused="max_age_days is given twice",
    ),
]
"""All cases; the words are unique."""


REGISTERED = {name: it for name, it in World().register.tests.items() if name.split("-")[0] == "DFLY" or "DFLY" in name}
