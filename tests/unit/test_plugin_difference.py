"""Differences of property trees."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.sandbox.plugins.difference import Change, compare, related, same, within
from seawall.sandbox.plugins.properties import UNKNOWN

TREES = st.recursive(
    st.booleans() | st.integers(0, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=10,
)


@given(TREES, TREES)
def test_no_changes_means_equal(old: object, new: object) -> None:
    assert (compare(old, new) == []) == same(old, new)


@given(TREES)
def test_nothing_differs_from_itself(tree: object) -> None:
    assert compare(tree, tree) == []


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ({"a": 1}, {"a": 2}, ["update a"]),
        ({"a": 1}, {"b": 1}, ["delete a", "add b"]),
        ({"a": [1, 2]}, {"a": [1]}, ["delete a[1]"]),
        ({"a": [1]}, {"a": [1, {"b": 2}]}, ["add a[1]"]),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, ["update a.b.c"]),
        ({"a": {"b": 1}}, {"a": "b"}, ["update a"]),
        ({"a": True}, {"a": 1}, ["update a"]),
        ({"a": UNKNOWN}, {"a": UNKNOWN}, ["update a"]),
    ],
)
def test_every_changed_path_is_named(old: object, new: object, changes: list[str]) -> None:
    assert [str(change) for change in compare(old, new)] == changes


def test_a_change_may_replace() -> None:
    assert Change(("a",), "update", replace=True) != Change(("a",), "update")


def test_paths_are_related_upwards_and_downwards() -> None:
    assert related(("spec",), ("spec", "type"))
    assert related(("spec", "type"), ("spec",))
    assert not related(("spec", "a"), ("spec", "b"))
    assert within(("a", "b"), [("a",)])
    assert not within(("a",), [("a", "b")])
