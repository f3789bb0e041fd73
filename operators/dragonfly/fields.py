"""The fields of a `Dragonfly`, as the CRD of operator 1.6.1 has them."""

from typing import Final

from seawall.operators.fields import KindFields
from seawall.operators.kubernetes_fields import KUBERNETES

_SPEC = """
    aclFromSecret:KeySelector additionalContainers:ContainerOf133 additionalVolumes:VolumeOf133 affinity:Affinity
    annotations* args authentication(clientCaCertSecret:KeySelector passwordFromSecret:KeySelector)
    containerSecurityContext:SecurityContext customLivenessProbeConfigMap(name)
    customReadinessProbeConfigMap(name) customStartupProbeConfigMap(name) enableReplicationReadinessGate
    env:EnvVarOf133 image imagePullPolicy imagePullSecrets(name) initContainers:ContainerOf133 labels*
    memcachedPort networkPolicyEnabled nodeSelector* ownedObjectsMetadata(annotations* labels*) pdb(maxUnavailable
    minAvailable) podMetadata(annotations* labels*) podSecurityContext:PodSecurityContext priorityClassName
    replicas resources:Resources serviceAccountName serviceSpec(annotations* labels* name nodePort type)
    skipFSGroup snapshot(cron dir enableOnMasterOnly existingPersistentVolumeClaimName
    persistentVolumeClaimSpec:ClaimSpec) tiering(persistentVolumeClaimSpec:ClaimSpec) tlsSecretRef(name namespace)
    tolerations:Toleration topologySpreadConstraints:TopologySpread
"""

_NO_TEMPLATE = (
    "The operator takes no pod template: use spec.podSecurityContext, spec.containerSecurityContext, spec.affinity, "
    "spec.topologySpreadConstraints, spec.podMetadata and the other fields of spec."
)
_PROBES = "The operator sets probes itself; spec.custom{}ProbeConfigMap names a script of your own."

DRAGONFLY: Final = KindFields(
    version="1.6.1",
    spec=KUBERNETES.parse(_SPEC),
    meant={
        "podTemplate": _NO_TEMPLATE,
        "template": _NO_TEMPLATE,
        "storage": "A claim per replica is spec.snapshot.persistentVolumeClaimSpec.",
        "persistence": "A claim per replica is spec.snapshot.persistentVolumeClaimSpec.",
        "metrics": "Remove it: every pod serves /metrics on its port admin (9999) without being asked.",
        "livenessProbe": _PROBES.format("Liveness"),
        "readinessProbe": _PROBES.format("Readiness"),
        "startupProbe": _PROBES.format("Startup"),
        "securityContext": "There are two: spec.podSecurityContext and spec.containerSecurityContext.",
        "podDisruptionBudget": "The budget is spec.pdb.",
        "password": "Name a Secret in spec.authentication.passwordFromSecret.",
        "version": "The version is the tag of spec.image.",
        "config": "Arguments of the process go into spec.args.",
        "maxmemory": "Arguments of the process go into spec.args, as --maxmemory=…",
        "tls": "Name a Secret in spec.tlsSecretRef.",
    },
    deprecated={
        "labels": "spec.podMetadata.labels",
        "annotations": "spec.podMetadata.annotations",
    },
)
