"""Which further arguments of the process a person may give."""

import pytest
from dragonfly_samples import args, problems

from seawall.components.dragonfly import manifests
from seawall.operators.dragonfly import FORBIDDEN_ARGS, forbidden_arg

OPERATORS = (
    "admin_port",
    "admin_nopass",
    "port",
    "primary_port_http_enabled",
    "requirepass",
    "tls",
    "tls_cert_file",
    "tls_ca_cert_dir",
    "no_tls_on_admin_port",
    "dir",
    "snapshot_cron",
    "aclfile",
    "memcached_port",
    "replicaof",
    "flagfile",
    "fromenv",
    "tryfromenv",
)
OTHERS = ("bind", "admin_bind", "unixsocket", "undefok", "masterauth")


@pytest.mark.parametrize("name", [*OPERATORS, *OTHERS])
@pytest.mark.parametrize("form", ["--{}=x", "-{}=x", "--no{}", "-no{}", "--{}", "--{} x", " --{}=x", "{}=x", "---{}=x"])
def test_what_belongs_to_the_operator_is_refused_however_it_is_written(name: str, form: str) -> None:
    arg = form.format(name)
    assert forbidden_arg(arg), arg
    [problem] = problems(args=[arg])
    assert problem.startswith("args[0]")


def test_every_one_of_them_is_in_the_list() -> None:
    assert {name for name in (*OPERATORS, *OTHERS) if not name.startswith("tls")} <= FORBIDDEN_ARGS.keys()


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        ("--maxmemory=1", "maxmemory_bytes"),
        ("--proactor_threads=9", "threads"),
        ("--nocache_mode", "purpose"),
        ("--cache_mode=false", "purpose"),
        ("--dbfilename=x", "snapshot.file"),
        ("--cluster_mode=yes", "flags.cluster_mode"),
        ("--default_lua_flags=x", "flags.default_lua_flags"),
        ("--s3_endpoint=x", "snapshot.bucket.endpoint"),
        ("--s3_use_https=false", "https only"),
        ("--nos3_use_https", "https only"),
        ("--s3_sign_payload=false", "signed"),
        ("--s3_ec2_metadata=true", "never from the node"),
        ("--version_check=true", "phone home"),
        ("--noversion_check", "phone home"),
        ("--hz", "with its value"),
        ("--hz 100", "with its value"),
        ("-hz=100", "start with `--`"),
        ("hz=100", "start with `--`"),
        ("--", "start with `--`"),
        ("--=x", "start with `--`"),
        ("--Port=1", "lower-case letters"),
        ("--admin-port=1", "lower-case letters"),
        ("--primary-port-http-enabled=true", "lower-case letters"),
        ("--save_schedule=*:*", "spec.snapshot.cron"),
    ],
)
def test_what_is_decided_elsewhere_or_would_swallow_the_next_argument(arg: str, message: str) -> None:
    [problem] = problems(args=[arg])
    assert problem.startswith("args[0]")
    assert message in problem


@pytest.mark.parametrize("arg", ["--hz=50", "--notify_keyspace_events=Ex", "--maxclients=5000", "--slowlog_max_len=50"])
def test_the_rest_is_passed_on_behind_our_own(arg: str) -> None:
    assert manifests.arguments(args(args=[arg]))[-1] == arg
