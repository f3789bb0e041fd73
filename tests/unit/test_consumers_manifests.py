"""The consumer side as plain data: what is made of the producer's settings, and that nothing else is."""

import copy
from pathlib import Path
from typing import Any

import pytest
from cnpg_samples import AWS_TARGET
from consumer_samples import args, consuming
from schemas import validate
from stack_samples import GONE, changed

from seawall.components.cnpg import pooler
from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.consumers import latency, manifests, network
from seawall.components.consumers.services import consumed_services
from seawall.components.dragonfly import manifests as dragonflies
from seawall.components.dragonfly.args import DragonflyClusterArgs
from seawall.components.kubernetes.network import client_pods
from seawall.components.probes.latency import pod_labels as probe_labels
from seawall.components.settings import load
from seawall.errors import UserError
from seawall.operators import annotations
from seawall.operators.cnpg import pooler_labels
from seawall.operators.cnpg import projection as cnpg_projection
from seawall.operators.dragonfly import pod_labels
from seawall.operators.dragonfly import projection as dragonfly_projection
from seawall.operators.versions import dragonfly_behaviour
from seawall.policy.estate.values import View
from seawall.policy.reachability.selectors import read

CACHE = "dragonfly.clusters.dragonfly"
POSTGRES = "cnpg.clusters.shared-postgres"


def labels(namespace: str, pods: dict[str, str], cluster: str) -> dict[str, str]:
    """An endpoint as Cilium names it."""
    named = {"io.cilium.k8s.policy.cluster": cluster, "io.kubernetes.pod.namespace": namespace, **pods}
    return {f"k8s:{key}": value for key, value in named.items()}


def test_exactly_the_declared_clients_of_this_cluster_are_served() -> None:
    assert {name: [it.name for it in used] for name, used in args().clients.items()} == {
        "gitlab-system": ["dragonfly-global", "dragonfly-queue-global", "gitlab-pooler"],
        "synergyflow": ["synergyflow-pooler"],
    }


def test_a_namespace_that_the_producer_no_longer_declares_gets_nothing(tmp_path: Path) -> None:
    settings = consuming(tmp_path, ((f"{POSTGRES}.applications.synergyflow.clients", {"this": ["synergyflow"]}),))
    made = args(settings)
    assert set(made.clients) == {"gitlab-system"}
    assert set(manifests.secrets(made)) == {"gitlab-system"}
    assert "synergyflow" not in str(manifests.services(made))


def test_clients_of_the_producers_own_cluster_get_nothing_here() -> None:
    made = args()
    everything = [
        manifests.services(made),
        manifests.secrets(made),
        *(network.client_egress(made, it) for it in made.clients),
    ]
    assert "harbor" not in str(everything)
    assert "keycloak" not in str(everything)


def test_a_stub_adds_nothing_of_its_own_to_the_mesh() -> None:
    stubs = [it for key, it in manifests.services(args()).items() if key.startswith("service-")]
    assert len(stubs) == 4
    for stub in stubs:
        given = dict(stub["metadata"]["annotations"])
        imported = given.pop(annotations.IMPORTS, None)
        assert given == {"service.cilium.io/global": "true", "service.cilium.io/shared": "false"}
        assert (imported is not None) is ("dragonfly" in stub["metadata"]["name"]), "only a Dragonfly says which it is"
        assert "selector" not in stub["spec"]
        assert stub["spec"]["type"] == "ClusterIP"


def exported() -> dict[tuple[str, str], dict[str, Any]]:
    """The Services that the producer's operators make for clients here, from the producer's own manifests."""
    infra = load(changed())
    assert infra.dragonfly is not None
    assert infra.cnpg is not None
    made = []
    for name, instance in infra.dragonfly.clusters.items():
        given = DragonflyClusterArgs(
            name=name,
            namespace=infra.dragonfly.namespace,
            settings=instance,
            platform=infra.platform,
            operator=infra.operators.dragonfly,
        )
        version = infra.operators.dragonfly.version
        behaviour = dragonfly_behaviour(version)
        assert behaviour is not None
        made += dragonfly_projection.project(dragonflies.dragonfly(given), behaviour, operator_version=version)
    for name, cluster in infra.cnpg.clusters.items():
        postgres = CnpgSharedClusterArgs(
            name=name,
            namespace=infra.cnpg.namespace,
            settings=cluster,
            platform=infra.platform,
            operator=infra.operators.cnpg,
            target=AWS_TARGET,
        )
        made += [it for one in postgres.applications for it in cnpg_projection.project_pooler(pooler.pooler(one))]
    services = [it for it in made if it["kind"] == "Service"]
    return {(it["metadata"]["namespace"], it["metadata"]["name"]): it for it in services}


def test_every_stub_meets_a_service_that_the_producers_operators_make_global() -> None:
    """Same name, namespace, port and port name, or Cilium finds no pods behind it."""
    there = exported()
    for service in args().services:
        other = there[service.namespace, service.name]
        assert other["metadata"]["annotations"]["service.cilium.io/global"] == "true"
        assert other["metadata"]["annotations"]["service.cilium.io/shared"] == "true"
        assert (service.port_name, service.port) in {(it["name"], it["port"]) for it in other["spec"]["ports"]}


