"""What people get wrong with PostgreSQL, its poolers, roles and databases, done to `infra`."""

from collections.abc import Callable
from typing import Any

from kill import Change, Kill, Properties, Stack, add, both, drop, edit, find

CLUSTER = ("Cluster", "databases/shared-postgres")
HARBOR = ("Pooler", "databases/harbor-pooler")
GITLAB = ("Pooler", "databases/gitlab-pooler")
KEYCLOAK = ("Pooler", "databases/keycloak-pooler")
ROLE = ("DatabaseRole", "databases/shared-postgres-harbor")
DATABASE = ("Database", "databases/shared-postgres-harbor")
BUDGET = ("PodDisruptionBudget", "databases/harbor-pooler")
OPERATOR = "cnpg-system"
EVERYWHERE = ("0.0.0.0/0", "::/0")
TERM = ("affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
META = {"namespace": "databases"}


def spec(change: Callable[[dict[str, Any]], object], which: tuple[str, str] = CLUSTER) -> Change:
    return edit(*which, lambda it: change(it["spec"]))


def server(**parameters: Any) -> Change:
    return spec(lambda it: it["postgresql"]["parameters"].update(parameters))


def server_lines(change: Callable[[list[str]], list[str]]) -> Change:
    return spec(lambda it: it["postgresql"].update(pg_hba=change(it["postgresql"]["pg_hba"])))


def pooler(change: Callable[[dict[str, Any]], object], which: tuple[str, str] = HARBOR) -> Change:
    return spec(change, which)


def bouncer(which: tuple[str, str] = HARBOR, **parameters: Any) -> Change:
    return pooler(lambda it: it["pgbouncer"]["parameters"].update(parameters), which)


def without(name: str, which: tuple[str, str] = HARBOR) -> Change:
    return pooler(lambda it: it["pgbouncer"]["parameters"].pop(name), which)


def pooler_lines(change: Callable[[list[str]], list[str]], which: tuple[str, str] = HARBOR) -> Change:
    return pooler(lambda it: it["pgbouncer"].update(pg_hba=change(it["pgbouncer"]["pg_hba"])), which)


def template(change: Callable[[dict[str, Any]], object], which: tuple[str, str] = HARBOR) -> Change:
    return pooler(lambda it: change(it["template"]["spec"]), which)


def term(change: Callable[[dict[str, Any]], object], which: tuple[str, str] = HARBOR) -> Change:
    return template(lambda it: change(it[TERM[0]][TERM[1]][TERM[2]][0]), which)


def moved(*which: tuple[str, str]) -> Change:
    """Objects in the operator's namespace."""
    return both(*(edit(*one, lambda it: it["metadata"].update(namespace=OPERATOR)) for one in which))


def renamed(which: tuple[str, str], name: str) -> Change:
    return edit(*which, lambda it: it["metadata"].update(name=name))


def pooler_names(change: Callable[[list[str]], list[str]]) -> Change:
    def apply(it: dict[str, Any]) -> None:
        it["certificates"]["serverAltDNSNames"] = change(it["certificates"]["serverAltDNSNames"])

    return spec(apply)


def one_of_all_poolers(change: Callable[[Properties], object]) -> Change:
    def apply(stack: Stack) -> None:
        for name in ("gitlab", "harbor", "keycloak", "synergyflow"):
            change(find(stack, "Pooler", f"databases/{name}-pooler").properties)

    return apply


def in_namespace(name: str, api: str, kind: str, **rest: Any) -> Change:
    return add({"apiVersion": api, "kind": kind, "metadata": {**META, "name": name}, **rest})


def budget(name: str, labels: dict[str, str], **bounds: Any) -> Change:
    bounds = bounds or {"maxUnavailable": 1}
    return in_namespace(name, "policy/v1", "PodDisruptionBudget", spec={**bounds, "selector": {"matchLabels": labels}})


SERVICE = {"ports": [{"port": 5432}], "selector": {"app": "x"}}
TECH_1, OPS_1, PERF, TECH_2 = "CNPG-TECH-001", "CNPG-OPS-001", "CNPG-PERF-001", "CNPG-TECH-002"
DATA, SEC, HBA, DRAINS = "CNPG-DATA-003", "CNPG-SEC-002", "CNPG-SW-002", "CNPG-SW-003"
PLACE, HARD, NAMES, WORKS = "CNPG-SW-004", "CNPG-SW-005", "CNPG-SW-006", "CNPG-SW-007"


def row(rule: str, what: str, change: Change, **also: str) -> Kill:
    return Kill("infra", rule, what, change, {key.replace("_", "-"): why for key, why in also.items()})


POOLS = "every role then comes through that pooler, with a pool of its own"
PLAIN = "what is admitted without TLS is a gap in transit as well"

CASES: list[Kill] = [
    # ── superuser ───────────────────────────────────────────────────────────────────────────────────────────────────
    row(TECH_1, "superuser access on", spec(lambda it: it.update(enableSuperuserAccess=True))),
    row(
        TECH_1,
        "superuser access on, with an empty reason",
        both(
            spec(lambda it: it.update(enableSuperuserAccess=True)),
            edit(*CLUSTER, lambda it: it["metadata"]["annotations"].update({"seawall.dev/superuser-access": " "})),
        ),
    ),
    row(
        TECH_1,
        "a pg_hba line for postgres left over from break-glass",
        server_lines(lambda it: ["hostssl all postgres all scram-sha-256", *it]),
    ),
    row(TECH_1, "an application's role is a superuser", spec(lambda it: it.update(superuser=True), ROLE)),
    row(
        TECH_1,
        "an application's role may run programs on the server",
        spec(lambda it: it.update(inRoles=["pg_execute_server_program"]), ROLE),
    ),
    # ── namespace ───────────────────────────────────────────────────────────────────────────────────────────────────
    row(
        OPS_1,
        "a restored Cluster in the operator's namespace",
        add(
            {
                "apiVersion": "postgresql.cnpg.io/v1",
                "kind": "Cluster",
                "metadata": {
                    "name": "restored",
                    "namespace": OPERATOR,
                    "annotations": {"seawall.dev/single-instance": "a test"},
                },
                "spec": {
                    "instances": 1,
                    "enablePDB": False,
                    "imageName": "ghcr.io/cloudnative-pg/postgresql:16.8",
                    "storage": {"size": "1Gi"},
                    "postgresql": {"pg_hba": ["host all all all reject"]},
                },
            }
        ),
        CNPG_SW_001="no policy comes with it",
        CNPG_MON_001="no PodMonitor comes with it",
        CNPG_SW_021="the operator may reach those of the other namespace only",
    ),
    row(
        OPS_1,
        "a Pooler in the operator's namespace",
        moved(HARBOR),
        CNPG_SW_001="its policies stayed behind",
        CNPG_MON_001="so did its PodMonitor",
        CNPG_SW_003="its budget stayed behind",
        CNPG_SW_006="a former name of it is there",
    ),
    row(
        OPS_1,
        "a role in the operator's namespace, for a cluster there",
        add(
            {
                "apiVersion": "postgresql.cnpg.io/v1",
                "kind": "DatabaseRole",
                "metadata": {"name": "x", "namespace": OPERATOR},
                "spec": {"cluster": {"name": "main"}, "name": "x", "login": True},
            }
        ),
    ),
    # ── pools ───────────────────────────────────────────────────────────────────────────────────────────────────────
    row(PERF, "max_connections at its default", spec(lambda it: it["postgresql"]["parameters"].pop("max_connections"))),
    row(PERF, "max_connections 200, as it was", server(max_connections="200")),
    row(
        PERF,
        "pools of 25 + 10 for everybody",
        one_of_all_poolers(
            lambda it: it["spec"]["pgbouncer"]["parameters"].update(
                default_pool_size="25", reserve_pool_size="10", max_db_connections="35"
            )
        ),
    ),
    row(PERF, "a pooler scaled to 20 pods", pooler(lambda it: it.update(instances=20))),
    row(
        PERF,
        "default_pool_size left out of all poolers, with its limit",
        one_of_all_poolers(
            lambda it: [
                it["spec"]["pgbouncer"]["parameters"].pop(key) for key in ("default_pool_size", "max_db_connections")
            ]
        ),
    ),
    row(
        PERF,
        "a rollout that surges by all pods",
        pooler(lambda it: it.update(deploymentStrategy={"rollingUpdate": {"maxSurge": "300%", "maxUnavailable": 1}})),
    ),
    row(PERF, "max_connections as a number", server(max_connections=260)),
    row(PERF, "default_pool_size as a number", bouncer(default_pool_size=5)),
    row(PERF, "fewer clients than server connections", bouncer(max_client_conn="4")),
    # ── prepared statements ─────────────────────────────────────────────────────────────────────────────────────────
    row(TECH_2, "max_prepared_statements 0", bouncer(max_prepared_statements="0")),
    row(
        TECH_2,
        "PgBouncer 1.20, which does not know prepared statements",
        pooler(lambda it: it["pgbouncer"].update(image="ghcr.io/cloudnative-pg/pgbouncer:1.20.1")),
    ),
    row(
        TECH_2,
        "PgBouncer 1.23 without max_prepared_statements",
        both(
            pooler(lambda it: it["pgbouncer"].update(image="ghcr.io/cloudnative-pg/pgbouncer:1.23.0")),
            without("max_prepared_statements"),
        ),
    ),
    row(TECH_2, "statement pooling", pooler(lambda it: it["pgbouncer"].update(poolMode="statement"))),
    # ── databases and roles ─────────────────────────────────────────────────────────────────────────────────────────
    row(
        DATA,
        "a Database that is dropped with its object",
        spec(lambda it: it.update(databaseReclaimPolicy="delete"), DATABASE),
    ),
    row(DATA, "a Database whose owner nobody declares", both(drop(*ROLE))),
    row(
        DATA,
        "a Database of the superuser",
        spec(lambda it: it.update(owner="postgres"), DATABASE),
        CNPG_SW_002=("the pooler's one role has no database of its own any more"),
    ),
    row(
        DATA,
        "a Database made by a Job",
        in_namespace(
            "make-shop",
            "batch/v1",
            "Job",
            spec={
                "template": {
                    "spec": {
                        "restartPolicy": "Never",
                        "securityContext": {
                            "runAsNonRoot": True,
                            "runAsUser": 26,
                            "seccompProfile": {"type": "RuntimeDefault"},
                        },
                        "containers": [
                            {
                                "name": "psql",
                                "image": "ghcr.io/cloudnative-pg/postgresql:16.8",
                                "command": ["psql", "-h", "shared-postgres-rw", "-c", "CREATE DATABASE shop"],
                                "securityContext": {
                                    "allowPrivilegeEscalation": False,
                                    "capabilities": {"drop": ["ALL"]},
                                },
                            }
                        ],
                    }
                }
            },
        ),
    ),
    row(
        DATA,
        "a Database made by initdb",
        spec(lambda it: it["bootstrap"]["initdb"].update(postInitSQL=["CREATE DATABASE shop"])),
    ),
    # ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    row(
        SEC,
        "client_tls_sslmode left out",
        without("client_tls_sslmode"),
    ),
    row(SEC, "client_tls_sslmode allow", bouncer(client_tls_sslmode="allow")),
    row(SEC, "server_tls_sslmode require, which verifies nobody", bouncer(server_tls_sslmode="require")),
    row(SEC, "TLS 1.0 between pooler and clients", bouncer(client_tls_protocols="tlsv1.0,tlsv1.2")),
    row(SEC, "ssl_min_protocol_version TLSv1.1", server(ssl_min_protocol_version="TLSv1.1")),
    row(SEC, "ssl off", server(ssl="off")),
    row(
        SEC,
        "host instead of hostssl on the server",
        server_lines(lambda it: [line.replace("hostssl harbor", "host harbor") for line in it]),
    ),
    row(
        SEC,
        "a pooler's names missing from the certificate",
        pooler_names(
            lambda it: [
                name for name in it if not name.startswith("harbor-pooler.databases") and name != "harbor-pooler"
            ]
        ),
    ),
    row(
        SEC,
        "the full DNS name of a pooler missing from the certificate",
        pooler_names(lambda it: [name for name in it if name != "harbor-pooler.databases.svc.cluster.local"]),
    ),
    row(
        SEC,
        "a former name of a pooler missing from the certificate",
        pooler_names(lambda it: [name for name in it if name != "harbor-pooler-rw.cnpg-system.svc"]),
    ),
    # ── pg_hba ──────────────────────────────────────────────────────────────────────────────────────────────────────
    row(HBA, "the last reject missing on the server", server_lines(lambda it: it[:-1]), CNPG_SEC_002=PLAIN),
    row(HBA, "the last reject first", server_lines(lambda it: [it[-1], *it[:-1]])),
    row(
        HBA,
        "a last reject for TLS only",
        server_lines(lambda it: [*it[:-1], "hostssl all all all reject"]),
        CNPG_SEC_002=PLAIN,
    ),
    row(HBA, "every role into every database", server_lines(lambda it: ["hostssl all all all scram-sha-256", *it])),
    row(HBA, "one role into all databases", server_lines(lambda it: ["hostssl all harbor all scram-sha-256", *it])),
    row(HBA, "all roles into one database", server_lines(lambda it: ["hostssl harbor all all scram-sha-256", *it])),
    row(HBA, "pg_hba left out on the server", spec(lambda it: it["postgresql"].pop("pg_hba")), CNPG_SEC_002=PLAIN),
    row(HBA, "trust from the pod network", server_lines(lambda it: ["hostssl harbor harbor 10.0.0.0/8 trust", *it])),
    row(
        HBA,
        "a role's name misspelt on the server",
        server_lines(lambda it: [line.replace("harbor harbor", "harbor habor") for line in it]),
    ),
    row(
        HBA,
        "a method that PostgreSQL does not know",
        server_lines(
            lambda it: [
                line.replace("harbor harbor all scram-sha-256", "harbor harbor all scram-sha256") for line in it
            ]
        ),
    ),
    row(HBA, "a line after the last reject", server_lines(lambda it: [*it, "hostssl all metrics all scram-sha-256"])),
    row(HBA, "the rejects missing on a pooler", pooler_lines(lambda it: it[:2]), CNPG_PERF_001=POOLS),
    row(HBA, "the reject for IPv6 missing on a pooler", pooler_lines(lambda it: it[:3]), CNPG_PERF_001=POOLS),
    row(HBA, "pg_hba left out on a pooler", pooler(lambda it: it["pgbouncer"].pop("pg_hba")), CNPG_PERF_001=POOLS),
    row(
        HBA,
        "a pooler's lines with a group, which PgBouncer skips",
        pooler_lines(lambda it: [*it[:2], *(f"host all +everybody {where} reject" for where in EVERYWHERE), *it[2:]]),
    ),
    row(
        HBA,
        "address all with PgBouncer 1.22, which skips it",
        both(
            pooler(lambda it: it["pgbouncer"].update(image="ghcr.io/cloudnative-pg/pgbouncer:1.22.1")),
            pooler_lines(lambda _: ["hostssl harbor harbor 0.0.0.0/0 scram-sha-256", "host all all all reject"]),
        ),
        CNPG_PERF_001=POOLS,
    ),
    row(
        HBA,
        "a pooler that asks for TLS with lines for without",
        pooler_lines(lambda it: [line.replace("hostssl", "hostnossl") for line in it]),
    ),
    row(
        HBA,
        "another application's role on a pooler",
        pooler_lines(lambda it: ["hostssl gitlab harbor 0.0.0.0/0 scram-sha-256", *it]),
    ),
    # ── drains and rollouts ─────────────────────────────────────────────────────────────────────────────────────────
    row(DRAINS, "enablePDB off", spec(lambda it: it.update(enablePDB=False))),
    row(
        DRAINS,
        "a second budget over the instances",
        budget("instances", {"cnpg.io/cluster": "shared-postgres", "cnpg.io/podRole": "instance"}),
    ),
    row(
        DRAINS,
        "a budget on cnpg.io/cluster alone, over poolers as well",
        budget("everything", {"cnpg.io/cluster": "shared-postgres"}),
    ),
    row(DRAINS, "a budget over the primary", budget("primary", {"cnpg.io/instanceRole": "primary"})),
    row(DRAINS, "a pooler's budget missing", drop(*BUDGET)),
    row(
        DRAINS,
        "a pooler's budget that selects nothing",
        spec(lambda it: it.update(selector={"matchLabels": {"app": "harbor-pooler"}}), BUDGET),
    ),
    row(DRAINS, "a pooler's budget that lets no pod go", spec(lambda it: it.update(maxUnavailable=0), BUDGET)),
    row(
        DRAINS,
        "a pooler's budget with minAvailable at its replicas",
        edit(*BUDGET, lambda it: it.update(spec={"minAvailable": 3, "selector": it["spec"]["selector"]})),
    ),
    row(DRAINS, "a pooler's budget that lets all pods go", spec(lambda it: it.update(maxUnavailable="100%"), BUDGET)),
    row(DRAINS, "a second budget over a pooler", budget("harbor", {"cnpg.io/poolerName": "harbor-pooler"})),
    row(DRAINS, "a pooler with one pod", pooler(lambda it: it.update(instances=1))),
    row(DRAINS, "a rollout that surges beside required anti-affinity", pooler(lambda it: it.pop("deploymentStrategy"))),
    row(
        DRAINS,
        "a single instance with a reason and with enablePDB",
        both(
            spec(lambda it: it.update(instances=1)),
            spec(lambda it: it["postgresql"].pop("synchronous")),
            edit(*CLUSTER, lambda it: it["metadata"]["annotations"].update({"seawall.dev/single-instance": "a test"})),
        ),
    ),
    # ── placement ───────────────────────────────────────────────────────────────────────────────────────────────────
    row(PLACE, "podAntiAffinityType left out", spec(lambda it: it["affinity"].pop("podAntiAffinityType"))),
    row(
        PLACE, "podAntiAffinityType preferred", spec(lambda it: it["affinity"].update(podAntiAffinityType="preferred"))
    ),
    row(PLACE, "enablePodAntiAffinity off", spec(lambda it: it["affinity"].update(enablePodAntiAffinity=False))),
    row(
        PLACE,
        "a topologyKey that nodes do not have",
        spec(lambda it: it["affinity"].update(topologyKey="kubernetes.io/host")),
    ),
    row(PLACE, "a pooler's anti-affinity left out", template(lambda it: it.pop("affinity"))),
    row(
        PLACE,
        "a pooler's anti-affinity that selects nothing",
        term(lambda it: it["labelSelector"].update(matchLabels={"app": "harbor-pooler"})),
    ),
    row(
        PLACE,
        "a pooler's anti-affinity on cnpg.io/cluster alone",
        term(lambda it: it["labelSelector"].update(matchLabels={"cnpg.io/cluster": "shared-postgres"})),
    ),
    row(
        PLACE,
        "a pooler's anti-affinity only preferred",
        template(
            lambda it: it["affinity"].update(
                podAntiAffinity={
                    "preferredDuringSchedulingIgnoredDuringExecution": [
                        {"weight": 100, "podAffinityTerm": it["affinity"]["podAntiAffinity"][TERM[2]][0]}
                    ]
                }
            )
        ),
    ),
    row(
        PLACE,
        "a pooler's spread ScheduleAnyway instead of anti-affinity",
        template(
            lambda it: [
                it.pop("affinity"),
                it.update(
                    topologySpreadConstraints=[
                        {
                            "maxSkew": 1,
                            "topologyKey": "kubernetes.io/hostname",
                            "whenUnsatisfiable": "ScheduleAnyway",
                            "labelSelector": {"matchLabels": {"cnpg.io/poolerName": "harbor-pooler"}},
                        }
                    ]
                ),
            ]
        ),
    ),
    # ── hardening ───────────────────────────────────────────────────────────────────────────────────────────────────
    row(HARD, "seccompProfile Unconfined", spec(lambda it: it.update(seccompProfile={"type": "Unconfined"}))),
    row(
        HARD,
        "a privileged security context for instances",
        spec(lambda it: it.update(securityContext={"privileged": True})),
    ),
    row(
        HARD,
        "a writable root for instances",
        spec(lambda it: it.update(securityContext={"readOnlyRootFilesystem": False})),
    ),
    row(
        HARD,
        "instances as root",
        spec(lambda it: it.update(podSecurityContext={"runAsUser": 0, "runAsNonRoot": False})),
    ),
    row(
        HARD,
        "PostgreSQL's image by the tag latest",
        spec(lambda it: it.update(imageName="ghcr.io/cloudnative-pg/postgresql:latest")),
    ),
    row(
        HARD,
        "PgBouncer's image by the tag latest",
        pooler(lambda it: it["pgbouncer"].update(image="ghcr.io/cloudnative-pg/pgbouncer:latest")),
    ),
    row(HARD, "a pooler on the node's network", template(lambda it: it.update(hostNetwork=True))),
    row(
        HARD,
        "a container beside PgBouncer without hardening",
        template(
            lambda it: it["containers"].append({"name": "exporter", "image": "registry.example.org/exporter:1.0"})
        ),
    ),
    row(
        HARD,
        "the namespace enforces nothing",
        edit("Namespace", "databases", lambda it: it["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce")),
    ),
    # ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────
    row(NAMES, "a Service in the place of -rw", in_namespace("shared-postgres-rw", "v1", "Service", spec=SERVICE)),
    row(NAMES, "a Service in the place of -any", in_namespace("shared-postgres-any", "v1", "Service", spec=SERVICE)),
    row(NAMES, "a Service in the place of a pooler's", in_namespace("harbor-pooler", "v1", "Service", spec=SERVICE)),
    row(NAMES, "a Secret in the place of -ca", in_namespace("shared-postgres-ca", "v1", "Secret", type="Opaque")),
    row(
        NAMES,
        "a Secret in the place of -server",
        in_namespace("shared-postgres-server", "v1", "Secret", type="kubernetes.io/tls"),
    ),
    row(NAMES, "a budget with the name of the operator's", budget("shared-postgres-primary", {"app": "nobody"})),
    row(
        NAMES,
        "a pooler with a name of 47 characters",
        both(
            renamed(HARBOR, "h" * 47),
            spec(lambda it: it["selector"]["matchLabels"].update({"cnpg.io/poolerName": "h" * 47}), BUDGET),
            term(
                lambda it: it["labelSelector"]["matchLabels"].update({"cnpg.io/poolerName": "h" * 47}),
                ("Pooler", f"databases/{'h' * 47}"),
            ),
        ),
        CNPG_SEC_002="the certificate does not carry the new name",
        CNPG_SW_001="its policies go by the former name",
        CNPG_MON_001="and so the scraper's way in",
    ),
    # ── what cannot work ────────────────────────────────────────────────────────────────────────────────────────────
    row(
        WORKS,
        "a single instance without a reason",
        both(
            spec(lambda it: it.update(instances=1, enablePDB=False)),
            spec(lambda it: it["postgresql"].pop("synchronous")),
        ),
    ),
    row(
        WORKS,
        "synchronous with more standbys than there are",
        spec(lambda it: it["postgresql"]["synchronous"].update(number=3)),
    ),
    row(
        WORKS,
        "maxStandbyNamesFromCluster below number",
        spec(lambda it: it["postgresql"]["synchronous"].update(number=2, maxStandbyNamesFromCluster=1)),
    ),
    row(WORKS, "fsync off", server(fsync="off")),
    row(WORKS, "archive_command, which is the operator's", server(archive_command="/bin/true")),
]
