"""Reading values that anybody may have written: what is said of the wrong ones never quotes them."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest

from seawall.operators.reading import LARGEST
from seawall.policy.estate.values import CannotEvaluateError, View, WrongTypeError


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "a boolean"),
        (3, "a number"),
        (0.5, "a number"),
        ({"a": "hunter2"}, "a mapping"),
        (MappingProxyType({}), "a mapping"),
        (["hunter2"], "a list"),
        (("hunter2",), "a list"),
        ({"hunter2"}, "a set"),
    ],
)
def test_a_wrong_type_is_named(value: Any, kind: str) -> None:
    with pytest.raises(WrongTypeError, match=rf"^a\.b must be a text, not {kind}$"):
        View(value, ("a", "b")).text()


@pytest.mark.parametrize(
    ("read", "wrong"),
    [
        (View.integer, True),
        (View.integer, 1.0),
        (View.integer, "1"),
        (View.number_or_text, True),
        (View.number_or_text, 1.0),
        (View.items, "text"),
        (View.items, b"bytes"),
        (View.items, {}),
        (View.keys, []),
        (lambda view: view.boolean(default=True), 1),
        (lambda view: view.at("x"), "text"),
    ],
)
def test_what_looks_alike_is_not_taken_for_it(read: Callable[[View], object], wrong: Any) -> None:
    with pytest.raises(WrongTypeError):
        read(View(wrong, ("a",)))


@pytest.mark.parametrize("read", [View.integer, View.number_or_text])
def test_the_largest_number_that_kubernetes_holds(read: Callable[[View], object]) -> None:
    assert [read(View(it)) for it in (LARGEST, -LARGEST)] == [LARGEST, -LARGEST]
    for beyond in (LARGEST + 1, -LARGEST - 1):
        with pytest.raises(CannotEvaluateError, match="larger number than Kubernetes holds"):
            read(View(beyond, ("a",)))


def test_absent_values() -> None:
    absent = View({"a": None}).at("a", "b")
    assert (absent.text(), absent.integer(), absent.number_or_text()) == (None, None, None)
    assert (absent.boolean(default=True), absent.boolean(default=False)) == (True, False)
    assert (absent.items(), absent.keys(), absent.texts()) == ([], [], {})
