"""What is left out where the projection of a Dragonfly is held against what the real operator 1.6.1 made, and why."""

from typing import Final

from fidelity_walk import Field, Object

_DEFAULT = "a default of the API server, the same for everybody"
_PROBES = "no rule reads probes"
NOT_COMPARED: Final[tuple[Field, ...]] = (
    Field("*", "apiVersion", "the kind says it"),
    Field("*", "metadata.ownerReferences", "the projection says it in its own way: `made_of` the owner"),
    Field("Service", "spec.internalTrafficPolicy", _DEFAULT),
    Field("Service", "spec.ipFamil*", _DEFAULT),
    Field("Service", "spec.sessionAffinity", _DEFAULT),
    Field("StatefulSet", "spec.persistentVolumeClaimRetentionPolicy", _DEFAULT),
    Field("StatefulSet", "spec.podManagementPolicy", _DEFAULT),
    Field("StatefulSet", "spec.revisionHistoryLimit", _DEFAULT),
    Field("StatefulSet", "spec.template.spec.dnsPolicy", _DEFAULT),
    Field("StatefulSet", "spec.template.spec.restartPolicy", _DEFAULT),
    Field("StatefulSet", "spec.template.spec.schedulerName", _DEFAULT),
    Field("StatefulSet", "spec.template.spec.terminationGracePeriodSeconds", _DEFAULT),
    Field("StatefulSet", "*.imagePullPolicy", "no rule reads it"),
    Field("StatefulSet", "*.terminationMessage*", _DEFAULT),
    Field("StatefulSet", "*.livenessProbe", _PROBES),
    Field("StatefulSet", "*.readinessProbe", _PROBES),
    Field("StatefulSet", "spec.volumeClaimTemplates[].apiVersion", _DEFAULT),
    Field("StatefulSet", "spec.volumeClaimTemplates[].kind", _DEFAULT),
    Field("StatefulSet", "spec.volumeClaimTemplates[].status", "what runs, not what is made"),
    Field("StatefulSet", "spec.volumeClaimTemplates[].spec.volumeMode", _DEFAULT),
)
NOT_PROJECTED: Final[tuple[Object, ...]] = (
    Object("Pod", "*", "made of the StatefulSet's template; its labels and containers are compared apart"),
    Object("PersistentVolumeClaim", "*", "made of the StatefulSet's claim templates"),
)
