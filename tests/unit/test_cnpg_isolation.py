"""The Jobs that close each application's database to every other role: what they are, and what they do."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cnpg_samples import args
from schemas import validate

from seawall.components.cnpg import isolation
from seawall.operators.annotations import REVOKES_CONNECT


def job(*changes: tuple[str, Any], application: str = "single-sign-on", **more: Any) -> dict[str, Any]:
    return isolation.jobs(args(*changes, **more))[application]


def pod(made: dict[str, Any]) -> dict[str, Any]:
    return dict(made["spec"]["template"]["spec"])


def container(made: dict[str, Any]) -> dict[str, Any]:
    [one] = pod(made)["containers"]
    return dict(one)


# ── the object ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_application_has_a_job_that_fits_its_schema_and_says_what_it_is_for() -> None:
    made = isolation.jobs(args())
    assert {name: it["metadata"]["name"] for name, it in made.items()} == isolation.job_names(args())
    assert {it["metadata"]["annotations"][REVOKES_CONNECT] for it in made.values()} == {
        "main/shop",
        "main/single_sign_on",
    }
    for it in made.values():
        validate(it)


def test_its_pod_passes_the_restricted_level_and_has_no_right_in_kubernetes() -> None:
    made = pod(job())
    assert made["automountServiceAccountToken"] is False
    assert made["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 26,
        "runAsGroup": 26,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    context = container(job())["securityContext"]
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert all(mount["readOnly"] for mount in container(job())["volumeMounts"])
    assert set(container(job())["resources"]) == {"requests", "limits"}


def test_it_ends_and_is_kept_when_it_has_succeeded() -> None:
    spec = job()["spec"]
    assert spec["activeDeadlineSeconds"] == 600
    assert spec["backoffLimit"] == 5
    assert "ttlSecondsAfterFinished" not in spec


def test_no_policy_of_the_cluster_takes_its_pod_for_one_of_the_operators() -> None:
    labels = job()["spec"]["template"]["metadata"]["labels"]
    assert not [key for key in labels if key.startswith("cnpg.io/")]


def test_it_runs_psql_on_the_clusters_image_without_a_shell() -> None:
    one = container(job(("image", "ghcr.io/cloudnative-pg/postgresql:17.2")))
    assert one["image"] == "ghcr.io/cloudnative-pg/postgresql:17.2"
    assert one["command"][:5] == ["psql", "-X", "-1", "-v", "ON_ERROR_STOP=1"]
    assert one["command"][5::2] == ["-c"] * 4
    assert 'ON DATABASE "single_sign_on" FROM PUBLIC' in one["command"][6]
    assert "args" not in one


def test_it_signs_in_as_the_owner_over_verified_tls_to_the_primary() -> None:
    environment = {item["name"]: item.get("value") or item["valueFrom"] for item in container(job())["env"]}
    assert environment["PGHOST"] == "main-rw"
    assert environment["PGDATABASE"] == "single_sign_on"
    assert environment["PGSSLMODE"] == "verify-full"
    assert environment["PGUSER"] == {"secretKeyRef": {"name": "main-role-single-sign-on", "key": "username"}}
    assert environment["PGPASSWORD"] == {"secretKeyRef": {"name": "main-role-single-sign-on", "key": "password"}}
    [volume] = pod(job())["volumes"]
    assert volume["secret"] == {"secretName": "main-ca", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    [mount] = container(job())["volumeMounts"]
    assert environment["PGSSLROOTCERT"] == f"{mount['mountPath']}/ca.crt"


def test_what_it_runs_makes_its_name() -> None:
    name = job()["metadata"]["name"]
    assert name == job()["metadata"]["name"]
    assert name.startswith("main-isolation-single-sign-on-")
    assert job(("image", "ghcr.io/cloudnative-pg/postgresql:17.2"))["metadata"]["name"] != name
    assert job(("alerts.volume_percent", 50))["metadata"]["name"] == name


def test_a_long_name_is_cut_and_stays_one_of_its_own() -> None:
    base = args().settings.applications["shop"].model_dump()
    long = [f"{'a' * 39}-{number}" for number in (1, 2)]
    changes = [*((f"applications.{name}", base) for name in long), ("other_connections", 30)]
    names = isolation.job_names(args(*changes, ("parameters.max_connections", "400")))
    assert len({names[name] for name in long}) == 2
    assert all(len(name) <= 63 and name[-9] == "-" and "--" not in name for name in names.values())


@pytest.mark.parametrize("simulated", [False, True])
def test_success_is_awaited_unless_nothing_really_runs(simulated: bool) -> None:
    said = job(platform={"simulated": simulated})["metadata"]["annotations"]
    assert said["pulumi.com/replaceUnready"] == "true"
    assert ("pulumi.com/skipAwait" in said) is simulated


def test_names_are_quoted_whatever_is_in_them() -> None:
    assert isolation._quoted('a"b') == '"a""b"'


# ── its effect, on a real PostgreSQL ─────────────────────────────────────────────────────────────────────────────────


@dataclass
class Server:
    """A PostgreSQL that admits everybody through its socket, so that only its own rights decide."""

    bin: Path
    socket: Path
    account: str | None
    """The account that it runs as; None for the present one."""

    def run(self, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
        given = {"PATH": f"{self.bin}:{os.environ['PATH']}", "PGHOST": str(self.socket), "LC_ALL": "C", **environment}
        return subprocess.run(
            command, env=given, user=self.account, cwd="/", capture_output=True, text=True, timeout=60, check=False
        )

    def sql(self, text: str, user: str = "postgres", database: str = "postgres") -> str:
        done = self.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", text], PGUSER=user, PGDATABASE=database)
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    def apply(self, user: str, database: str) -> subprocess.CompletedProcess[str]:
        """What the Job's container does, with another way to the server."""
        command = container(job(application="shop"))["command"]
        return self.run(command, PGUSER=user, PGDATABASE=database)


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [
        Path(there) for there in [shutil.which("initdb")] if there
    ]
    if not found:
        pytest.skip("no PostgreSQL on this machine (initdb)")
    return found[-1].parent


