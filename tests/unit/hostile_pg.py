"""Hostile settings of PostgreSQL, each with the key that is reported, what is said, and the QA risk behind it."""

from typing import Any

from stack_samples import GONE

PG = "cnpg.clusters.shared-postgres"
HARBOR = f"{PG}.applications.harbor"
KEYCLOAK = f"{PG}.applications.keycloak"

CASES: list[tuple[str, Any, str, str, str | None]] = [
    # (key changed, value, key reported, part of the message, risk)
    # when base backups are made: six fields, seconds first
    (f"{PG}.backup.schedule", "0 2 * * *", f"{PG}.backup.schedule", "write `0 0 2 * * *`", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "0 0 2 * * * 2026", f"{PG}.backup.schedule", "7 fields", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "@hourly", f"{PG}.backup.schedule", "written out", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "@every 1h", f"{PG}.backup.schedule", "written out", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "0 0 2 30 2 *", f"{PG}.backup.schedule", "never fires", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "0 0 25 * * *", f"{PG}.backup.schedule", "refused by the operator", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "* * * * * *", f"{PG}.backup.schedule", "an hour between two", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", 2, f"{PG}.backup.schedule", "must be text", "CNPG-DATA-001"),
    (f"{PG}.backup.schedule", "0 0 2 1 * *", f"{PG}.validation.max_backup_age", "at least the 744h", "CNPG-DATA-001"),
    # when the checks run: five fields, minute first
    (f"{PG}.validation.schedule", "0 0 3 * * *", f"{PG}.validation.schedule", "has 6 fields", "CNPG-DATA-001"),
    (f"{PG}.validation.schedule", "0 3 30 2 *", f"{PG}.validation.schedule", "never fires", "CNPG-DATA-001"),
    (f"{PG}.validation.schedule", "@midnight", f"{PG}.validation.schedule", "macros", "CNPG-DATA-001"),
    (f"{PG}.restore_drill.schedule", "0 0 4 * * 0", f"{PG}.restore_drill.schedule", "has 6 fields", "CNPG-OPS-002"),
    (f"{PG}.restore_drill.schedule", "0 4 31 4 *", f"{PG}.restore_drill.schedule", "never fires", "CNPG-OPS-002"),
    (f"{PG}.certificates", {"schedule": "0 0 * * * *"}, f"{PG}.certificates.schedule", "6 fields", "CNPG-SEC-002"),
    # where backups go
    (f"{PG}.backup.endpoint", "http://minio.example.org", f"{PG}.backup.endpoint", "must be https", "CNPG-SEC-002"),
    (f"{PG}.backup.endpoint", "s3://bucket", f"{PG}.backup.endpoint", "https://<host>", "CNPG-SEC-002"),
    (
        f"{PG}.backup.endpoint",
        "https://key:secret@minio",
        f"{PG}.backup.endpoint",
        "looks like a secret",
        None,
    ),
    (f"{PG}.backup.endpoint", "https://minio.storage.svc", f"{PG}.backup.endpoint", "outside", "CNPG-OPS-002"),
    (f"{PG}.backup.endpoint", "https://10.0.0.7", f"{PG}.backup.endpoint", "a host name", "CNPG-SEC-001"),
    (f"{PG}.backup.egress", "everything", f"{PG}.backup.egress", "'fqdn' or 'world'", "CNPG-SEC-001"),
    (f"{PG}.backup.egress", "world", f"{PG}.backup.egress", "`egress_reason`", "CNPG-SEC-001"),
    (f"{PG}.backup.bucket", "elsewhere", f"{PG}.backup.bucket", "one of aws.buckets", "CNPG-DATA-002"),
    (f"{PG}.backup.encryption", "AES256", f"{PG}.backup.encryption", "must be aws:kms", "CNPG-DATA-002"),
    (f"{PG}.backup.retention", "30 days", f"{PG}.backup.retention", "like 30d", None),
    (f"{PG}.backup.server_name", "Main", f"{PG}.backup.server_name", "lower-case", None),
    # numbers and units
    (f"{PG}.instances", 2.5, f"{PG}.instances", "whole number", None),
    (f"{PG}.instances", "three", f"{PG}.instances", "whole number", None),
    (f"{PG}.instances", 21, f"{PG}.instances", "at most 20", None),
    (f"{PG}.instances", 4, f"{PG}.instances", "at most platform.nodes.count (3)", "CNPG-OPS-001"),
    (f"{PG}.instances", 1, f"{PG}.instances", "`single_instance_reason`", "CNPG-OPS-002"),
    (f"{PG}.single_instance_reason", "cheap", f"{PG}.single_instance_reason", "`instances: 1`", "CNPG-OPS-002"),
    (f"{PG}.storage.data", "80GB", f"{PG}.storage.data", "amount of bytes", None),
    (f"{PG}.storage.wal", 20, f"{PG}.storage.wal", "at least 1Mi", None),
    (f"{PG}.validation.rpo", "PT10M", f"{PG}.validation.rpo", "time span", None),
    (f"{PG}.alerts", {"volume_percent": 100}, f"{PG}.alerts.volume_percent", "at most 99", None),
    # the image and what runs in it
    (f"{PG}.image", "postgres:16.8", f"{PG}.image", "with its registry", None),
    (f"{PG}.image", f"ghcr.io/cloudnative-pg/postgresql@sha256:{'0' * 64}", f"{PG}.image", "must have a tag", None),
    (f"{PG}.image", "ghcr.io/cloudnative-pg/postgresql:19.0", f"{PG}.image", "PostgreSQL 14 to 18", None),
    (f"{PG}.parameters.ssl", "off", f"{PG}.parameters.ssl", "by the operator", None),
    (f"{PG}.parameters.fsync", "off", f"{PG}.parameters.fsync", "corrupt", "CNPG-OPS-002"),
    (f"{PG}.parameters.max_connections", 260, f"{PG}.parameters.max_connections", "in quotes", None),
    (f"{PG}.parameters.max_connections", "260.0", f"{PG}.parameters.max_connections", "whole number", None),
    (
        f"{PG}.parameters.ssl_min_protocol_version",
        "TLSv1.1",
        f"{PG}.parameters.ssl_min_protocol_version",
        "broken",
        "CNPG-SEC-002",
    ),
    (f"{PG}.synchronous.number", 3, f"{PG}.synchronous.number", "at most 2", "CNPG-OPS-002"),
    # pool arithmetic
    (f"{HARBOR}.default_pool_size", 25, f"{PG}.parameters.max_connections", "harbor 208", "CNPG-PERF-001"),
    (f"{PG}.parameters.max_connections", "200", f"{PG}.parameters.max_connections", "at least 258", "CNPG-PERF-001"),
    (f"{PG}.other_connections", 5, f"{PG}.other_connections", "must be at least 13", "CNPG-PERF-001"),
    (f"{KEYCLOAK}.min_pool_size", 11, f"{KEYCLOAK}.min_pool_size", "default_pool_size 10", "CNPG-PERF-001"),
    (f"{HARBOR}.instances", 4, f"{HARBOR}.instances", "at most platform.nodes.count", "CNPG-PERF-001"),
    (f"{HARBOR}.max_prepared_statements", 0, f"{HARBOR}.max_prepared_statements", "transaction", "CNPG-TECH-002"),
    (f"{HARBOR}.max_db_connections", 99, f"{HARBOR}.max_db_connections", "unknown key", None),
    # clients
    (f"{HARBOR}.clients", {"this": ["*"]}, f"{HARBOR}.clients.this[0]", "admit everybody", None),
    (f"{HARBOR}.clients", {}, f"{HARBOR}.clients", "at least one namespace", None),
    (f"{HARBOR}.clients", {"infra": ["harbor"]}, f"{HARBOR}.clients.infra", "write `this`", "CNPG-OPS-001"),
    (f"{HARBOR}.clients", {"app": ["x"]}, f"{HARBOR}.clients.app", "did you mean `apps`?", "CNPG-OPS-001"),
    (f"{PG}.secrets.ca", GONE, f"{PG}.secrets.ca", "gitlab, synergyflow have clients", "CNPG-SEC-002"),
    # names
    (f"{PG}.applications.postgres", {"pool_mode": "session"}, f"{PG}.applications.postgres", "keeps for itself", None),
    (f"{PG}.names.role", "all", f"{PG}.applications.harbor", "keeps for itself", None),
    (f"{PG}.names.database", "pg_{app}", f"{PG}.applications.harbor", "keeps for itself", None),
    (f"{PG}.names.role", "owner", f"{PG}.names.role", "must contain `{app}`", "CNPG-DATA-003"),
    (f"{PG}.names.pooler", "shared-postgres-rw", f"{PG}.names.pooler", "taken by cluster shared-postgres", None),
    (f"{PG}.names.pooler", "{app}; DROP", f"{PG}.names.pooler", "`{app}`", None),
    (f"{PG}.names.old_hosts", ["{app}-pooler"], f"{PG}.names.old_hosts[0]", "<service>.<namespace>", "CNPG-OPS-001"),
    (f"{PG}.names.old_hosts", ["db.old"], f"{PG}.names.old_hosts", "cannot be served", "CNPG-OPS-001"),
    (f"{PG}.names.old_hosts", [], f"{PG}.names.serve_old_hosts", "`old_hosts` names none", "CNPG-OPS-001"),
    (
        f"{PG}.names.old_hosts",
        ["{app}-pooler.databases"],
        f"{PG}.names.old_hosts",
        "is taken by pooler",
        "CNPG-OPS-001",
    ),
    (f"{PG}.names.pooler", "{app}-" + "p" * 40, f"{PG}.names.pooler", "at most 46", None),
    ("cnpg.clusters", {"x" * 41: {}}, f"cnpg.clusters.{'x' * 41}", "at most 40", None),
    ("cnpg.namespace", "cnpg-system", "cnpg.namespace", "operator's namespace", "CNPG-OPS-001"),
    # secrets: references, never values
    (f"{PG}.secrets.superuser", "p4ss w0rd", f"{PG}.secrets.superuser", "a path in the secret store", None),
    (f"{PG}.secrets.password", "hunter2", f"{PG}.secrets.password", "unknown key", None),
    (f"{PG}.secrets.roles", "kubernetes/infra/all", f"{PG}.secrets.roles", "share one password", "CNPG-OPS-003"),
    (f"{PG}.secrets.backup_writer", GONE, f"{PG}.secrets.backup_writer", "without IAM roles", "CNPG-OPS-003"),
    (
        f"{PG}.secrets.backup_reader",
        "kubernetes/infra/cloudnative-pg/backup-writer",
        f"{PG}.secrets.backup_reader",
        "another entry",
        "CNPG-SEC-001",
    ),
    # the superuser, and people
    (f"{PG}.superuser_access", True, f"{PG}.superuser_access", "`superuser_reason`", "CNPG-TECH-001"),
    (f"{PG}.superuser_reason", "just in case", f"{PG}.superuser_reason", "read only with", "CNPG-TECH-001"),
    ("cnpg.access.admins", ["system:authenticated"], "cnpg.access.admins[0]", "Kubernetes' own", "CNPG-OPS-001"),
    ("cnpg.access.viewers", ["platform-admins"], "cnpg.access.viewers[0]", "admins already", "CNPG-OPS-001"),
]
