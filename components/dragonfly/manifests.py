"""The objects of one Dragonfly instance, as plain data."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.kubernetes.external_secret import external_secret
from seawall.components.kubernetes.metadata import GLOBAL_SERVICE, Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.spread import required_anti_affinity, zone_spread
from seawall.errors import UserError
from seawall.operators import annotations
from seawall.operators.dragonfly import API_VERSION, KIND, UID
from seawall.operators.versions import DragonflyBehaviour, OwnBudget, dragonfly_behaviour

WAIT_FOR = {"pulumi.com/waitFor": "jsonpath={.status.phase}=Ready"}
"""The provider waits for the operator's own word that master and replicas are up."""


def dragonfly(args: DragonflyClusterArgs) -> Manifest:
    """The Dragonfly resource, from which the operator makes the pods, the Service and the budget.

    The budget is in it (`spec.pdb`) because a second one over the same pods would stop every drain; the operator's
    network policy is off because it admits every pod of the namespace. Raises `UserError` for an operator version that
    can do neither.
    """
    settings = args.settings
    behaviour = _behaviour(args)
    spec: Manifest = {
        "image": settings.image,
        "replicas": settings.replicas,
        "args": arguments(args),
        "resources": settings.resources.manifest(),
        "affinity": required_anti_affinity({"app": args.name}),
        "podSecurityContext": pod_security_context(UID, fs_group=UID),
        "containerSecurityContext": container_security_context(UID),
        "authentication": {"passwordFromSecret": {"name": settings.auth_secret.name, "key": settings.auth_secret.key}},
        "enableReplicationReadinessGate": True,
        "pdb": {"minAvailable": settings.budget},
    }
    if behaviour.network_policy_field:
        spec["networkPolicyEnabled"] = False
    if spread := zone_spread({"app": args.name}, args.platform.nodes.zones):
        spec["topologySpreadConstraints"] = spread
    if settings.snapshot:
        spec["snapshot"] = {
            "cron": settings.snapshot.cron,
            "persistentVolumeClaimSpec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": settings.snapshot.storage_class,
                "resources": {"requests": {"storage": settings.snapshot.size}},
            },
        }
    if settings.global_service:
        spec["serviceSpec"] = {"name": settings.global_service.name, "annotations": GLOBAL_SERVICE}
    intent = args.platform.intent(operator_namespace=args.operator.namespace, operator_version=args.operator.version)
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata(
            args.name,
            args.namespace,
            labels=args.labels,
            annotations={
                annotations.CLIENTS: annotations.clients(settings.clients),
                **intent,
                **args.platform.awaited(WAIT_FOR),
            },
        ),
        "spec": spec,
    }


def _behaviour(args: DragonflyClusterArgs) -> DragonflyBehaviour:
    behaviour = dragonfly_behaviour(args.operator.version)
    if behaviour is None or behaviour.budget is not OwnBudget.FIELD:
        raise UserError(
            f"Dragonfly {args.name}: operator {args.operator.version} cannot take its budget from the resource; "
            "use 1.5.0 or later (DFLY-OPS-001)"
        )
    return behaviour


def arguments(args: DragonflyClusterArgs) -> list[str]:
    """The process's arguments; they come after the operator's own."""
    settings = args.settings
    made = {
        "maxmemory": str(settings.maxmemory_bytes),
        "proactor_threads": str(settings.proactor_threads),
        "cache_mode": str(settings.evicts).lower(),
        # Nothing may phone home: egress is denied, and a version is a decision.
        "version_check": "false",
        # One file that is replaced. Without a volume nothing may be written: the root file system is read-only.
        "dbfilename": settings.snapshot.file if settings.snapshot else "",
    }
    if settings.flags.default_lua_flags:
        made["default_lua_flags"] = settings.flags.default_lua_flags
    if settings.flags.cluster_mode:
        made["cluster_mode"] = settings.flags.cluster_mode
    return [f"--{name}={value}" for name, value in made.items()] + list(settings.args)


def auth(args: DragonflyClusterArgs) -> Manifest:
    """The ExternalSecret with the password; the process reads it at its start only."""
    secret, store = args.settings.auth_secret, args.platform.secret_store
    return external_secret(
        secret.name,
        args.namespace,
        store=(store.kind, store.name),
        path=secret.path,
        fields={secret.key: secret.property},
        labels=args.labels,
    )