def _account() -> str | None:
    """PostgreSQL does not run as root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no account `postgres`")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    binaries, account = _binaries(), _account()
    folder = Path(tempfile.mkdtemp(prefix="seawall-sql-"))  # pytest's own are root's alone, and too long for a socket
    if account is not None:
        shutil.chown(folder, account, account)
    made = Server(binaries, folder, account)
    data = str(folder / "data")
    try:
        started = made.run(["initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8"])
        assert started.returncode == 0, started.stderr
        options = f"-c listen_addresses= -c fsync=off -c unix_socket_directories={folder}"
        started = made.run(["pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"])
        assert started.returncode == 0, started.stdout + started.stderr
        yield made
    finally:
        made.run(["pg_ctl", "-D", data, "-w", "-m", "immediate", "stop"])
        shutil.rmtree(folder)


@pytest.fixture
def estate(server: Server) -> Iterator[Server]:
    """Two applications with a database each, and the roles that the operator makes."""
    for role in ("shop", "other", "cnpg_metrics_exporter", "streaming_replica"):
        server.sql(f"CREATE ROLE {role} LOGIN")
    for name in ("shop", "other"):
        server.sql(f"CREATE DATABASE {name} OWNER {name}")
    yield server
    for name in ("shop", "other"):
        server.sql(f"DROP DATABASE IF EXISTS {name}")
    for role in ("shop", "other", "cnpg_metrics_exporter", "streaming_replica"):
        server.sql(f"DROP ROLE IF EXISTS {role}")


def enters(server: Server, role: str, database: str = "shop") -> bool:
    return server.sql("SELECT 1", role, database) == "1"


def test_before_it_everybody_enters(estate: Server) -> None:
    """Otherwise the tests below could not fail."""
    assert enters(estate, "other")
    assert enters(estate, "streaming_replica")


def test_after_it_only_the_owner_and_the_metrics_enter(estate: Server) -> None:
    done = estate.apply("shop", "shop")
    assert done.returncode == 0, done.stderr
    assert enters(estate, "shop")
    assert enters(estate, "cnpg_metrics_exporter"), "metrics would skip the database in silence"
    assert enters(estate, "postgres"), "the operator's superuser"
    for stranger in ("other", "streaming_replica"):
        assert "permission denied for database" in estate.sql("SELECT 1", stranger, "shop")
    assert enters(estate, "other", "other"), "another database is left alone"
    assert estate.sql("CREATE TEMPORARY TABLE t (i int)", "shop", "shop") == "CREATE TABLE"
    assert "permission denied to create temporary" in estate.sql(
        "CREATE TEMPORARY TABLE t (i int)", "cnpg_metrics_exporter", "shop"
    )


def test_it_may_run_again(estate: Server) -> None:
    assert estate.apply("shop", "shop").returncode == 0
    assert estate.apply("shop", "shop").returncode == 0


def test_an_operator_without_a_metrics_role_is_no_obstacle(estate: Server) -> None:
    estate.sql("DROP ROLE cnpg_metrics_exporter")
    assert estate.apply("shop", "shop").returncode == 0
    assert not enters(estate, "other")


@pytest.mark.parametrize(
    ("prepare", "says"),
    [
        (lambda it: it.sql("ALTER DATABASE shop OWNER TO other"), "shop does not own it"),
        (lambda it: it.sql("GRANT CONNECT ON DATABASE shop TO other"), "may connect to shop as well: other"),
        (lambda it: it.sql("GRANT shop TO other"), "may connect to shop as well: other"),
    ],
    ids=["not the owner", "granted by name", "member of the owner"],
)
def test_it_fails_where_somebody_else_can_still_enter_and_changes_nothing(
    estate: Server, prepare: Callable[[Server], str], says: str
) -> None:
    prepare(estate)
    before = estate.sql("SELECT datacl FROM pg_database WHERE datname = 'shop'")
    done = estate.apply("shop", "shop")
    assert done.returncode != 0
    assert says in done.stderr
    assert estate.sql("SELECT datacl FROM pg_database WHERE datname = 'shop'") == before


def test_the_command_holds_no_secret() -> None:
    assert "password" not in json.dumps(container(job())["command"]).lower()
