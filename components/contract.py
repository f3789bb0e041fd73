"""The connection contract: one service as one client namespace sees it. Names and places only, never a secret's value.

The component's outputs, the consumer side on other clusters and the page of contracts are all made of these, so that
what a client is told is what is deployed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from seawall.components.fields import local_clients, remote_clients
from seawall.operators.cnpg import CA_KEY, dns_forms

ServiceKind = Literal["dragonfly", "postgresql"]
TlsMode = Literal["disable", "verify-full"]
"""libpq's words: `disable` is plaintext, `verify-full` checks the certificate's authority and the host name."""


@dataclass(frozen=True)
class Credentials:
    """Where the secret store has what a client signs in with."""

    path: str
    """Entry in the secret store."""
    fields: Mapping[str, str]
    """What it is (`username`, `password`) → the entry's property that holds it."""

    def to_dict(self) -> dict[str, object]:
        """As an output of the engine."""
        return {"path": self.path, "fields": dict(self.fields)}


@dataclass(frozen=True)
class Authority:
    """Where the certificate of the authority is that signed the server's. At least one of the two places is known."""

    secret: str | None = None
    """`<namespace>/<name>` of the Secret on the service's own cluster. It may hold the authority's private key as well:
    only `key` of it may reach a client."""
    path: str | None = None
    """Entry in the secret store with the certificate alone, for clients that cannot read that Secret; None when there
    is none, and then remote clients cannot verify the server."""
    key: str = CA_KEY
    """The key of the Secret, and the property of the entry."""

    def to_dict(self) -> dict[str, object]:
        """As an output of the engine."""
        return {"secret": self.secret, "path": self.path, "key": self.key}


@dataclass(frozen=True)
class Connection:
    """One service as the pods of one client namespace see it."""

    service: ServiceKind
    """What it is."""
    name: str
    """The Dragonfly instance, or the application whose database it is."""
    cluster: str
    """Name in the mesh of the cluster that the client is on."""
    namespace: str
    """The client's namespace."""
    host: str
    """The full host name, the same on every cluster of the mesh."""
    hosts: tuple[str, ...]
    """Every form of it that works in that namespace, shortest first; with TLS the certificate carries all of them."""
    port: int
    """TCP port."""
    credentials: Credentials
    """Where the password is, and for PostgreSQL the role's name."""
    remote: bool
    """Whether the client is on another cluster than the service."""
    tls_mode: TlsMode
    """How the client must connect."""
    ca: Authority | None = None
    """What the client verifies the server with; None without TLS, or with an authority that everybody trusts."""
    client_certificate: bool = False
    """Whether the server asks for a certificate of the client as well."""
    database: str | None = None
    """PostgreSQL database; None for Dragonfly."""
    role: str | None = None
    """PostgreSQL role; None for Dragonfly."""
    pool_mode: str | None = None
    """PgBouncer's mode, `transaction` or `session`; None for Dragonfly."""
    changes: tuple[str, ...] = field(default=())
    """What the client must change, compared with today; empty when nothing."""

    def to_dict(self) -> dict[str, object]:
        """As an output of the engine: plain values, keys in camelCase, nothing secret."""
        return {
            "service": self.service,
            "name": self.name,
            "cluster": self.cluster,
            "namespace": self.namespace,
            "host": self.host,
            "hosts": list(self.hosts),
            "port": self.port,
            "database": self.database,
            "role": self.role,
            "poolMode": self.pool_mode,
            "tlsMode": self.tls_mode,
            "ca": self.ca.to_dict() if self.ca else None,
            "clientCertificate": self.client_certificate,
            "credentials": self.credentials.to_dict(),
            "remote": self.remote,
            "changes": list(self.changes),
        }


@dataclass(frozen=True)
class Client:
    """One namespace that may connect, with its cluster's name in the mesh."""

    cluster: str
    namespace: str
    remote: bool


def clients_of(declared: Mapping[str, tuple[str, ...]], cluster: str) -> tuple[Client, ...]:
    """The declared clients of a service on `cluster`, those on it first."""
    local = [Client(cluster, namespace, remote=False) for namespace in local_clients(declared)]
    remote = [
        Client(other, namespace, remote=True)
        for other, namespaces in remote_clients(declared).items()
        for namespace in namespaces
    ]
    return (*local, *remote)


def hosts_of(service: str, namespace: str, client: str) -> tuple[str, ...]:
    """The names of a Service that work in the namespace `client`, shortest first; the bare name only in its own."""
    forms = dns_forms(service, namespace)
    return forms if client == namespace else forms[1:]
