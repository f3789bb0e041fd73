"""The files that the operator writes for PgBouncer; tests/data runs PgBouncer with them."""

from cnpg_samples import args

from seawall.components.cnpg.pooler import pooler
from seawall.operators.cnpg import pgbouncer_files
from seawall.operators.cnpg.pgbouncer_files import Place, hba, ini

SHOP = pooler(args().applications[0])


def values(text: str) -> dict[str, str]:
    """Every setting of an ini file."""
    return {key: value for key, _, value in (line.partition(" = ") for line in text.splitlines()) if value}


def test_the_poolers_parameters_and_the_operators_are_in_it() -> None:
    said = values(ini(SHOP))
    assert SHOP["spec"]["pgbouncer"]["parameters"].items() <= said.items()
    assert said["*"] == "host=main-rw"
    assert said["pool_mode"] == "transaction"
    assert said["auth_type"] == "hba"
    assert said["auth_user"] == "cnpg_pooler_pgbouncer"
    assert said["auth_dbname"] == "postgres"
    assert said["auth_query"] == pgbouncer_files.AUTH_QUERY
    assert said["ignore_startup_parameters"] == "extra_float_digits,options"
    assert said["server_tls_cert_file"] == "/controller/configs/authUser/tls.crt"
    assert said["listen_port"] == "5432"


def test_what_the_operator_fixes_cannot_be_changed_and_what_it_only_proposes_can() -> None:
    given = {"listen_port": "1", "log_stats": "1", "client_tls_sslmode": "verify-full", "server_tls_sslmode": "a\nb"}
    pgbouncer = {"poolMode": "session", "parameters": {**given, "ignore_startup_parameters": "search_path"}}
    said = values(ini({"spec": {"cluster": {"name": "main"}, "type": "ro", "pgbouncer": pgbouncer}}))
    assert said["*"] == "host=main-ro"
    assert said["listen_port"] == "5432"
    assert (said["log_stats"], said["client_tls_sslmode"], said["server_tls_sslmode"]) == ("1", "verify-full", "ab")
    assert said["ignore_startup_parameters"] == "extra_float_digits,options,search_path"


def test_what_is_not_said_is_the_operators() -> None:
    said = values(ini({"spec": {"cluster": {"name": "main"}}}))
    assert said["pool_mode"] == "session"
    assert (said["client_tls_sslmode"], said["server_tls_sslmode"]) == ("prefer", "verify-ca")


def test_the_place_is_the_pods_or_another() -> None:
    said = values(ini(SHOP, Place("/etc/x", "/run/x", "127.0.0.1", 6432, "host=127.0.0.1 port=1")))
    assert said["*"] == "host=127.0.0.1 port=1"
    assert (said["listen_addr"], said["listen_port"], said["unix_socket_dir"]) == ("127.0.0.1", "6432", "/run/x")
    assert {value for value in said.values() if value.startswith("/")} == {
        "/run/x",
        "/etc/x/pg_hba.conf",
        "/etc/x/server-tls/ca.crt",
        "/etc/x/authUser/tls.crt",
        "/etc/x/authUser/tls.key",
        "/etc/x/client-tls/tls.crt",
        "/etc/x/client-tls/tls.key",
        "/etc/x/client-ca/ca.crt",
    }


def test_the_poolers_own_lines_stand_between_the_operators() -> None:
    lines = hba(SHOP).splitlines()
    assert lines[0] == "local pgbouncer pgbouncer peer"
    assert lines[1:-2] == SHOP["spec"]["pgbouncer"]["pg_hba"]
    assert lines[-2:] == ["host all all 0.0.0.0/0 md5", "host all all ::/0 md5"]
