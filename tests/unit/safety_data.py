"""Predicates of safety: secrets, encryption, tenants, connections, certificates."""

import re
from collections.abc import Iterator
from typing import Any

from safety_estate import Estate, Manifest, maps, place, predicate, told

_FORBIDDEN_ARGS = re.compile(
    r"--(no)?(admin_port|admin_nopass|port|primary_port_http_enabled|requirepass|masterauth|tls\w*|no_tls_on_admin_port"
    r"|dir|snapshot_cron|aclfile|memcached_port|replicaof)\b"
)
_SUSPICIOUS = re.compile(r"passw|secret|token|credential|private|access.?key", re.IGNORECASE)
_NOT_A_SECRET = re.compile(r"_FILE$|_PATH$")
_WITH_KEY = frozenset(
    {
        *("secretKeyRef", "passwordFromSecret", "aclFromSecret", "clientCaCertSecret", "endpointCA"),
        *("accessKeyId", "secretAccessKey"),
    }
)
"""Fields that name a Secret and a key in it."""
_MIB = 1024**2


@predicate
def every_secret_that_is_read_is_fetched_or_known(estate: Estate) -> Iterator[str]:
    fetched: dict[tuple[str, str], set[str]] = {}
    for it in estate.of("ExternalSecret"):
        target = it["spec"]["target"]
        keys = {entry["secretKey"] for entry in it["spec"].get("data", [])}
        keys |= set((target.get("template") or {}).get("data") or {})
        fetched.setdefault((place(it), target["name"]), set()).update(keys)
    known = _existing(estate)
    for it in estate.of("Cluster"):  # the operator's own
        known |= {f"{it['metadata']['name']}-{suffix}" for suffix in ("ca", "server", "replication", "superuser")}
    for it in estate.objects:
        for name, key in _references(it):
            there = fetched.get((place(it), name))
            if there is None and name not in known:
                yield f"{told(it)}: nobody makes the Secret {name}"
            if there is not None and key is not None and key not in there:
                yield f"{told(it)}: the Secret {name} has no {key}"


def _existing(estate: Estate) -> set[str]:
    """Secrets that the settings say are there already: named, and without a path into the secret store."""
    return {it["secret"] for it in maps(estate.config) if isinstance(it.get("secret"), str) and "path" not in it}


def _references(manifest: Manifest) -> Iterator[tuple[str, str | None]]:
    """The Secrets that an object reads, and the key where one is named."""
    if manifest["kind"] in ("ExternalSecret", "Role", "PrometheusRule", "ConfigMap"):
        return
    for part in maps(manifest.get("spec", manifest)):
        for field, value in part.items():
            if not isinstance(value, dict):
                if field == "secretName" and isinstance(value, str):
                    items = part.get("items") or [{}]
                    yield from ((value, item.get("key")) for item in items)
            elif field in _WITH_KEY:
                yield value["name"], value.get("key")
            elif field in ("passwordSecret", "superuserSecret", "tlsSecretRef"):
                yield value["name"], None


@predicate
def no_secret_is_written_down(estate: Estate) -> Iterator[str]:
    for it in estate.objects:
        if it["kind"] == "Secret":
            yield f"{told(it)}: a Secret with its values"
        for part in maps(it):
            name, value = part.get("name"), part.get("value")
            if not isinstance(name, str) or not isinstance(value, str) or not _SUSPICIOUS.search(name):
                continue
            if not _NOT_A_SECRET.search(name) and not value.startswith(("/", "arn:")):
                yield f"{told(it)}: {name} in plain text"
    for it in estate.of("ExternalSecret"):
        template = it["spec"]["target"].get("template") or {}
        for text in (template.get("data") or {}).values():
            # An ACL file says `>password`, other files `password: …`; both must be filled in from the store.
            if re.search(r">[^\s{]|password\s*[:=]\s*[^\s{]", text):
                yield f"{told(it)}: a password in the template"


