"""Evidence, keys and signers for tests; every key is made for the test."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from seawall.qa import register
from seawall.qa.evidence import document
from seawall.qa.evidence.files import Found
from seawall.qa.evidence.model import ClusterSeen, Evidence, Observation
from seawall.qa.evidence.repository import Commits
from seawall.qa.evidence.signers import AllowedSigner, Signers
from seawall.qa.evidence.sshsig import Signer
from seawall.qa.evidence.validity import Sight

NOW = datetime(2026, 3, 31, 12, 0, 0, tzinfo=UTC)
COMMIT = "c0ffee00" * 5
INFRA = "1f0e8c62-5b7d-4f0a-9c55-0a3b7f6f1c01"
APPS = "77b1b5a4-90f1-4cf4-8b4e-4d3f1a2b3c04"
ELSEWHERE = "deadbeef-0000-4000-8000-000000000000"
CHECKOUT = Path(__file__).resolve().parents[2]

GOOD = Signer(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
STRANGER = Signer(Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
FORMER = Signer(Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))
OTHER_USE = Signer(Ed25519PrivateKey.from_private_bytes(b"\x04" * 32))

SIGNERS = Signers(
    (
        AllowedSigner("platform-team", GOOD.public, ("seawall-evidence",)),
        AllowedSigner("former-member", FORMER.public, before=NOW - timedelta(days=10)),
        AllowedSigner("release-robot", OTHER_USE.public, ("git", "file")),
    )
)


def cluster(uid: str = INFRA, *, simulated: int = 0, context: str = "infra") -> ClusterSeen:
    return ClusterSeen(context=context, uid=uid, version="v1.34.2", nodes=3, simulated_nodes=simulated)


def seen(ok: bool = True, **changes: Any) -> Observation:
    given = {"what": "pods that are ready", "expected": "3", "found": "3" if ok else "2", "ok": ok, **changes}
    return Observation.model_validate(given)


def evidence(test: str = "DFLY-INT-004", **changes: Any) -> Evidence:
    """A run that passed, an hour ago, on the cluster of the stack."""
    needs = register.load().tests[test].needs if test in register.load().tests else ("kubelet",)
    here = needs == ("repo",)
    ok = changes.pop("ok", True)
    given: dict[str, Any] = {
        "test": test,
        "verdict": "passed" if ok else "failed",
        "environment": "repository" if here else "real",
        "cluster": None if here else cluster(),
        "commit": COMMIT,
        "dirty": False,
        "versions": {"dragonfly operator": "v1.6.1"},
        "started": NOW - timedelta(hours=1, seconds=12),
        "finished": NOW - timedelta(hours=1),
        "command": "seawall verify --context infra",
        "observed": (seen(ok),),
        **changes,
    }
    return Evidence.model_validate(given)


def simulated(test: str = "DFLY-INT-004", **changes: Any) -> Evidence:
    return evidence(test, environment="simulated", cluster=cluster(ELSEWHERE, simulated=3), **changes)


def ago(**span: float) -> dict[str, Any]:
    """The times of a run that ended so long ago."""
    ended = NOW - timedelta(**span)
    return {"started": ended - timedelta(seconds=5), "finished": ended}


def found(
    given: Evidence, signer: Signer | None = GOOD, *, namespace: str = "seawall-evidence", name: str | None = None
) -> Found:
    """The file, as reading a folder gives it."""
    content = document.text(given).encode()
    signature = signer.sign(content, namespace) if signer is not None else None
    return as_read(content, name or document.name(given), signature)


def as_read(content: bytes, name: str, signature: bytes | None = None) -> Found:
    """What reading makes of a content; the name is looked at as `files.read` does."""
    try:
        parsed = document.parse(content)
    except document.NotEvidenceError as error:
        return Found(name, None, str(error), content, signature)
    right = document.name(parsed)
    if right != name:
        return Found(name, None, f"renamed: it is the evidence {right}", content, signature)
    return Found(name, parsed, "", content, signature)


def sight(**changes: Any) -> Sight:
    given: dict[str, Any] = {
        "tests": register.load().tests,
        "commits": Commits(frozenset({COMMIT})),
        "signers": SIGNERS,
        "now": NOW,
        "clusters": frozenset({INFRA}),
        "peers": frozenset({APPS}),
        **changes,
    }
    return Sight(**given)
