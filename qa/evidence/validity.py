"""Whether a piece of evidence counts. Pure: everything that it depends on is in its arguments.

A run that passed counts only when nothing at all is wrong with it. A run that failed needs less: a failure is a
failure wherever it happened and whoever ran it, so only what is unreadable, of no test or commit of ours, or of another
time is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from seawall.qa.evidence.files import SIGNATURE, Found
from seawall.qa.evidence.model import Environment, Evidence, Verdict
from seawall.qa.evidence.repository import Commits
from seawall.qa.evidence.signers import AllowedSigner, Signers
from seawall.qa.evidence.sshsig import SignatureRefusedError, verify
from seawall.qa.gate.model import SetAside
from seawall.qa.register import Test

REPOSITORY_NEEDS = ("repo",)
"""The needs of a test that is run anywhere: the repository is all that it is about."""


@dataclass(frozen=True)
class Sight:
    """What evidence is held against."""

    tests: Mapping[str, Test]
    """The register's."""
    commits: Commits
    signers: Signers
    now: datetime
    clusters: frozenset[str] = frozenset()
    """UIDs of the clusters that the stack is for."""
    peers: frozenset[str] = frozenset()
    """UIDs of the clusters of its clients."""
    max_age: timedelta = field(default=timedelta(days=30))


@dataclass(frozen=True)
class Counts:
    """Evidence that counts."""

    file: str
    evidence: Evidence
    signer: str | None
    """By whom it is signed; None for a failure that nobody signed."""


def weigh(found: Found, sight: Sight) -> Counts | SetAside:
    """Whether a file counts for its test, or the first reason why not."""
    evidence = found.evidence
    if evidence is None:
        return SetAside(found.file, found.problem)
    test = sight.tests.get(evidence.test)
    if test is None:
        return SetAside(found.file, f"of no test: the register has no {evidence.test}")
    why = _never(evidence, sight)
    if evidence.verdict is Verdict.FAILED:
        signed = _signer(found, evidence, sight)
        signer = signed.principals if isinstance(signed, AllowedSigner) else None
        return SetAside(found.file, why) if why else Counts(found.file, evidence, signer)
    why = _environment(evidence, test) or why or _cluster(evidence, sight)
    if why is None and evidence.dirty:
        why = "dirty: it ran with changes that are in no commit"
    if why is not None:
        return SetAside(found.file, why)
    signed = _signer(found, evidence, sight)
    if isinstance(signed, str):
        return SetAside(found.file, signed)
    return Counts(found.file, evidence, signed.principals)


def _never(evidence: Evidence, sight: Sight) -> str | None:
    """What makes a run worth nothing, whatever came of it."""
    if not evidence.observed:
        return "a stub: nothing was observed"
    if evidence.finished > sight.now:
        return f"from the future: it ended {_when(evidence.finished)}"
    if sight.now - evidence.finished > sight.max_age:
        return f"stale: it ended {_when(evidence.finished)}, more than {_days(sight.max_age)} ago"
    if evidence.commit not in sight.commits.known:
        why = f"unknown commit: {evidence.commit[:12]} did not lead to what is checked out"
        return why + (", as far as this shallow clone knows (git fetch --unshallow)" if sight.commits.shallow else "")
    return None


def _environment(evidence: Evidence, test: Test) -> str | None:
    if evidence.environment is Environment.SIMULATED:
        return "simulated: its nodes run nothing, or a double stood in"
    if (evidence.environment is Environment.REPOSITORY) != (test.needs == REPOSITORY_NEEDS):
        return f"another environment: `{evidence.environment}`, and the test needs {', '.join(test.needs)}"
    return None


def _cluster(evidence: Evidence, sight: Sight) -> str | None:
    for role, seen, listed in (("", evidence.cluster, sight.clusters), ("peer ", evidence.peer, sight.peers)):
        if seen is not None and seen.uid not in listed:
            return f"another cluster: {role}{seen.context} ({seen.uid}) is none that docs/qa/gate.yaml lists"
    return None


def _signer(found: Found, evidence: Evidence, sight: Sight) -> AllowedSigner | str:
    if found.signature is None:
        return f"not signed: there is no {found.file}{SIGNATURE}"
    try:
        key = verify(found.signature, found.content)
    except SignatureRefusedError as error:
        return f"wrong signature: {error}"
    allowed = sight.signers.allowed(key, evidence.finished)
    return f"wrong signature: {allowed}" if isinstance(allowed, str) else allowed


def _when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _days(span: timedelta) -> str:
    return f"{span.days} days"
