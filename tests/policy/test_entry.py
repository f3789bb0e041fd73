"""The matrix of roles and databases: who enters what, through which pooler, over which TLS mode."""

from typing import Any

import pytest

from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, Origin
from seawall.policy.estate.postgresql.entry import Entry, describe, entry_of, to_data
from seawall.policy.estate.values import UNKNOWN, CannotEvaluateError
from seawall.policy.judging import judge
from seawall.policy.rules import load

API = "postgresql.cnpg.io/v1"
WALL = ["hostssl shop shop all scram-sha-256", "hostssl crm crm all scram-sha-256", "host all all all reject"]
REJECT = ["host all all 0.0.0.0/0 reject", "host all all ::/0 reject"]


def cluster(lines: list[str] | None = None, **spec: Any) -> dict[str, Any]:
    made = {"instances": 3, "storage": {"size": "1Gi"}, **spec}
    if lines is not None:
        made["postgresql"] = {"pg_hba": lines}
    return {"apiVersion": API, "kind": "Cluster", "metadata": {"name": "main", "namespace": "db"}, "spec": made}


def database(name: str, owner: str | None = None) -> dict[str, Any]:
    spec = {"cluster": {"name": "main"}, "name": name, "owner": owner or name}
    return {"apiVersion": API, "kind": "Database", "metadata": {"name": name, "namespace": "db"}, "spec": spec}


def role(name: str, **spec: Any) -> dict[str, Any]:
    made = {"cluster": {"name": "main"}, "name": name, "login": True, **spec}
    return {"apiVersion": API, "kind": "DatabaseRole", "metadata": {"name": name, "namespace": "db"}, "spec": made}


def pooler(name: str, lines: list[str] | None = None, **parameters: Any) -> dict[str, Any]:
    bouncer: dict[str, Any] = {"poolMode": "session", "parameters": parameters}
    if lines is not None:
        bouncer["pg_hba"] = lines
    spec = {"cluster": {"name": "main"}, "instances": 2, "type": "rw", "pgbouncer": bouncer}
    return {"apiVersion": API, "kind": "Pooler", "metadata": {"name": name, "namespace": "db"}, "spec": spec}


def estate(*manifests: dict[str, Any]) -> Estate:
    things = [kube_object(manifest, Origin()) for manifest in manifests]
    return build([thing for thing in things if thing is not None])


def entry(*manifests: dict[str, Any]) -> Entry:
    made = estate(*manifests)
    return entry_of(made.of(CLUSTER)[0], made)


TWO = (database("shop"), database("crm"), role("shop"), role("crm"))


def opened(made: Entry) -> set[tuple[str, str, str, bool]]:
    return {
        (cell.role, cell.database, route.title, cell.tls)
        for route in made.routes
        for cell in (
            made.cell(who, name, route, tls=tls)
            for who in made.tenants.roles.values()
            for name in made.tenants.databases
            for tls in route.modes
        )
        if cell.open
    }


def test_both_hops_must_let_in() -> None:
    made = entry(
        cluster(WALL), *TWO, pooler("p", ["hostssl shop,crm shop 0.0.0.0/0 md5", *REJECT], client_tls_sslmode="require")
    )
    assert opened(made) == {
        ("shop", "shop", "directly", True),
        ("crm", "crm", "directly", True),
        ("shop", "shop", "through p", True),
    }


def test_without_lines_everybody_enters_everything_by_every_route() -> None:
    made = entry(cluster(), *TWO, pooler("p"))
    assert len(opened(made)) == 2 * 2 * 2 * 2


@pytest.mark.parametrize(
    ("mode", "modes"),
    [
        ("disable", {False}),
        ("allow", {True, False}),
        ("prefer", {True, False}),
        ("require", {True}),
        ("verify-ca", {True}),
    ],
)
def test_the_mode_says_whether_clients_come_with_tls(mode: str, modes: set[bool]) -> None:
    made = entry(cluster(), pooler("p", client_tls_sslmode=mode))
    assert set(made.routes[1].modes) == modes


