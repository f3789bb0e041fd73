"""The Dragonfly operator and its pods: API group, labels, ports and arguments.

Facts are those of operator 1.6.1 and Dragonfly 1.34 to 1.39 unless a version is named.
"""

import re

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

TLS_SECRET_TYPE = "kubernetes.io/tls"  # noqa: S105 (the type of a Secret)
TLS_CERTIFICATE = "tls.crt"
TLS_PRIVATE_KEY = "tls.key"
"""The keys of the Secret in `spec.tlsSecretRef`; the operator passes these two names on and knows no others."""

OPERATOR_NAMESPACE = "dragonfly-operator-system"
"""The namespace of the operator that its own NetworkPolicy admits by default."""
OPERATOR_POD_LABELS = {"control-plane": "controller-manager"}
OPERATOR_CHART_LABELS = {"app.kubernetes.io/name": "dragonfly-operator"}
"""What the operator's pods have beside `OPERATOR_POD_LABELS` when its chart made them."""
OPERATOR_METRICS_PORT = 8080
"""The operator's own metrics, plain; not a port of the data pods."""
OPERATOR_PROXY_PORT = 8443
"""The same through kube-rbac-proxy, where the chart puts one before them; 8080 then listens inside the pod only."""

ROLE_LABEL = "role"
"""`master` or `replica`, patched on after start: absent on a new pod, so nothing may select on it but the Service."""
ROLES = ("master", "replica")


COMMON_POD_LABELS = {"app.kubernetes.io/name": "dragonfly", "app.kubernetes.io/part-of": "dragonfly"}
"""What the pods of every Dragonfly have from birth."""


def pod_labels(name: str) -> dict[str, str]:
    """The labels that every pod of the Dragonfly `name` has from birth; also what the operator's own selectors use."""
    return {"app": name, **COMMON_POD_LABELS}


FORBIDDEN_ARGS: dict[str, str] = {
    "admin_port": "the operator, replication and every policy expect 9999",
    "admin_nopass": "the operator sets it; replication needs it",
    "admin_bind": "the operator and the other pods reach the admin port by the pod's address",
    "bind": "clients reach the pod by its address",
    "unixsocket": "it would serve clients where no policy sees them",
    "port": "the Service and every policy expect 6379",
    "primary_port_http_enabled": "it would serve HTTP on the client port",
    "requirepass": "a password in plain text; use spec.authentication.passwordFromSecret",
    "masterauth": "a password in plain text; the operator decides who is master",
    "no_tls_on_admin_port": "the operator sets it from spec.tlsSecretRef",
    "dir": "the operator sets it from spec.snapshot",
    "snapshot_cron": "use spec.snapshot.cron",
    "save_schedule": "the former name of another schedule of snapshots; use spec.snapshot.cron",
    "aclfile": "use spec.aclFromSecret",
    "memcached_port": "use spec.memcachedPort",
    "replicaof": "the operator decides who is master",
    "flagfile": "it reads further arguments from a file, which nobody sees here",
    "fromenv": "it reads arguments from the environment, which nobody sees here",
    "tryfromenv": "it reads arguments from the environment, which nobody sees here",
    "undefok": "it lets misspelt arguments pass unread",
}
"""Arguments that belong to the operator or hide others, with the reason. User arguments come after most of the
operator's own, and the last one of a name wins."""

_SWITCHES = ("cache_mode", "s3_use_https", "s3_sign_payload", "s3_ec2_metadata", "version_check")
"""The arguments besides the forbidden ones that have a meaning here and are true or false."""


def arg_name(arg: str) -> str:
    """The flag that an argument sets: `--admin_port=1` is `admin_port`, `-nocache_mode` is `cache_mode`.

    The process reads one dash like two, and `no<name>` as the switch turned off.
    """
    name = re.split(r"[=\s]", arg.strip().lstrip("-"), maxsplit=1)[0]
    positive = name.removeprefix("no")
    meant = positive in _SWITCHES or positive in FORBIDDEN_ARGS or positive.startswith("tls")
    return positive if meant else name


def forbidden_arg(arg: str) -> str | None:
    """Why a user may not give this argument, None when they may. Every `tls…` argument belongs to the operator."""
    name = arg_name(arg)
    return "use spec.tlsSecretRef" if name.startswith("tls") else FORBIDDEN_ARGS.get(name)
