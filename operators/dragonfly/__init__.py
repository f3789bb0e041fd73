"""The Dragonfly operator and its pods: API group, labels, ports and arguments.

Facts are those of operator 1.6.1 and Dragonfly 1.34 to 1.39 unless a version is named.
"""

from collections.abc import Sequence

API_VERSION = "dragonflydb.io/v1alpha1"
KIND = "Dragonfly"

CLIENT_PORT = 6379
"""Clients; container port name `redis`. The only port of the Service (besides memcached's)."""
ADMIN_PORT = 9999
"""Replication, the operator, and `/metrics`; container port name `admin`. Runs without a password (`--admin_nopass`)
and always in plaintext: whoever reaches it can write, flush and re-parent. Never in the Service."""
CLIENT_PORT_NAME = "redis"
ADMIN_PORT_NAME = "admin"
MEMCACHED_PORT_NAME = "memcached"
METRICS_PATH = "/metrics"
"""Served on `ADMIN_PORT`."""

CONTAINER_NAME = "dragonfly"
UID = 999
"""User and group of the image's unprivileged user; the image's default user is root."""
SNAPSHOT_DIR = "/dragonfly/snapshots"
SNAPSHOT_VOLUME = "df"

OPERATOR_NAMESPACE = "dragonfly-operator-system"
"""The namespace of the operator that its own NetworkPolicy admits by default."""
OPERATOR_POD_LABELS = {"control-plane": "controller-manager"}
OPERATOR_CHART_LABELS = {"app.kubernetes.io/name": "dragonfly-operator"}
"""What the operator's pods have beside `OPERATOR_POD_LABELS` when its chart made them."""
OPERATOR_METRICS_PORT = 8080
"""The operator's own metrics; not a port of the data pods."""

ROLE_LABEL = "role"
"""`master` or `replica`, patched on after start: absent on a new pod, so nothing may select on it but the Service."""
ROLES = ("master", "replica")


def pod_labels(name: str) -> dict[str, str]:
    """The labels that every pod of the Dragonfly `name` has from birth; also what the operator's own selectors use."""
    return {"app": name, "app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}


FORBIDDEN_ARGS: dict[str, str] = {
    "admin_port": "the operator, replication and every policy expect 9999",
    "admin_nopass": "the operator sets it; replication needs it",
    "port": "the Service and every policy expect 6379",
    "primary_port_http_enabled": "it would serve HTTP on the client port",
    "requirepass": "a password in plain text; use spec.authentication.passwordFromSecret",
    "masterauth": "a password in plain text; the operator decides who is master",
    "no_tls_on_admin_port": "the operator sets it from spec.tlsSecretRef",
    "dir": "the operator sets it from spec.snapshot",
    "snapshot_cron": "use spec.snapshot.cron",
    "aclfile": "use spec.aclFromSecret",
    "memcached_port": "use spec.memcachedPort",
    "replicaof": "the operator decides who is master",
    "flagfile": "it reads further arguments from a file, which nobody sees here",
    "fromenv": "it reads arguments from the environment, which nobody sees here",
    "tryfromenv": "it reads arguments from the environment, which nobody sees here",
}
"""Arguments that belong to the operator or hide others, with the reason. User arguments come after the operator's and
win."""

_SWITCHES = ("admin_nopass", "cache_mode", "primary_port_http_enabled", "tls", "version_check")
"""The arguments among those with a meaning here that are true or false: `--no<name>` turns each off."""


def arg_name(arg: str) -> str:
    """The flag that an argument sets: `--admin_port=1` is `admin_port`, `-nocache_mode` is `cache_mode`."""
    name = arg.strip().lstrip("-").partition("=")[0].strip()
    positive = name.removeprefix("no")
    return positive if positive in _SWITCHES else name


def forbidden_arg(arg: str) -> str | None:
    """Why a user may not give this argument, None when they may. Every `tls…` argument belongs to the operator."""
    name = arg_name(arg)
    if name.startswith(("tls", "notls")):
        return "use spec.tlsSecretRef"
    return FORBIDDEN_ARGS.get(name)


def forbidden_args(args: Sequence[str]) -> dict[str, str]:
    """The arguments of a list that a user may not give, with the reason of each."""
    return {arg: reason for arg in args if (reason := forbidden_arg(arg)) is not None}
