"""The page of connection contracts: each service as each of its clients sees it."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.contract import connections
from seawall.components.contract import Connection
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.contract import dragonfly_connections
from seawall.components.settings import StackSettings
from seawall.pages import commands, markdown
from seawall.pages.stacks import Stack, Stacks
from seawall.pages.traceability import link

TRACEABILITY = "traceability.md"
_TESTS = {
    "dragonfly": ("DFLY-E2E-003", "DFLY-E2E-002"),
    "postgresql": ("SW-CNPG-004", "DB.CNPG.SHARED-E2E-005"),
}
"""Service → the tests that try a connection."""


def page(stacks: Stacks) -> str:
    """The page."""
    found = [(stack, it) for stack in producers(stacks) for it in of_stack(stack.settings)]
    parts = [
        part
        for (stack, service, name), group in groupby(found, key=lambda pair: (pair[0], pair[1].service, pair[1].name))
        for part in _service(stack, service, name, [it for _, it in group], stacks)
    ]
    return markdown.page(
        "the stack files, by components/contract.py",
        "Connection contracts",
        "What a client needs in order to connect, and nothing secret: a password or key is named by its entry in the "
        "secret store. The components give the same as outputs. Who is not listed here cannot connect.",
        "The commands below use this function; it runs a command in a pod of the client's namespace:",
        markdown.block(commands.TRY, "sh"),
        *parts,
    )


def producers(stacks: Stacks) -> Iterator[Stack]:
    """The stacks of real clusters that make services."""
    return (
        stack
        for stack in stacks.values()
        if not stack.settings.platform.simulated and (stack.settings.dragonfly or stack.settings.cnpg)
    )


def of_stack(settings: StackSettings) -> Iterator[Connection]:
    """Every connection to the services that a stack makes."""
    if settings.dragonfly is not None:
        for name, instance in settings.dragonfly.clusters.items():
            yield from dragonfly_connections(
                DragonflyClusterArgs(
                    name=name,
                    namespace=settings.dragonfly.namespace,
                    settings=instance,
                    platform=settings.platform,
                    operator=settings.operators.dragonfly,
                )
            )
    if settings.cnpg is not None:
        for name, cluster in settings.cnpg.clusters.items():
            yield from connections(name, settings.cnpg.namespace, cluster, settings.platform.cluster)


def _service(stack: Stack, service: str, name: str, seen: Sequence[Connection], stacks: Stacks) -> Iterator[str]:
    kind = "Dragonfly" if service == "dragonfly" else "PostgreSQL"
    yield f"## {kind}: {name}"
    made = f"Made by the stack `{stack.name}` on the cluster `{stack.settings.platform.cluster}`."
    yield made + _about(stack, seen[0])
    known = commands.contexts(stacks)
    for connection in seen:
        yield f"### {name} for {connection.namespace} on {connection.cluster}"
        yield markdown.table(("what", "value"), list(_values(connection)))
        if connection.changes:
            yield "What the client must change:"
            yield markdown.bullets(markdown.prose(change) for change in connection.changes)
        where = commands.context(connection.cluster, known)
        tests = " and ".join(link(test, TRACEABILITY) for test in _TESTS[service])
        yield f"How to test it ({tests}): the name resolves, the port opens, and the client signs in."
        yield markdown.block(
            "\n".join(
                [
                    commands.resolves(where, connection.namespace, connection.host),
                    commands.connects(where, connection.namespace, connection.host, connection.port),
                    commands.client(connection),
                ]
            ),
            "sh",
        )


def _about(stack: Stack, connection: Connection) -> str:
    """What the service does with what a client sends."""
    if connection.service == "dragonfly" and stack.settings.dragonfly is not None:
        instance = stack.settings.dragonfly.clusters[connection.name]
        full = "full memory evicts old keys" if instance.evicts else "nothing is evicted, at the limit writes fail"
        return f" A {instance.purpose}: {full}."
    if connection.pool_mode is not None:
        text = (Application.model_fields["pool_mode"].description or "").rstrip(".")
        return f" Pool mode `{connection.pool_mode}`. {text}."
    return ""


def _values(connection: Connection) -> Iterator[tuple[str, str]]:
    yield "host", markdown.code(connection.host)
    shorter = [host for host in connection.hosts if host != connection.host]
    if shorter:
        yield "shorter names", ", ".join(map(markdown.code, shorter))
    yield "port", str(connection.port)
    if connection.database is not None:
        yield "database", markdown.code(connection.database)
    if connection.role is not None:
        yield "role", markdown.code(connection.role)
    yield "TLS", _tls(connection)
    if connection.ca is not None:
        yield "authority", _authority(connection)
    if connection.client_certificate:
        yield "client certificate", "asked for"
    fields = ", ".join(f"{what} in `{name}`" for what, name in connection.credentials.fields.items())
    yield "credentials", f"entry `{connection.credentials.path}` of the secret store: {fields}"


def _tls(connection: Connection) -> str:
    if connection.tls_mode == "disable":
        return "off: plain text, to the named clients only"
    return f"`{connection.tls_mode}`: the certificate's authority and its name are checked"


def _authority(connection: Connection) -> str:
    ca = connection.ca
    places = [f"Secret `{ca.secret}`, of which only `{ca.key}` may reach a client"] if ca and ca.secret else []
    if ca and ca.path:
        places.append(f"entry `{ca.path}` of the secret store, property `{ca.key}`")
    return "; ".join(places)
