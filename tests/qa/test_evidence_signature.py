"""Signatures are OpenSSH's: ssh-keygen takes ours, we take ssh-keygen's, and neither takes a wrong one."""

import base64
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evidence_samples import GOOD, NOW, STRANGER

from seawall.errors import UserError
from seawall.qa.evidence.signers import parse
from seawall.qa.evidence.sshsig import NAMESPACE, SignatureRefusedError, signer, verify

MESSAGE = b"what was observed\n" * 20


def keygen(*arguments: str, message: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("ssh-keygen is not on PATH")
        pytest.skip("ssh-keygen is not on PATH: nothing to hold our signatures against")
    return subprocess.run([program, *arguments], input=message, capture_output=True, check=False)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """An Ed25519 key that ssh-keygen made."""
    file = tmp_path / "id"
    done = keygen("-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", str(file))
    assert done.returncode == 0, done.stderr
    return file


@pytest.fixture
def allowed(tmp_path: Path, key: Path) -> Path:
    file = tmp_path / "allowed_signers"
    public = key.with_suffix(".pub").read_text()
    file.write_text(f'platform-team namespaces="{NAMESPACE}" {public}')
    return file


def test_ssh_keygen_takes_our_signature(tmp_path: Path, key: Path, allowed: Path) -> None:
    signature = tmp_path / "m.sig"
    signature.write_bytes(signer(key).sign(MESSAGE))
    checked = keygen("-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(signature), message=MESSAGE)
    assert checked.returncode == 0, checked.stderr
    command = ("-Y", "verify", "-f", str(allowed), "-I", "platform-team", "-n", NAMESPACE, "-s", str(signature))
    assert keygen(*command, message=MESSAGE).returncode == 0
    assert keygen(*command, message=MESSAGE + b"!").returncode != 0
    found = keygen("-Y", "find-principals", "-f", str(allowed), "-s", str(signature))
    assert found.stdout.strip() == b"platform-team"


def test_ours_is_byte_by_byte_what_ssh_keygen_writes(tmp_path: Path, key: Path) -> None:
    """Ed25519 is deterministic, so there is one right answer."""
    message = tmp_path / "m"
    message.write_bytes(MESSAGE)
    assert keygen("-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key), str(message)).returncode == 0
    assert (tmp_path / "m.sig").read_bytes() == signer(key).sign(MESSAGE)


@pytest.mark.parametrize("hashing", ["sha512", "sha256"])
def test_we_take_what_ssh_keygen_signs(tmp_path: Path, key: Path, hashing: str) -> None:
    message = tmp_path / "m"
    message.write_bytes(MESSAGE)
    made = keygen("-q", "-Y", "sign", "-O", f"hashalg={hashing}", "-n", NAMESPACE, "-f", str(key), str(message))
    assert made.returncode == 0, made.stderr
    signature = (tmp_path / "m.sig").read_bytes()
    assert verify(signature, MESSAGE) == signer(key).public
    assert signer(key).public.line in key.with_suffix(".pub").read_text()
    shown = keygen("-l", "-f", str(key.with_suffix(".pub"))).stdout.decode()
    assert signer(key).public.fingerprint in shown
    with pytest.raises(SignatureRefusedError, match="not of this content"):
        verify(signature, MESSAGE + b"!")
    with pytest.raises(SignatureRefusedError, match="made for the namespace 'seawall-evidence', not file"):
        verify(signature, MESSAGE, "file")


def test_an_rsa_key_of_ssh_keygen_is_refused_by_name(tmp_path: Path) -> None:
    file, message = tmp_path / "rsa", tmp_path / "m"
    message.write_bytes(MESSAGE)
    assert keygen("-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", str(file)).returncode == 0
    assert keygen("-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(file), str(message)).returncode == 0
    with pytest.raises(SignatureRefusedError, match="a key of type 'ssh-rsa'; only ssh-ed25519"):
        verify((tmp_path / "m.sig").read_bytes(), MESSAGE)
    with pytest.raises(UserError, match="must be an Ed25519 key"):
        signer(file)


@pytest.mark.parametrize(
    ("options", "day", "allowed"),
    [
        ("", "20260331", True),
        ('namespaces="seawall-evidence"', "20260331", True),
        ('namespaces="git,seawall-*"', "20260331", True),
        ('namespaces="git,file"', "20260331", False),
        ('namespaces="*,!seawall-evidence"', "20260331", False),
        ('valid-before="20260401Z"', "20260331", True),
        ('valid-before="202603311200Z"', "20260331120000", True),
        ('valid-before="20260331115959Z"', "20260331120000", False),
        ('valid-after="20260331120000Z"', "20260331120000", True),
        ('valid-after="20260331120001Z"', "20260331120000", False),
        ('valid-after="20260301Z",valid-before="20260320Z"', "20260331", False),
        ('VALID-AFTER="20260301Z",namespaces="seawall-evidence"', "20260331", True),
    ],
)
def test_options_mean_what_they_mean_to_ssh_keygen(
    tmp_path: Path, key: Path, options: str, day: str, allowed: bool
) -> None:
    public = " ".join(key.with_suffix(".pub").read_text().split()[:2])
    line = " ".join(part for part in ("platform-team", options, public) if part)
    file, signature = tmp_path / "signers", tmp_path / "m.sig"
    file.write_text(line + "\n")
    signature.write_bytes(signer(key).sign(MESSAGE))
    theirs = keygen(
        *("-Y", "verify", "-f", str(file), "-I", "platform-team", "-n", NAMESPACE, "-s", str(signature)),
        *("-O", f"verify-time={day}Z"),
        message=MESSAGE,
    )
    at = datetime.strptime(day.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    ours = parse(line).allowed(signer(key).public, at)
    assert (theirs.returncode == 0) == allowed, theirs.stderr
    assert (not isinstance(ours, str)) == allowed, ours


def test_a_signature_that_is_cut_or_longer_is_refused() -> None:
    lines = GOOD.sign(MESSAGE).decode().splitlines()
    blob = base64.b64decode("".join(lines[1:-1]))

    def armoured(content: bytes) -> bytes:
        return "\n".join([lines[0], base64.b64encode(content).decode(), lines[-1]]).encode()

    assert verify(armoured(blob), MESSAGE) == GOOD.public
    for at in range(len(blob)):
        with pytest.raises(SignatureRefusedError):
            verify(armoured(blob[:at]), MESSAGE)
    with pytest.raises(SignatureRefusedError, match="followed by something else"):
        verify(armoured(blob + b"\0"), MESSAGE)
    for at in range(len(blob)):
        changed = bytes([*blob[:at], blob[at] ^ 1, *blob[at + 1 :]])
        with pytest.raises(SignatureRefusedError):
            verify(armoured(changed), MESSAGE)


@pytest.mark.parametrize(
    "text", [b"", b"hello", b"\xff\xfe", b"-----BEGIN SSH SIGNATURE-----\n!\n-----END SSH SIGNATURE-----"]
)
def test_what_is_no_signature_is_refused(text: bytes) -> None:
    with pytest.raises(SignatureRefusedError, match="not of the form that ssh-keygen -Y sign writes"):
        verify(text, MESSAGE)


def written(tmp_path: Path, *, mode: int = 0o600) -> Path:
    file = tmp_path / "key"
    key = Ed25519PrivateKey.generate()
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    file.chmod(mode)
    return file


def test_a_key_with_a_passphrase_is_left_to_ssh_keygen(tmp_path: Path) -> None:
    file = tmp_path / "id"
    assert keygen("-q", "-t", "ed25519", "-N", "correct horse", "-f", str(file)).returncode == 0
    with pytest.raises(UserError, match=r"passphrase.*ssh-keygen -Y sign -n seawall-evidence"):
        signer(file)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="chmod 600"):
        signer(written(tmp_path, mode=0o644))


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(UserError, match="cannot be read"):
        signer(file)
    file.write_text("no key\n")
    file.chmod(0o600)
    with pytest.raises(UserError, match="is no private key of OpenSSH"):
        signer(file)


def test_a_signer_shows_no_key(tmp_path: Path) -> None:
    made = signer(written(tmp_path))
    assert "Ed25519PrivateKey" not in repr(made)
    assert made.public != STRANGER.public


LINE = STRANGER.public.line


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"ca cert-authority {LINE}", "certificates are not read"),
        (f'ca cert-authority,namespaces="file" {LINE}', "certificates are not read"),
        (f"*@example.org {LINE}", "no patterns"),
        (f"!mallory,* {LINE}", "no patterns"),
        (f'one valid-before="20270131" {LINE}', "without the Z"),
        (f'one valid-before="20271331Z" {LINE}', "no time of the calendar"),
        (f'one valid-after="20270131Z",valid-before="20260131Z" {LINE}', "later than valid-after"),
        (f'one valid-before="20270131Z",valid-before="20280131Z" {LINE}', "given twice"),
        (f"one no-touch-required {LINE}", "an option must be"),
        (f'one namespaces="a b" {LINE}', "namespaces must be"),
        (f'one namespaces="seawall-evidence {LINE}', "must be closed"),
        (f"one namespaces=seawall-evidence {LINE}", "an option must be"),
        ("one ssh-rsa AAAAB3NzaC1yc2E=", "must be of type ssh-ed25519"),
        ("one ssh-ed25519 !!!!", "not base64"),
        ("one ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==", "cut short"),
        ("one ssh-ed25519", "must be `principals"),
        (LINE, "must be `principals"),
    ],
)
def test_a_line_that_is_not_understood_is_refused(line: str, why: str) -> None:
    with pytest.raises(UserError, match="line 2: ") as refusal:
        parse(f"# who may sign\n{line}\n\n")
    assert why in str(refusal.value)
    assert "docs/qa/signers" in str(refusal.value)


def test_every_line_that_is_not_understood_is_told() -> None:
    with pytest.raises(UserError) as refusal:
        parse(f"one ssh-rsa AAAA\ntwo {LINE}\n* {LINE}\n")
    assert "line 1" in str(refusal.value)
    assert "line 3" in str(refusal.value)
    assert "line 2" not in str(refusal.value)


def test_any_of_several_lines_of_a_key_allows_it() -> None:
    signers = parse(
        f'one valid-before="20250101Z" {LINE}\n"one,two" namespaces="seawall-evidence" {LINE} the new one\n'
    )
    found = signers.allowed(STRANGER.public, NOW)
    assert not isinstance(found, str)
    assert found.principals == "one,two"
    assert isinstance(parse(f'one valid-before="20250101Z" {LINE}').allowed(STRANGER.public, NOW), str)
