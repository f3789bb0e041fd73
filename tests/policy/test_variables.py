"""`$(NAME)` in arguments, as the kubelet reads it."""

from typing import Any

import pytest

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_text
from seawall.policy.estate.values import View
from seawall.policy.estate.variables import expanded
from seawall.policy.findings import Finding, Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load

RULE = [rule for rule in load() if rule.id == "DFLY-SW-004"]


def of(resource: str, **more: str) -> dict[str, Any]:
    return {"name": "X", "valueFrom": {"resourceFieldRef": {"resource": resource, **more}}}


@pytest.mark.parametrize(
    ("text", "env", "meant"),
    [
        ("plain $ text", [], "plain $ text"),
        ("a$(X)b$(Y)", [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}], "a1b2"),
        ("$(X)", [{"name": "X"}], ""),
        ("$(X)$$(X)", [{"name": "Y", "value": "1"}], "$(X)$(X)"),
        ("$(X)", [{"name": "X", "value": "$(Y)"}], None),
        ("$(X)", [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}], None),
        ("$(X)Mi", [of("limits.memory", divisor="1Mi")], "1537Mi"),
        ("$(X)", [of("limits.memory")], "1611000000"),
        ("$(X)", [of("requests.memory", divisor="1M")], "100"),
        ("$(X)", [of("requests.cpu")], "2"),
        ("$(X)", [of("limits.ephemeral-storage")], None),
        ("$(X)", [of("limits.memory", containerName="other")], None),
        ("$(X)", [of("limits.memory", containerName="own")], "1611000000"),
        ("$(X)", [of("memory")], None),
    ],
)
def test_expansion(text: str, env: list[dict[str, Any]], meant: str | None) -> None:
    resources = {"limits": {"memory": 1611000000, "cpu": "1500m"}, "requests": {"memory": "100M"}}
    assert expanded(text, View({"name": "own", "env": env, "resources": resources})) == meant


def test_variables_of_a_whole_config_map_are_not_told() -> None:
    container = View({"envFrom": [{"configMapRef": {"name": "a"}}], "env": [{"name": "Y", "value": "1"}]})
    assert expanded("$(X)", container) is None
    assert expanded("$(Y)", container) == "1"


CACHE = """\
apiVersion: dragonflydb.io/v1alpha1
kind: Dragonfly
metadata: {name: cache}
spec:
  replicas: 2
  image: ghcr.io/dragonflydb/dragonfly:v1.39.0
  enableReplicationReadinessGate: true
  args: ["--maxmemory=$(MAX)Mi", "--proactor_threads=2"]
  env: [{name: MAX, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}]
  resources: {limits: {memory: 4Gi}}
"""


def findings(text: str) -> list[Finding]:
    return judge(build(read_text(text, "a.yaml").objects), RULE)


def test_memory_by_a_variable_is_judged() -> None:
    """As many write it: all of the limit, where the process needs a part of it for itself."""
    (found,) = findings(CACHE)
    assert found.outcome is Outcome.VIOLATED
    assert found.message.startswith("--maxmemory is 4 GiB, 100% of the memory limit 4 GiB")
    assert not findings(CACHE.replace("MAX)Mi", "MAX)").replace("divisor: 1Mi", "divisor: '2'"))


def test_memory_from_elsewhere_is_no_verdict() -> None:
    (found,) = findings(CACHE.replace("resourceFieldRef: {resource: limits.memory, divisor: 1Mi}", "secretKeyRef: {}"))
    assert found.outcome is Outcome.NOT_EVALUATED
