"""Which versions of TLS a PostgreSQL or PgBouncer speaks, asked by PostgreSQL's protocol, by a client of any age."""

import socket
import ssl
import struct
import warnings

from seawall.sandbox import ports

_REQUEST = struct.pack("!ii", 8, 80877103)
"""A client asks for TLS with this before it says anything else."""
_REFUSED = "TLSV1_ALERT_PROTOCOL_VERSION"


def speaks(port: int, version: ssl.TLSVersion) -> bool:
    """Whether a server takes this version. Raises `ssl.SSLError` when anything else is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")  # or this client itself would not offer the old ones
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection((ports.LOOPBACK, port), 30) as plain:
        plain.sendall(_REQUEST)
        assert plain.recv(1) == b"S", "the server has no TLS"
        try:
            with context.wrap_socket(plain) as made:
                return made.version() is not None
        except ssl.SSLError as error:
            if error.reason != _REFUSED:
                raise
            return False
