"""PgBouncer as CloudNativePG runs it: defaults, versions, and what it reads. Known from the source of both."""

from typing import Final

from seawall.operators.versions import Version, parse

DEFAULTS: Final = {
    "max_client_conn": 100,
    "default_pool_size": 20,
    "min_pool_size": 0,
    "reserve_pool_size": 0,
    "max_db_connections": 0,
    "max_user_connections": 0,
}
"""PgBouncer's own values of what a Pooler leaves out. In the last two 0 is no limit."""

CLIENT_TLS_DEFAULT = "prefer"
SERVER_TLS_DEFAULT = "verify-ca"
"""The operator's values of `client_tls_sslmode` and `server_tls_sslmode`; PgBouncer's own are others."""
TLS_ONLY = ("require", "verify-ca", "verify-full")
"""The modes in which no connection goes without TLS."""
TLS_VERIFIED = ("verify-ca", "verify-full")
TLS_MODES = ("disable", "allow", "prefer", *TLS_ONLY)

PREPARED_SINCE: Final[Version] = (1, 21, 0)
"""The first version that knows `max_prepared_statements`; an older one does not start with it."""
PREPARED_BY_DEFAULT_SINCE: Final[Version] = (1, 24, 0)
"""From here on `max_prepared_statements` is 200 when it is not given, before it is 0."""
ADDRESS_ALL_SINCE: Final[Version] = (1, 23, 0)
"""The first version whose HBA file knows the address `all`, the database `replication` and the option `map=`."""
LDAP_SINCE: Final[Version] = (1, 25, 0)
"""The first version whose HBA file knows the method `ldap`."""

_SHIPPED: Final[tuple[tuple[tuple[int, int], Version], ...]] = (
    ((1, 20), (1, 18, 0)),
    ((1, 21), (1, 20, 1)),
    ((1, 22), (1, 21, 0)),
    ((1, 23), (1, 22, 1)),
    ((1, 24), (1, 23, 0)),
    ((1, 26), (1, 24, 1)),
    ((1, 28), (1, 25, 1)),
)
"""The first minor version of the operator that runs this PgBouncer when the Pooler names no image."""
_LAST_KNOWN = (1, 30)


def shipped_with(operator: str) -> Version | None:
    """The PgBouncer that an operator version like `1.30.0` runs when the Pooler names no image; None when unknown."""
    number = parse(operator)
    if number is None or not _SHIPPED[0][0] <= number[:2] <= _LAST_KNOWN:
        return None
    return [version for first, version in _SHIPPED if first <= number[:2]][-1]