@pytest.mark.parametrize(("mode", "tls"), [(None, True), ("disable", False), ("allow", False), ("prefer", True)])
def test_the_second_hop_has_a_mode_of_its_own(mode: str | None, tls: bool) -> None:
    parameters: dict[str, Any] = {} if mode is None else {"server_tls_sslmode": mode}
    made = entry(
        cluster(["hostssl shop shop all md5", "host all all all reject"]), database("shop"), pooler("p", **parameters)
    )
    assert made.cell(made.tenants.roles["shop"], "shop", made.routes[1], tls=True).open is tls


def test_each_cell_names_the_line_that_decides() -> None:
    made = entry(cluster(WALL), *TWO, pooler("p", ["hostssl shop shop 0.0.0.0/0 md5", *REJECT]))
    direct, through = made.routes
    shop, crm = made.tenants.roles["shop"], made.tenants.roles["crm"]
    assert made.cell(shop, "shop", direct, tls=True).decided_by == WALL[0]
    assert made.cell(shop, "crm", direct, tls=True).decided_by == WALL[2]
    assert made.cell(shop, "shop", through, tls=True).decided_by == WALL[0]
    assert made.cell(crm, "crm", through, tls=True).decided_by == f"p: {REJECT[0]}"


def test_a_mode_that_the_pooler_refuses_is_closed() -> None:
    made = entry(cluster(), database("shop"), pooler("p", client_tls_sslmode="require"))
    assert not made.cell(made.tenants.roles["shop"], "shop", made.routes[1], tls=False).open
    assert made.cell(made.tenants.roles["shop"], "shop", made.routes[1], tls=True).open


def test_no_more_pairs_are_counted_than_asked_for() -> None:
    made = entry(cluster(), *TWO, pooler("p"))
    assert [len(made.pairs(made.routes[1], most)) for most in (1, 3, 9)] == [1, 3, 4]


def test_owners_and_their_members_are_expected_and_nobody_else() -> None:
    made = entry(
        cluster(managed={"roles": [{"name": "gone", "login": True, "ensure": "absent"}]}),
        *TWO,
        role("clerk", inRoles=["shop"]),
        role("group", login=False),
        role("reports"),
        role("root", superuser=True),
        database("roots", "root"),
    )
    assert made.tenants.expected == {("shop", "shop"), ("crm", "crm"), ("clerk", "shop"), ("root", "roots")}
    assert set(made.tenants.at_home) == {"shop", "crm", "clerk"}
    assert made.tenants.declared_roles >= {"group", "reports"}
    assert "gone" not in made.tenants.declared_roles


def test_an_owner_may_be_a_member_of_another_owner() -> None:
    made = entry(cluster(), database("shop"), role("shop"), database("crm"), role("crm", inRoles=["shop"]))
    assert made.tenants.expected == {("shop", "shop"), ("crm", "crm"), ("crm", "shop")}


@pytest.mark.parametrize(
    ("bootstrap", "databases"),
    [
        (None, {"app": "app"}),
        ({"initdb": {"database": "shop"}}, {"shop": "shop"}),
        ({"initdb": {"database": "shop", "owner": "owner"}}, {"shop": "owner"}),
        ({"recovery": {"source": "x"}}, {}),
        ({"recovery": {"source": "x", "database": "shop", "owner": "shop"}}, {"shop": "shop"}),
        ({"pg_basebackup": {"source": "x", "database": "shop"}}, {"shop": "shop"}),
        ({"initdb": {"import": {"type": "monolith"}}}, {}),
    ],
)
def test_what_the_bootstrap_makes(bootstrap: dict[str, Any] | None, databases: dict[str, str]) -> None:
    spec: dict[str, Any] = {} if bootstrap is None else {"bootstrap": bootstrap}
    assert entry(cluster(**spec)).tenants.databases == databases