def test_former_names_lead_to_the_stub() -> None:
    made = manifests.services(args())
    aliases = {
        (it["metadata"]["namespace"], it["metadata"]["name"]): it["spec"]["externalName"]
        for key, it in made.items()
        if key.startswith("alias-")
    }
    assert aliases["cnpg-system", "gitlab-pooler"] == "gitlab-pooler.databases.svc.cluster.local"
    assert aliases["cnpg-system", "gitlab-pooler-rw"] == "gitlab-pooler.databases.svc.cluster.local"
    assert aliases["dragonfly-system", "dragonfly"] == "dragonfly-global.dragonfly-system.svc.cluster.local"
    assert all(it["spec"]["type"] == "ExternalName" for key, it in made.items() if key.startswith("alias-"))


def test_former_names_go_when_the_producer_no_longer_serves_them(tmp_path: Path) -> None:
    settings = consuming(tmp_path, ((f"{POSTGRES}.names.serve_old_hosts", False), (f"{CACHE}.aliases", [])))
    assert not any(key.startswith("alias-") for key in manifests.services(args(settings)))


def test_egress_leads_to_exactly_the_producers_pods_and_name_service() -> None:
    made = args()
    spec = network.client_egress(made, "gitlab-system")["spec"]
    opened = [
        (rule["toEndpoints"][0]["matchLabels"], [port["port"] for port in rule["toPorts"][0]["ports"]])
        for rule in spec["egress"]
    ]
    assert all(len(rule["toEndpoints"]) == 1 and set(rule) == {"toEndpoints", "toPorts"} for rule in spec["egress"])
    assert opened == [
        (labels("kube-system", {"k8s-app": "kube-dns"}, "apps"), ["53", "53"]),
        (labels("dragonfly-system", pod_labels("dragonfly"), "infra"), ["6379"]),
        (labels("dragonfly-system", pod_labels("dragonfly-queue"), "infra"), ["6379"]),
        (labels("databases", pooler_labels("gitlab-pooler"), "infra"), ["5432"]),
    ]


def test_egress_cuts_nothing_that_the_applications_reach_today() -> None:
    """Without it Cilium would deny every egress that no policy lists, to all pods of somebody else's namespace."""
    for namespace in args().clients:
        manifest = network.client_egress(args(), namespace)
        assert manifest["metadata"]["namespace"] == namespace
        assert manifest["spec"]["enableDefaultDeny"] == {"egress": False, "ingress": False}
        assert "ingress" not in manifest["spec"], "who may reach the applications is not ours to say"


def test_egress_is_the_applications_and_not_the_probes() -> None:
    """What two policies allow adds up: the probe of the cache would reach the queue and the database as well."""
    selector = read(View(network.client_egress(args(), "gitlab-system")["spec"]["endpointSelector"]))
    for instance in ("dragonfly", "dragonfly-queue"):
        assert not selector.matches(probe_labels(instance))
    applications: list[dict[str, str]] = [{}, {"app": "webservice"}, {"app.kubernetes.io/name": "gitlab"}]
    for application in applications:
        assert selector.matches(application)


def test_what_the_clients_are_let_out_to_lets_them_in() -> None:
    """The producer's ingress names these very namespaces of this very cluster."""
    infra = load(changed())
    assert infra.dragonfly is not None
    admitted = {
        (it.cluster, it.namespace)
        for cluster in infra.dragonfly.clusters.values()
        for it in client_pods(cluster.clients)
    }
    for service in args().services:
        if service.instance:
            assert {("apps", client) for client in service.clients} <= admitted


