"""DFLY-SEC-002: clients of a Dragonfly that go without TLS, and TLS that does not come about."""

from collections.abc import Iterator

from seawall.operators.annotations import PLAINTEXT
from seawall.operators.dragonfly import CLIENT_PORT
from seawall.policy.checks.dragonfly_process import process_of
from seawall.policy.estate.kinds import DRAGONFLY
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation

_TLS = ("spec", "tlsSecretRef")
_CLIENT_CA = ("spec", "authentication", "clientCaCertSecret")


def check_plaintext(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Dragonfly without TLS, when nobody has written down why."""
    process = process_of(dragonfly, estate)
    if process.switch("tls", default=False) or (dragonfly.annotation(PLAINTEXT) or "").strip():
        return
    yield Violation(
        f"clients connect to {CLIENT_PORT} without TLS: passwords and data cross the network readable, and the "
        f"annotation {PLAINTEXT} gives no reason",
        f"Set spec.tlsSecretRef, or write the reason into the annotation {PLAINTEXT}.",
        _TLS,
    )


def check_client_authority(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """An authority for client certificates where there is no TLS in which one could be shown."""
    if dragonfly.at(*_CLIENT_CA).present and not process_of(dragonfly, estate).switch("tls", default=False):
        yield Violation(
            "an authority for client certificates is given, but without spec.tlsSecretRef there is no TLS, and nobody "
            "is asked for a certificate",
            "Set spec.tlsSecretRef.",
            _CLIENT_CA,
        )


def check_start(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """TLS without a password or an authority for client certificates: the process refuses to start."""
    process = process_of(dragonfly, estate)
    if not process.switch("tls", default=False):
        return
    authorities = ("tls_ca_cert_file", "tls_ca_cert_dir")
    if "requirepass" not in process.flags and not any(process.text(name) for name in authorities):
        yield Violation(
            "TLS without a password and without an authority for client certificates: the process refuses to start",
            "Set spec.authentication.passwordFromSecret, or clientCaCertSecret.",
            ("spec", "authentication"),
        )


def check_by_hand(dragonfly: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Arguments and variables about TLS beside the operator's own."""
    process = process_of(dragonfly, estate)
    for flag in process.flags.values():
        if flag.by_user and flag.name.startswith(("tls", "no_tls")):
            yield Violation(
                f"--{flag.name} is set by hand: the operator mounts the certificate, sets all flags of TLS together "
                "and keeps TLS off the admin port, where it and the other pods speak none",
                "Remove it, and use spec.tlsSecretRef and spec.authentication.clientCaCertSecret.",
                flag.path,
            )


RULE = Rule(
    id="DFLY-SEC-002",
    risks=("DFLY-SEC-002",),
    title="Clients speak TLS, or it is written down why not",
    score=2,
    why=(
        "Without TLS whoever can read the network reads passwords and data. It may be accepted, for clients that are "
        "not ready or a network that encrypts itself, but then somebody must have decided it."
    ),
    mend=f"Set spec.tlsSecretRef beside the password, or give the reason in the annotation {PLAINTEXT}.",
    kinds=(DRAGONFLY,),
    together=(check_plaintext, check_client_authority, check_start, check_by_hand),
)
