"""Postgres settings that are refused: each with its key, what is allowed, the risk behind it."""

import subprocess
import sys
from typing import Any

import pytest
from cnpg_samples import ALONE, GONE, POSTGRES, changed
from pydantic import ValidationError

from seawall.components.base import Problem, ProblemsError
from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.cnpg.settings import CnpgSettings

WRITTEN = "0 2 * * *"

HOSTILE: list[tuple[str, Any, str, str, str | None]] = [
    # key changed, its new value, key of the error, part of the message, risk
    ("backup.schedule", WRITTEN, "backup.schedule", "minute 2 of every hour", "CNPG-DATA-001"),
    ("backup.schedule", WRITTEN, "backup.schedule", "write `0 0 2 * * *`", "CNPG-DATA-001"),
    ("backup.schedule", "0 0 2 * * * *", "backup.schedule", "7 fields", "CNPG-DATA-001"),
    ("backup.schedule", "0 1 * * 0", "backup.schedule", "month", "CNPG-DATA-001"),
    ("backup.schedule", "@daily", "backup.schedule", "written out", "CNPG-DATA-001"),
    ("backup.schedule", "0 0 2 30 2 *", "backup.schedule", "never fires", "CNPG-DATA-001"),
    ("backup.schedule", "0 0 2 * * 7", "backup.schedule", "day of week goes from 0 to 6", "CNPG-DATA-001"),
    ("backup.schedule", "0 */5 * * * *", "backup.schedule", "an hour between two", "CNPG-DATA-001"),
    ("backup.schedule", "", "backup.schedule", "empty", "CNPG-DATA-001"),
    ("backup.encryption", "AES256", "backup.encryption", "must be aws:kms on AWS", "CNPG-DATA-002"),
    ("backup.encryption", "none", "backup.encryption", "'aws:kms' or 'AES256'", "CNPG-DATA-002"),
    ("backup.sse", "AES256", "backup.sse", "unknown key", None),
    ("backup.endpoint", "http://minio:9000", "backup.endpoint", "must be https", "CNPG-SEC-002"),
    ("backup.endpoint", "https://minio:9000/path", "backup.endpoint", "without a path", "CNPG-SEC-002"),
    ("backup.endpoint", "https://minio:9000", "backup.encryption", "must be AES256", "CNPG-DATA-002"),
    ("backup.endpoint_ca", {"secret": "ca"}, "backup.endpoint_ca", "only with an `endpoint`", None),
    ("backup.retention", "30", "backup.retention", "like 30d", None),
    ("backup.retention", "0d", "backup.retention", "like 30d", None),
    ("backup.retention", "30y", "backup.retention", "like 30d", None),
    ("backup.compression", {"data": "zstd"}, "backup.compression.data", "'gzip'", None),
    ("backup.compression", {"wal": "rar"}, "backup.compression.wal", "'zstd'", None),
    ("backup.target", "standby", "backup.target", "did you mean `prefer-standby`", None),
    ("backup.bucket", "My_Bucket", "backup.bucket", "lower-case", None),
    ("backup.bucket", "a.b.c", "backup.bucket", "dots", None),
    ("backup.bucket", "b" * 58, "backup.bucket", "3 to 57", None),
    ("backup.prefix", "/main/", "backup.prefix", "without a slash", None),
    ("backup.prefix", "../other", "backup.prefix", "a folder", None),
    ("backup", GONE, "backup", "is missing", None),
    ("validation.schedule", "0 0 3 * * *", "validation.schedule", "must have five", "CNPG-DATA-001"),
    ("validation.max_backup_age", "12h", "validation.max_backup_age", "at least the 24h between", "CNPG-DATA-001"),
    ("backup.schedule", "0 0 2 29 2 *", "validation.max_backup_age", "at least the 43800h between", "CNPG-DATA-001"),
    ("validation.max_backup_age", "26", "validation.max_backup_age", "like 30s", None),
    ("validation.rpo", "10 minutes", "validation.rpo", "like 30s", None),
    ("parameters.max_connections", 200, "parameters.max_connections", "in quotes", None),
    ("parameters.wal_compression", True, "parameters.wal_compression", "in quotes", None),
    ("parameters.random_page_cost", 1.1, "parameters.random_page_cost", "in quotes", None),
    ("parameters.max_connections", "many", "parameters.max_connections", "whole number", None),
    ("parameters.max_connections", "100", "parameters.max_connections", "= 146", "CNPG-PERF-001"),
    ("parameters.archive_mode", "off", "parameters.archive_mode", "by the operator", None),
    ("parameters.listen_addresses", "*", "parameters.listen_addresses", "by the operator", None),
    ("parameters.fsync", "off", "parameters.fsync", "corrupt", "CNPG-OPS-002"),
    ("parameters.password_encryption", "md5", "parameters.password_encryption", "scram", "CNPG-SEC-002"),
    ("parameters.ssl_min_protocol_version", "TLSv1", "parameters.ssl_min_protocol_version", "1.2", "CNPG-SEC-002"),
    ("parameters.shared_buffers", "2GB", "parameters.shared_buffers", "memory request 1Gi", None),
    ("parameters.shared_buffers", "512Mi", "parameters.shared_buffers", "512MB", None),
    ("parameters.max_wal_size", "5GB", "parameters.max_wal_size", "WAL volume 5Gi", None),
    ("parameters.min_wal_size", "2GB", "parameters.min_wal_size", "smaller than max_wal_size", None),
    ("parameters.Max_Connections", "9", "parameters.Max_Connections", "lower case", None),
    ("synchronous", {"number": 3}, "synchronous.number", "at most 2", "CNPG-OPS-002"),
    ("synchronous", {"max_standby_names": 5}, "synchronous.max_standby_names", "1 (number) to 2", None),
    ("synchronous", {"method": "all"}, "synchronous.method", "'any' or 'first'", None),
    ("superuser_access", True, "superuser_access", "must be false", "CNPG-TECH-001"),
    ("superuser_access", True, "secrets.superuser", "is missing", None),
    ("superuser_access", "yes", "superuser_access", "true or false", "CNPG-TECH-001"),
    ("superuser_reason", "why not", "superuser_reason", "only with", "CNPG-TECH-001"),
    ("image", "ghcr.io/cloudnative-pg/postgresql:latest", "image", "other than latest", None),
    ("image", "ghcr.io/cloudnative-pg/postgresql:bookworm", "image", "PostgreSQL's version", None),
    ("image", f"ghcr.io/cloudnative-pg/postgresql@sha256:{'0' * 64}", "image", "PostgreSQL's version", None),
    ("instances", 1, "instances", "say why in `single_instance_reason`", "CNPG-OPS-002"),
    ("single_instance_reason", "cheap", "single_instance_reason", "only with `instances: 1`", "CNPG-OPS-002"),
    ("backup.egress", "world", "backup.egress", "must be fqdn", "CNPG-SEC-001"),
    ("backup.egress_reason", "x", "backup.egress_reason", "only with `egress: world`", "CNPG-SEC-001"),
    ("secrets.ca", GONE, "secrets.ca", "shop has clients in other clusters", "CNPG-SEC-002"),
    ("names", {"serve_old_hosts": True}, "names.serve_old_hosts", "`old_hosts` names none", "CNPG-OPS-001"),
    ("names", {"old_hosts": ["a.b", "a.b"]}, "names.old_hosts[1]", "twice", None),
    ("applications.shop.client_changes", ["a", "a"], "applications.shop.client_changes[1]", "twice", None),
    ("other_connections", 3, "other_connections", "must be at least 11", "CNPG-PERF-001"),
    ("parameters.ssl_max_protocol_version", "TLSv1.2", "parameters.ssl_max_protocol_version", "start", "CNPG-SEC-002"),
    ("parameters.ssl_max_protocol_version", "TLSv1.1", "parameters.ssl_max_protocol_version", "broken", "CNPG-SEC-002"),
    ("parameters.ssl_min_protocol_version", "1.3", "parameters.ssl_min_protocol_version", "TLSv1.2 or", "CNPG-SEC-002"),
    ("certificates.schedule", "0 0 * * * *", "certificates.schedule", "five fields", "CNPG-SEC-002"),
    ("instances", 0, "instances", "at least 1", None),
    ("instances", 2.5, "instances", "whole number", None),
    ("instances", True, "instances", "must be a number", None),
    ("storage.wal", GONE, "storage.wal", "is missing", None),
    ("storage.data", "80", "storage.data", "at least 1Mi", None),
    ("storage.data", "80 GB", "storage.data", "like 512Mi", None),
    ("secrets.roles", "db/all", "secrets.roles", "must contain `{app}`", "CNPG-OPS-003"),
    ("secrets.roles", "db/{role}", "secrets.roles", "`{app}` is the application", None),
    ("secrets.backup_reader", "db/writer", "secrets.backup_reader", "another entry", "CNPG-SEC-001"),
    ("secrets.password", "hunter2", "secrets.password", "unknown key", None),
    ("names", {"pooler": "{application}"}, "names.pooler", "`{app}`", None),
    ("names", {"role": "owner"}, "names.role", "both have the role owner", "CNPG-DATA-003"),
    ("names", {"database": "pg_{app}"}, "applications.shop", "keeps for itself", None),
    ("names", {"old_hosts": ["{app}-pooler"]}, "names.old_hosts[0]", "<service>.<namespace>", None),
    ("applications", {}, "applications", "at least 1", None),
    ("applications.postgres", POSTGRES["applications"]["shop"], "applications.postgres", "keeps for itself", None),
    ("applications.Shop", POSTGRES["applications"]["shop"], "applications.Shop", "a letter", None),
    ("applications.shop.pool_mode", "statement", "applications.shop.pool_mode", "'session'", "CNPG-TECH-002"),
    ("applications.shop.clients", {}, "applications.shop.clients", "at least one namespace", None),
    ("applications.shop.clients", {"this": ["*"]}, "applications.shop.clients.this[0]", "everybody", None),
    ("applications.shop.clients", {"this": ["a", "a"]}, "applications.shop.clients", "twice", None),
    ("applications.shop.min_pool_size", 6, "applications.shop.min_pool_size", "at most", "CNPG-PERF-001"),
    ("applications.shop.default_pool_size", 0, "applications.shop.default_pool_size", "1", "CNPG-PERF-001"),
    ("applications.shop.max_client_conn", 3, "applications.shop.max_client_conn", "at least", "CNPG-PERF-001"),
    (
        "applications.shop.max_prepared_statements",
        0,
        "applications.shop.max_prepared_statements",
        "1 or more in transaction mode",
        "CNPG-TECH-002",
    ),
    ("applications.shop.stateless_reason", "x", "applications.shop.stateless_reason", "read only with", None),
    ("applications.shop.extensions", ["a", "a"], "applications.shop.extensions[1]", "twice", None),
    ("applications.shop.extensions", ["a; DROP"], "applications.shop.extensions[0]", "extension", None),
    ("applications.shop.pool_size", 3, "applications.shop.pool_size", "unknown key", None),
    ("max_conections", 3, "max_conections", "unknown key", None),
    ("asynchronous_reason", "", "asynchronous_reason", "must be text", None),
    (
        "restore_drill",
        {"namespace": "d", "schedule": "* *", "max_age": "8d"},
        "restore_drill.schedule",
        "five fields",
        None,
    ),
]