def test_secrets_are_references_into_the_producers_entries() -> None:
    made = manifests.secrets(args())["gitlab-system"]
    assert set(made) == {
        "dragonfly-auth",
        "dragonfly-queue-auth",
        "shared-postgres-role-gitlab",
        "shared-postgres-server-ca",
    }
    role, ca = made["shared-postgres-role-gitlab"]["spec"], made["shared-postgres-server-ca"]["spec"]
    assert role["target"]["template"]["type"] == "kubernetes.io/basic-auth"
    assert [(it["secretKey"], it["remoteRef"]["key"]) for it in role["data"]] == [
        ("username", "kubernetes/infra/cloudnative-pg/gitlab"),
        ("password", "kubernetes/infra/cloudnative-pg/gitlab"),
    ]
    assert [it["secretKey"] for it in ca["data"]] == ["ca.crt"], "the authority's private key stays where it is"
    for manifest in made.values():
        spec = manifest["spec"]
        assert spec["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "onepassword"}
        assert spec["target"]["deletionPolicy"] == "Retain"
        assert spec["refreshInterval"] == "1h"


def test_a_cache_with_tls_sends_its_authority_along(tmp_path: Path) -> None:
    tls = {"secret": "server", "ca": {"path": "cache/ca", "property": "root.pem"}}
    made = manifests.secrets(args(consuming(tmp_path, ((f"{CACHE}.tls", tls), (f"{CACHE}.plaintext_reason", GONE)))))[
        "gitlab-system"
    ]
    [data] = made["dragonfly-server-ca"]["spec"]["data"]
    assert data == {"secretKey": "ca.crt", "remoteRef": {"key": "cache/ca", "property": "root.pem"}}


def test_two_applications_of_one_namespace_share_the_authority(tmp_path: Path) -> None:
    both = ((f"{POSTGRES}.applications.synergyflow.clients", {"apps": ["gitlab-system"]}),)
    made = manifests.secrets(args(consuming(tmp_path, both)))["gitlab-system"]
    assert {"shared-postgres-role-gitlab", "shared-postgres-role-synergyflow", "shared-postgres-server-ca"} <= set(made)


def test_an_alert_watches_every_secret_of_a_client_namespace() -> None:
    made = args()
    for namespace, secrets in manifests.secrets(made).items():
        [group] = manifests.alerts(made, namespace)["spec"]["groups"]
        [alert] = group["rules"]
        assert alert["alert"] == manifests.SECRET_ALERT
        assert all(name in alert["expr"] for name in secrets)
        assert f'namespace="{namespace}"' in alert["expr"]
        assert alert["annotations"]["runbook_url"] == f"https://runbooks.example.org/seawall/{alert['alert']}.md"


def test_the_probe_measures_what_its_namespace_may_use_over_the_mesh() -> None:
    made = latency.probes(args())
    assert set(made) == {"dragonfly", "dragonfly-queue"}
    for instance, objects in made.items():
        job = objects["job"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        environment = {it["name"]: it["value"] for it in job["containers"][0]["env"]}
        assert environment["PROBE_PATH"] == "cross-cluster"
        assert environment["PROBE_HOST"] == f"{instance}-global.dragonfly-system.svc.cluster.local"
        target = labels("dragonfly-system", pod_labels(instance), "infra")
        egress = objects["network"]["spec"]["egress"]
        assert target in [endpoint["matchLabels"] for rule in egress for endpoint in rule["toEndpoints"]]
        assert all(manifest["metadata"]["namespace"] == "gitlab-system" for manifest in objects.values())


def test_the_probe_measures_only_the_instances_that_are_named(tmp_path: Path) -> None:
    wanted = {"namespace": "gitlab-system", "instances": ["dragonfly-queue"]}
    settings = consuming(tmp_path, consumer=(("consumers.latency", wanted),))
    assert set(latency.probes(args(settings))) == {"dragonfly-queue"}


def test_without_a_probe_nothing_is_measured(tmp_path: Path) -> None:
    assert latency.probes(args(latency=None)) == {}


def test_the_probe_verifies_a_server_with_tls(tmp_path: Path) -> None:
    tls = {"secret": "server", "ca": {"path": "cache/ca"}}
    made = latency.probes(args(consuming(tmp_path, ((f"{CACHE}.tls", tls), (f"{CACHE}.plaintext_reason", GONE)))))[
        "dragonfly"
    ]
    [data] = made["ca"]["spec"]["data"]
    assert data["remoteRef"] == {"key": "cache/ca", "property": "ca.crt"}


def test_everything_fits_its_schema() -> None:
    made = args()
    objects = [*manifests.services(made).values()]
    for namespace, secrets in manifests.secrets(made).items():
        objects += [*secrets.values(), network.client_egress(made, namespace), manifests.alerts(made, namespace)]
    for manifest in objects:
        validate(copy.deepcopy(manifest))


def test_everything_of_the_producer_is_derived_from_its_settings(tmp_path: Path) -> None:
    renamed = consuming(
        tmp_path,
        (
            ("dragonfly.namespace", "caches"),
            (f"{CACHE}.global_service.name", "other"),
            (f"{CACHE}.auth_secret.path", "elsewhere/password"),
            ("cnpg.namespace", "postgres"),
            (f"{POSTGRES}.names.pooler", "{app}-pool"),
            (f"{POSTGRES}.secrets.roles", "roles/{app}"),
        ),
    )
    made = args(renamed)
    text = str([manifests.services(made), manifests.secrets(made), network.client_egress(made, "gitlab-system")])
    for gone in ("dragonfly-system", "dragonfly-global'", "'databases'", "gitlab-pooler'}", "cloudnative-pg/gitlab"):
        assert gone not in text
    assert {(it.namespace, it.name) for it in made.services} == {
        ("caches", "other"),
        ("caches", "dragonfly-queue-global"),
        ("postgres", "gitlab-pool"),
        ("postgres", "synergyflow-pool"),
    }


def test_arguments_of_a_foreign_program_are_checked_as_well() -> None:
    good = args()
    generic = good.platform.model_copy(update={"cni": "generic", "peers": ()})
    with pytest.raises(UserError, match=r"platform\.cni must be cilium and platform\.peers must hold infra"):
        args(platform=generic)
    with pytest.raises(UserError, match=r"platform\.peers must hold other"):
        args(producer="other")
    with pytest.raises(UserError, match="declares no clients on apps"):
        args(services=())


def test_a_stack_without_services_has_none_to_consume() -> None:
    settings = load(changed(stack="apps"))
    assert consumed_services(settings, "infra") == ()
