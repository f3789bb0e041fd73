"""The Kubernetes building blocks."""

from typing import Any

import pulumi
import pytest
from recorder import run
from schemas import validate

from seawall.components.kubernetes.budget import disruption_budget
from seawall.components.kubernetes.external_secret import BASIC_AUTH, external_secret
from seawall.components.kubernetes.metadata import metadata
from seawall.components.kubernetes.monitoring import Alert, pod_monitor, prometheus_rule
from seawall.components.kubernetes.namespace import namespace
from seawall.components.kubernetes.network import DNS, Cni, Entity, Pods, Policy, Rule, render
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.register import register
from seawall.components.kubernetes.spread import required_anti_affinity, zone_spread


def test_metadata_says_who_manages_the_object() -> None:
    assert metadata("x", "ns", labels={"a": "b"}, annotations={"c": "d"}) == {
        "name": "x",
        "namespace": "ns",
        "labels": {"app.kubernetes.io/managed-by": "seawall", "a": "b"},
        "annotations": {"c": "d"},
    }


def test_a_namespace_is_restricted_whatever_labels_are_given() -> None:
    labels = namespace("x", labels={"pod-security.kubernetes.io/enforce": "privileged"})["metadata"]["labels"]
    assert [labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")] == ["restricted"] * 3


def test_an_external_secret_fits_its_crd() -> None:
    made = external_secret(
        "role",
        "databases",
        store=("ClusterSecretStore", "onepassword"),
        path="infra/x",
        fields={"username": "user", "password": "pass"},
        secret_type=BASIC_AUTH,
        secret_labels={"cnpg.io/reload": "true"},
    )
    assert made["spec"]["target"]["template"] == {
        "type": "kubernetes.io/basic-auth",
        "metadata": {"labels": {"cnpg.io/reload": "true"}},
    }
    validate(made)


def test_monitors_and_rules_fit_their_crds() -> None:
    alert = Alert("Down", "up == 0", "5m", "critical", "it is down", "Nobody is served.")
    validate(pod_monitor("x", "ns", pods={"a": "b"}, port="metrics", pod_labels=["a"]))
    validate(pod_monitor("x", "ns", pods={"a": "b"}, port="metrics", one_after_another=True))
    rule = prometheus_rule("x", "ns", alerts=[alert])
    validate(rule)
    assert rule["spec"]["groups"][0]["rules"][0]["annotations"]["runbook_url"] == "docs/runbooks/Down.md"


def test_a_budget_says_one_number() -> None:
    assert disruption_budget("x", "n", pods={"a": "b"}, min_available=1)["spec"] == {
        "minAvailable": 1,
        "selector": {"matchLabels": {"a": "b"}},
    }
    assert disruption_budget("x", "n", pods={"a": "b"}, max_unavailable=1)["spec"]["maxUnavailable"] == 1
    for wrong in ({}, {"min_available": 1, "max_unavailable": 1}):
        with pytest.raises(ValueError, match="not both"):
            disruption_budget("x", "n", pods={"a": "b"}, **wrong)


def test_security_contexts_pass_the_restricted_level() -> None:
    pod, container = pod_security_context(26), container_security_context(26)
    assert "fsGroup" not in pod
    for context in (pod, container):
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == 26
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert container["allowPrivilegeEscalation"] is False


def test_placement() -> None:
    [term] = required_anti_affinity({"a": "b"})["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
    assert zone_spread({"a": "b"}, []) == []
    [spread] = zone_spread({"a": "b"}, ["z1", "z2"])
    assert (spread["maxSkew"], spread["whenUnsatisfiable"]) == (1, "DoNotSchedule")


RULES = (
    Rule(peers=(Pods("web"),), tcp=(80,)),
    Rule(peers=(Entity.API_SERVER,)),
    Rule(peers=(Entity.INTERNET,), tcp=(443,)),
    DNS,
)


def policy(**parts: Any) -> Policy:
    return Policy("p", "ns", {"app": "x"}, **{"ingress": (), "egress": RULES, **parts})


def test_cilium_names_the_api_server_and_the_internet() -> None:
    made = render(policy(), cni="cilium", cluster="infra")
    validate(made)
    web, api, internet, dns = made["spec"]["egress"]
    assert "toEndpoints" in web
    assert api == {"toEntities": ["kube-apiserver"]}
    assert internet == {"toEntities": ["world"], "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}]}
    assert [part["protocol"] for part in dns["toPorts"][0]["ports"]] == ["TCP", "UDP"]


def test_generic_says_ports_where_it_cannot_name_the_end() -> None:
    egress = render(policy(), cni="generic", cluster="infra")["spec"]["egress"]
    everywhere = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    assert egress[1] == {
        "to": everywhere,
        "ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 6443}],
    }
    assert egress[2] == {"to": everywhere, "ports": [{"protocol": "TCP", "port": 443}]}


def test_pods_and_entities_of_one_rule_become_two_of_cilium() -> None:
    mixed = Rule(peers=(Pods("web"), Entity.INTERNET), tcp=(443,))
    egress = render(policy(egress=(mixed,)), cni="cilium", cluster="infra")["spec"]["egress"]
    assert [sorted(rule) for rule in egress] == [["toEndpoints", "toPorts"], ["toEntities", "toPorts"]]


@pytest.mark.parametrize("cni", ["cilium", "generic"])
def test_what_is_not_listed_is_denied_both_ways(cni: Cni) -> None:
    made = render(policy(egress=()), cni=cni, cluster="infra")
    if cni == "cilium":
        validate(made)
        assert (made["spec"]["ingress"], made["spec"]["egress"]) == ([{}], [{}])
    else:
        assert made["spec"]["policyTypes"] == ["Ingress", "Egress"]
        assert (made["spec"]["ingress"], made["spec"]["egress"]) == ([], [])


def test_the_policys_own_cluster_is_named_in_a_mesh() -> None:
    made = render(
        policy(ingress=(Rule(peers=(Pods("web"), Pods("web", cluster="apps")), tcp=(1,)),)),
        cni="cilium",
        cluster="infra",
    )
    named = [
        part["matchLabels"]["k8s:io.cilium.k8s.policy.cluster"] for part in made["spec"]["ingress"][0]["fromEndpoints"]
    ]
    assert named == ["infra", "apps"]


def test_built_in_kinds_get_their_typed_class_and_others_are_custom_resources() -> None:
    def program() -> None:
        opts = pulumi.ResourceOptions()
        register("ns", namespace("x"), opts)
        register("pdb", disruption_budget("x", "n", pods={"a": "b"}, min_available=1), opts)
        register("np", render(policy(), cni="generic", cluster="c"), opts)
        register("cnp", render(policy(), cni="cilium", cluster="c"), opts)
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata("x", "n"),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "s", "namespace": "n"}],
        }
        register("rb", binding, opts)

    recorded = run(program)
    assert {name: request.type for name, request in recorded.requests.items()} == {
        "ns": "kubernetes:core/v1:Namespace",
        "pdb": "kubernetes:policy/v1:PodDisruptionBudget",
        "np": "kubernetes:networking.k8s.io/v1:NetworkPolicy",
        "cnp": "kubernetes:cilium.io/v2:CiliumNetworkPolicy",
        "rb": "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
    }
    assert recorded.inputs("pdb")["spec"] == {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    assert recorded.inputs("rb")["roleRef"]["kind"] == "Role"
    assert recorded.inputs("ns")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
