"""Checks of PostgreSQL as its clients meet it: TLS, sign-in, prepared statements, walls between tenants, load."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from seawall.components.contract import Connection
from seawall.operators.cnpg import API_VERSION, authority_secret, pooler_labels
from seawall.qa.checks.context import Context, Entry, Probe, Where
from seawall.qa.checks.looking import kubectl
from seawall.qa.checks.model import Check, Creates, UndecidedError, seen
from seawall.qa.checks.reach import how, told
from seawall.qa.evidence.model import Observation

Step = dict[str, Any]

SIGNED_IN = "signed-in"
SHUT_OUT = ("rejected", "no-tls")
"""The server itself said no. Anything else may be another reason: it proves nothing about the walls."""
LOAD_S = 60
WHO = "SELECT current_user, current_database()"
USER, PASSWORD, AUTHORITY = "USER", "PASSWORD", "AUTHORITY"


def client_secrets(connection: Connection) -> dict[str, Entry]:
    """What a client of an application is given."""
    credentials, authority = connection.credentials, connection.ca
    if authority is None or authority.path is None:
        raise UndecidedError(
            f"the secret store has no entry with the authority of {connection.name} (secrets.ca), with which a probe "
            "in a client's namespace could verify the server"
        )
    return {
        USER: Entry(credentials.path, credentials.fields["username"]),
        PASSWORD: Entry(credentials.path, credentials.fields["password"]),
        AUTHORITY: Entry(authority.path, authority.key),
    }


def client_step(connection: Connection, kind: str = "postgres", **more: object) -> Step:
    """A step of a client of an application, with what it is given."""
    return {
        "kind": kind,
        "host": connection.host,
        "port": connection.port,
        "database": connection.database,
        "user_from": USER,
        "password": PASSWORD,
        "ca": AUTHORITY,
        **more,
    }


def _each(
    context: Context,
    steps: Mapping[int, Sequence[dict[str, Any]]],
    connections: Sequence[Connection],
    seconds: int = 60,
) -> list[tuple[Where, Connection, list[Mapping[str, Any]]]]:
    """Runs each connection's steps in its own place; place, connection, results."""
    probes = [
        Probe(Where(it.cluster, it.namespace), steps[index], client_secrets(it), seconds)
        for index, it in enumerate(connections)
    ]
    results = context.probes.run(probes)
    return [(probe.where, it, found) for probe, it, found in zip(probes, connections, results, strict=True)]


def _verified(context: Context) -> Iterator[Observation]:
    connections = context.stack.database_connections()
    steps = {index: [client_step(it, query=WHO)] for index, it in enumerate(connections)}
    for where, it, [result] in _each(context, steps, connections):
        good = result["outcome"] == SIGNED_IN and result.get("row") == [it.role, it.database]
        found = f"{told(result)} {result.get('tls') or ''} {result.get('row') or ''}"
        yield seen(f"{it.host} from {where}, verify-full", f"signs in as {it.role}", found, good, how(it))


def _certificates(context: Context) -> Iterator[Observation]:
    for postgres in context.stack.databases:
        for application in postgres.applications:
            place, name = postgres.namespace, application.pooler
            found = context.api.find(API_VERSION, "Pooler", name, place) or {}
            parameters = ((found.get("spec") or {}).get("pgbouncer") or {}).get("parameters") or {}
            mode = parameters.get("server_tls_sslmode", "none")
            how_to = kubectl(context.api, "get", "-n", place, "pooler", name, "-o yaml")
            yield seen(f"Pooler {place}/{name}: server_tls_sslmode", "verify-ca", mode, mode == "verify-ca", how_to)
            pods = context.api.every("v1", "Pod", place, pooler_labels(name))
            wanted = authority_secret(postgres.name)
            right = [it for it in pods if wanted in _mounted(it)]
            what = f"pods of {place}/{name} with the operator's authority"
            yield seen(what, "all", f"{len(right)} of {len(pods)}", bool(pods) and len(right) == len(pods))
    query = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    connections = context.stack.database_connections()
    steps = {index: [client_step(it, query=query)] for index, it in enumerate(connections)}
    for where, it, [result] in _each(context, steps, connections):
        row = result.get("row") or []
        good = result["outcome"] == SIGNED_IN and row[:1] == ["t"]
        what = f"connection of {it.name}'s pooler to the database, seen from {where}"
        yield seen(what, "TLS", row or told(result), good, f"psql: {query}")


def _mounted(pod: Mapping[str, Any]) -> set[str]:
    """The Secrets that a pod mounts."""
    found = set()
    for volume in pod.get("spec", {}).get("volumes") or []:
        found.add((volume.get("secret") or {}).get("secretName"))
        for source in (volume.get("projected") or {}).get("sources") or []:
            found.add((source.get("secret") or {}).get("name"))
    return {it for it in found if it}


