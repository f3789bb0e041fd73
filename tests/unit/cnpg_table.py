"""What the fidelity test leaves out, and why: fields, objects that are not projected, objects that no sandbox makes."""

from typing import Final

from fidelity_walk import Field, Object

_SERVER = "the API server writes it"
_DEFAULT = "a default of the API server, the same for everybody"
_PROBES = "no rule reads probes"
NOT_COMPARED: Final[tuple[Field, ...]] = (
    Field("*", "apiVersion", "the kind says it"),
    Field("*", "status", "what runs, not what is made"),
    *(
        Field("*", f"metadata.{field}", _SERVER)
        for field in ("creationTimestamp", "generation", "managedFields", "resourceVersion", "uid")
    ),
    Field("*", "metadata.ownerReferences", "the projection says it in its own way: `made_of` the owner"),
    Field("Service", "metadata.annotations.cnpg.io/lastAppliedSpec", "the operator's own memory"),
    Field("*", "metadata.annotations.cnpg.io/poolerSpecHash", "the operator's own memory"),
    Field("Pod", "metadata.annotations.cnpg.io/podEnvHash", "the operator's own memory"),
    Field("Pod", "metadata.annotations.cnpg.io/podSpec", "the operator's own memory"),
    Field("Pod", "metadata.annotations.cnpg.io/nodeSerial", "the number is in the name"),
    Field("ServiceAccount", "metadata.annotations.cnpg.io/managedSecrets", "the operator's own memory"),
    Field(
        "Deployment", "metadata.annotations.deployment.kubernetes.io/revision", "the deployment controller writes it"
    ),
    Field("Pod", "metadata.labels.topology.kubernetes.io/*", "copied from the node once the pod has one"),
    Field("Secret", "data.*", "values are nobody's business; the names of the keys are compared"),
    Field("Role", "rules", "what the instance manager may do; no rule reads it (the plugin's role is compared apart)"),
    Field("Service", "spec.clusterIP*", _SERVER),
    Field("Service", "spec.internalTrafficPolicy", _DEFAULT),
    Field("Service", "spec.externalTrafficPolicy", _DEFAULT),
    Field("Service", "spec.allocateLoadBalancerNodePorts", _DEFAULT),
    Field("Service", "spec.ipFamil*", _DEFAULT),
    Field("Service", "spec.sessionAffinity", _DEFAULT),
    Field("Service", "spec.ports[].nodePort", _SERVER),
    Field("Service", "spec.ports[].protocol", _DEFAULT),
    Field("Job", "spec.backoffLimit", _DEFAULT),
    Field("Job", "spec.complet*", _DEFAULT),
    Field("Job", "spec.manualSelector", _DEFAULT),
    Field("Job", "spec.parallelism", _DEFAULT),
    Field("Job", "spec.podReplacementPolicy", _DEFAULT),
    Field("Job", "spec.suspend", _DEFAULT),
    Field("Job", "spec.selector", _SERVER),
    Field("Job", "spec.template.metadata.labels.*controller-uid", _SERVER),
    Field("Job", "spec.template.metadata.labels.*job-name", "on the pods of every Job (`PodSet.labels`)"),
    Field("Job", "spec.template.spec.containers[].command", "the flags of initdb; no rule reads them"),
    Field("Deployment", "*.ports[].protocol", _DEFAULT),
    Field("Deployment", "spec.progressDeadlineSeconds", _DEFAULT),
    Field("Deployment", "spec.revisionHistoryLimit", _DEFAULT),
    Field("*", "*spec.dnsPolicy", _DEFAULT),
    Field("Pod", "spec.enableServiceLinks", _DEFAULT),
    Field("*", "*spec.hostname", "the pod's name"),
    Field("Pod", "spec.nodeName", "the scheduler's choice"),
    Field("Pod", "spec.preemptionPolicy", _DEFAULT),
    Field("Pod", "spec.priority", "the number of the priority class"),
    Field("Pod", "spec.restartPolicy", _DEFAULT),
    Field("Deployment", "spec.template.spec.restartPolicy", _DEFAULT),
    Field("*", "*spec.schedulerName", _DEFAULT),
    Field("*", "*spec.serviceAccount", "the old name of serviceAccountName"),
    Field("*", "*spec.terminationGracePeriodSeconds", "no rule reads it"),
    Field("*", "*.imagePullPolicy", "no rule reads it"),
    Field("*", "*.terminationMessage*", _DEFAULT),
    Field("*", "*.livenessProbe", _PROBES),
    Field("*", "*.readinessProbe", _PROBES),
    Field("*", "*.startupProbe", _PROBES),
    Field("*", "*.defaultMode", _DEFAULT),
)
"""Fields that are not compared."""
_SELECTED = "follows from the Service and the pods that it selects"
_TEMPLATE = "made of the template of a projected Job or Deployment"
NOT_PROJECTED: Final[tuple[Object, ...]] = (
    Object("ConfigMap", "kube-root-ca.crt", "in every namespace"),
    Object("ServiceAccount", "default", "in every namespace"),
    Object("Event", "*", "a message"),
    Object("Endpoints", "*", _SELECTED),
    Object("EndpointSlice", "*", _SELECTED),
    Object("ReplicaSet", "*", _TEMPLATE),
    Object("Pod", "pg-1-*-*", _TEMPLATE),
    Object("Pod", "first-*-*", _TEMPLATE),
    Object("Pod", "second-*-*", _TEMPLATE),
    Object("Pod", "pool-*-*", _TEMPLATE),
    Object("ConfigMap", "cnpg-default-monitoring", "the queries of the metrics; no rule reads it"),
    Object("Lease", "pg", "which instance is primary; no rule reads it"),
    Object("PersistentVolumeClaim", "pg-1*", "rules about storage read the Cluster"),
)
"""Objects that are made, and not projected."""
NOT_MADE_HERE: Final[tuple[Object, ...]] = (
    Object("Job", "pg-*-join", "the operator copies an instance only from one that answers; no PostgreSQL runs here"),
    Object("Pod", "pg-2", "made once its join job has ended"),
    Object("Pod", "pg-3", "made once its join job has ended"),
)
"""Objects that are projected, and that a sandbox without PostgreSQL never sees."""
