"""The work of the matrix and of the rules over it, counted in steps: it grows with tenants, not with their square."""

from collections.abc import Callable

import pytest
from reach_tenants import shared, tenants

from seawall.operators.annotations import PLATFORM
from seawall.policy.estate.building import build, kube_object
from seawall.policy.estate.model import Estate, Origin
from seawall.policy.judging import judge
from seawall.policy.reachability.matrix import PROTECTED, matrix, policy_sets
from seawall.policy.rules import load

RULES = [rule for rule in load() if rule.id in ("DFLY-SEC-001", "CNPG-SW-001")]
FEW, MANY = 20, 80


def judged(estate: Estate) -> None:
    assert [finding.message for finding in judge(estate, RULES)] == []


def every_cell(estate: Estate) -> None:
    for kind in PROTECTED:
        for thing in estate.of(kind):
            assert matrix(thing, estate).rows


def steps(estate: Estate, work: Callable[[Estate], None]) -> int:
    work(estate)
    (policies,) = estate.memo(policy_sets).values()
    return policies.reader.steps


@pytest.mark.parametrize("work", [judged, every_cell])
@pytest.mark.parametrize(
    "make",
    [tenants, lambda count: tenants(count, one_namespace=True), shared],
    ids=["a namespace each", "one namespace", "one cache of all"],
)
def test_work_grows_with_the_tenants(make: Callable[[int], Estate], work: Callable[[Estate], None]) -> None:
    few, many = steps(make(FEW), work), steps(make(MANY), work)
    assert few > 0
    assert many <= few * (MANY / FEW) * 1.2


def test_the_cells_of_one_cache_are_as_many_as_those_whom_its_rules_name() -> None:
    def cells(count: int) -> int:
        estate = shared(count)
        (cache,) = estate.of(PROTECTED[0])
        return len(matrix(cache, estate).rows)

    assert cells(30) - cells(20) == 10 * 2, "one row for each client, one column for each port"


@pytest.mark.parametrize("cilium", [False, True])
def test_work_grows_with_the_ranges_of_addresses_that_a_policy_lists(cilium: bool) -> None:
    """As those of a cloud, of which there are thousands."""

    def listing(count: int) -> Estate:
        ranges = [f"10.{number >> 8}.{number & 255}.0/24" for number in range(count)]
        if cilium:
            rule = {"fromCIDR": ranges}
            head = {"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy"}
            spec = {"endpointSelector": {}, "ingress": [rule]}
        else:
            rule = {"from": [{"ipBlock": {"cidr": it}} for it in ranges]}
            head = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy"}
            spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}
        platform = '{"cni": "cilium", "cniVersion": "1.18.0"}' if cilium else "{}"
        cache = {
            "apiVersion": "dragonflydb.io/v1alpha1",
            "kind": "Dragonfly",
            "metadata": {"name": "cache", "namespace": "a", "annotations": {PLATFORM: platform}},
            "spec": {"replicas": 2},
        }
        manifests = [{**head, "metadata": {"name": "n", "namespace": "a"}, "spec": spec}, cache]
        return build([thing for it in manifests if (thing := kube_object(it, Origin())) is not None])

    few, many = steps(listing(100), every_cell), steps(listing(400), every_cell)
    assert few > 100
    assert many <= few * 4 * 1.2