def problems(settings: type[Any], given: dict[str, Any]) -> list[Problem]:
    try:
        settings.model_validate(given)
    except ValidationError as error:
        found = [line["ctx"]["error"] for line in error.errors()]
        assert all(isinstance(inner, ProblemsError) for inner in found)
        return [problem for inner in found for problem in inner.problems]
    raise AssertionError("was accepted")


@pytest.mark.parametrize(("key", "value", "where", "says", "risk"), HOSTILE)
def test_refused(key: str, value: Any, where: str, says: str, risk: str | None) -> None:
    found = problems(PostgresCluster, changed(POSTGRES, (key, value)))
    mine = [problem for problem in found if problem.key.removesuffix(".[key]") == where and says in str(problem)]
    assert mine, "\n".join(map(str, found))
    if risk is not None:
        assert mine[0].risk == risk


def test_the_sample_is_accepted() -> None:
    assert PostgresCluster.model_validate(POSTGRES).deletion_protection is True


def test_every_mistake_is_reported_at_once() -> None:
    bad = changed(
        POSTGRES,
        ("backup.schedule", WRITTEN),
        ("superuser_access", True),
        ("parameters.max_connections", "100"),
        ("applications.shop.clients", {}),
    )
    keys = {problem.key for problem in problems(PostgresCluster, bad)}
    # What the refused clients leave over is still summed up; without its application the sum is not.
    assert {"backup.schedule", "superuser_access", "applications.shop.clients"} <= keys


