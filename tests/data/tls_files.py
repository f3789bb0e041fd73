"""A certificate authority and what it signs, as files that the unprivileged user may read."""

import datetime as dt
import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import unprivileged
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from seawall.sandbox import ports

_PURPOSES = {"server": ExtendedKeyUsageOID.SERVER_AUTH, "client": ExtendedKeyUsageOID.CLIENT_AUTH}


class Authority:
    """One authority, with its files below one folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
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

    def issue(
        self,
        user: str,
        names: Sequence[str] = ("localhost",),
        *,
        purpose: Literal["server", "client"] | None = None,
    ) -> tuple[Path, Path]:
        """Certificate and private key for a user (the common name), good for a server on loopback as well.

        With a `purpose` it is good for that alone: for a server under these names and by no address, or for a client.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        hosts: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        if purpose is None:
            hosts.append(x509.IPAddress(ipaddress.ip_address(ports.LOOPBACK)))
        builder = _builder(_name(user)).issuer_name(self._name).public_key(key.public_key())
        if purpose != "client":
            builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        if purpose is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([_PURPOSES[purpose]]), critical=False)
        made = builder.sign(self._key, hashes.SHA256())
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