@predicate
def backups_are_encrypted_twice(estate: Estate) -> Iterator[str]:
    for it in estate.of("ObjectStore"):
        configuration = it["spec"]["configuration"]
        if not configuration.get("endpointURL", "https://").startswith("https://"):
            yield f"{told(it)}: {configuration['endpointURL']}"
        credentials = configuration["s3Credentials"]
        if ("inheritFromIAMRole" in credentials) == ("accessKeyId" in credentials):
            yield f"{told(it)}: {sorted(credentials)}"
        if _drills(it):
            continue  # nothing is written to it: see `drills_only_read`
        data, wal = configuration["data"], configuration["wal"]
        if data.get("encryption") not in ("AES256", "aws:kms") or wal.get("encryption") != data.get("encryption"):
            yield f"{told(it)}: {data.get('encryption')} and {wal.get('encryption')}"
        if data.get("encryption") == "aws:kms":
            for arguments in (data.get("additionalCommandArgs"), wal.get("archiveAdditionalCommandArgs")):
                if [bool(re.fullmatch(r"--sse-kms-key-id=arn:\S+", text)) for text in arguments or []] != [True]:
                    yield f"{told(it)}: the key is not said: {arguments}"
        if not it["spec"].get("retentionPolicy"):
            yield f"{told(it)}: nothing is ever deleted"


def _drills(manifest: Manifest) -> bool:
    return "seawall.dev/restores" in manifest["metadata"].get("annotations", {})


@predicate
def drills_only_read(estate: Estate) -> Iterator[str]:
    """A restore drill is apart from what it restores, has the reader's keys alone, and writes and deletes nothing."""
    entries = {
        (place(it), it["spec"]["target"]["name"]): {entry["remoteRef"]["key"] for entry in it["spec"].get("data", [])}
        for it in estate.of("ExternalSecret")
    }
    writers = {
        it["secrets"].get("backup_writer") for it in maps(estate.config) if "backup_writer" in it.get("secrets", {})
    }
    for it in estate.of("CronJob", "ObjectStore"):
        if not _drills(it):
            continue
        source, _, _ = it["metadata"]["annotations"]["seawall.dev/restores"].partition("/")
        if place(it) == source:
            yield f"{told(it)}: beside the cluster that it restores"
        if it["spec"].get("retentionPolicy"):
            yield f"{told(it)}: deletes backups"
        for name, _ in _references(it):
            if entries.get((place(it), name), set()) & writers:
                yield f"{told(it)}: {name} holds the writer's keys"
    for it in estate.drilled:
        if "plugins" in it["spec"] or "backup" in it["spec"]:
            yield f"{told(it)}: archives"
        if it["spec"]["instances"] != 1 or it["spec"]["enablePDB"]:
            yield f"{told(it)}: is more than a drill's"


@predicate
def backups_are_made_by_the_plugin_daily_or_so(estate: Estate) -> Iterator[str]:
    scheduled = {it["spec"]["cluster"]["name"]: it["spec"] for it in estate.of("ScheduledBackup")}
    stores = {it["metadata"]["name"] for it in estate.of("ObjectStore")}
    for it in estate.of("Cluster"):
        name, plugins = it["metadata"]["name"], it["spec"].get("plugins") or []
        archivers = [plugin for plugin in plugins if plugin.get("isWALArchiver")]
        if len(archivers) != 1 or archivers[0]["parameters"]["barmanObjectName"] not in stores:
            yield f"{told(it)}: WAL is not archived"
        spec = scheduled.get(name)
        if spec is None:
            yield f"{told(it)}: no base backups"
            continue
        if spec.get("method") != "plugin" or spec["pluginConfiguration"]["name"] != "barman-cloud.cloudnative-pg.io":
            yield f"{told(it)}: not the plugin"
        if len(spec["schedule"].split()) != 6:
            yield f"{told(it)}: {spec['schedule']} is no six fields"


@predicate
def each_role_enters_its_own_database_and_nobody_anything_else(estate: Estate) -> Iterator[str]:
    owners = {(it["spec"]["cluster"]["name"], it["spec"]["owner"]): it["spec"]["name"] for it in estate.of("Database")}
    for it in estate.of("Cluster"):
        lines = [line.split() for line in it["spec"]["postgresql"]["pg_hba"]]
        own = {role: name for (cluster, role), name in owners.items() if cluster == it["metadata"]["name"]}
        yield from (f"{told(it)}: {text}" for text in _walls(lines, own, ["all"], _superuser(it)))
    for it in estate.of("Pooler"):
        lines = [line.split() for line in it["spec"]["pgbouncer"].get("pg_hba") or []]
        cluster = it["spec"]["cluster"]["name"]
        allowed = {line[2] for line in lines if line[0] != "host"}
        own = {role: name for (of, role), name in owners.items() if of == cluster and role in allowed}
        if len(own) != 1:
            yield f"{told(it)}: admits {sorted(allowed)}"
        yield from (f"{told(it)}: {text}" for text in _walls(lines, own, ["0.0.0.0/0", "::/0"], False))


