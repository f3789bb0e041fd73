"""What an application needs to know to connect to its database: the contract between this cluster and its clients."""

from collections.abc import Iterator

from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.contract import Authority, Client, Connection, Credentials, TlsMode, clients_of, hosts_of
from seawall.operators.cnpg import CA_KEY, POOLER_PORT, authority_secret, dns_forms

TLS_MODE: TlsMode = "verify-full"
"""libpq's `sslmode` for clients; every name of the pooler is in its certificate."""


def postgres_connections(args: CnpgSharedClusterArgs) -> tuple[Connection, ...]:
    """How the clients of every application on the cluster connect: one for each client namespace of each cluster."""
    return connections(args.name, args.namespace, args.settings, args.platform.cluster)


def connections(name: str, namespace: str, settings: PostgresCluster, cluster: str) -> tuple[Connection, ...]:
    """The same from the settings alone: `name` and `namespace` of the Cluster resource, `cluster` in the mesh."""
    return tuple(
        _connection(name, namespace, settings, application, client)
        for application in sorted(settings.applications)
        for client in clients_of(settings.applications[application].clients, cluster)
    )


def _connection(name: str, namespace: str, settings: PostgresCluster, application: str, client: Client) -> Connection:
    names, secrets = settings.names, settings.secrets
    hosts = hosts_of(names.pooler_of(application), namespace, client.namespace)
    # Only `ca.crt` of the Secret may reach a client: it holds the authority's private key as well.
    ca = Authority(secret=f"{namespace}/{authority_secret(name)}", path=secrets.ca)
    return Connection(
        service="postgresql",
        name=application,
        cluster=client.cluster,
        namespace=client.namespace,
        host=hosts[-1],
        hosts=hosts,
        port=POOLER_PORT,
        credentials=Credentials(settings.secret_path(application), secrets.role_fields.model_dump()),
        remote=client.remote,
        tls_mode=TLS_MODE,
        ca=ca,
        database=names.database_of(application),
        role=names.role_of(application),
        pool_mode=settings.applications[application].pool_mode,
        changes=tuple(_changes(settings, application, hosts[-1], ca)),
    )


def _changes(settings: PostgresCluster, application: str, host: str, ca: Authority) -> Iterator[str]:
    """What a client that still calls a former name has to do; the certificate and the walls have changed with it."""
    old = [f"{service}.{namespace}" for service, namespace in settings.names.former_services_of(application)]
    if old:
        served = "still served" if settings.names.serve_old_hosts else "no longer served"
        yield f"host: {host} instead of {' and '.join(old)} ({served})"
        source = f"entry {ca.path} of the secret store" if ca.path else f"Secret {ca.secret}"
        yield f"sslmode: {TLS_MODE}, with {ca.key} from {source} as sslrootcert; without TLS nobody is let in"
    yield from settings.applications[application].client_changes


def contract(args: CnpgSharedClusterArgs) -> dict[str, dict[str, object]]:
    """Application → how it connects. Names only; no secret is in it."""
    return {application.name: _about(application) for application in args.applications}


def _about(application: ApplicationArgs) -> dict[str, object]:
    """What is the same for all its clients, and under `connections` what each of them sees."""
    seen = [it for it in postgres_connections(application.cluster) if it.name == application.name]
    args = application.cluster
    return {
        "host": dns_forms(application.pooler, args.namespace)[-1],
        "port": POOLER_PORT,
        "database": application.database,
        "role": application.role,
        "poolMode": application.settings.pool_mode,
        "tlsMode": TLS_MODE,
        "caSecret": f"{args.namespace}/{authority_secret(args.name)}",
        "caKey": CA_KEY,
        "secretPath": args.settings.secret_path(application.name),
        "clients": {cluster: list(names) for cluster, names in application.settings.clients.items()},
        "connections": [it.to_dict() for it in seen],
    }