def _prepared(context: Context) -> Iterator[Observation]:
    connections = [it for it in context.stack.database_connections() if it.pool_mode == "transaction"]
    if not connections:
        raise UndecidedError("no application of the stack uses transaction mode")
    steps = {index: [client_step(it, "postgres-prepared")] for index, it in enumerate(connections)}
    doubts, found = [], []
    for where, it, [result] in _each(context, steps, connections):
        what = f"a prepared statement of {it.name} from {where}"
        if result["outcome"] == SIGNED_IN and not result.get("failed") and result.get("backends", 0) < 2:
            doubts.append(f"{what}: the pooler gave the same server connection every time, which decides nothing")
            continue
        good = result["outcome"] == SIGNED_IN and not result.get("failed")
        answers = f"{result.get('answers', 0)} answers over {result.get('backends', 0)} server connections"
        why = result.get("failed") or ("" if good else told(result))
        expected = "answers over several server connections"
        found.append(seen(what, expected, f"{answers} {why} {result.get('sqlstate', '')}", good))
    if doubts and all(it.ok for it in found):
        raise UndecidedError(doubts[0])
    yield from found


def _tenants(context: Context) -> Iterator[Observation]:
    connections = context.stack.database_connections()
    databases = sorted({it.database for it in connections if it.database is not None})
    steps, wanted = {}, {}
    for index, it in enumerate(connections):
        others = [name for name in databases if name != it.database]
        wanted[index] = [
            (f"database {it.database} over TLS", True),
            (f"database {it.database} without TLS", False),
            *((f"database {name}", False) for name in others),
        ]
        steps[index] = [
            client_step(it, query=WHO),
            client_step(it, tls="disable"),
            *(client_step(it, database=name) for name in others),
        ]
    doubts, found = [], []
    for index, (where, it, results) in enumerate(_each(context, steps, connections)):
        opened = results[0]["outcome"] == SIGNED_IN
        for (what, enters), result in zip(wanted[index], results, strict=True):
            shown = f"role {it.role} into {what}, from {where}"
            shut = result["outcome"] in SHUT_OUT
            if enters:
                found.append(seen(shown, "enters", told(result), opened, how(it)))
            elif result["outcome"] == SIGNED_IN or (shut and opened):
                found.append(seen(shown, "is rejected by the server", told(result), shut, how(it)))
            else:
                doubts.append(f"{shown}: {told(result)}; that is no answer of a server that is known to work")
    if doubts and all(it.ok for it in found):
        raise UndecidedError(doubts[0])
    yield from found


def _load(context: Context) -> Iterator[Observation]:
    """One probe for each application, with as many clients as one pod of its pooler takes: far more than any pool."""
    context.disrupting  # noqa: B018 (a load is nothing for a cluster in production)
    first = {it.name: it for it in context.stack.database_connections()}
    connections = list(first.values())
    settings = {
        application.name: application for postgres in context.stack.databases for application in postgres.applications
    }
    steps = {
        index: [
            client_step(it, "postgres-load", clients=settings[it.name].settings.max_client_conn - 1, duration=LOAD_S)
        ]
        for index, it in enumerate(connections)
    }
    for where, it, [result] in _each(context, steps, connections, seconds=4 * LOAD_S):
        application = settings[it.name]
        limit, most = result.get("limit", 0), result.get("server", 0)
        clients = f"{result.get('signed_in', 0)} clients from {where}"
        yield seen(f"{it.name}: server connections under {clients}", f"fewer than {limit}", most, 0 < most < limit)
        pool = application.settings.instances * application.settings.max_db_connections
        more = result.get("signed_in", 0) > pool
        yield seen(f"{it.name}: clients", f"more than the {pool} of its pools", result.get("signed_in", 0), more)
        why = result.get("failures") or "none"
        yield seen(f"{it.name}: clients that failed", 0, f"{result.get('failed')}: {why}", result.get("failed") == 0)
        waited = f"{result.get('answers', 0)} answers, the slowest after {result.get('longest_s')} s"
        yield seen(f"{it.name}: clients that waited were answered", "yes", waited, result.get("answers", 0) > 0)


CHECKS = (
    Check(
        "DB.CNPG.SHARED-E2E-005",
        "signs in to every pooler from every client namespace, with the authority and the host name verified",
        _verified,
        Creates.PROBES,
        peer=True,
    ),
    Check(
        "DB.CNPG.SHARED-INT-009",
        "reads the poolers and what their pods mount; asks PostgreSQL, through each pooler, whether it speaks TLS",
        _certificates,
        Creates.PROBES,
        peer=True,
    ),
    Check(
        "DB.CNPG.SHARED-INT-011",
        "prepares a statement, has other sessions take its server connection, executes it on another one",
        _prepared,
        Creates.PROBES,
        peer=True,
    ),
    Check(
        "SW-CNPG-003",
        f"{LOAD_S} s of as many clients as each pooler's pod takes, in one probe pod for each application; counts the "
        "server connections meanwhile",
        _load,
        Creates.DISRUPTIVE,
        peer=True,
    ),
    Check(
        "SW-CNPG-004",
        "as each role: into its own database, without TLS, and into every other database of the cluster",
        _tenants,
        Creates.PROBES,
        peer=True,
    ),
)
