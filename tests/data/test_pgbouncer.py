"""PgBouncer starts with every set of parameters that our Poolers have, and prepared statements work as we say."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import rendered
from data_page import Figures
from data_tools import LONG, PgBouncer, Tools
from pooled_server import Pooler, SharedPostgres
from tls_files import Authority

from seawall.components.cnpg import pooler as poolers
from seawall.components.cnpg.application_settings import Application
from seawall.components.cnpg.args import ApplicationArgs
from seawall.operators.cnpg.pgbouncer import PREPARED_SINCE
from seawall.operators.cnpg.pgbouncer_files import AUTH_DATABASE_SINCE

Workplace = Callable[[str], Path]
Start = Callable[..., Pooler]
SECTION = "PgBouncer"
NOTE = (
    "PgBouncer with the files that the operator writes for each Pooler of the stack, in front of PostgreSQL with the "
    "parameters, HBA lines and TLS of its Cluster. The client signs in with its password and `verify-full`. Old "
    "PgBouncers get files without what they do not know (`auth_dbname`, `max_prepared_statements`)."
)


VARIANTS = "PgBouncer: parameter sets"
TAKEN = (
    "Every parameter that a Pooler of ours can have, at its least, its most and between, in both modes: PgBouncer "
    "starts without a warning, its console shows those very values, and a client signs in."
)


@pytest.fixture(scope="module", params=("infra", "sandbox"))
def shared(
    request: pytest.FixtureRequest, tools: Tools, module_workplace: Workplace, pgbouncer: PgBouncer
) -> SharedPostgres:
    """The shared PostgreSQL of each stack that has one."""
    (args,) = rendered.clusters(request.param).values()
    made = SharedPostgres(args, module_workplace("postgres"), tools, Authority(module_workplace("authority")))
    made.start()
    if pgbouncer.version < AUTH_DATABASE_SINCE:  # it looks passwords up in the database that the client wants
        for application in args.applications:
            made.look_up_in(application.database)
    return made


@pytest.fixture
def start(pgbouncer: PgBouncer, workplace: Workplace, shared: SharedPostgres) -> Start:
    """Starts the Pooler of an application with parameters changed; what this PgBouncer does not know is left out."""

    def run(application: ApplicationArgs, *, as_written: bool = False, **changes: str) -> Pooler:
        manifest = poolers.pooler(application)
        manifest["spec"]["pgbouncer"]["parameters"] |= changes
        made = Pooler(manifest, shared, pgbouncer, workplace("pooler"), as_written=as_written)
        made.start(wait=False)
        return made

    return run


@contextmanager
def another_server_connection(made: Pooler, application: ApplicationArgs, taken: int) -> Iterator[None]:
    """A block in which this server connection (its backend's process id) is held by other clients."""
    with ExitStack() as held:
        for _ in range(application.settings.default_pool_size):
            other = held.enter_context(made.connect(application))
            if _backend(other) == taken:  # its transaction stays open, and with it its hold of the connection
                break
        else:
            raise AssertionError("no other client got that connection")
        yield


def _backend(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("select pg_backend_pid()", prepare=False).fetchone()
    assert row is not None
    return int(row[0])


def _transaction_pooled(shared: SharedPostgres) -> ApplicationArgs:
    return next(it for it in shared.args.applications if it.settings.pool_mode == "transaction")


def _prepared_twice(made: Pooler, application: ApplicationArgs) -> int:
    """Prepare a statement by name on one server connection, and use it again on another; what it says there."""
    with made.connect(application) as client:
        taken = _backend(client)
        client.execute("select %s::int + 1", (1,), prepare=True)
        client.commit()
        with another_server_connection(made, application, taken):
            row = client.execute("select %s::int + 1", (41,), prepare=True).fetchone()
            assert _backend(client) != taken
    assert row is not None
    return int(row[0])


def test_every_pooler_starts_and_lets_its_application_in(
    start: Start, shared: SharedPostgres, pgbouncer: PgBouncer, figures: Figures
) -> None:
    for application in shared.args.applications:
        made = start(application)
        made.wait()
        with made.connect(application) as connection:
            row = connection.execute("select current_user, current_database()").fetchone()
        said = made.log.read_text()
        assert row == (application.role, application.database)
        assert "WARNING" not in said and "ERROR" not in said, said
    figures.used(f"PgBouncer {pgbouncer.label}", f"({pgbouncer.package})")
    columns = {"PgBouncer": pgbouncer.label, "cluster": shared.args.name, "poolers": len(shared.args.applications)}
    figures.row(SECTION, {**columns, "start": "all", "clients sign in": "all"}, note=NOTE)


def variants(application: ApplicationArgs) -> list[ApplicationArgs]:
    """The application with each setting of its pooler at its least, its most and between, in both modes.

    In the short form each of them once, in the long form with each other.
    """
    base = {**application.settings.model_dump(), "max_client_conn": 50, "stateless_reason": None}
    sizes: list[dict[str, Any]] = [
        {"default_pool_size": 1, "min_pool_size": 0, "reserve_pool_size": 0, "max_client_conn": 1},
        {"default_pool_size": 10, "min_pool_size": 10, "reserve_pool_size": 0},
        {"default_pool_size": 3, "min_pool_size": 1, "reserve_pool_size": 20, "max_client_conn": 10_000},
    ]
    modes: list[dict[str, Any]] = [
        {"pool_mode": "session"},
        *({"pool_mode": "transaction", "max_prepared_statements": number} for number in (1, 200, 10_000)),
        {"pool_mode": "transaction", "max_prepared_statements": 0, "stateless_reason": "a test"},
    ]
    chosen = [(mode, size) for place, mode in enumerate(modes) for size in (sizes if LONG else [sizes[place % 3]])]
    made = [Application.model_validate({**base, **size, **mode}) for mode, size in chosen]
    return [replace(application, settings=settings) for settings in made]


def test_it_takes_every_value_that_the_settings_allow(
    start: Start, shared: SharedPostgres, pgbouncer: PgBouncer, figures: Figures
) -> None:
    """A value that it cannot read ends it or leaves a default, with a warning at the most; so it is asked."""
    every = variants(_transaction_pooled(shared))
    assert {key for it in every for key in poolers.parameters(it)} == {
        key for it in shared.args.applications for key in poolers.parameters(it)
    }
    for application in every:
        made = start(application)
        made.wait()
        known = made.configuration()
        wanted = {**poolers.parameters(application), "pool_mode": application.settings.pool_mode}
        if pgbouncer.version < PREPARED_SINCE:
            wanted.pop("max_prepared_statements", None)
        assert wanted.items() <= known.items()
        with made.connect(application) as connection:
            row = connection.execute("select current_user, current_database()").fetchone()
        assert row == (application.role, application.database)
        said = made.log.read_text()
        assert "WARNING" not in said and "ERROR" not in said, said
        made.stop()
    columns = {"PgBouncer": pgbouncer.label, "cluster": shared.args.name}
    figures.row(VARIANTS, {**columns, "parameter sets": len(every), "started, and took them": len(every)}, note=TAKEN)


def test_the_files_as_they_are_need_pgbouncer_1_21(start: Start, shared: SharedPostgres, pgbouncer: PgBouncer) -> None:
    """What `operators.cnpg.pgbouncer` says about versions: an old one ends with the name that it does not know."""
    made = start(_transaction_pooled(shared), as_written=True)
    if pgbouncer.version >= PREPARED_SINCE:
        made.wait()
        return
    assert "unknown parameter: pgbouncer/auth_dbname" in made.wait_ended()
    made.ini = made.ini.replace("auth_dbname =", ";auth_dbname =")
    made.start(wait=False)
    assert "unknown parameter: pgbouncer/max_prepared_statements" in made.wait_ended()


@pytest.mark.parametrize("number", [None, 1])
def test_prepared_statements_outlive_their_server_connection(
    start: Start, shared: SharedPostgres, pgbouncer: PgBouncer, number: int | None
) -> None:
    """With the number that is rendered, and with the least that is on."""
    application = _transaction_pooled(shared)
    assert application.settings.max_prepared_statements > 0
    made = start(application, **({} if number is None else {"max_prepared_statements": str(number)}))
    made.wait()
    if pgbouncer.version >= PREPARED_SINCE:
        assert _prepared_twice(made, application) == 42
    else:
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            _prepared_twice(made, application)


def test_without_max_prepared_statements_they_are_lost(
    start: Start, shared: SharedPostgres, pgbouncer: PgBouncer
) -> None:
    application = _transaction_pooled(shared)
    made = start(application, max_prepared_statements="0")
    made.wait()
    with pytest.raises(psycopg.errors.InvalidSqlStatementName, match="does not exist"):
        _prepared_twice(made, application)


def test_in_session_mode_they_need_nothing(start: Start, shared: SharedPostgres) -> None:
    """A client keeps its server connection, in every version."""
    application = next(it for it in shared.args.applications if it.settings.pool_mode == "session")
    made = start(application)
    made.wait()
    with made.connect(application) as client:
        taken = _backend(client)
        for number in range(3):
            row = client.execute("select %s::int + 1", (number,), prepare=True).fetchone()
            client.commit()
            assert row == (number + 1,)
            assert _backend(client) == taken
