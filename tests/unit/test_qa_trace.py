"""Every risk, decision and test shows in the rendered stacks where the register says; what is not there is found."""

from typing import Any

import pytest
from pages_samples import rendered
from pydantic import Field

from seawall.components.base import Settings
from seawall.pages.recording import Registered
from seawall.qa.places import find, holds, parts
from seawall.qa.register import Trace, load
from seawall.qa.trace import Rendered, matching, wrong

TRACES = list(load().traces())


def test_every_trace_holds() -> None:
    stacks = rendered()
    found = [f"{name}: {text}" for name, trace in TRACES if (text := wrong(trace, stacks)) is not None]
    assert found == []


def test_every_risk_decision_and_test_is_traced() -> None:
    known = load()
    assert {name for name, _ in TRACES} == {*known.risks, *known.decisions, *known.tests}


def test_every_trace_can_fail() -> None:
    """Without its objects, with an object that should not be there, and with another expectation."""
    stacks = rendered()
    for name, trace in TRACES:
        stack = stacks[trace.stack]
        other = [it for it in stack.objects if it not in matching(trace, stack.objects)]
        if trace.absent and trace.field is None:
            intruder = made(*trace.object.replace("*", "x").split("/"), namespace=trace.namespace)
            assert wrong(trace, {trace.stack: Rendered(stack.settings, [*other, intruder])}), name
            continue
        assert wrong(trace, {trace.stack: Rendered(stack.settings, other)}), name
        if trace.predicate in ("equals", "contains"):
            assert wrong(trace.model_copy(update={trace.predicate: "something else"}), stacks), name
        if trace.field is not None and trace.predicate != "absent":
            assert wrong(trace.model_copy(update={"field": f"{trace.field}.nothing"}), stacks), name


def made(kind: str, name: str, namespace: str | None = None, **fields: Any) -> Registered:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return Registered(
        name=f"the-{name}",
        token=f"kubernetes:x/v1:{kind}",
        parent="",
        inputs={"apiVersion": "x/v1", "kind": kind, "metadata": metadata, **fields},
        protect=False,
        retain=False,
        aliases=(),
        needs=(),
    )


class Inner(Settings):
    schedule: str = "0 0 2 * * *"
    number: int = 3
    nothing: str | None = None


class Outer(Settings):
    backups: dict[str, Inner] = Field(default_factory=lambda: {"main": Inner()})


STACK = Rendered(
    Outer(),
    [
        made("Backup", "a", "one", spec={"schedule": "0 0 2 * * *", "number": "3", "tags": ["x", "y"], "on": False}),
        made("Backup", "b", "one", spec={"schedule": "0 0 3 * * *", "env": [{"name": "K", "value": "v"}]}),
        made("Backup", "a", "two", spec={"schedule": "0 0 4 * * *"}),
    ],
)


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ({"object": "Backup/a", "namespace": "one", "field": "spec.schedule", "equals": "0 0 2 * * *"}, None),
        (
            {"object": "Backup/a", "field": "spec.schedule", "equals": "0 0 2 * * *"},
            "Backup/a spec.schedule is '0 0 4 * * *', not '0 0 2 * * *'",
        ),
        ({"object": "Backup/*", "namespace": "two", "field": "spec.schedule", "contains": "4"}, None),
        ({"object": "Backup/b", "field": "spec.env[name=K].value", "equals": "v"}, None),
        (
            {"object": "Backup/b", "field": "spec.env[name=L].value", "equals": "v"},
            "Backup/b spec.env[name=L].value is not",
        ),
        ({"object": "Backup/a", "namespace": "one", "field": "spec.tags", "contains": ["y", "x"]}, None),
        (
            {"object": "Backup/a", "namespace": "one", "field": "spec.tags", "contains": ["y", "z"]},
            "without ['y', 'z']",
        ),
        ({"object": "Backup/a", "namespace": "one", "field": "spec.on", "equals": False}, None),
        ({"object": "Backup/b", "field": "spec.on", "absent": True}, None),
        (
            {"object": "Backup/*", "namespace": "one", "field": "spec.on", "absent": True},
            "Backup/a spec.on is there: False",
        ),
        ({"object": "Backup/c", "absent": True}, None),
        ({"object": "Backup/b", "absent": True}, "the stack s has Backup/b: b"),
        ({"object": "Backup/c", "present": True}, "the stack s has no Backup/c"),
        ({"object": "Backup/c", "field": "spec", "absent": True}, "the stack s has no Backup/c"),
        ({"object": "Backup/a", "stack": "t", "present": True}, "there is no stack t"),
        (
            {"object": "Backup/a", "settings": ["backups.spare"], "present": True},
            "the stack s has no setting backups.spare",
        ),
        ({"object": "Backup/a", "settings": ["backups.main.nothing"], "present": True}, None),
        (
            {
                "object": "Backup/a",
                "namespace": "one",
                "field": "spec.schedule",
                "settings": ["backups.main.schedule"],
                "as_setting": True,
            },
            None,
        ),
        (
            {
                "object": "Backup/a",
                "namespace": "one",
                "field": "spec.number",
                "settings": ["backups.main.number"],
                "as_setting": True,
            },
            None,
        ),
        (
            {"object": "Backup/b", "field": "spec.schedule", "settings": ["backups.main.schedule"], "as_setting": True},
            "Backup/b spec.schedule is '0 0 3 * * *', not '0 0 2 * * *'",
        ),
    ],
)
def test_what_a_trace_finds(trace: dict[str, Any], said: str | None) -> None:
    found = wrong(Trace.model_validate({"stack": "s", **trace}), {"s": STACK})
    assert found is None if said is None else found is not None and said in found


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", [1]),
        ("list[0].x", [1]),
        ("list[*].x", [1, 2]),
        ("list[name=two].x", [2]),
        ("list[9]", []),
        ("dotted[a.b/c]", [3]),
        ("a.*", [1]),
        ("a.b.c", []),
        ("missing.b", []),
    ],
)
def test_a_path_finds(path: str, found: list[Any]) -> None:
    value = {"a": {"b": 1}, "list": [{"name": "one", "x": 1}, {"name": "two", "x": 2}], "dotted": {"a.b/c": 3}}
    assert find(value, path) == found


@pytest.mark.parametrize("path", ["", ".a", "a..b", "a[", "a]b", "a[]"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="must be a path"):
        parts(path)


@pytest.mark.parametrize(
    ("actual", "wanted", "yes"),
    [
        ("abc", "b", True),
        ("abc", "x", False),
        ([1, 2], 2, True),
        ([{"a": 1, "b": 2}], {"a": 1}, True),
        ([{"a": 1}, {"b": 2}], {"a": 1, "b": 2}, False),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [2]}}, True),
        ({"a": "text"}, {"a": "text"}, True),
        ({"a": "text"}, {"a": "te"}, False),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        (5, 5, False),
        ("5", 5, False),
    ],
)
def test_what_holds_what(actual: Any, wanted: Any, yes: bool) -> None:
    assert holds(actual, wanted) is yes
