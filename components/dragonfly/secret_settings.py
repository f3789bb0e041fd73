"""Settings of the Secrets that a Dragonfly instance reads: references only, never a value.

Each Secret is either fetched by an ExternalSecret from the platform's secret store (`path` is given), or exists already
because something else makes it, cert-manager for example (`path` is absent).
"""

from collections.abc import Iterator
from typing import ClassVar

from pydantic import Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import DnsName, Flag, SecretKey, Text

EXISTS = "Entry in the secret store that an ExternalSecret fetches it from; absent: the Secret exists already"


class AuthSecret(Settings):
    """The reference to the password; its value never appears in settings."""

    name: DnsName = Field(description="Name of the Secret, and of the ExternalSecret that fills it")
    path: Text = Field(description="Entry in the secret store")
    property: Text = Field(description="Field of the entry that holds the password")
    key: SecretKey = Field(default="password", description="Key of the Secret that holds the password")


class Acl(Settings):
    """The reference to an ACL file: users beside `default`, each with commands and keys of its own.

    With an ACL file the process no longer looks at its password: a file without a line for the user `default` leaves
    that user every right and no password (seen by others in 1.36, and in the source). So a file that is fetched gets a
    last line by which `default` keeps the instance's password; of a Secret that exists already the settings must say
    that the file has such a line.
    """

    secret: DnsName = Field(description="Name of the Secret with the file")
    path: Text | None = Field(default=None, description=EXISTS)
    property: Text = Field(default="acl", description="Field of the entry that holds the file, one `USER …` a line")
    key: SecretKey = Field(default="acl", description="Key of the Secret that holds the file")
    default_user_has_password: Flag = Field(
        default=False,
        description="Says of a Secret that exists already that its file has a line for the user `default`, with a "
        "password or switched off; for a file that is fetched such a line is added",
    )

    RISKS: ClassVar[dict[str, str]] = dict.fromkeys(
        ("secret", "path", "property", "key", "default_user_has_password"), "DFLY-SEC-001"
    )

    @rule
    def _the_default_user_is_guarded(self) -> Iterator[Problem]:
        if self.path is None and not self.default_user_has_password:
            yield Problem(
                ("default_user_has_password",),
                "must be true for a Secret that exists already: without a line for the user `default` its ACL file "
                "lets everybody in without a password; or give `path`, then such a line is added",
                self.default_user_has_password,
                "DFLY-SEC-001",
            )
        if self.path is not None and self.default_user_has_password:
            yield Problem(
                ("default_user_has_password",),
                "is only for a Secret that exists already: in a file that is fetched from `path` the user `default` "
                "has the instance's password; remove it",
                risk="DFLY-SEC-001",
            )


class ClientCa(Settings):
    """The reference to the authority that signs client certificates: a client without one is turned away."""

    secret: DnsName = Field(description="Name of the Secret with the authority's certificate")
    path: Text | None = Field(default=None, description=EXISTS)
    property: Text = Field(default="ca.crt", description="Field of the entry that holds the certificate (PEM)")
    key: SecretKey = Field(default="ca.crt", description="Key of the Secret that holds the certificate")


class ServerCa(Settings):
    """Where clients find the authority that signed the server's certificate."""

    path: Text = Field(description="Entry in the secret store; the entry needs nothing but the certificate")
    property: Text = Field(default="ca.crt", description="Field of the entry that holds the certificate (PEM)")


class Tls(Settings):
    """TLS for clients, beside the password, never instead of it.

    It covers the client port only: replication and the admin port 9999 stay plaintext whatever is said here, because
    the operator and the other pods speak nothing else there. The process reads the files at its start: after a renewal
    the pods must restart.
    """

    secret: DnsName = Field(
        description="Name of the Secret of type kubernetes.io/tls with `tls.crt` and `tls.key`; the certificate must "
        "carry the host name of the Service and its aliases"
    )
    path: Text | None = Field(default=None, description=EXISTS)
    certificate_property: Text = Field(
        default="tls.crt", description="Field of the entry that holds the certificate with its chain (PEM)"
    )
    private_key_property: Text = Field(default="tls.key", description="Field of the entry that holds the key (PEM)")
    ca: ServerCa | None = Field(
        default=None, description="Where clients find the signing authority; absent: one that they trust anyway"
    )
    client_ca: ClientCa | None = Field(
        default=None, description="The authority that must have signed every client's certificate; absent: none asked"
    )

    RISKS: ClassVar[dict[str, str]] = dict.fromkeys(("secret", "path", "ca", "client_ca"), "DFLY-SEC-002")

    @rule
    def _two_secrets(self) -> Iterator[Problem]:
        if self.client_ca is not None and self.client_ca.secret == self.secret and self.client_ca.path is not None:
            yield Problem(
                ("client_ca", "secret"),
                "must be another Secret than `tls.secret`: one ExternalSecret fills one Secret",
                self.client_ca.secret,
                "DFLY-SEC-002",
            )
