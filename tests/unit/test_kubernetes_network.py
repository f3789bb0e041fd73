"""Egress by host name, and Services that are names only."""

import pytest
from schemas import validate

from seawall.components.kubernetes.network import DNS, DNS_SEEN, Cni, Entity, Hosts, Policy, Rule, render
from seawall.components.kubernetes.service import external_name
from seawall.errors import UserError


def policy(*egress: Rule, ingress: tuple[Rule, ...] = ()) -> Policy:
    return Policy(name="x", namespace="ns", pods={"a": "b"}, ingress=ingress, egress=egress)


STORE = Rule(peers=(Hosts(("s3.example.org", "bucket.s3.example.org")),), tcp=(443,))


def test_cilium_names_the_hosts_exactly() -> None:
    made = render(policy(STORE), cni="cilium", cluster="infra")
    assert made["spec"]["egress"] == [
        {
            "toFQDNs": [{"matchName": "s3.example.org"}, {"matchName": "bucket.s3.example.org"}],
            "toPorts": [{"ports": [{"port": "443", "protocol": "TCP"}]}],
        }
    ]
    validate(made)


def test_hosts_and_others_are_rules_of_their_own() -> None:
    both = Rule(peers=(Entity.INTERNET, *STORE.peers), tcp=(443,))
    made = render(policy(both), cni="cilium", cluster="infra")
    assert [next(iter(rule)) for rule in made["spec"]["egress"]] == ["toEntities", "toFQDNs"]
    validate(made)


def test_look_ups_are_read_and_none_is_refused() -> None:
    [plain] = render(policy(DNS), cni="cilium", cluster="infra")["spec"]["egress"]
    made = render(policy(DNS_SEEN), cni="cilium", cluster="infra")
    [seen] = made["spec"]["egress"]
    assert seen["toPorts"] == [{**plain["toPorts"][0], "rules": {"dns": [{"matchPattern": "*"}]}}]
    assert seen["toEndpoints"] == plain["toEndpoints"]
    validate(made)


def test_the_generic_dialect_knows_ports_only() -> None:
    made = render(policy(DNS_SEEN, STORE), cni="generic", cluster="infra")
    plain, store = made["spec"]["egress"]
    assert plain == render(policy(DNS), cni="generic", cluster="infra")["spec"]["egress"][0]
    assert store == {
        "to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}],
        "ports": [{"protocol": "TCP", "port": 443}],
    }
    validate(made)


@pytest.mark.parametrize("cni", ["cilium", "generic"])
def test_a_rule_about_nobody_admits_nobody(cni: Cni) -> None:
    """A list of peers that turns out empty must not become the empty `from` that means everybody."""
    nobody = Rule(peers=(), tcp=(9999,))
    spec = render(policy(nobody, ingress=(nobody,)), cni=cni, cluster="infra")["spec"]
    assert spec["ingress"] == spec["egress"] == ([{}] if cni == "cilium" else [])


@pytest.mark.parametrize("cni", ["cilium", "generic"])
def test_nobody_comes_in_by_host_name(cni: Cni) -> None:
    with pytest.raises(UserError, match="only be the target"):
        render(policy(ingress=(STORE,)), cni=cni, cluster="infra")


def test_an_external_name_is_a_name_and_nothing_more() -> None:
    made = external_name("old", "former", "new.databases.svc.cluster.local", {"a": "b"})
    assert made["spec"] == {"type": "ExternalName", "externalName": "new.databases.svc.cluster.local"}
    assert made["metadata"]["labels"]["a"] == "b"
    validate(made)
