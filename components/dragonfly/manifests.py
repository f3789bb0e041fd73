"""The objects of one Dragonfly instance, as plain data."""

from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.dragonfly.secrets import bucket_access, references
from seawall.components.dragonfly.snapshot_settings import Snapshot
from seawall.components.kubernetes.metadata import Manifest, metadata
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.service import GLOBAL_SERVICE, external_name
from seawall.components.kubernetes.spread import (
    host_spread,
    preferred_anti_affinity,
    required_anti_affinity,
    zone_spread,
)
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

    `spec.tlsSecretRef` is about the client port alone: replication and the admin port 9999 stay plaintext, without a
    password, whatever it says. What guards them is the network policy.
    """
    settings = args.settings
    behaviour = _behaviour(args)
    spec: Manifest = {
        "image": settings.image,
        "replicas": settings.replicas,
        "args": arguments(args),
        "resources": settings.resources.manifest(),
        **_placement(args),
        "podSecurityContext": pod_security_context(UID, fs_group=UID),
        "containerSecurityContext": container_security_context(UID),
        **references(args),
        **bucket_access(args),
        "enableReplicationReadinessGate": True,
        "pdb": {"minAvailable": settings.budget},
    }
    if behaviour.network_policy_field:
        spec["networkPolicyEnabled"] = False
    if settings.snapshot:
        spec["snapshot"] = _snapshot(settings.snapshot)
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
                annotations.PURPOSE: settings.purpose,
                **({annotations.PLAINTEXT: settings.plaintext_reason} if settings.plaintext_reason else {}),
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


def _placement(args: DragonflyClusterArgs) -> Manifest:
    """Affinity and spread. They select by `app` alone: `role` comes later than the pod."""
    pods, strategy = {"app": args.name}, args.settings.placement.strategy
    spread = zone_spread(pods, args.platform.nodes.zones)
    made: Manifest = {}
    if strategy == "required_anti_affinity":
        made["affinity"] = required_anti_affinity(pods)
    elif strategy == "preferred_anti_affinity":
        made["affinity"] = preferred_anti_affinity(pods)
    else:
        spread = [*host_spread(pods, args.settings.replicas), *spread]
    return {**made, "topologySpreadConstraints": spread} if spread else made


def _snapshot(snapshot: Snapshot) -> Manifest:
    if snapshot.bucket:
        # One place for all pods: a replica that wrote as well would replace the master's file with an older one.
        return {"cron": snapshot.cron, "dir": snapshot.bucket.directory, "enableOnMasterOnly": True}
    return {
        "cron": snapshot.cron,
        "persistentVolumeClaimSpec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": snapshot.storage_class,
            "resources": {"requests": {"storage": snapshot.size}},
        },
    }


def arguments(args: DragonflyClusterArgs) -> list[str]:
    """The process's arguments; they come after the operator's own."""
    settings = args.settings
    made = {
        "maxmemory": str(settings.maxmemory_bytes),
        "proactor_threads": str(settings.proactor_threads),
        "cache_mode": str(settings.evicts).lower(),
        # Nothing may phone home: egress is denied, and a version is a decision.
        "version_check": "false",
        # One file that is replaced. Without a place for it nothing may be written: the root file system is read-only.
        "dbfilename": settings.snapshot.file if settings.snapshot else "",
    }
    if settings.flags.default_lua_flags:
        made["default_lua_flags"] = settings.flags.default_lua_flags
    if settings.flags.cluster_mode:
        made["cluster_mode"] = settings.flags.cluster_mode
    if settings.snapshot and settings.snapshot.bucket and settings.snapshot.bucket.endpoint:
        made["s3_endpoint"] = settings.snapshot.bucket.endpoint
    return [f"--{name}={value}" for name, value in made.items()] + list(settings.args)


def aliases(args: DragonflyClusterArgs) -> dict[str, Manifest]:
    """Former names of the Service → the Service that leads on from each to the present one."""
    return {alias: external_name(alias, args.namespace, args.host, args.labels) for alias in args.settings.aliases}