def _superuser(cluster: Manifest) -> bool:
    return bool(cluster["spec"].get("enableSuperuserAccess"))


def _walls(lines: list[list[str]], own: dict[str, str], everywhere: list[str], superuser: bool) -> Iterator[str]:
    if lines[-len(everywhere) :] != [["host", "all", "all", at, "reject"] for at in everywhere]:
        yield f"the last lines reject nobody: {lines[-1:]}"
    for line in lines[: -len(everywhere)]:
        kind, database, role, _, method = line
        if kind != "hostssl" or method not in ("scram-sha-256", "cert"):
            yield f"{' '.join(line)}: not over TLS with a password"
        if role == "postgres":
            if not superuser:
                yield f"{' '.join(line)}: a superuser that is off"
        elif own.get(role) != database:
            yield f"{' '.join(line)}: {role} owns {own.get(role)}"
    missing = set(own.items()) - {(line[2], line[1]) for line in lines[: -len(everywhere)]}
    if missing:
        yield f"nobody lets in {sorted(missing)}"


@predicate
def superusers_are_off_unless_somebody_said_why(estate: Estate) -> Iterator[str]:
    clusters = estate.config.get("seawall:cnpg", {}).get("clusters", {})
    for it in estate.of("Cluster"):
        if _superuser(it) and not clusters[it["metadata"]["name"]].get("superuser_reason"):
            yield told(it)


@predicate
def connections_fit(estate: Estate) -> Iterator[str]:
    for it in estate.of("Cluster"):
        parameters = it["spec"]["postgresql"].get("parameters") or {}
        most = int(parameters.get("max_connections", 100))
        wanted = int(parameters.get("superuser_reserved_connections", 3)) + int(
            parameters.get("reserved_connections", 0)
        )
        for pooler in estate.of("Pooler"):
            if pooler["spec"]["cluster"]["name"] != it["metadata"]["name"]:
                continue
            given = pooler["spec"]["pgbouncer"]["parameters"]
            pool = int(given["default_pool_size"]) + int(given.get("reserve_pool_size", 0))
            if int(given.get("max_db_connections", 0)) not in range(1, pool + 1):
                yield f"{told(pooler)}: any pair of user and database opens a pool of its own"
            # Two databases a pod: the application's, and `postgres`, where passwords are looked up.
            wanted += pooler["spec"]["instances"] * 2 * pool
        if wanted > most:
            yield f"{told(it)}: {wanted} of {most} connections"


@predicate
def prepared_statements_work_or_are_declared_away(estate: Estate) -> Iterator[str]:
    said = any("stateless_reason" in it for it in maps(estate.config))
    for it in estate.of("Pooler"):
        pgbouncer = it["spec"]["pgbouncer"]
        tracked = int(pgbouncer["parameters"].get("max_prepared_statements", "0"))
        if pgbouncer["poolMode"] == "transaction" and tracked == 0 and not said:
            yield told(it)


