"""The files that the operator writes for PgBouncer from a Pooler. Source of operator 1.30.0.

Known here is what it does by default: it signs in to PostgreSQL with a certificate of its own to look passwords up.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from seawall.operators.cnpg.connections import AUTHENTICATION_ROLE
from seawall.operators.cnpg.hba import POOLER_FIRST, POOLER_LAST
from seawall.operators.cnpg.pgbouncer import CLIENT_TLS_DEFAULT, SERVER_TLS_DEFAULT
from seawall.operators.reading import mapping, sequence, text
from seawall.operators.versions import Version

AUTH_QUERY = "SELECT usename, passwd FROM public.user_search($1)"
"""How PgBouncer looks a password up; the operator makes that function."""
AUTH_DATABASE = "postgres"
"""Where it is looked up."""
AUTH_DATABASE_SINCE: Version = (1, 19, 0)
"""The first PgBouncer that knows `auth_dbname`, which the operator writes: an older one does not start with it."""

_DEFAULTS = {
    "log_stats": "0",
    "auth_type": "hba",
    "client_tls_sslmode": CLIENT_TLS_DEFAULT,
    "server_tls_sslmode": SERVER_TLS_DEFAULT,
}
_IGNORED = "extra_float_digits,options"
_NEWLINES = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")


@dataclass(frozen=True)
class Place:
    """Where PgBouncer runs and what it reaches; in a pod all of it is as here."""

    configuration: str = "/controller/configs"
    sockets: str = "/controller/run"
    address: str = "*"
    port: int = 5432
    server: str | None = None
    """What it connects to, like `host=main-rw`; by default the Service of the Pooler's Cluster and type."""


IN_THE_POD = Place()


def ini(pooler: Mapping[str, Any], place: Place = IN_THE_POD) -> str:
    """pgbouncer.ini. Raises `UnprojectableError` when a field that decides something is not usable."""
    cluster = text(pooler, "spec", "cluster", "name") or ""
    server = place.server or f"host={cluster}-{text(pooler, 'spec', 'type') or 'rw'}"
    head = {
        "pool_mode": text(pooler, "spec", "pgbouncer", "poolMode") or "session",
        "auth_user": AUTHENTICATION_ROLE,
        "auth_query": text(pooler, "spec", "pgbouncer", "authQuery") or AUTH_QUERY,
        "auth_dbname": AUTH_DATABASE,
    }
    settings = [*head.items(), *sorted(_parameters(pooler, place).items())]
    lines = ["[databases]", f"* = {server}", "", "[pgbouncer]", *(f"{key} = {value}" for key, value in settings)]
    return "\n".join([*lines, ""])


def hba(pooler: Mapping[str, Any]) -> str:
    """Its pg_hba.conf: the Pooler's own lines between the operator's."""
    own = [str(line) for line in sequence(pooler, "spec", "pgbouncer", "pg_hba")]
    return "\n".join([*POOLER_FIRST, *own, *POOLER_LAST, ""])


def _parameters(pooler: Mapping[str, Any], place: Place) -> dict[str, str]:
    given = mapping(pooler, "spec", "pgbouncer", "parameters")
    own = {key: _NEWLINES.sub("", str(value)) for key, value in given.items()}
    ignored = own.get("ignore_startup_parameters")
    where = place.configuration
    return {
        **_DEFAULTS,
        **own,
        "ignore_startup_parameters": f"{_IGNORED},{ignored}" if ignored is not None else _IGNORED,
        "unix_socket_dir": place.sockets,
        "listen_port": str(place.port),
        "listen_addr": place.address,
        "admin_users": "pgbouncer",
        "auth_hba_file": f"{where}/pg_hba.conf",
        "server_tls_ca_file": f"{where}/server-tls/ca.crt",
        "server_tls_cert_file": f"{where}/authUser/tls.crt",
        "server_tls_key_file": f"{where}/authUser/tls.key",
        "client_tls_cert_file": f"{where}/client-tls/tls.crt",
        "client_tls_key_file": f"{where}/client-tls/tls.key",
        "client_tls_ca_file": f"{where}/client-ca/ca.crt",
    }
