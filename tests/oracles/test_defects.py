"""Each thing that an oracle is excused for is really done by it, and only where the table says so."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import programs
import pytest
from cases import Case, Pod, Port
from comparing import Oracle, Tally
from defects import DEFECTS, REFUSALS, SPELLINGS, Defect, Refusal, Spelling
from oracle_page import PAGE
from programs import Program
from rich.console import Console

ENTRIES: tuple[Defect | Spelling | Refusal, ...] = (*DEFECTS, *SPELLINGS, *REFUSALS)
ORACLES = {"cilium": programs.cilium, "cyclonus": programs.cyclonus, "network-config-analyzer": programs.analyzer}
PODS = (Pod("data", {"app": "db"}), Pod("web", {"tier": "front"}, address="10.0.0.9"), Pod("web", {"app": "db"}))
ANY: dict[str, Any] = {"namespaceSelector": {}}
NOT_X = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}

EXAMPLES: dict[tuple[str, str], dict[str, Any]] = {
    ("cyclonus", "NotIn needs the label"): {
        "podSelector": {},
        "ingress": [{"from": [{**ANY, "podSelector": NOT_X}]}],
    },
    ("cyclonus", "an empty value is an absent label"): {
        "podSelector": {},
        "ingress": [{"from": [{**ANY, "podSelector": {"matchLabels": {"app": ""}}}]}],
    },
    ("network-config-analyzer", "an empty egress counts"): {"podSelector": {}, "egress": []},
    ("network-config-analyzer", "an absent label of a namespace is empty"): {
        "podSelector": {},
        "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"team": ""}}}]}],
    },
    ("network-config-analyzer", "Exists means the policy's namespace"): {
        "podSelector": {},
        "ingress": [{"from": [{**ANY, "podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}]}],
    },
    ("network-config-analyzer", "pods have no address"): {
        "podSelector": {},
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
    },
    ("network-config-analyzer", "a section beside policyTypes"): {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "ingress": [],
    },
    ("cilium", "an ipBlock with local selectors"): {
        "podSelector": {},
        "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}],
    },
    ("cilium", "two kinds of requests at one port"): {
        "endpointSelector": {},
        "egress": [
            {"toPorts": [{"ports": [{"port": "80", "protocol": "TCP"}], "rules": rules}]}
            for rules in ({"http": [{"path": "/"}]}, {"dns": [{"matchPattern": "*.example.org"}]})
        ],
    },
}


def case(spec: dict[str, Any], *, local_selectors: bool) -> Case:
    version, kind = ("networking.k8s.io/v1", "NetworkPolicy")
    if "endpointSelector" in spec:
        version, kind = ("cilium.io/v2", "CiliumNetworkPolicy")
    metadata = {"name": "p", "namespace": "data"}
    policy = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
    return Case(PODS, (policy,), (Port("TCP", 80),), addresses=("10.0.0.1",), local_selectors=local_selectors)


@pytest.fixture
def ask(available: Callable[[], AbstractContextManager[Console]]) -> Callable[[str], Program]:
    def of(oracle: str) -> Program:
        with available() as console:
            return ORACLES[oracle](console)

    return of


@pytest.mark.parametrize(("oracle", "name"), EXAMPLES)
def test_the_oracle_does_it(oracle: str, name: str, ask: Callable[[str], Program]) -> None:
    tally = Tally()
    shown = case(EXAMPLES[oracle, name], local_selectors=oracle == "cilium")
    with ask(oracle) as program:
        assert Oracle(program, cilium=oracle == "cilium").compare(shown, tally) is None
        told = program.ask(shown)
    found = {*tally.explained, *tally.spelled, *tally.refused}
    assert found == {name}
    if any(name == it.name for it in SPELLINGS):
        assert told["refused"].startswith("SyntaxError")


def test_every_entry_of_the_tables_has_an_example() -> None:
    assert set(EXAMPLES) == {(it.oracle, it.name) for it in ENTRIES}


@pytest.mark.parametrize(("oracle", "name"), EXAMPLES)
def test_a_difference_with_another_cause_is_not_excused(
    oracle: str, name: str, ask: Callable[[str], Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same case, while our decision is wrong about something else: every cell of it is then a mismatch."""
    monkeypatch.setattr("comparing.Ours.letter", lambda *_: "!")
    tally = Tally()
    shown = case(EXAMPLES[oracle, name], local_selectors=oracle == "cilium")
    with ask(oracle) as program:
        assert Oracle(program, cilium=oracle == "cilium").compare(shown, tally) is not None
    assert tally.mismatches == tally.cells > 0
    assert not tally.explained


def test_the_page_names_every_entry() -> None:
    text = PAGE.read_text()
    for entry in ENTRIES:
        assert entry.name in text and entry.citation in text
