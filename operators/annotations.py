"""Annotations by which a resource says what it is meant for, and the label that says who manages it.

Every door of the policy pack (preview, exported state, folder, live cluster) sees objects and nothing else, so the
intention is written onto the object that it is about. Values are JSON, keys sorted, compact, unless said otherwise.

- `CLIENTS`, on a Dragonfly and a Pooler: `{"apps":["gitlab-system"],"this":["harbor"]}`, mesh cluster → namespaces
- `PLATFORM`, on a Dragonfly, Cluster and Pooler: `{"cluster":"infra","cni":"cilium","cni_version":"1.18"}`
- `OPERATOR`, on the same: `{"namespace":"dragonfly-operator-system","version":"1.6.1"}`
- `SCRAPER`, on the same: `{"labels":{"app.kubernetes.io/name":"vmagent"},"namespace":"observability"}`
- `REVOKES_CONNECT`, on a Job: `shared-postgres/harbor`, plain text, cluster/database
- `VALIDATES`, on a CronJob: `databases/shared-postgres`, plain text, namespace/Cluster
- `RESTORES`, on a CronJob, on the Clusters that it makes and on the ObjectStore that they read: the same
- `SUPERUSER`, on a Cluster and a DatabaseRole: plain text, the reason
- `SINGLE_INSTANCE`, on a Cluster of one instance: plain text, the reason
- `UNDRILLED`, on a Cluster whose backups no drill here restores: plain text, how else it is known that they restore
- `PURPOSE`, on a Dragonfly: plain text, `cache` or `queue`
- `PLAINTEXT`, on a Dragonfly without TLS: plain text, the reason
- `MEASURES`, on what measures a Dragonfly's latency: `dragonfly-system/cache`, plain text, namespace/name
- `IMPORTS`, on a Service by which a mesh cluster uses another one's Dragonfly: the same

A resource without them is still judged, by what can be decided without the intention.
"""

import json
from collections.abc import Mapping, Sequence

PREFIX = "seawall.dev/"

CLIENTS = f"{PREFIX}clients"
"""Who may open the client port: `{mesh cluster or "this": [namespace, …]}`; only clusters with namespaces."""

PLATFORM = f"{PREFIX}platform"
"""The name of the cluster that the resource is in, and its CNI (`cilium` or `generic`) and CNI version."""

OPERATOR = f"{PREFIX}operator"
"""The namespace and version of the operator that reconciles the resource."""

SCRAPER = f"{PREFIX}scraper"
"""The exact pods that may read the metrics: their namespace and labels."""

REVOKES_CONNECT = f"{PREFIX}revokes-connect"
"""On a Job that takes the right to CONNECT to a database away from PUBLIC: which, as `<Cluster>/<database>`."""

VALIDATES = f"{PREFIX}validates-backups"
"""On a CronJob that looks whether the backups of a Cluster are there: which, as `<namespace>/<Cluster>`."""

RESTORES = f"{PREFIX}restores"
"""On a CronJob that restores the backups of a Cluster to prove that it can be done, on the Cluster that it makes for
it, and on an ObjectStore that is there for that alone: which, as `<namespace>/<Cluster>`."""

SUPERUSER = f"{PREFIX}superuser-access"
"""On a Cluster while its superuser may sign in over the network: as an annotation the reason, as a label `"on"`."""

SINGLE_INSTANCE = f"{PREFIX}single-instance"
"""On a Cluster with one instance: the reason why nothing stands by."""

UNDRILLED = f"{PREFIX}undrilled"
"""On a Cluster whose backups are restored by no drill that is declared beside it: how else it is known that they can
be restored."""

PURPOSE = f"{PREFIX}purpose"
"""On a Dragonfly: `cache`, whose keys may be evicted, or `queue`, which must lose nothing (job queues, sessions)."""

PURPOSES = ("cache", "queue")

PLAINTEXT = f"{PREFIX}plaintext-clients"
"""On a Dragonfly whose clients connect without TLS: the reason."""

MEASURES = f"{PREFIX}measures"
"""On a workload that measures what clients of a Dragonfly wait for: which, as `<namespace>/<name>`."""

IMPORTS = f"{PREFIX}imports"
"""On a Service without pods here, by which clients use a Dragonfly of another mesh cluster: which, as
`<namespace>/<name>` there."""

THIS_CLUSTER = "this"
"""The key of `CLIENTS` that means the cluster that the resource itself is in."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "seawall"
"""Every object that this project makes carries `MANAGED_BY_LABEL: MANAGED_BY`."""

FIELD_MANAGER = "seawall"
"""The server-side apply manager of the fields that this project sets."""


def dump(value: Mapping[str, object]) -> str:
    """The JSON text of an annotation's value, the same for the same value: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def clients(declared: Mapping[str, Sequence[str]]) -> str:
    """The text of a `CLIENTS` annotation: clusters without namespaces left out, namespaces sorted, no repetition."""
    return dump({cluster: sorted(set(names)) for cluster, names in declared.items() if names})


def platform(*, cluster: str, cni: str, cni_version: str) -> str:
    """The text of a `PLATFORM` annotation; `cni` is `cilium` or `generic`, `cni_version` like `1.18`."""
    return dump({"cluster": cluster, "cni": cni, "cni_version": cni_version})


def operator(*, namespace: str, version: str) -> str:
    """The text of an `OPERATOR` annotation; `version` without a leading v, like `1.6.1`."""
    return dump({"namespace": namespace, "version": version})


def scraper(*, namespace: str, labels: Mapping[str, str]) -> str:
    """The text of a `SCRAPER` annotation: the scraper's namespace and pod labels."""
    return dump({"namespace": namespace, "labels": dict(labels)})


def instance(*, namespace: str, name: str) -> str:
    """The text of a `MEASURES`, `IMPORTS`, `VALIDATES` and `RESTORES` annotation."""
    return f"{namespace}/{name}"


def revokes_connect(*, cluster: str, database: str) -> str:
    """The text of a `REVOKES_CONNECT` annotation: names of the Cluster resource and of the PostgreSQL database."""
    return f"{cluster}/{database}"
