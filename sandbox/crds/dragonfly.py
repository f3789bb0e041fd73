"""Model of the `Dragonfly` custom resource (dragonflydb.io/v1alpha1) of dragonfly-operator 1.6.

For a sandbox that has no vendor's CRD: the fields that the operator reads, with their types and its one CEL rule.
"""

from pydantic import ConfigDict, Field

from seawall.sandbox.crds.schema import (
    Affinity,
    Container,
    EnvVar,
    IntOrString,
    Kind,
    LocalReference,
    Model,
    PersistentVolumeClaimSpec,
    PodSecurityContext,
    ResourceRequirements,
    SecretKeySelector,
    SecretReference,
    SecurityContext,
    Toleration,
    TopologySpreadConstraint,
    Volume,
)


class Metadata(Model):
    """Labels and annotations for objects that the operator makes."""

    labels: dict[str, str] | None = Field(default=None, description="Labels.")
    annotations: dict[str, str] | None = Field(default=None, description="Annotations.")


class Authentication(Model):
    """How clients prove who they are."""

    password_from_secret: SecretKeySelector | None = Field(default=None, description="Secret key with the password.")
    client_ca_cert_secret: SecretKeySelector | None = Field(
        default=None, description="Secret key with the clients' CA."
    )


class Snapshot(Model):
    """Snapshots of the data set."""

    dir: str | None = Field(default=None, description="Folder, or `s3://` address.")
    cron: str | None = Field(default=None, description="Schedule with five fields.")
    enable_on_master_only: bool | None = Field(default=None, description="Only the master takes snapshots.")
    existing_persistent_volume_claim_name: str | None = Field(
        default=None, description="One claim that every replica mounts."
    )
    persistent_volume_claim_spec: PersistentVolumeClaimSpec | None = Field(
        default=None, description="Template of a claim per replica."
    )


class Tiering(Model):
    """Data on disk beside memory."""

    persistent_volume_claim_spec: PersistentVolumeClaimSpec | None = Field(
        default=None, description="Template of a claim per replica."
    )


class ServiceSpec(Model):
    """The Service in front of the master."""

    type: str | None = Field(default=None, description="Type of the Service.")
    name: str | None = Field(default=None, description="Name; the custom resource's when absent.")
    node_port: int | None = Field(default=None, description="Node port.")
    labels: dict[str, str] | None = Field(default=None, description="Labels.")
    annotations: dict[str, str] | None = Field(default=None, description="Annotations.")


class Budget(Model):
    """The PodDisruptionBudget that the operator makes; one of the two fields at most."""

    model_config = ConfigDict(
        json_schema_extra={
            "x-kubernetes-validations": [
                {
                    "rule": "!(has(self.minAvailable) && has(self.maxUnavailable))",
                    "message": "minAvailable and maxUnavailable exclude each other: set one of them",
                }
            ]
        }
    )

    min_available: IntOrString | None = Field(default=None, description="Pods that stay, a number or a percentage.")
    max_unavailable: IntOrString | None = Field(default=None, description="Pods that may go, a number or a percentage.")


class DragonflySpec(Model):
    """What a `Dragonfly` may ask for."""

    replicas: int | None = Field(default=None, description="Pods, the master among them.")
    image: str | None = Field(default=None, description="Image of Dragonfly.")
    image_pull_policy: str = Field(default="Always", description="When the image is pulled.")
    image_pull_secrets: list[LocalReference] | None = Field(default=None, description="Secrets for the registry.")
    args: list[str] | None = Field(default=None, description="Further flags; they win over the operator's.")
    env: list[EnvVar] | None = Field(default=None, description="Environment.")
    labels: dict[str, str] | None = Field(default=None, description="Labels of the pods.")
    annotations: dict[str, str] | None = Field(default=None, description="Annotations of the pods.")
    pod_metadata: Metadata | None = Field(default=None, description="Labels and annotations of the pods.")
    owned_objects_metadata: Metadata | None = Field(default=None, description="The same, for every object made.")
    resources: ResourceRequirements | None = Field(default=None, description="CPU and memory.")
    affinity: Affinity | None = Field(default=None, description="Affinity of the pods.")
    tolerations: list[Toleration] | None = Field(default=None, description="Tolerations.")
    node_selector: dict[str, str] | None = Field(default=None, description="Labels of the nodes.")
    topology_spread_constraints: list[TopologySpreadConstraint] | None = Field(
        default=None, description="Spread over nodes or zones."
    )
    priority_class_name: str | None = Field(default=None, description="Priority class.")
    service_account_name: str | None = Field(default=None, description="Service account.")
    pod_security_context: PodSecurityContext | None = Field(default=None, description="Security of the pod.")
    container_security_context: SecurityContext | None = Field(default=None, description="Security of the container.")
    skip_fs_group: bool | None = Field(
        default=None, alias="skipFSGroup", description="The operator sets no file-system group."
    )
    additional_containers: list[Container] | None = Field(default=None, description="Further containers.")
    init_containers: list[Container] | None = Field(default=None, description="Containers that run first.")
    additional_volumes: list[Volume] | None = Field(default=None, description="Further volumes.")
    custom_liveness_probe_config_map: LocalReference | None = Field(default=None, description="Script of the probe.")
    custom_readiness_probe_config_map: LocalReference | None = Field(default=None, description="Script of the probe.")
    custom_startup_probe_config_map: LocalReference | None = Field(default=None, description="Script of the probe.")
    authentication: Authentication | None = Field(default=None, description="Password and client certificates.")
    acl_from_secret: SecretKeySelector | None = Field(default=None, description="Secret key with the ACL file.")
    tls_secret_ref: SecretReference | None = Field(default=None, description="Secret with the server's certificate.")
    snapshot: Snapshot | None = Field(default=None, description="Snapshots.")
    tiering: Tiering | None = Field(default=None, description="Data on disk.")
    service_spec: ServiceSpec | None = Field(default=None, description="The Service.")
    memcached_port: int | None = Field(default=None, description="Port of the memcached protocol; off when absent.")
    pdb: Budget | None = Field(default=None, description="The budget; one pod may go when absent.")
    network_policy_enabled: bool = Field(default=True, description="The operator makes a NetworkPolicy.")
    enable_replication_readiness_gate: bool | None = Field(
        default=None, description="A replica counts as ready only when it is in sync."
    )


class DragonflyStatus(Model):
    """What the operator says of it."""

    phase: str | None = Field(default=None, description="Phase of the instance.")
    is_rolling_update: bool | None = Field(default=None, description="Pods are being replaced.")


DRAGONFLY = Kind(
    group="dragonflydb.io",
    version="v1alpha1",
    kind="Dragonfly",
    plural="dragonflies",
    spec=DragonflySpec,
    status=DragonflyStatus,
)
