"""The poolers, through which alone applications reach PostgreSQL, as plain data."""

from seawall.components.cnpg.args import ApplicationArgs
from seawall.components.cnpg.manifests import PASSWORD_METHOD
from seawall.components.fields import remote_clients
from seawall.components.kubernetes.budget import disruption_budget
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.service import GLOBAL_SERVICE
from seawall.components.kubernetes.spread import required_anti_affinity, zone_spread
from seawall.operators import annotations
from seawall.operators.cnpg import API_VERSION, pooler_labels

DELETE_AT_ONCE = {"pulumi.com/deletionPropagationPolicy": "background"}
"""The provider's default waits for the pooler's Deployment to go first, but the operator goes on making it anew for as
long as the Pooler is there."""

ADDRESSES = ("0.0.0.0/0", "::/0")
"""Every address, spelt out: PgBouncer skips a line that it cannot parse with a warning only, and 1.18 skips `all`."""


def pooler(application: ApplicationArgs) -> Manifest:
    """The Pooler resource, from which the operator makes a Deployment and a Service of the same name.

    The operator gives its pods neither placement nor resources nor a budget, and lets a rollout put a further pod
    beside the old ones, which never fits when every node has one: all of that is said here.
    """
    args, settings = application.cluster, application.settings
    pods = pooler_labels(application.pooler)
    template: Manifest = {
        "containers": [{"name": "pgbouncer", "resources": settings.resources.manifest()}],
        "affinity": required_anti_affinity(pods),
    }
    if spread := zone_spread(pods, args.platform.nodes.zones):
        template["topologySpreadConstraints"] = spread
    spec: Manifest = {
        "cluster": {"name": args.name},
        "type": "rw",
        "instances": settings.instances,
        "pgbouncer": {
            "poolMode": settings.pool_mode,
            "paused": False,  # said, so that an update ends what was paused by hand
            "parameters": parameters(application),
            "pg_hba": host_rules(application),
        },
        "deploymentStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        "template": {"spec": template},
    }
    if remote_clients(settings.clients):
        spec["serviceTemplate"] = {"metadata": {"annotations": GLOBAL_SERVICE}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Pooler",
        "metadata": metadata(
            application.pooler,
            args.namespace,
            labels=args.labels,
            annotations={
                annotations.CLIENTS: annotations.clients(settings.clients),
                **args.intent,
                **DELETE_AT_ONCE,
            },
        ),
        "spec": spec,
    }


def parameters(application: ApplicationArgs) -> dict[str, str]:
    """PgBouncer's parameters; every value is text, or the API server refuses it."""
    settings = application.settings
    numbers = {
        "max_client_conn": settings.max_client_conn,
        "default_pool_size": settings.default_pool_size,
        "min_pool_size": settings.min_pool_size,
        "reserve_pool_size": settings.reserve_pool_size,
        "max_db_connections": settings.max_db_connections,
    }
    if settings.pool_mode == "transaction":
        numbers["max_prepared_statements"] = settings.max_prepared_statements
    # verify-ca is the operator's default; the authority is the cluster's own and signs nothing else.
    tls = {"client_tls_sslmode": "require", "server_tls_sslmode": "verify-ca"}
    return {**{name: str(number) for name, number in numbers.items()}, **tls}


def host_rules(application: ApplicationArgs) -> list[str]:
    """The one role into the one database over TLS, and nobody anything else.

    Without the last lines the operator's own `host all all` after them would let every role into every database.
    """
    allowed = [f"hostssl {application.database} {application.role} {where} {PASSWORD_METHOD}" for where in ADDRESSES]
    return [*allowed, *(f"host all all {where} reject" for where in ADDRESSES)]


def budget(application: ApplicationArgs) -> Manifest | None:
    """The pooler's budget; none for a single pod, whose node could then never be drained."""
    if application.settings.instances < 2:
        return None
    args = application.cluster
    return disruption_budget(
        application.pooler,
        args.namespace,
        pods=pooler_labels(application.pooler),
        max_unavailable=1,
        labels=args.labels,
    )
