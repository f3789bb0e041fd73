"""The program of verify's probe pods against real PostgreSQL and PgBouncer with the stack's parameters and lines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import rendered
from data_tools import PgBouncer, Tools
from pooled_server import Pooler, SharedPostgres
from tls_files import Authority

from seawall.components.cnpg import pooler as poolers
from seawall.components.cnpg.args import ApplicationArgs
from seawall.operators.cnpg import dns_forms
from seawall.operators.cnpg.pgbouncer import PREPARED_SINCE
from seawall.operators.cnpg.pgbouncer_files import AUTH_DATABASE_SINCE
from seawall.qa.verify import pods
from seawall.sandbox import ports

Workplace = Callable[[str], Path]
CHECKOUT = Path(__file__).parents[2]
NAMED = f"""
import runpy, socket
really = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **rest: really("{ports.LOOPBACK}", *more, **rest)
runpy.run_module("seawall.qa.probes", run_name="__main__", alter_sys=True)
"""
"""The probe's program with a double of the cluster's DNS: every name leads to loopback."""


@dataclass
class Served:
    """One application's pooler, and the database behind it."""

    shared: SharedPostgres
    pooler: Pooler
    application: ApplicationArgs

    def step(self, kind: str = "postgres", **more: object) -> dict[str, Any]:
        return {
            "kind": kind,
            "host": self.host,
            "port": self.pooler.port,
            "database": self.application.database,
            "user_from": "USER",
            "password": "PASSWORD",
            "ca": "AUTHORITY",
            **more,
        }

    @property
    def host(self) -> str:
        """The name of the pooler's Service."""
        return dns_forms(self.application.pooler, self.shared.args.namespace)[-1]

    @property
    def secrets(self) -> dict[str, str]:
        role = self.application.role
        authority = self.shared.authority.file.read_text()
        return {"USER": role, "PASSWORD": self.shared.passwords[role], "AUTHORITY": authority}

    def probe(self, *steps: Mapping[str, Any], **secrets: str) -> list[dict[str, Any]]:
        """Runs the probe's program as its pod would; no password is ever in what it says."""
        given = {**self.secrets, **secrets}
        done = subprocess.run(
            [sys.executable, "-B", "-c", NAMED],
            cwd=CHECKOUT,
            env={"PATH": os.environ["PATH"], "PROBE_STEPS": json.dumps(steps), **given},
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        for password in (given["PASSWORD"], *self.shared.passwords.values()):
            assert password not in done.stdout + done.stderr
        found = pods.result(done.stdout, steps)
        assert found is not None, done.stdout + done.stderr
        return found


@pytest.fixture(scope="module")
def served(tools: Tools, module_workplace: Workplace, pgbouncer: PgBouncer) -> Any:
    """The pooler of an application in transaction mode, as `infra` has it."""
    (args,) = rendered.clusters("infra").values()
    shared = SharedPostgres(args, module_workplace("postgres"), tools, Authority(module_workplace("authority")))
    shared.start()
    application = next(it for it in args.applications if it.settings.pool_mode == "transaction")
    if pgbouncer.version < AUTH_DATABASE_SINCE:
        for it in args.applications:
            shared.look_up_in(it.database)
    made = Pooler(poolers.pooler(application), shared, pgbouncer, module_workplace("pooler"))
    unknown = {"auth_dbname": AUTH_DATABASE_SINCE, "max_prepared_statements": PREPARED_SINCE}
    taken = tuple(f"{key} =" for key, since in unknown.items() if pgbouncer.version < since)
    made.ini = "\n".join(line for line in made.ini.splitlines() if not line.startswith(taken)) + "\n"
    made.start()
    yield Served(shared, made, application)
    made.stop()


def test_a_client_signs_in_with_everything_verified(served: Served) -> None:
    [found] = served.probe(served.step(query="SELECT current_user, current_database()"))

    assert found["outcome"] == "signed-in", found
    assert found["tls"] == "TLSv1.3"
    assert found["row"] == [served.application.role, served.application.database]


def test_another_authority_and_another_name_are_not_trusted(served: Served, module_workplace: Workplace) -> None:
    other = Authority(module_workplace("other")).file.read_text()

    [by_authority] = served.probe(served.step(), AUTHORITY=other)
    [by_name] = served.probe(served.step(host="another.example.org"))

    assert by_authority["outcome"] == "untrusted"
    assert "certificate" in by_authority["why"] or "issuer" in by_authority["why"]
    assert by_name["outcome"] == "untrusted", by_name  # the same server by a name that its certificate has not


def test_walls_between_tenants_are_told_from_a_wrong_password(served: Served) -> None:
    other = next(it.database for it in served.application.cluster.applications if it != served.application)

    no_tls, elsewhere, as_superuser = served.probe(
        served.step(tls="disable"),
        served.step(database=other),
        served.step(user_from="", user="postgres", database="postgres"),
    )
    [wrong] = served.probe(served.step(), PASSWORD="not-the-password")

    for found in (no_tls, elsewhere, as_superuser):
        assert (found["outcome"], found["asked"]) == ("rejected", False), found
    assert (wrong["outcome"], wrong["asked"]) == ("rejected", True)


def test_the_instance_turns_everybody_away_before_a_password_is_asked_for(served: Served) -> None:
    port, host = served.shared.server.port, served.shared.host

    superuser, role, wrong_database = served.probe(
        served.step(host=host, port=port, user_from="", user="postgres", database="postgres"),
        served.step(host=host, port=port),
        served.step(host=host, port=port, database="postgres"),
    )

    assert (superuser["outcome"], superuser["asked"], superuser["sqlstate"]) == ("rejected", False, "28000")
    assert role["outcome"] == "signed-in"
    assert (wrong_database["outcome"], wrong_database["asked"]) == ("rejected", False)


def test_prepared_statements_over_several_server_connections(served: Served, pgbouncer: PgBouncer) -> None:
    [found] = served.probe(served.step("postgres-prepared"))

    if pgbouncer.version >= PREPARED_SINCE:
        assert "failed" not in found, found
        assert found["backends"] == 2
        assert found["answers"] >= 2
    else:
        assert found["sqlstate"] == "26000", found


def test_more_clients_than_the_pool_has_wait_and_are_answered(served: Served) -> None:
    settings = served.application.settings
    clients = 3 * settings.max_db_connections

    [found] = served.probe(served.step("postgres-load", clients=clients, duration=3))

    assert (found["signed_in"], found["failed"]) == (clients, 0), found
    assert found["answers"] > clients
    assert 0 < found["server"] <= 2 * settings.max_db_connections
    assert str(found["limit"]) == served.application.cluster.settings.parameters["max_connections"]


def test_a_dead_server_is_refused_and_a_strange_one_broken(served: Served) -> None:
    [refused] = served.probe(served.step(port=1))

    assert refused["outcome"] == "refused"
