"""Who may sign evidence: `docs/qa/signers`, in the form of OpenSSH's `allowed_signers` (ssh-keygen(1)).

A line is `principals [options] ssh-ed25519 KEY [comment]`. What is understood is understood as ssh-keygen does;
anything else is refused, so that no line ever means more here than it says.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path

from seawall.errors import UserError
from seawall.qa import own_file
from seawall.qa.evidence.sshsig import KEY_TYPE, NAMESPACE, PublicKey, SignatureRefusedError, public_key

FILE = "docs/qa/signers"
MAX_BYTES = 256 * 1024
_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+')
_OPTION = re.compile(r'([A-Za-z-]+)(?:="([^"]*)")?')
_SEPARATOR = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A comma that is in no quotes."""
_PRINCIPALS = re.compile(r"[A-Za-z0-9@._+ -]+(,[A-Za-z0-9@._+ -]+)*")
_TIME = re.compile(r"([0-9]{8})([0-9]{4}(?:[0-9]{2})?)?Z")
_LISTED = re.compile(r"[A-Za-z0-9*?,@._!-]+")


@dataclass(frozen=True)
class AllowedSigner:
    """One line."""

    principals: str
    """Who it is, as written."""
    key: PublicKey
    namespaces: tuple[str, ...] = ()
    """What it may sign, as patterns; anything when empty."""
    after: datetime | None = None
    """From when on it is valid, itself included."""
    before: datetime | None = None
    """Until when, itself included, as ssh-keygen has it."""

    def refuses(self, at: datetime) -> str | None:
        """Why the line does not allow evidence of a time to be signed; None when it does."""
        if self.namespaces and not _matches(NAMESPACE, self.namespaces):
            return f"{self.principals} may sign {', '.join(self.namespaces)} only, not {NAMESPACE}"
        if self.after is not None and at < self.after:
            return f"the key of {self.principals} is valid from {self.after:%Y-%m-%d %H:%M:%SZ} on, not before"
        if self.before is not None and at > self.before:
            return f"the key of {self.principals} was valid until {self.before:%Y-%m-%d %H:%M:%SZ}"
        return None


@dataclass(frozen=True)
class Signers:
    """Everybody who may sign."""

    lines: tuple[AllowedSigner, ...] = ()

    def allowed(self, key: PublicKey, at: datetime) -> AllowedSigner | str:
        """The line that allows a key to have signed evidence of a time, or why none does."""
        mine = [line for line in self.lines if line.key == key]
        if not mine:
            return f"by a key that {FILE} does not list ({key.fingerprint})"
        refusals = [line.refuses(at) for line in mine]
        allowed = next((line for line, why in zip(mine, refusals, strict=True) if why is None), None)
        return allowed or "; ".join(why for why in refusals if why)


def read(file: Path) -> Signers:
    """The signers in a file; nobody when there is none. Raises `UserError` with every line that is not understood."""
    try:
        return parse((own_file.content(file, MAX_BYTES) or b"").decode(), str(file))
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8 text") from None


def parse(text: str, name: str = FILE) -> Signers:
    """The signers of a text. Raises `UserError` with every line that is not understood: a line that somebody else's
    reader understands otherwise is worse than none."""
    lines: list[AllowedSigner] = []
    problems: list[str] = []
    # ends of lines as ssh-keygen has them: Python knows others, which would end a comment unseen
    for number, written in enumerate(text.split("\n"), start=1):
        line = written.removesuffix("\r")
        try:
            if any(not sign.isprintable() and sign != "\t" for sign in line):
                raise SignatureRefusedError("must hold no signs that are not shown")
            if line.strip() and not line.lstrip().startswith("#"):
                lines.append(_line(line))
        except SignatureRefusedError as error:
            problems.append(f"  line {number}: {error}")
    if problems:
        raise UserError("\n".join([f"{name}: docs/gate.md has the form", *problems]))
    return Signers(tuple(lines))


def _line(line: str) -> AllowedSigner:
    words = _words(line)
    if len(words) < 3:
        raise SignatureRefusedError("must be `principals [options] ssh-ed25519 KEY`")
    principals = words[0][1:-1] if words[0].startswith('"') else words[0]
    if not _PRINCIPALS.fullmatch(principals):
        raise SignatureRefusedError("the principals must be plain names, separated by commas; no patterns")
    options = {} if _is_key_type(words[1]) else _options(words[1])
    kind, *rest = words[1:] if _is_key_type(words[1]) else words[2:]
    if kind != KEY_TYPE or not rest:
        raise SignatureRefusedError(f"the key must be of type {KEY_TYPE}")
    try:
        key = public_key(base64.b64decode(rest[0], validate=True))
    except binascii.Error:
        raise SignatureRefusedError("the key is not base64") from None
    after, before = _time(options, "valid-after"), _time(options, "valid-before")
    if after is not None and before is not None and before <= after:
        raise SignatureRefusedError("valid-before must be later than valid-after")
    return AllowedSigner(principals, key, _namespaces(options), after, before)


def _words(line: str) -> list[str]:
    """The words of a line; blanks in quotes separate none."""
    if line.count('"') % 2 or "\\" in line:
        raise SignatureRefusedError('every " must be closed, and there must be no \\')
    return _WORD.findall(line)


def _is_key_type(word: str) -> bool:
    return re.fullmatch(r"(sk-)?(ssh|ecdsa)-[A-Za-z0-9@.-]+", word) is not None


def _options(word: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _SEPARATOR.split(word):
        match = _OPTION.fullmatch(part)
        name = match[1].lower() if match is not None else ""
        if name == "cert-authority":
            raise SignatureRefusedError("cert-authority: certificates are not read here; list each key itself")
        if match is None or name not in ("namespaces", "valid-after", "valid-before") or match[2] is None:
            raise SignatureRefusedError(
                'an option must be namespaces="…", valid-after="…" or valid-before="…", separated by commas alone'
            )
        if name in found:
            raise SignatureRefusedError(f"{name} is given twice")
        found[name] = match[2]
    return found


def _namespaces(options: dict[str, str]) -> tuple[str, ...]:
    given = options.get("namespaces")
    if given is None:
        return ()
    if not _LISTED.fullmatch(given):
        raise SignatureRefusedError("namespaces must be names or patterns (* and ?), separated by commas")
    return tuple(given.split(","))


def _time(options: dict[str, str], name: str) -> datetime | None:
    given = options.get(name)
    if given is None:
        return None
    match = _TIME.fullmatch(given)
    if match is None:
        raise SignatureRefusedError(
            f"{name} must be YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ: without the Z it is another time on every "
            "machine"
        )
    try:
        return datetime.strptime(match[1] + (match[2] or "").ljust(6, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRefusedError(f"{name} is no time of the calendar") from None


def _matches(name: str, patterns: Iterable[str]) -> bool:
    """As OpenSSH's lists of patterns: one with `!` that matches forbids it, whatever else matches."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if fnmatchcase(name, pattern[1:]):
                return False
        elif fnmatchcase(name, pattern):
            found = True
    return found
