"""Each predicate of safety finds what it is for: a planted fault in the objects of stack `infra`, or in a row's."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import feature_matrix
import pytest
from safety_estate import PREDICATES, Manifest, findings
from stack_objects import objects
from stack_samples import changed

Objects = list[Manifest]
Fault = Callable[[Objects], object]

GENERIC = {"cni": "generic", "cache clients": "local", "shop clients": "local", "global service": "no"}


@cache
def _infra() -> Objects:
    return objects(changed(stack="infra"))


@cache
def _generic() -> Objects:
    return objects(feature_matrix.config_of(GENERIC))


def one(made: Objects, kind: str, name: str = "") -> Manifest:
    return next(it for it in made if it["kind"] == kind and name in ("", it["metadata"]["name"]))


def spec(made: Objects, kind: str, name: str = "") -> Any:
    return one(made, kind, name)["spec"]


def policy(made: Objects, name: str) -> Any:
    return spec(made, "CiliumNetworkPolicy", name)


def container(made: Objects, kind: str = "CronJob", name: str = "shared-postgres-validation") -> Any:
    given = spec(made, kind, name)
    template = given["jobTemplate"]["spec"] if kind == "CronJob" else given
    return template["template"]["spec"]["containers"][0]


def admits(made: Objects, name: str, port: int) -> Any:
    """The peers of the first rule that admits to a port."""
    rules = [
        it for it in policy(made, name)["ingress"] if any(str(port) == p["port"] for p in it["toPorts"][0]["ports"])
    ]
    return rules[0]["fromEndpoints"]


def endpoint(namespace: str, cluster: str = "infra", **labels: str) -> dict[str, Any]:
    place = {"k8s:io.cilium.k8s.policy.cluster": cluster, "k8s:io.kubernetes.pod.namespace": namespace}
    return {"matchLabels": {**place, **{f"k8s:{key}": value for key, value in labels.items()}}}


def budget(made: Objects, like: str, **limit: int) -> None:
    """A further budget over the same pods."""
    second = copy.deepcopy(one(made, "PodDisruptionBudget", like))
    second["metadata"]["name"] = "second"
    second["spec"] = {"selector": second["spec"]["selector"], **limit}
    made.append(second)


INFRA: dict[str, list[Fault]] = {
    "the_dialect_is_that_of_the_cni": [
        lambda made: made.append({**one(_generic(), "NetworkPolicy"), "kind": "NetworkPolicy"}),
    ],
    "every_pod_is_denied_by_default_both_ways": [
        lambda made: made.remove(one(made, "CiliumNetworkPolicy", "dragonfly-traffic")),
        lambda made: policy(made, "dragonfly-queue-traffic").pop("egress"),
        lambda made: policy(made, "shared-postgres-validation").update(ingress=[]),
        lambda made: policy(made, "dragonfly-traffic").update(enableDefaultDeny={"ingress": False}),
    ],
    "nobody_is_admitted_who_is_not_named": [
        lambda made: policy(made, "dragonfly-traffic")["ingress"][0].pop("toPorts"),
        lambda made: policy(made, "dragonfly-traffic")["ingress"][0].pop("fromEndpoints"),
        lambda made: policy(made, "dragonfly-traffic")["ingress"][0].update(fromEndpoints=[]),
        lambda made: policy(made, "dragonfly-traffic")["ingress"][0].update(fromEndpoints=[{}]),
        lambda made: policy(made, "harbor-pooler")["ingress"][0].update(fromEntities=["cluster"]),
        lambda made: policy(made, "harbor-pooler")["ingress"][0].update(fromEntities=["remote-node"]),
        lambda made: policy(made, "harbor-pooler")["ingress"][0].update(fromCIDR=["10.0.0.0/8"]),
        lambda made: admits(made, "harbor-pooler", 5432)[0]["matchLabels"].pop("k8s:io.kubernetes.pod.namespace"),
    ],
    "clusters_are_named_where_there_is_a_mesh": [
        lambda made: admits(made, "harbor-pooler", 5432)[0]["matchLabels"].pop("k8s:io.cilium.k8s.policy.cluster"),
        lambda made: admits(made, "gitlab-pooler", 5432).append(endpoint("gitlab-system", "elsewhere")),
    ],
    "the_world_is_reached_only_where_the_settings_say_so": [
        lambda made: policy(made, "shared-postgres-validation")["egress"].append(
            {"toEntities": ["world"], "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]}
        ),
        lambda made: policy(made, "dragonfly-traffic")["egress"][-1].pop("toPorts"),
        lambda made: policy(made, "dragonfly-traffic")["egress"][-1].pop("toEndpoints"),
        lambda made: policy(made, "shared-postgres-validation")["egress"][-1]["toFQDNs"].append({"matchPattern": "*"}),
    ],
    "ports_without_a_password_admit_exactly_who_needs_them": [
        lambda made: admits(made, "dragonfly-traffic", 9999).append(endpoint("observability")),
        lambda made: admits(made, "dragonfly-traffic", 9999).append(endpoint("harbor", app="harbor")),
        lambda made: policy(made, "dragonfly-traffic")["ingress"][-1]["toPorts"][0].pop("rules"),
        lambda made: policy(made, "harbor-pooler")["ingress"][-1]["fromEndpoints"].append(
            endpoint("observability", team="any")
        ),
        lambda made: policy(made, "dragonfly-traffic")["ingress"][0]["toPorts"][0]["ports"].append(
            {"port": "9999", "protocol": "TCP"}
        ),
    ],
    "the_admin_port_admits_the_operator_and_the_instance_itself": [
        lambda made: admits(made, "dragonfly-traffic", 9999).pop(0),
        lambda made: admits(made, "dragonfly-traffic", 9999).pop(1),
        lambda made: admits(made, "dragonfly-traffic", 9999)[1]["matchLabels"].update({"k8s:app": "dragonfly-queue"}),
        lambda made: admits(made, "dragonfly-traffic", 9999)[0]["matchLabels"].update(
            {"k8s:io.kubernetes.pod.namespace": "elsewhere"}
        ),
    ],
    "client_ports_admit_exactly_the_declared_clients": [
        lambda made: admits(made, "dragonfly-traffic", 6379).append(endpoint("gitlab-runners", "apps")),
        lambda made: admits(made, "dragonfly-traffic", 6379).pop(),
        lambda made: admits(made, "harbor-pooler", 5432).append(endpoint("keycloak")),
        lambda made: admits(made, "harbor-pooler", 5432).append(endpoint("keycloak", app="keycloak")),
        lambda made: made.remove(one(made, "Pooler", "keycloak-pooler")),
    ],
    "every_policy_is_for_pods_of_one_service": [
        lambda made: policy(made, "dragonfly-traffic")["endpointSelector"]["matchLabels"].pop("app"),
        lambda made: policy(made, "dragonfly-traffic")["endpointSelector"].update(matchLabels={"app": "nobody"}),
        lambda made: policy(made, "shared-postgres-common")["endpointSelector"].update(matchLabels={}),
    ],
    "global_services_are_for_remote_clients_of_a_mesh": [
        lambda made: spec(made, "Dragonfly")["serviceSpec"].update(type="LoadBalancer"),
        lambda made: spec(made, "Pooler").update(serviceTemplate={"spec": {"type": "NodePort"}}),
    ],
    "every_container_is_hardened": [
        lambda made: container(made)["securityContext"].update(privileged=True),
        lambda made: container(made)["securityContext"].update(allowPrivilegeEscalation=True),
        lambda made: container(made)["securityContext"].pop("readOnlyRootFilesystem"),
        lambda made: container(made)["securityContext"]["capabilities"].update(add=["NET_RAW"]),
        lambda made: container(made)["securityContext"].update(runAsUser=0),
        lambda made: container(made)["resources"].pop("limits"),
        lambda made: spec(made, "Dragonfly").pop("containerSecurityContext"),
        lambda made: [spec(made, "Dragonfly")[it].pop("seccompProfile") for it in PAIR],
        lambda made: spec(made, "Pooler")["template"]["spec"]["containers"][0].pop("resources"),
        lambda made: spec(made, "Cluster").update(resources={}),
        lambda made: spec(made, "Pooler")["template"]["spec"].update(hostNetwork=True),
        lambda made: spec(made, "Job")["template"]["spec"].update(volumes=[{"name": "a", "hostPath": {"path": "/"}}]),
    ],
    "namespaces_enforce_restricted": [
        lambda made: one(made, "Namespace", "databases")["metadata"]["labels"].update(
            {"pod-security.kubernetes.io/enforce": "baseline"}
        ),
        lambda made: made.remove(one(made, "Namespace", "databases")),
    ],
    "every_pod_that_stands_in_for_another_has_one_budget": [
        lambda made: budget(made, "harbor-pooler", maxUnavailable=1),
        lambda made: made.remove(one(made, "PodDisruptionBudget", "harbor-pooler")),
        lambda made: made.append(
            {
                "kind": "PodDisruptionBudget",
                "metadata": {"name": "extra", "namespace": "dragonfly-system", "labels": {}},
                "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "dragonfly"}}},
            }
        ),
        lambda made: spec(made, "Cluster").update(enablePDB=False),
        lambda made: spec(made, "Pooler", "harbor-pooler").update(instances=1),
    ],
    "budgets_leave_room": [
        lambda made: spec(made, "Dragonfly")["pdb"].update(minAvailable=3),
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler").update(maxUnavailable=0),
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler").update(maxUnavailable=2),
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler").update(maxUnavailable="50%"),
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler").update(minAvailable=1),
    ],
    "a_single_instance_can_be_drained": [
        lambda made: spec(made, "Cluster").update(instances=1),
        lambda made: spec(made, "Cluster").update(enablePDB=False),
    ],
    "every_selector_chooses_one_workload_whole": [
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler")["selector"].update(
            matchLabels={"cnpg.io/cluster": "shared-postgres"}
        ),
        lambda made: spec(made, "PodDisruptionBudget", "harbor-pooler")["selector"].update(matchLabels={"a": "b"}),
        lambda made: spec(made, "PodMonitor", "dragonfly")["selector"]["matchLabels"].update(role="master"),
        lambda made: spec(made, "PodMonitor", "shared-postgres-instances")["selector"]["matchLabels"].pop(
            "cnpg.io/podRole"
        ),
        lambda made: spec(made, "PodMonitor", "dragonfly")["namespaceSelector"].update(matchNames=["databases"]),
        lambda made: anti_affinity(spec(made, "Dragonfly"))["labelSelector"].update(matchLabels={"app": "other"}),
        lambda made: anti_affinity(spec(made, "Pooler")["template"]["spec"])["labelSelector"].update(
            matchLabels={"cnpg.io/podRole": "pooler"}
        ),
        lambda made: spec(made, "Cluster").update(
            topologySpreadConstraints=[{"labelSelector": {"matchLabels": {"cnpg.io/cluster": "shared-postgres"}}}]
        ),
    ],
    "pods_that_stand_in_for_each_other_are_apart": [
        lambda made: spec(made, "Dragonfly").pop("affinity"),
        lambda made: anti_affinity(spec(made, "Dragonfly")).update(topologyKey="topology.kubernetes.io/zone"),
        lambda made: spec(made, "Pooler")["template"]["spec"].pop("affinity"),
        lambda made: spec(made, "Cluster")["affinity"].update(podAntiAffinityType="preferred"),
    ],
    "spread_over_zones_only_where_there_are_zones": [
        lambda made: spec(made, "Cluster").update(
            topologySpreadConstraints=[
                {
                    "topologyKey": "topology.kubernetes.io/zone",
                    "labelSelector": {
                        "matchLabels": {"cnpg.io/cluster": "shared-postgres", "cnpg.io/podRole": "instance"}
                    },
                }
            ]
        ),
    ],
    "rollouts_need_no_further_node": [
        lambda made: spec(made, "Pooler").pop("deploymentStrategy"),
        lambda made: spec(made, "Pooler")["deploymentStrategy"]["rollingUpdate"].update(maxSurge=1),
    ],
    "names_are_within_kubernetes_limits": [
        lambda made: one(made, "CronJob")["metadata"].update(name="n" * 53),
        lambda made: one(made, "Service")["metadata"].update(name="1a"),
        lambda made: one(made, "Database")["metadata"].update(name="with_underscore"),
        lambda made: one(made, "Role")["metadata"]["labels"].update({"app": "v" * 64}),
        lambda made: container(made, name="shared-postgres-certs")["ports"][0].update(name="a-very-long-port"),
        lambda made: one(made, "Dragonfly")["metadata"].update(name="d" * 53),
    ],
    "every_secret_that_is_read_is_fetched_or_known": [
        lambda made: made.remove(one(made, "ExternalSecret", "dragonfly-auth")),
        lambda made: spec(made, "ExternalSecret", "shared-postgres-backup-reader")["data"].pop(),
        lambda made: spec(made, "DatabaseRole")["passwordSecret"].update(name="other"),
        lambda made: one(made, "ExternalSecret", "shared-postgres-backup-writer")["metadata"].update(namespace="a"),
    ],
    "no_secret_is_written_down": [
        lambda made: made.append({"kind": "Secret", "metadata": {"name": "a", "namespace": "b"}, "data": {}}),
        lambda made: container(made)["env"].append({"name": "PGPASSWORD", "value": "hunter2"}),
        lambda made: spec(made, "ExternalSecret")["target"]["template"].update(data={"acl": "USER a ON >hunter2 ~*"}),
    ],
    "backups_are_encrypted_twice": [
        lambda made: store(made)["wal"].pop("encryption"),
        lambda made: store(made)["data"].update(encryption="AES256"),
        lambda made: store(made)["data"].pop("additionalCommandArgs"),
        lambda made: store(made)["wal"].update(archiveAdditionalCommandArgs=["--sse-kms-key-id="]),
        lambda made: store(made).update(endpointURL="http://minio"),
        lambda made: store(made)["s3Credentials"].update(inheritFromIAMRole=True),
        lambda made: spec(made, "ObjectStore").pop("retentionPolicy"),
    ],
    "drills_only_read": [
        lambda made: drilled(made, lambda cluster: cluster["spec"].update(plugins=[{"name": "any"}])),
        lambda made: drilled(made, lambda cluster: cluster["spec"].update(backup={})),
        lambda made: drilled(made, lambda cluster: cluster["spec"].update(instances=2)),
        lambda made: drilled(made, lambda cluster: cluster["spec"].update(enablePDB=True)),
        lambda made: spec(made, "ObjectStore", "shared-postgres-drill").update(retentionPolicy="30d"),
        lambda made: one(made, "ObjectStore", "shared-postgres-drill")["metadata"].update(namespace="databases"),
        lambda made: spec(made, "ExternalSecret", "shared-postgres-drill-reader")["data"][0]["remoteRef"].update(
            key="kubernetes/infra/cloudnative-pg/backup-writer"
        ),
    ],
    "backups_are_made_by_the_plugin_daily_or_so": [
        lambda made: spec(made, "ScheduledBackup").pop("method"),
        lambda made: spec(made, "ScheduledBackup").update(schedule="0 2 * * *"),
        lambda made: spec(made, "Cluster")["plugins"][0].update(isWALArchiver=False),
        lambda made: made.remove(one(made, "ScheduledBackup")),
    ],
    "each_role_enters_its_own_database_and_nobody_anything_else": [
        lambda made: spec(made, "Cluster")["postgresql"]["pg_hba"].pop(),
        lambda made: spec(made, "Cluster")["postgresql"]["pg_hba"].insert(0, "hostssl all all all scram-sha-256"),
        lambda made: spec(made, "Cluster")["postgresql"]["pg_hba"].insert(0, "hostssl gitlab harbor all scram-sha-256"),
        lambda made: spec(made, "Cluster")["postgresql"]["pg_hba"].insert(0, "host gitlab gitlab all scram-sha-256"),
        lambda made: spec(made, "Cluster")["postgresql"]["pg_hba"].pop(0),
        lambda made: spec(made, "Pooler")["pgbouncer"]["pg_hba"].pop(),
        lambda made: spec(made, "Pooler")["pgbouncer"].pop("pg_hba"),
        lambda made: spec(made, "Pooler", "gitlab-pooler")["pgbouncer"]["pg_hba"].insert(
            0, "hostssl harbor harbor ::/0 scram-sha-256"
        ),
    ],
    "superusers_are_off_unless_somebody_said_why": [
        lambda made: spec(made, "Cluster").update(enableSuperuserAccess=True),
    ],
    "connections_fit": [
        lambda made: spec(made, "Cluster")["postgresql"]["parameters"].update(max_connections="100"),
        lambda made: spec(made, "Pooler")["pgbouncer"]["parameters"].pop("max_db_connections"),
        lambda made: spec(made, "Pooler")["pgbouncer"]["parameters"].update(default_pool_size="60"),
    ],
    "prepared_statements_work_or_are_declared_away": [
        lambda made: spec(made, "Pooler", "harbor-pooler")["pgbouncer"]["parameters"].update(
            max_prepared_statements="0"
        ),
    ],
    "clients_speak_tls_to_a_name_in_the_certificate": [
        lambda made: spec(made, "Pooler")["pgbouncer"]["parameters"].update(client_tls_sslmode="prefer"),
        lambda made: spec(made, "Pooler")["pgbouncer"]["parameters"].update(server_tls_sslmode="require"),
        lambda made: spec(made, "Cluster")["certificates"]["serverAltDNSNames"].remove("harbor-pooler.databases.svc"),
        lambda made: spec(made, "Cluster")["certificates"]["serverAltDNSNames"].remove("harbor-pooler.cnpg-system"),
    ],
    "aliases_lead_somewhere": [
        lambda made: spec(made, "Service", "dragonfly").update(externalName="gone.databases.svc.cluster.local"),
    ],
    "dragonflies_are_as_safe_as_their_operator_lets_them": [
        lambda made: spec(made, "Dragonfly")["args"].append("--requirepass=hunter2"),
        lambda made: spec(made, "Dragonfly")["args"].append("--noadmin_nopass"),
        lambda made: spec(made, "Dragonfly").update(networkPolicyEnabled=True),
        lambda made: spec(made, "Dragonfly").pop("authentication"),
        lambda made: spec(made, "Dragonfly", "dragonfly-queue")["args"].append("--cache_mode=true"),
        lambda made: spec(made, "Dragonfly", "dragonfly-queue").pop("snapshot"),
        lambda made: spec(made, "Dragonfly")["args"].append("--version_check=true"),
        lambda made: spec(made, "Dragonfly")["args"].append("--proactor_threads=8"),
        lambda made: spec(made, "Dragonfly")["resources"]["limits"].update(memory="1536Mi"),
        lambda made: spec(made, "Dragonfly").pop("snapshot"),
        lambda made: spec(made, "Dragonfly").update(enableReplicationReadinessGate=False),
    ],
    "nothing_goes_round_the_operator": [
        lambda made: one(made, "Cluster")["metadata"]["annotations"].update({"cnpg.io/skipWalArchiving": "enabled"}),
    ],
    "data_outlives_its_objects": [
        lambda made: spec(made, "Database").update(databaseReclaimPolicy="delete"),
        lambda made: spec(made, "DatabaseRole").update(createrole=True),
    ],
    "connect_is_taken_from_everybody": [
        lambda made: made.remove(one(made, "Job")),
    ],
}
"""Predicate → faults, each of which it must find in what stack `infra` makes."""

PAIR = ("podSecurityContext", "containerSecurityContext")


def anti_affinity(value: Any) -> Any:
    return value["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]


def drilled(made: Objects, change: Callable[[Any], None]) -> None:
    """Changes the Cluster that the restore drill makes."""
    data = one(made, "ConfigMap", "shared-postgres-drill")["data"]
    cluster = json.loads(data["cluster.json"])
    change(cluster)
    data["cluster.json"] = json.dumps(cluster)


def store(made: Objects) -> Any:
    return spec(made, "ObjectStore")["configuration"]


def generic_rule(made: Objects, **change: Any) -> None:
    """Changes the rule for clients of the cache."""
    rule = spec(made, "NetworkPolicy", "cache-traffic")["ingress"][0]
    for key, value in change.items():
        if value is None:
            del rule[key.rstrip("_")]
        else:
            rule[key.rstrip("_")] = value


GENERIC_FAULTS: dict[str, list[Fault]] = {
    "the_dialect_is_that_of_the_cni": [
        lambda made: one(made, "NetworkPolicy").update(kind="CiliumNetworkPolicy"),
    ],
    "every_pod_is_denied_by_default_both_ways": [
        lambda made: spec(made, "NetworkPolicy", "cache-traffic").update(policyTypes=["Ingress"]),
    ],
    "nobody_is_admitted_who_is_not_named": [
        lambda made: generic_rule(made, from_=None),
        lambda made: generic_rule(made, from_=[]),
        lambda made: generic_rule(made, ports=None),
        lambda made: generic_rule(made, from_=[{"namespaceSelector": {}}]),
        lambda made: generic_rule(made, from_=[{"podSelector": {}}]),
        lambda made: generic_rule(made, from_=[{"ipBlock": {"cidr": "0.0.0.0/0"}}]),
    ],
    "the_world_is_reached_only_where_the_settings_say_so": [
        lambda made: spec(made, "NetworkPolicy", "cache-traffic")["egress"].append(
            {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"port": 6379}]}
        ),
        lambda made: spec(made, "NetworkPolicy", "cache-traffic")["egress"].append({}),
    ],
    "client_ports_admit_exactly_the_declared_clients": [
        lambda made: generic_rule(
            made, from_=[{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "other"}}}]
        ),
    ],
    "global_services_are_for_remote_clients_of_a_mesh": [
        lambda made: spec(made, "Dragonfly").update(serviceSpec={"annotations": {"service.cilium.io/global": "true"}}),
    ],
}
"""The same for the dialect of plain NetworkPolicies."""


@pytest.mark.parametrize(("name", "fault"), [(name, it) for name, faults in INFRA.items() for it in faults])
def test_a_fault_in_infra_is_found(name: str, fault: Fault) -> None:
    made = copy.deepcopy(_infra())
    fault(made)

    assert findings(made, changed(stack="infra")).get(name)


@pytest.mark.parametrize(("name", "fault"), [(name, it) for name, faults in GENERIC_FAULTS.items() for it in faults])
def test_a_fault_without_a_mesh_is_found(name: str, fault: Fault) -> None:
    made = copy.deepcopy(_generic())
    fault(made)

    assert findings(made, feature_matrix.config_of(GENERIC)).get(name)


def test_a_missing_spread_over_zones_is_found() -> None:
    row = {"zones": "three"}
    made = objects(feature_matrix.config_of(row))
    del spec(made, "Pooler")["template"]["spec"]["topologySpreadConstraints"]

    found = findings(made, feature_matrix.config_of(row))

    assert list(found) == ["spread_over_zones_only_where_there_are_zones"]


def test_nothing_is_found_without_a_fault() -> None:
    assert findings(_infra(), changed(stack="infra")) == {}
    assert findings(_generic(), feature_matrix.config_of(GENERIC)) == {}


def test_every_predicate_is_tried() -> None:
    assert PREDICATES.keys() == INFRA.keys()
    assert GENERIC_FAULTS.keys() <= PREDICATES.keys()
