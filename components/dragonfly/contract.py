"""What an application needs to know to connect to a Dragonfly instance: the contract with its clients."""

from collections.abc import Iterator

from seawall.components.contract import Authority, Client, Connection, Credentials, clients_of, hosts_of
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.operators.dragonfly import CLIENT_PORT


def dragonfly_connections(args: DragonflyClusterArgs) -> tuple[Connection, ...]:
    """How the instance's clients connect: one for each client namespace of each cluster."""
    return tuple(_connection(args, client) for client in clients_of(args.settings.clients, args.platform.cluster))


def _connection(args: DragonflyClusterArgs, client: Client) -> Connection:
    secret, tls = args.settings.auth_secret, args.settings.tls
    hosts = hosts_of(args.service_name, args.namespace, client.namespace)
    ca = tls.ca if tls else None
    return Connection(
        service="dragonfly",
        name=args.name,
        cluster=client.cluster,
        namespace=client.namespace,
        host=hosts[-1],
        hosts=hosts,
        port=CLIENT_PORT,
        credentials=Credentials(secret.path, {"password": secret.property}),
        remote=client.remote,
        tls_mode="verify-full" if tls else "disable",
        ca=Authority(path=ca.path, key=ca.property) if ca else None,
        client_certificate=bool(tls and tls.client_ca),
        changes=tuple(_changes(args, hosts[-1])),
    )


def _changes(args: DragonflyClusterArgs, host: str) -> Iterator[str]:
    """What a client that still calls a former name has to do."""
    if args.settings.aliases:
        old = " and ".join(f"{alias}.{args.namespace}" for alias in args.settings.aliases)
        yield f"host: {host} instead of {old} (still served)"


def contract(args: DragonflyClusterArgs) -> dict[str, object]:
    """What is the same for all clients, and under `connections` what each of them sees. Names only."""
    return {
        "host": args.host,
        "port": CLIENT_PORT,
        "secretPath": args.settings.auth_secret.path,
        "connections": [connection.to_dict() for connection in dragonfly_connections(args)],
    }
