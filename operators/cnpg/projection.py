"""What CloudNativePG makes of a Cluster and of a Pooler, put together from the rooms beside this one.

Known from the source of operator 1.30.0; `docs/fidelity.md` says what is held against the real operator. The operator
makes bare Pods for instances and a Deployment for a pooler. A role label (`cnpg.io/instanceRole`) is put on an instance
only once it runs, and the operator's own budgets select on it.
"""

from collections.abc import Mapping
from typing import Any

from seawall.operators import versions
from seawall.operators.cnpg import projection_identity, projection_pods, projection_services
from seawall.operators.cnpg.projection_metadata import MAX_INSTANCES, Manifest, Source
from seawall.operators.cnpg.projection_pooler import project_pooler
from seawall.operators.cnpg.projection_services import server_names

__all__ = ["MAX_INSTANCES", "instances", "own_budgets", "project_cluster", "project_pooler", "server_names"]


def project_cluster(
    cluster: Mapping[str, Any],
    *,
    version: str = versions.CNPG_OPERATOR,
    operator_image: str | None = None,
    stores: Mapping[str, Mapping[str, Any]] | None = None,
    pooler_secrets: tuple[str, ...] = (),
    unknown: Any = None,
) -> list[Manifest]:
    """The objects that the operator and the barman plugin make of a Cluster.

    Pods (instances), Jobs, Services, budgets, Secrets without values, service account, roles, monitor. `stores` are the
    ObjectStores of the Cluster's namespace by name; `pooler_secrets` what its poolers ask for
    (`projection_identity.pooler_secret`); `unknown` stands for what another object decides that is not known.
    Raises `UnprojectableError` when a field that decides something is not usable.
    """
    source = Source(cluster, version, operator_image, stores, unknown, pooler_secrets)
    return [
        *projection_pods.instances(source),
        *projection_services.services(source),
        *projection_services.budgets(source),
        *projection_pods.jobs(source),
        *projection_identity.secrets(source),
        *projection_identity.access(source),
        *projection_services.monitors(source),
    ]


def instances(cluster: Mapping[str, Any]) -> int:
    """`spec.instances` of a Cluster, 1 when absent. More than `MAX_INSTANCES` is taken for a mistake."""
    return Source(cluster).instances


def own_budgets(cluster: Mapping[str, Any]) -> list[Manifest]:
    """The PodDisruptionBudgets that the operator makes for a Cluster."""
    return projection_services.budgets(Source(cluster))
