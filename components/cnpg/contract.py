"""What an application needs to know to connect: the contract between this cluster and its clients."""

from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.operators.cnpg import POOLER_PORT

TLS_MODE = "verify-full"
"""libpq's `sslmode` for clients; every name of the pooler is in its certificate."""


def contract(args: CnpgSharedClusterArgs) -> dict[str, dict[str, object]]:
    """Application → how it connects. Names only; no secret is in it."""
    return {application.name: _connection(application) for application in args.applications}


def _connection(application: ApplicationArgs) -> dict[str, object]:
    args = application.cluster
    return {
        "host": application.host,
        "port": POOLER_PORT,
        "database": application.database,
        "role": application.role,
        "poolMode": application.settings.pool_mode,
        "tlsMode": TLS_MODE,
        # Only `ca.crt` of it may reach a client: the same Secret holds the authority's private key.
        "caSecret": f"{args.namespace}/{args.name}-ca",
        "caKey": "ca.crt",
        "secretPath": args.settings.secret_path(application.name),
        "clients": {cluster: list(names) for cluster, names in application.settings.clients.items()},
    }
