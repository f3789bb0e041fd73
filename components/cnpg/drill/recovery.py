"""The recovery Cluster as the runner creates it, without the target and the backup of the day, as plain data."""

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill.names import ROLE, drill_name, restored_name
from seawall.components.cnpg.drill_settings import RestoreDrill
from seawall.components.cnpg.manifests import PASSWORD_METHOD
from seawall.components.cnpg.parameters import TLS_DEFAULTS
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.operators import annotations
from seawall.operators.barman import PLUGIN_NAME
from seawall.operators.cnpg import API_VERSION

ORIGIN = "origin"
"""What the recovery Cluster calls the cluster that it comes from."""

STOP_SECONDS = 60
SMART_STOP_SECONDS = 5
"""Nobody's work is in it: it stops at once, so that its claims go soon."""

READS = ("pg_read_all_data", "pg_monitor")
"""What the drill's role is a member of, besides the applications' roles: all tables, and the names of WAL files."""

WHY_ALONE = "a restore drill, which proves the same with one instance and is removed when it ends"


def cluster(args: CnpgSharedClusterArgs, drill: RestoreDrill) -> Manifest:
    """A Cluster that is restored and writes nowhere: no plugin entry, no archive, no budget, one instance.

    Image and parameters are the source's: with a lower `max_connections` or another library PostgreSQL would refuse to
    replay. Nobody scrapes what lives for an hour. The role that asks is the owner of an empty database, because for
    that one the operator makes a password and its Secret itself: nobody here may write Secrets.
    """
    settings, storage = args.settings, drill.storage
    parameters = {**TLS_DEFAULTS, **settings.parameters}
    storage_class = storage.storage_class or settings.storage.storage_class
    return {
        "apiVersion": API_VERSION,
        "kind": "Cluster",
        "metadata": metadata(
            restored_name(args.name),
            labels=args.labels,
            annotations={
                **{key: value for key, value in args.intent.items() if key != annotations.SCRAPER},
                annotations.RESTORES: annotations.instance(namespace=args.namespace, name=args.name),
                annotations.SINGLE_INSTANCE: WHY_ALONE,
            },
        ),
        "spec": {
            "imageName": settings.image,
            "instances": 1,
            "enablePDB": False,
            "enableSuperuserAccess": False,
            "stopDelay": STOP_SECONDS,
            "smartShutdownTimeout": SMART_STOP_SECONDS,
            "resources": (drill.resources or settings.resources).manifest(),
            "storage": {"storageClass": storage_class, "size": storage.data or settings.storage.data},
            "walStorage": {"storageClass": storage_class, "size": storage.wal or settings.storage.wal},
            "postgresql": {
                "parameters": dict(sorted(parameters.items())),
                "pg_hba": [f"hostssl all {ROLE} all {PASSWORD_METHOD}", "host all all all reject"],
            },
            "bootstrap": {"recovery": {"source": ORIGIN, "database": ROLE, "owner": ROLE}},
            "externalClusters": [
                {
                    "name": ORIGIN,
                    "plugin": {
                        "name": PLUGIN_NAME,
                        "parameters": {"barmanObjectName": drill_name(args.name), "serverName": args.server_name},
                    },
                }
            ],
            "managed": {"roles": [_role(args)]},
        },
    }


def _role(args: CnpgSharedClusterArgs) -> Manifest:
    """The role that asks. As a member of the applications' roles it may connect to databases that are closed to others.

    It passes row security, or a policy of the application would hide rows from a checksum.
    """
    members = {application.role for application in args.applications}
    return {
        "name": ROLE,
        "comment": "restore drill, managed by seawall",
        "login": True,
        "superuser": False,
        "createdb": False,
        "createrole": False,
        "replication": False,
        "bypassrls": True,
        "inRoles": [*READS, *sorted(members)],
    }
