"""What the rules about PostgreSQL say beside their messages: fields, blamed objects, facts, and unknown values."""

from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.model import Origin
from seawall.policy.estate.values import UNKNOWN
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

API = "postgresql.cnpg.io/v1"


def thing(kind: str, name: str, spec: dict[str, Any], api: str = API) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": "db"}, "spec": spec}


def cluster(**spec: Any) -> dict[str, Any]:
    return thing("Cluster", "main", {"instances": 3, "storage": {"size": "1Gi"}, **spec})


def pooler(bouncer: Any = None, **spec: Any) -> dict[str, Any]:
    own = {"poolMode": "session"} if bouncer is None else bouncer
    return thing("Pooler", "p", {"cluster": {"name": "main"}, "instances": 3, "type": "rw", "pgbouncer": own, **spec})


def database(name: str) -> dict[str, Any]:
    return thing("Database", name, {"cluster": {"name": "main"}, "name": name, "owner": name})


def found(rule: str, *manifests: dict[str, Any]) -> list[Finding]:
    things = [kube_object(manifest, Origin()) for manifest in manifests]
    return judge(build([one for one in things if one is not None]), [it for it in load() if it.id == rule])


def paths(rule: str, *manifests: dict[str, Any]) -> list[str]:
    return sorted(".".join(finding.path) for finding in found(rule, *manifests))


def hba(*lines: str) -> dict[str, Any]:
    return {"pg_hba": list(lines)}


def test_a_line_is_blamed_at_its_place() -> None:
    lines = hba("hostssl shop shop all md5", "hostssl all crm all md5", "host all all all reject")
    (finding,) = found("CNPG-SW-002", cluster(postgresql=lines), database("shop"), database("crm"))
    assert finding.path == ("spec", "postgresql", "pg_hba", "[1]")
    assert finding.facts == {"pairs": "1", "line": "hostssl all crm all md5"}
    (finding,) = found("CNPG-SW-002", cluster(), database("shop"), database("crm"))
    assert finding.path == ("spec", "postgresql", "pg_hba")


def test_of_many_pairs_the_first_are_told_and_the_others_counted() -> None:
    lines = hba("hostssl all all all md5", "host all all all reject")
    two = [database("crm"), database("shop")]
    (finding,) = found("CNPG-SW-002", cluster(postgresql=lines), *two)
    assert "with TLS: crm into shop, shop into crm" in finding.message
    assert "in all" not in finding.message
    (finding,) = found("CNPG-SW-002", cluster(postgresql=lines), *two, database("app"))
    assert "app into crm, app into shop, crm into app, crm into shop and others, 6 in all" in finding.message


def test_a_poolers_line_is_blamed_in_the_pooler() -> None:
    lines = {"poolMode": "session", **hba("host all all all md5")}
    wall = hba("hostssl shop shop all md5", "hostssl crm crm all md5", "host all all all reject")
    two = (database("shop"), database("crm"))
    (finding,) = found("CNPG-SW-002", cluster(postgresql=wall), *two, pooler(lines))
    assert (finding.subject.name, finding.path) == ("p", ("spec", "pgbouncer", "pg_hba", "[0]"))
    assert "hostssl crm crm" in finding.mend


@pytest.mark.parametrize(
    ("rule", "manifests", "wanted"),
    [
        ("CNPG-SW-005", [cluster(seccompProfile={"type": "Unconfined"})], ["spec.seccompProfile.type"]),
        (
            "CNPG-SW-005",
            [cluster(securityContext={"seccompProfile": {"type": "Unconfined"}})],
            ["spec.securityContext.seccompProfile.type"],
        ),
        ("CNPG-SW-005", [cluster(podSecurityContext={"runAsUser": 0})], ["spec.podSecurityContext.runAsUser"]),
        ("CNPG-SW-005", [cluster(securityContext={"privileged": True})], ["spec.securityContext.privileged"]),
        ("CNPG-SW-005", [cluster(imageName="postgresql")], ["spec.imageName"]),
        (
            "CNPG-SW-005",
            [pooler({"poolMode": "session", "image": "pgbouncer:latest"})],
            ["spec.pgbouncer.image"],
        ),
        (
            "CNPG-SW-005",
            [pooler(template={"spec": {"containers": [{"name": "pgbouncer", "image": "pgbouncer"}]}})],
            ["spec.template.spec.containers.[0].image"],
        ),
        (
            "CNPG-SW-005",
            [pooler(template={"spec": {"containers": [], "hostNetwork": True}})],
            ["spec.template.spec.hostNetwork"],
        ),
        ("CNPG-SW-004", [cluster()], ["spec.affinity"]),
        ("CNPG-SW-004", [pooler()], ["spec.template.spec.affinity.podAntiAffinity"]),
        ("CNPG-SW-003", [cluster(enablePDB=False)], ["spec.enablePDB"]),
        ("CNPG-SEC-002", [pooler()], ["spec.pgbouncer.parameters.client_tls_sslmode"]),
        ("CNPG-PERF-001", [cluster(), pooler()], ["spec.postgresql.parameters.max_connections"]),
        (
            "CNPG-TECH-001",
            [cluster(managed={"roles": [{"name": "a", "superuser": True}]})],
            ["spec.managed.roles.[0].superuser"],
        ),
        ("CNPG-TECH-001", [cluster(postgresql=hba("hostssl all postgres all md5"))], ["spec.postgresql.pg_hba.[0]"]),
        (
            "CNPG-DATA-003",
            [cluster(bootstrap={"initdb": {"postInitSQL": ["create database a"]}})],
            ["spec.bootstrap.initdb.postInitSQL.[0]"],
        ),
        ("CNPG-SW-007", [cluster(postgresql={"parameters": {"fsync": "off"}})], ["spec.postgresql.parameters.fsync"]),
    ],
)
def test_the_field_to_blame(rule: str, manifests: list[dict[str, Any]], wanted: list[str]) -> None:
    assert paths(rule, *manifests) == wanted


