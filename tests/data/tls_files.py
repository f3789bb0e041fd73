"""A certificate authority and what it signs, as files that the unprivileged user may read."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path

import unprivileged
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from seawall.sandbox import ports


class Authority:
    """One authority, with its files below one folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        certificate = (
            _builder(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / "ca.crt"
        """Its own certificate."""
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        unprivileged.own(folder)

    def issue(self, user: str, names: Sequence[str] = ("localhost",)) -> tuple[Path, Path]:
        """Certificate and private key for a user (the common name), good for a server on loopback as well."""
        key = ec.generate_private_key(ec.SECP256R1())
        hosts: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        hosts.append(x509.IPAddress(ipaddress.ip_address(ports.LOOPBACK)))
        made = (
            _builder(_name(user))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate, private = self.folder / f"{user}.crt", self.folder / f"{user}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        unprivileged.own(self.folder)
        return certificate, private


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(name: x509.Name) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=7))
    )
