"""Hostile settings of Dragonfly instances: (key changed, value, key reported, part of the message, risk)."""

from typing import Any

CACHE = "dragonfly.clusters.dragonfly"
QUEUE = "dragonfly.clusters.dragonfly-queue"
DIGEST = "sha256:" + "0" * 64
SNAPSHOT: dict[str, Any] = {"cron": "0 */6 * * *", "size": "1Gi", "storage_class": "local"}
BUCKET: dict[str, Any] = {
    "name": "snapshots",
    "prefix": "dragonfly",
    "region": "eu-central-1",
    "keys": {"secret": "bucket", "path": "kubernetes/bucket"},
}
TLS: dict[str, Any] = {"secret": "cache-tls", "path": "kubernetes/cache-tls"}
ROLE = "arn:aws:iam::123456789012:role/snapshots"


def bucket(**changes: Any) -> dict[str, Any]:
    """Snapshots to a bucket with something else in its settings."""
    return {"cron": "0 */6 * * *", "bucket": {**BUCKET, **changes}}


CASES: list[tuple[str, Any, str, str, str | None]] = [
    # placement
    (f"{CACHE}.placement", "preferred", f"{CACHE}.placement", "must be a mapping", None),
    (
        f"{CACHE}.placement",
        {"strategy": "soft"},
        f"{CACHE}.placement.strategy",
        "required_anti_affinity",
        "DFLY-TECH-001",
    ),
    (
        f"{CACHE}.placement",
        {"strategy": "preferred_anti_affinity"},
        f"{CACHE}.placement.reason",
        "say why",
        "DFLY-TECH-001",
    ),
    (
        f"{CACHE}.placement",
        {"strategy": "topology_spread", "reason": ""},
        f"{CACHE}.placement.reason",
        "must be text",
        "DFLY-TECH-001",
    ),
    (
        f"{CACHE}.placement",
        {"strategy": "topology_spread", "reason": "   "},
        f"{CACHE}.placement.reason",
        "must be text",
        "DFLY-TECH-001",
    ),
    (f"{CACHE}.placement", {"max_skew": 2}, f"{CACHE}.placement.max_skew", "unknown key", None),
    # secrets
    (f"{CACHE}.acl", {"secret": "acl"}, f"{CACHE}.acl.default_user_has_password", "must be true", "DFLY-SEC-001"),
    (
        f"{CACHE}.acl",
        {"secret": "acl", "default_user_has_password": "yes"},
        f"{CACHE}.acl.default_user_has_password",
        "true or false",
        "DFLY-SEC-001",
    ),
    (f"{CACHE}.acl", {"secret": "Acl", "path": "x"}, f"{CACHE}.acl.secret", "RFC 1123", "DFLY-SEC-001"),
    (
        f"{CACHE}.acl",
        {"secret": "acl", "path": "x", "key": "a/b"},
        f"{CACHE}.acl.key",
        "letters, digits",
        "DFLY-SEC-001",
    ),
    (
        f"{CACHE}.acl",
        {"secret": "dragonfly-auth", "path": "x"},
        f"{CACHE}.acl.secret",
        "is already the Secret of `dragonfly.auth_secret.name`",
        "DFLY-OPS-002",
    ),
    (f"{CACHE}.tls", True, f"{CACHE}.tls", "must be a mapping", None),
    (f"{CACHE}.tls", {"path": "x"}, f"{CACHE}.tls.secret", "is missing", "DFLY-SEC-002"),
    (f"{CACHE}.tls", {**TLS, "insecure": True}, f"{CACHE}.tls.insecure", "unknown key", None),
    (f"{CACHE}.tls", {"client_ca": {"secret": "ca"}}, f"{CACHE}.tls.secret", "is missing", "DFLY-SEC-002"),
    (
        f"{CACHE}.tls",
        {**TLS, "client_ca": {"secret": "cache-tls", "path": "x"}},
        f"{CACHE}.tls.client_ca.secret",
        "another Secret",
        "DFLY-SEC-002",
    ),
    (f"{CACHE}.client_ca", {"secret": "ca"}, f"{CACHE}.client_ca", "unknown key", None),
    (f"{CACHE}.tls", TLS, f"{CACHE}.plaintext_reason", "is read only without `tls`", "DFLY-SEC-002"),
    (f"{CACHE}.plaintext_reason", None, f"{CACHE}.plaintext_reason", "say why", "DFLY-SEC-002"),
    (f"{CACHE}.plaintext_reason", "  ", f"{CACHE}.plaintext_reason", "must be text", "DFLY-SEC-002"),
    (
        f"{QUEUE}.snapshot",
        bucket(keys={"secret": "dragonfly-auth", "path": "x"}),
        f"{QUEUE}.snapshot.bucket.keys.secret",
        "is already the Secret of `dragonfly.auth_secret.name`",
        "DFLY-OPS-002",
    ),
    (
        f"{QUEUE}.auth_secret.path",
        "kubernetes/infra/dragonfly/auth",
        f"{QUEUE}.auth_secret.path",
        "is already the password of `dragonfly`",
        "DFLY-OPS-002",
    ),
    # snapshots
    (f"{CACHE}.snapshot", {**SNAPSHOT, "cron": "* * * * *"}, f"{CACHE}.snapshot.cron", "at least 5 minutes", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "cron": "58,2 * * * *"}, f"{CACHE}.snapshot.cron", "at least 5 minutes", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "cron": "0 0 2 * * *"}, f"{CACHE}.snapshot.cron", "has 6 fields", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "cron": "@hourly"}, f"{CACHE}.snapshot.cron", "macros", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "cron": "0 0 30 2 *"}, f"{CACHE}.snapshot.cron", "never fires", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "file": "a/b"}, f"{CACHE}.snapshot.file", "without folder", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "file": ".."}, f"{CACHE}.snapshot.file", "without folder", None),
    (
        f"{CACHE}.snapshot",
        {**SNAPSHOT, "file": "dump-{timestamp}"},
        f"{CACHE}.snapshot.file",
        "must be a file name",
        None,
    ),
    (f"{CACHE}.snapshot", {"cron": "0 * * * *"}, f"{CACHE}.snapshot.size", "is missing", None),
    (f"{CACHE}.snapshot", {**SNAPSHOT, "dir": "s3://x"}, f"{CACHE}.snapshot.dir", "unknown key", None),
    (f"{CACHE}.snapshot", {**bucket(), "size": "1Gi"}, f"{CACHE}.snapshot.size", "absent with `bucket`", None),
    (f"{CACHE}.snapshot", bucket(name="Snapshots"), f"{CACHE}.snapshot.bucket.name", "lower-case", None),
    (f"{CACHE}.snapshot", bucket(prefix="../x"), f"{CACHE}.snapshot.bucket.prefix", "joined by `/`", None),
    (f"{CACHE}.snapshot", bucket(region="Frankfurt"), f"{CACHE}.snapshot.bucket.region", "AWS region", None),
    (f"{CACHE}.snapshot", bucket(endpoint="http://s3.example.org"), f"{CACHE}.snapshot.bucket.endpoint", "https", None),
    (f"{CACHE}.snapshot", bucket(endpoint="10.1.2.3:9000"), f"{CACHE}.snapshot.bucket.endpoint", "host name", None),
    (f"{CACHE}.snapshot", bucket(keys=None), f"{CACHE}.snapshot.bucket.keys", "or `role_arn`", None),
    (f"{CACHE}.snapshot", bucket(role_arn=ROLE), f"{CACHE}.snapshot.bucket.keys", "not both", None),
    (f"{CACHE}.snapshot", bucket(role_arn="admin"), f"{CACHE}.snapshot.bucket.role_arn", "ARN of an IAM role", None),
    (
        f"{CACHE}.snapshot",
        bucket(egress="world"),
        f"{CACHE}.snapshot.bucket.egress_reason",
        "may send the data anywhere",
        "DFLY-SEC-001",
    ),
    (
        f"{CACHE}.snapshot",
        bucket(egress_reason="unused"),
        f"{CACHE}.snapshot.bucket.egress_reason",
        "read only with `egress: world`",
        "DFLY-SEC-001",
    ),
    (
        f"{CACHE}.placement",
        {"reason": "unused"},
        f"{CACHE}.placement.reason",
        "softer than the default",
        "DFLY-TECH-001",
    ),
    (f"{CACHE}.snapshot", bucket(egress="*"), f"{CACHE}.snapshot.bucket.egress", "must be 'fqdn' or 'world'", None),
    # arguments
    (f"{CACHE}.args", ["--noport"], f"{CACHE}.args[0]", "expect 6379", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["-flagfile=/x"], f"{CACHE}.args[0]", "nobody sees here", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--fromenv=dir"], f"{CACHE}.args[0]", "nobody sees here", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--undefok=x"], f"{CACHE}.args[0]", "misspelt", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--bind=::1"], f"{CACHE}.args[0]", "by its address", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--aclfile /x"], f"{CACHE}.args[0]", "spec.aclFromSecret", "DFLY-SEC-001"),
    (f"{CACHE}.args", ["--s3_use_https=false"], f"{CACHE}.args[0]", "https only", None),
    (f"{CACHE}.args", ["--hz"], f"{CACHE}.args[0]", "with its value", None),
    # image, names, protection, the probe
    (f"{CACHE}.image", f"ghcr.io/dragonflydb/dragonfly@{DIGEST}", f"{CACHE}.image", "must have a tag", "DFLY-TECH-002"),
    (f"{CACHE}.image", "ghcr.io/dragonflydb/dragonfly:latest", f"{CACHE}.image", "other than latest", "DFLY-TECH-002"),
    (f"{CACHE}.aliases", ["dragonfly-global"], f"{CACHE}.aliases[0]", "is already a Service", None),
    (f"{CACHE}.aliases", ["dragonfly-queue"], f"{CACHE}.aliases[0]", "another instance", None),
    (f"{CACHE}.aliases", "dragonfly", f"{CACHE}.aliases", "must be a list", None),
    (f"{CACHE}.deletion_protection", "no", f"{CACHE}.deletion_protection", "true or false", None),
    (
        f"{CACHE}.latency",
        {"namespace": "gitlab-system"},
        f"{CACHE}.latency.namespace",
        "one of the clients on this cluster (harbor)",
        "DFLY-PERF-001",
    ),
    (f"{QUEUE}.latency", {"namespace": "harbor"}, f"{QUEUE}.latency.namespace", "(none)", "DFLY-PERF-001"),
    ("dragonfly.namespace", "observability", "dragonfly.namespace", "platform.observability.namespace", "DFLY-SEC-001"),
]