def test_without_an_instance_there_are_no_standbys() -> None:
    synchronous = {"synchronous": {"method": "any", "number": 1}}
    [finding] = found("CNPG-SW-007", cluster(instances=0, postgresql=synchronous))
    assert "and there are no standbys" in finding.message


def test_the_numbers_are_facts() -> None:
    bouncer: dict[str, Any] = {"poolMode": "session", "parameters": {"default_pool_size": "30"}}
    (finding,) = found("CNPG-PERF-001", cluster(), pooler(bouncer))
    assert finding.facts == {"limit": "100", "total": "250", "p": "240"}
    assert "max_db_connections" not in finding.mend
    (finding,) = found("CNPG-PERF-001", cluster(), database("shop"), database("crm"), pooler(bouncer))
    assert "max_db_connections on p" in finding.mend
    bouncer["parameters"] = {"default_pool_size": "30", "max_db_connections": "40"}
    (finding,) = found("CNPG-PERF-001", cluster(), database("shop"), database("crm"), pooler(bouncer))
    assert "max_db_connections" not in finding.mend


def test_the_other_object_is_blamed() -> None:
    budget = thing("PodDisruptionBudget", "a", {"maxUnavailable": 1, "selector": {}}, "policy/v1")
    (finding,) = found("CNPG-SW-003", cluster(), budget)
    assert (finding.subject.name, finding.blamed.name) == ("main", "a")
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "main-ca", "namespace": "db"}}
    (finding,) = found("CNPG-SW-006", cluster(), secret)
    assert finding.blamed.kind == "Secret"


@pytest.mark.parametrize(
    ("rule", "manifests", "said"),
    [
        # one value that is not known leaves the other checks of the rule as they are
        ("CNPG-SW-002", [cluster(postgresql=hba("host all all all trust"), imageName=UNKNOWN)], []),
        (
            "CNPG-SEC-002",
            [
                pooler(
                    {
                        "poolMode": "session",
                        "parameters": {"client_tls_sslmode": UNKNOWN, "server_tls_sslmode": "disable"},
                    }
                )
            ],
            ["server_tls_sslmode is disable"],
        ),
        ("CNPG-SW-007", [cluster(instances=UNKNOWN, postgresql={"parameters": {"fsync": "off"}})], ["fsync is off"]),
        (
            "CNPG-TECH-001",
            [cluster(enableSuperuserAccess=UNKNOWN, managed={"roles": [{"name": "a", "superuser": True}]})],
            ["role a is a superuser"],
        ),
        (
            "CNPG-PERF-001",
            [
                cluster(postgresql={"parameters": {"max_connections": 5}}),
                pooler({"poolMode": "session", "parameters": {"default_pool_size": UNKNOWN}}),
            ],
            ["max_connections is a number"],
        ),
        (
            "CNPG-DATA-003",
            [
                thing(
                    "Database",
                    "d",
                    {"cluster": {"name": "main"}, "name": "d", "owner": UNKNOWN, "databaseReclaimPolicy": "delete"},
                )
            ],
            ["databaseReclaimPolicy is delete", "every role of cluster main"],
        ),
        ("CNPG-SW-005", [cluster(seccompProfile=UNKNOWN, securityContext={"privileged": True})], ["is privileged"]),
        ("CNPG-TECH-002", [pooler({"poolMode": "transaction", "parameters": UNKNOWN})], []),
    ],
)
def test_an_unknown_value_hides_nothing_else(rule: str, manifests: list[dict[str, Any]], said: list[str]) -> None:
    findings = found(rule, *manifests)
    assert any(finding.outcome is Outcome.NOT_EVALUATED for finding in findings)
    messages = [finding.message for finding in findings if finding.outcome is Outcome.VIOLATED]
    for part in said:
        assert any(part in message for message in messages), messages


@pytest.mark.parametrize("junk", [1, "x", [], ["x"], {"a": "b"}, True, None, UNKNOWN, [None], [{"name": 1}]])
@pytest.mark.parametrize(
    "field",
    [
        "postgresql",
        "managed",
        "bootstrap",
        "affinity",
        "certificates",
        "instances",
        "pgbouncer",
        "template",
        "deploymentStrategy",
        "cluster",
        "securityContext",
        "topologySpreadConstraints",
    ],
)
def test_no_rule_stumbles_over_junk(field: str, junk: Any) -> None:
    things = [cluster(), pooler(), database("shop"), thing("DatabaseRole", "r", {"cluster": {"name": "main"}})]
    for one in things:
        one["spec"][field] = junk
    mine = [rule for rule in load() if rule.id.startswith("CNPG-")]
    estate = build([it for it in (kube_object(one, Origin()) for one in things) if it is not None])
    for finding in judge(estate, mine):
        assert not finding.message.startswith("the rule failed"), (finding.rule.id, finding.message)


def test_a_job_that_cannot_be_read_may_be_the_one() -> None:
    job = thing("Job", "j", {"template": {"spec": {}}}, "batch/v1")
    job["metadata"]["annotations"] = UNKNOWN
    outcomes = {finding.outcome for finding in found("CNPG-DATA-003", database("shop"), job)}
    assert outcomes == {Outcome.NOT_EVALUATED}