def test_synchronous_replication_is_refused_with_one_instance_and_on_by_default_with_more() -> None:
    alone = changed(POSTGRES, *ALONE)
    assert PostgresCluster.model_validate(alone).replication is None
    [problem] = problems(PostgresCluster, changed(alone, ("synchronous", {"method": "any"})))
    assert problem.key == "synchronous.number"
    assert "remove `synchronous`" in problem.message
    default = PostgresCluster.model_validate(POSTGRES).replication
    assert default is not None
    assert (default.method, default.number, default.max_standby_names) == ("any", 1, 2)
    off = PostgresCluster.model_validate(changed(POSTGRES, ("asynchronous_reason", "a test bed")))
    assert off.replication is None


def test_a_weakening_is_accepted_with_its_reason() -> None:
    open_door = changed(
        POSTGRES,
        ("superuser_access", True),
        ("superuser_reason", "restoring a role by hand until Friday"),
        ("secrets.superuser", "db/superuser"),
        ("applications.shop.max_prepared_statements", 0),
        ("applications.shop.stateless_reason", "its driver never prepares"),
    )
    assert PostgresCluster.model_validate(open_door).superuser_access is True


@pytest.mark.parametrize(
    ("clusters", "where", "says"),
    [
        ({"main": {}, "other": {"backup.prefix": "main"}}, "clusters.other.backup.prefix", "main writes to"),
        ({"main": {}, "other": {"backup.prefix": "other"}}, "clusters.other.names.pooler", "taken by pooler of shop"),
        ({"main": {"names": {"pooler": "main-{app}"}, "applications.rw": "shop"}}, "main.names.pooler", "main-rw"),
        ({"main": {"restore_drill": {"namespace": "databases", "schedule": "0 4 * * 0", "max_age": "8d"}}},
         "clusters.main.restore_drill.namespace", "another namespace"),
        ({"main": {"names": {"old_hosts": ["db.old"], "serve_old_hosts": True}}},
         "clusters.main.names.old_hosts", "gives db.old, which is taken by former name of shop in main"),
        ({"main": {"names": {"old_hosts": ["{app}-pooler.databases"], "serve_old_hosts": True}}},
         "clusters.main.names.old_hosts", "taken by pooler of shop in main"),
        ({"main": {"names": {"old_hosts": ["main-rw.databases"], "serve_old_hosts": True}}},
         "clusters.main.names.old_hosts", "taken by cluster main"),
        ({"main": {"names": {"old_hosts": ["{app}-x.-old"], "serve_old_hosts": True}}},
         "clusters.main.names.old_hosts", "no Service and namespace"),
        ({"main": {"names": {"old_hosts": [f"{{app}}-{'x' * 60}.old"], "serve_old_hosts": True}}},
         "clusters.main.names.old_hosts", "no Service and namespace"),
        ({"main": {"names": {"old_hosts": ["{app}.old"], "serve_old_hosts": True}},
          "other": {"backup.prefix": "other", "names": {"pooler": "other-{app}", "old_hosts": ["{app}.old"],
                                                        "serve_old_hosts": True}}},
         "clusters.other.names.old_hosts", "taken by former name of shop in main"),
        ({"a" * 41: {}}, "a" * 41, "at most 40"),
        ({"9lives": {}}, "9lives", "a letter"),
        ({}, "clusters", "at least 1"),
    ],
)  # fmt: skip
def test_clusters_do_not_meet(clusters: dict[str, dict[str, Any]], where: str, says: str) -> None:
    given = {
        name: changed(
            POSTGRES,
            *((key, POSTGRES["applications"][value] if value == "shop" else value) for key, value in changes.items()),
        )
        for name, changes in clusters.items()
    }
    found = problems(CnpgSettings, {"namespace": "databases", "clusters": given})
    assert [problem for problem in found if where in problem.key and says in problem.message], "\n".join(
        map(str, found)
    )