def test_the_default_database_counts_only_where_there_is_no_other() -> None:
    assert entry(cluster(), database("shop")).tenants.databases == {"shop": "shop"}
    named = entry(cluster(bootstrap={"initdb": {"database": "first"}}), database("shop"))
    assert named.tenants.databases == {"first": "first", "shop": "shop"}


def test_to_data_and_describe_tell_own_entries_and_others() -> None:
    made = estate(cluster(), *TWO, pooler("p", ["hostssl shop shop 0.0.0.0/0 md5"], client_tls_sslmode="require"))
    (data,) = to_data(made)
    assert data["databases"] == {"crm": "crm", "shop": "shop"}
    direct, through = data["routes"]
    assert [cell["enters"] for cell in direct["own"]] == [True] * 4
    assert [(it["tls"], it["pairs"]) for it in direct["others"]] == [
        (True, ["crm into shop", "shop into crm"]),
        (False, ["crm into shop", "shop into crm"]),
    ]
    assert {it["line"] for it in through["others"]} == {"host all all 0.0.0.0/0 md5", "host all all ::/0 md5"}
    assert not any(it["stopped by PostgreSQL"] for it in through["others"])
    said = list(describe(made))
    assert "Cluster db/main: shop enters shop through p with TLS (host all all all scram-sha-256)" in said
    assert any("crm into shop, shop into crm directly without TLS" in line for line in said)


def test_what_postgres_stops_is_said() -> None:
    made = estate(cluster(WALL), *TWO, pooler("p", client_tls_sslmode="require"))
    through = to_data(made)[0]["routes"][1]
    assert all(it["stopped by PostgreSQL"] for it in through["others"])
    assert any("where PostgreSQL stops it" in line for line in describe(made))


def test_a_pooler_that_cannot_be_read_hides_no_other_route() -> None:
    broken = pooler("broken")
    broken["spec"]["pgbouncer"]["pg_hba"] = UNKNOWN
    made = estate(cluster(), *TWO, broken, pooler("p"))
    found = entry_of(made.of(CLUSTER)[0], made)
    assert [route.title for route in found.routes] == ["directly", "through p"]
    with pytest.raises(CannotEvaluateError):
        found.through(next(it for it in made.of(POOLER) if it.name == "broken"))
    (data,) = to_data(made)
    assert data["unknown routes"] == {"broken": "spec.pgbouncer.pg_hba is not known yet"}
    said = [f"{it.subject.name}: {it.message}" for it in judge(made, [r for r in load() if r.id == "CNPG-SW-002"])]
    assert any(line.startswith("main: pg_hba") for line in said)
    assert any(line.startswith("p: pg_hba") for line in said)
    assert any(line == "broken: spec.pgbouncer.pg_hba is not known yet" for line in said)


def test_a_cluster_that_cannot_be_read_is_said() -> None:
    made = estate(cluster([1]), database("shop"))  # type: ignore[list-item]
    assert list(describe(made)) == [
        "Cluster db/main: cannot be said: spec.postgresql.pg_hba.[0] must be a text, not a number"
    ]


def test_many_tenants_of_one_cluster_cost_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    tenants = [f"t{place}" for place in range(60)]
    lines = [*(f"hostssl {t} {t} all scram-sha-256" for t in tenants), "host all all all reject"]
    manifests = [cluster(lines)]
    for t in tenants:
        own = [f"hostssl {t} {t} 0.0.0.0/0 md5", *REJECT]
        manifests += [database(t), role(t), pooler(f"p-{t}", own, client_tls_sslmode="require", default_pool_size="1")]
    looked = []
    cell = Entry.cell

    def counting(self: Entry, *args: Any, **more: Any) -> Any:
        looked.append(args)
        return cell(self, *args, **more)

    monkeypatch.setattr(Entry, "cell", counting)
    rules = [r for r in load() if r.id in ("CNPG-SW-002", "CNPG-PERF-001")]
    found = judge(estate(*manifests), rules)
    assert {it.rule.id for it in found} == {"CNPG-PERF-001"}, "60 poolers are too many for 100 connections"
    assert len(looked) <= 10 * len(tenants)
