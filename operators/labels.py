"""Labels that Kubernetes, Cilium and Pod Security Admission themselves give a meaning to."""

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""On every namespace, always its name; set by the API server."""

HOSTNAME = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
"""Node labels that placement rules use as topology keys."""

REVISION = "controller-revision-hash"
"""On the pods of a StatefulSet: which version of its template each was made from."""
POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"
"""What a StatefulSet labels each of its pods with: `<name>-<index>` and the index, counted from 0."""

CILIUM_SERVICE_ACCOUNT = "io.cilium.k8s.policy.serviceaccount"
"""In a Cilium endpoint selector: the service account of a pod."""

CILIUM_RESERVED = "reserved:"
"""In a Cilium endpoint selector: `reserved:<entity>` means what the entity of that name means."""

CILIUM_NAMESPACE = "io.kubernetes.pod.namespace"
"""In a Cilium endpoint selector: the namespace of a pod (with or without the prefix `k8s:`)."""

CILIUM_NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels"
"""In a Cilium endpoint selector: `io.cilium.k8s.namespace.labels.<key>` is a label of the pod's namespace."""

CILIUM_CLUSTER = "io.cilium.k8s.policy.cluster"
"""In a Cilium endpoint selector: the mesh cluster of a pod. Up to Cilium 1.18 a selector without it matches every
cluster of the mesh; from 1.19 only the local one."""

PSA_ENFORCE = "pod-security.kubernetes.io/enforce"
PSA_AUDIT = "pod-security.kubernetes.io/audit"
PSA_WARN = "pod-security.kubernetes.io/warn"
"""Pod Security Admission levels of a namespace: `privileged`, `baseline` or `restricted`."""