def test_a_former_name_in_the_same_namespace_is_served_when_it_is_free() -> None:
    names = {"old_hosts": ["{app}-db.databases"], "serve_old_hosts": True}
    given = {"namespace": "databases", "clusters": {"main": changed(POSTGRES, ("names", names))}}
    assert CnpgSettings.model_validate(given).clusters["main"].names.serve_old_hosts is True


def test_an_image_may_add_a_digest_to_its_tag() -> None:
    image = f"ghcr.io/cloudnative-pg/postgresql:16.8@sha256:{'0' * 64}"
    assert PostgresCluster.model_validate(changed(POSTGRES, ("image", image))).image == image


@pytest.mark.parametrize(
    ("access", "where", "says"),
    [
        ({"admins": ["system:authenticated"]}, "access.admins[0]", "Kubernetes' own"),
        ({"viewers": ["system:serviceaccounts"]}, "access.viewers[0]", "Kubernetes' own"),
        ({"admins": [""]}, "access.admins[0]", "must be text"),
        ({"admins": ["a", "a"]}, "access.admins[1]", "twice"),
        ({"admins": ["a"], "viewers": ["b", "a"]}, "access.viewers[1]", "admins already"),
        ({"admins": "a"}, "access.admins", "must be a list"),
        ({"owners": ["a"]}, "access.owners", "unknown key"),
    ],
)
def test_access_is_for_groups_of_people(access: dict[str, Any], where: str, says: str) -> None:
    found = problems(CnpgSettings, {"namespace": "databases", "clusters": {"main": POSTGRES}, "access": access})
    assert [problem for problem in found if problem.key == where and says in problem.message], found


def test_no_secret_is_shown() -> None:
    found = problems(PostgresCluster, changed(POSTGRES, ("secrets.backup_writer", "hunter2 with blanks")))
    assert "hunter2" not in "\n".join(map(str, found))


def test_settings_do_not_import_the_engine() -> None:
    code = "import sys, seawall.components.cnpg.checks as c; sys.exit(any(m.startswith('pulumi') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_one_alone_replicates_to_nobody_and_needs_no_reason_for_it() -> None:
    with pytest.raises(ValidationError, match="is read only from 2 instances on"):
        PostgresCluster.model_validate(changed(POSTGRES, *ALONE, ("asynchronous_reason", "a test")))
