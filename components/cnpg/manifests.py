"""The Cluster and what lives in it, as plain data: roles, databases, and who may enter which."""

from seawall.components.cnpg.args import ApplicationArgs, CnpgSharedClusterArgs
from seawall.components.cnpg.parameters import TLS_DEFAULTS
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.service_account import ROLE_ANNOTATION
from seawall.components.kubernetes.spread import zone_spread
from seawall.operators import annotations
from seawall.operators.barman import PLUGIN_NAME
from seawall.operators.cnpg import API_VERSION
from seawall.operators.labels import HOSTNAME

WAIT_FOR_READY = {"pulumi.com/waitFor": "condition=Ready"}
WAIT_FOR_APPLIED = {"pulumi.com/waitFor": "jsonpath={.status.applied}=true"}
"""The provider waits for the operator's own word: a Cluster that serves, a role or database that is there."""

PASSWORD_METHOD = "scram-sha-256"  # noqa: S105  # the name of a method, not a password


def cluster(args: CnpgSharedClusterArgs) -> Manifest:
    """The Cluster resource, from which the operator makes instances, Services, certificates and budgets.

    No budget of ours is beside it: the operator's (`enablePDB`) would be the first of two, and a pod with two can
    never be evicted. With one instance there is none, or no node could ever be drained.
    """
    settings = args.settings
    spec: Manifest = {
        "imageName": settings.image,
        "instances": settings.instances,
        "enablePDB": settings.instances >= 2,
        "enableSuperuserAccess": settings.superuser_access,
        # Checksums are what tells a corrupt page from data; they cannot be switched on later without a copy.
        "bootstrap": {"initdb": {"dataChecksums": True}},
        "resources": settings.resources.manifest(),
        "storage": {"storageClass": settings.storage.storage_class, "size": settings.storage.data},
        "walStorage": {"storageClass": settings.storage.storage_class, "size": settings.storage.wal},
        "affinity": {"enablePodAntiAffinity": True, "podAntiAffinityType": "required", "topologyKey": HOSTNAME},
        "postgresql": _postgresql(args),
        "certificates": {"serverAltDNSNames": args.server_names},
        "plugins": [
            {
                "name": PLUGIN_NAME,
                "isWALArchiver": True,
                "parameters": {"barmanObjectName": args.name, "serverName": args.server_name},
            }
        ],
    }
    if spread := zone_spread(args.instances, args.platform.nodes.zones):
        spec["topologySpreadConstraints"] = spread
    if settings.superuser_access:
        spec["superuserSecret"] = {"name": args.superuser_secret}
    if not args.has_database_role:
        spec["managed"] = {"roles": [_role(application) for application in args.applications]}
    if args.target.writer_role is not None:
        spec["serviceAccountTemplate"] = {"metadata": {"annotations": {ROLE_ANNOTATION: args.target.writer_role}}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Cluster",
        "metadata": metadata(
            args.name,
            args.namespace,
            labels={**args.labels, **({annotations.SUPERUSER: "on"} if settings.superuser_access else {})},
            annotations={**args.intent, **_reasons(args), **args.platform.awaited(WAIT_FOR_READY)},
        ),
        "spec": spec,
    }


def _reasons(args: CnpgSharedClusterArgs) -> dict[str, str]:
    """Why the superuser may sign in, nothing stands by, nobody drills; on the Cluster for everybody to see."""
    settings = args.settings
    made = {}
    if settings.superuser_access and settings.superuser_reason:
        made[annotations.SUPERUSER] = settings.superuser_reason
    if settings.single_instance_reason:
        made[annotations.SINGLE_INSTANCE] = settings.single_instance_reason
    if settings.undrilled_reason:
        made[annotations.UNDRILLED] = settings.undrilled_reason
    return made


def _postgresql(args: CnpgSharedClusterArgs) -> Manifest:
    parameters = {**TLS_DEFAULTS, **args.settings.parameters}
    made: Manifest = {"parameters": dict(sorted(parameters.items())), "pg_hba": host_rules(args)}
    replication = args.settings.replication
    if replication is not None:
        made["synchronous"] = {
            "method": replication.method,
            "number": replication.number,
            "maxStandbyNamesFromCluster": replication.max_standby_names or args.settings.instances - 1,
            "dataDurability": replication.data_durability,
        }
    return made


def host_rules(args: CnpgSharedClusterArgs) -> list[str]:
    """Who may enter which database over the network: each role its own, over TLS, and nobody anything else.

    The operator puts its own users before these lines and `host all all all` after them, so that only the last line
    here makes the others a wall. `host` is both with and without TLS: what a `hostssl` line admits, comes to the last
    line without TLS.
    """
    rules = [
        f"hostssl {application.database} {application.role} all {PASSWORD_METHOD}" for application in args.applications
    ]
    if args.settings.superuser_access:
        rules.append(f"hostssl all postgres all {PASSWORD_METHOD}")
    return [*rules, "host all all all reject"]


def _role(application: ApplicationArgs) -> Manifest:
    """A role that may sign in and own its database, and nothing else."""
    return {
        "name": application.role,
        "comment": f"{application.name}, managed by seawall",
        "login": True,
        "superuser": False,
        "createdb": False,
        "createrole": False,
        "replication": False,
        "bypassrls": False,
        "passwordSecret": {"name": application.role_secret},
    }


def database_role(application: ApplicationArgs) -> Manifest:
    """The application's role as an object of its own; kept in PostgreSQL when the object goes."""
    args = application.cluster
    return {
        "apiVersion": API_VERSION,
        "kind": "DatabaseRole",
        "metadata": metadata(
            application.object_name,
            args.namespace,
            labels=args.labels,
            annotations=args.platform.awaited(WAIT_FOR_APPLIED),
        ),
        "spec": {
            "cluster": {"name": args.name},
            **_role(application),
            "databaseRoleReclaimPolicy": "retain",
        },
    }


def database(application: ApplicationArgs) -> Manifest:
    """The application's database, owned by its role; kept in PostgreSQL when the object goes."""
    args = application.cluster
    spec: Manifest = {
        "cluster": {"name": args.name},
        "name": application.database,
        "owner": application.role,
        "databaseReclaimPolicy": "retain",
    }
    if application.settings.extensions:
        spec["extensions"] = [{"name": name} for name in application.settings.extensions]
    return {
        "apiVersion": API_VERSION,
        "kind": "Database",
        "metadata": metadata(
            application.object_name,
            args.namespace,
            labels=args.labels,
            annotations=args.platform.awaited(WAIT_FOR_APPLIED),
        ),
        "spec": spec,
    }
