"""Signatures as `ssh-keygen -Y` makes and verifies them, with Ed25519 keys.

The format is OpenSSH's PROTOCOL.sshsig: an armoured blob that holds the public key, a namespace that says what the
signature is for, and the signature over both and the message's hash.
"""

import base64
import binascii
import hashlib
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

from seawall.errors import UserError

NAMESPACE: Final = "seawall-evidence"
"""What a signature of evidence is for. One that was made for anything else (a file, a git commit) is worth nothing."""
KEY_TYPE: Final = "ssh-ed25519"
_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_LINE = 70
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


class SignatureRefusedError(ValueError):
    """A signature is none of this content and namespace; says why."""


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 key as OpenSSH writes it."""

    raw: bytes
    """32 bytes."""

    @property
    def blob(self) -> bytes:
        """The form that is base64 in `authorized_keys` and the like."""
        return _string(KEY_TYPE.encode()) + _string(self.raw)

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it: `SHA256:…`."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """Type and key, as in a `.pub` file or in docs/qa/signers."""
        return f"{KEY_TYPE} {base64.b64encode(self.blob).decode()}"


def public_key(blob: bytes) -> PublicKey:
    """The key in its binary form. Raises `SignatureRefusedError` unless it is an Ed25519 key."""
    reader = _Reader(blob)
    kind = reader.string()
    if kind != KEY_TYPE.encode():
        raise SignatureRefusedError(f"a key of type {_shown(kind)}; only {KEY_TYPE} is read")
    raw = reader.string()
    reader.end()
    if len(raw) != _KEY_BYTES:
        raise SignatureRefusedError("a key of the wrong length")
    return PublicKey(raw)


@dataclass(frozen=True, repr=False)
class Signer:
    """A private key that signs evidence."""

    _key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """Its public half."""
        return PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, message: bytes, namespace: str = NAMESPACE) -> bytes:
        """The armoured signature, as `ssh-keygen -Y sign` writes it."""
        signature = _string(KEY_TYPE.encode()) + _string(self._key.sign(_to_sign(message, namespace, "sha512")))
        blob = _MAGIC + struct.pack(">I", _VERSION) + _string(self.public.blob) + _string(namespace.encode())
        blob += _string(b"") + _string(b"sha512") + _string(signature)
        text = base64.b64encode(blob).decode()
        lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
        return "\n".join([_BEGIN, *lines, _END, ""]).encode()


def signer(file: Path) -> Signer:
    """The key in a file of OpenSSH's form, without passphrase.

    Raises `UserError` for anything else: an encrypted key is used with `ssh-keygen -Y sign`, which asks for its
    passphrase or the agent, and writes the same signature.
    """
    instead = f"sign with `ssh-keygen -Y sign -n {NAMESPACE} -f {file} EVIDENCE…`"
    try:
        with file.open("rb") as stream:
            found, content = os.fstat(stream.fileno()), stream.read(64 * 1024)
    except OSError as error:
        raise UserError(f"--sign-with {file}: cannot be read ({error.strerror})") from None
    if found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) & 0o077:
        raise UserError(f"--sign-with {file}: others can read this private key; chmod 600 {file}")
    try:
        key = load_ssh_private_key(content, password=None)
    except TypeError:
        raise UserError(f"--sign-with {file}: has a passphrase, which is not asked for here; {instead}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UserError(
            f"--sign-with {file}: is no private key of OpenSSH; ssh-keygen -t ed25519 makes one, and {instead} uses "
            "a key of an agent or of hardware"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UserError(f"--sign-with {file}: must be an Ed25519 key; ssh-keygen -t ed25519 makes one")
    return Signer(key)


def verify(signature: bytes, message: bytes, namespace: str = NAMESPACE) -> PublicKey:
    """The key that signed this message for this namespace. Whether to trust that key is another question.

    Raises `SignatureRefusedError`.
    """
    reader = _Reader(_unarmoured(signature))
    if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != _VERSION:
        raise SignatureRefusedError("of an unknown version")
    key = public_key(reader.string())
    made_for = reader.string()
    reader.string()  # reserved
    hashing, inner = reader.string(), _Reader(reader.string())
    reader.end()
    if made_for != namespace.encode():
        raise SignatureRefusedError(f"made for the namespace {_shown(made_for)}, not {namespace}")
    name = hashing.decode("ascii", "replace")
    if name not in _HASHES:
        raise SignatureRefusedError(f"with the hash {_shown(hashing)}; {' and '.join(_HASHES)} are read")
    kind, raw = inner.string(), inner.string()
    inner.end()
    if kind != KEY_TYPE.encode() or len(raw) != _SIGNATURE_BYTES:
        raise SignatureRefusedError("not of the key's own type")
    try:
        Ed25519PublicKey.from_public_bytes(key.raw).verify(raw, _to_sign(message, namespace, name))
    except (InvalidSignature, ValueError):
        raise SignatureRefusedError("not of this content") from None
    return key


def _to_sign(message: bytes, namespace: str, hashing: str) -> bytes:
    digest = _HASHES[hashing](message).digest()
    return _MAGIC + b"".join(map(_string, (namespace.encode(), b"", hashing.encode(), digest)))


def _unarmoured(text: bytes) -> bytes:
    try:
        lines = text.decode("ascii").strip().splitlines()
        if len(lines) < 3 or lines[0].strip() != _BEGIN or lines[-1].strip() != _END:
            raise SignatureRefusedError("not of the form that ssh-keygen -Y sign writes")
        return base64.b64decode("".join(line.strip() for line in lines[1:-1]), validate=True)
    except (UnicodeDecodeError, binascii.Error):
        raise SignatureRefusedError("not of the form that ssh-keygen -Y sign writes") from None


def _string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def _shown(content: bytes) -> str:
    return ascii(content[:40].decode("ascii", "replace"))


class _Reader:
    """Reads the wire format; whatever is too short, or too long, is refused."""

    def __init__(self, content: bytes) -> None:
        self._left = content

    def take(self, count: int) -> bytes:
        if count > len(self._left):
            raise SignatureRefusedError("cut short")
        taken, self._left = self._left[:count], self._left[count:]
        return taken

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def string(self) -> bytes:
        return self.take(self.number())

    def end(self) -> None:
        if self._left:
            raise SignatureRefusedError("followed by something else")