@predicate
def clients_speak_tls_to_a_name_in_the_certificate(estate: Estate) -> Iterator[str]:
    for it in estate.of("Pooler"):
        parameters = it["spec"]["pgbouncer"]["parameters"]
        if parameters.get("client_tls_sslmode") not in ("require", "verify-ca", "verify-full"):
            yield f"{told(it)}: clients may speak plain"
        if parameters.get("server_tls_sslmode") not in ("verify-ca", "verify-full"):
            yield f"{told(it)}: any server will do"
    for cluster in estate.of("Cluster"):
        names = set((cluster["spec"].get("certificates") or {}).get("serverAltDNSNames") or [])
        poolers = [it for it in estate.of("Pooler") if it["spec"]["cluster"]["name"] == cluster["metadata"]["name"]]
        wanted = {(it["metadata"]["name"], place(it)) for it in poolers}
        hosts = {f"{name}.{namespace}.svc.cluster.local" for name, namespace in wanted}
        for it in estate.of("Service"):
            if it["spec"].get("externalName") in hosts:
                wanted.add((it["metadata"]["name"], place(it)))
        for name, namespace in sorted(wanted):
            forms = [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"]
            if missing := [form for form in forms if form not in names]:
                yield f"{told(cluster)}: no certificate for {missing}"


@predicate
def aliases_lead_somewhere(estate: Estate) -> Iterator[str]:
    made = {
        f"{it['metadata']['name']}.{place(it)}.svc.cluster.local"
        for it in [*estate.of("Service"), *estate.projected("Service")]
        if it["spec"].get("type") != "ExternalName"
    }
    for it in estate.of("Service"):
        if it["spec"].get("type") == "ExternalName" and it["spec"]["externalName"] not in made:
            yield f"{told(it)}: {it['spec']['externalName']} is not there"


@predicate
def dragonflies_are_as_safe_as_their_operator_lets_them(estate: Estate) -> Iterator[str]:
    purposes = {
        name: it["purpose"] for name, it in estate.config.get("seawall:dragonfly", {}).get("clusters", {}).items()
    }
    for it in estate.of("Dragonfly"):
        spec, name = it["spec"], it["metadata"]["name"]
        arguments = dict(text.removeprefix("--").partition("=")[::2] for text in spec["args"])
        if any(_FORBIDDEN_ARGS.match(text) for text in spec["args"]):
            yield f"{told(it)}: {spec['args']}"
        if spec.get("networkPolicyEnabled") is not False:
            yield f"{told(it)}: the operator's policy admits the whole namespace"
        if not (spec.get("authentication") or {}).get("passwordFromSecret"):
            yield f"{told(it)}: no password"
        if arguments.get("cache_mode") != ("true" if purposes.get(name) == "cache" else "false"):
            yield f"{told(it)}: a {purposes.get(name)} with cache_mode {arguments.get('cache_mode')}"
        if purposes.get(name) == "queue" and not spec.get("snapshot"):
            yield f"{told(it)}: a queue without snapshots"
        if arguments.get("version_check") != "false":
            yield f"{told(it)}: phones home"
        memory, threads = int(arguments["maxmemory"]), int(arguments["proactor_threads"])
        limit = _bytes(spec["resources"]["limits"]["memory"])
        if not 256 * _MIB * threads <= memory <= 0.8 * limit:
            yield f"{told(it)}: {memory} bytes for {threads} threads in {limit}"
        if not spec.get("snapshot") and arguments.get("dbfilename") != "":
            yield f"{told(it)}: writes to a root that cannot be written"
        if not spec.get("enableReplicationReadinessGate"):
            yield f"{told(it)}: the budget counts replicas that are not in sync"


def _bytes(quantity: str) -> int:
    units = {"Ki": 1024, "Mi": _MIB, "Gi": 1024**3, "k": 1000, "M": 10**6, "G": 10**9, "": 1}
    number, unit = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", str(quantity)).groups()  # type: ignore[union-attr]
    return int(float(number) * units[unit])


@predicate
def nothing_goes_round_the_operator(estate: Estate) -> Iterator[str]:
    for it in estate.of("Cluster", "Pooler"):
        for name in it["metadata"].get("annotations") or {}:
            if name.startswith("cnpg.io/"):
                yield f"{told(it)}: {name}"


@predicate
def data_outlives_its_objects(estate: Estate) -> Iterator[str]:
    for kind, field in (("Database", "databaseReclaimPolicy"), ("DatabaseRole", "databaseRoleReclaimPolicy")):
        for it in estate.of(kind):
            if it["spec"].get(field) != "retain":
                yield told(it)
            for right in ("superuser", "createdb", "createrole", "replication", "bypassrls"):
                if it["spec"].get(right):
                    yield f"{told(it)}: {right}"


@predicate
def connect_is_taken_from_everybody(estate: Estate) -> Iterator[str]:
    jobs: list[Any] = [it["spec"]["template"]["spec"]["containers"][0].get("command", []) for it in estate.of("Job")]
    said = " ".join(text for command in jobs for text in command)
    for it in estate.of("Database"):
        if f'REVOKE CONNECT, TEMPORARY ON DATABASE "{it["spec"]["name"]}" FROM PUBLIC' not in said:
            yield f"{told(it)}: everybody may connect"
