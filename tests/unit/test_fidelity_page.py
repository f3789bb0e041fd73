"""docs/fidelity.md says what is held against what, and nothing else."""

import cnpg_table
import dragonfly_table
from fidelity_cases import CASES
from fidelity_page import PAGE, page
from fidelity_walk import Comparison, Field, Object, pruned

from seawall.operators import versions


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make fidelity`"


def test_every_version_and_every_exception_is_on_it() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for row in versions.DRAGONFLY_BEHAVIOURS:
        assert f"{'.'.join(map(str, row.first))} to " in text
    for combination in versions.CNPG_COMBINATIONS:
        assert f"| CloudNativePG | {combination.operator} " in text
    entries = (
        *cnpg_table.NOT_COMPARED,
        *cnpg_table.NOT_PROJECTED,
        *cnpg_table.NOT_MADE_HERE,
        *dragonfly_table.NOT_COMPARED,
        *dragonfly_table.NOT_PROJECTED,
    )
    assert [entry for entry in entries if entry.reason not in text] == []
    assert [case for case in CASES if f"- {case}\n" not in text] == []


REAL = {("A", "x"): {"kind": "A", "spec": {"a": 1, "b": [{"c": 2}], "status": 3}}}


def differences(projected: object, *left_out: Field, more: tuple[Object, ...] = ()) -> Comparison:
    told = Comparison(left_out, more, more)
    told.objects("here", REAL, {("A", "x"): projected} if projected is not None else {})  # type: ignore[dict-item]
    return told


def test_every_field_is_compared() -> None:
    assert differences(REAL["A", "x"]).differences == []
    assert differences({"kind": "A", "spec": {"a": 1, "b": [{"c": 2}]}}).differences == [
        "here: A x: spec.status: real 3, projected None"
    ]
    assert differences({"kind": "A", "spec": {"a": 1, "b": [], "status": 3, "d": 4}}).differences == [
        "here: A x: spec.b: real [{'c': 2}], projected []",
        "here: A x: spec.d: real None, projected 4",
    ]
    assert differences({"kind": "A", "spec": {"a": 1, "b": [{"c": 7}], "status": 3}}).differences == [
        "here: A x: spec.b[].c: real 2, projected 7"
    ]


def test_false_and_nought_are_no_absence() -> None:
    told = Comparison(())
    told.objects("here", {("A", "x"): {"a": False, "b": 0, "c": {}}}, {("A", "x"): {"a": None, "b": None, "c": None}})
    assert [it.split(": ")[2] for it in told.differences] == ["a", "b"]


def test_what_is_left_out_is_needed() -> None:
    left_out = Field("A", "spec.stat*", "a reason")
    told = differences({"kind": "A", "spec": {"a": 1, "b": [{"c": 2}]}}, left_out, Field("B", "*", "nothing"))
    assert told.differences == []
    assert told.unused() == [Field("B", "*", "nothing")]
    assert pruned(REAL["A", "x"], [left_out]) == {"kind": "A", "spec": {"a": 1, "b": [{"c": 2}]}}


def test_objects_that_only_one_side_has() -> None:
    assert differences(None).differences == ["here: A x is made and not projected"]
    assert differences(None, more=(Object("A", "*", "a reason"),)).differences == []
    told = Comparison(())
    told.objects("here", {}, REAL)
    assert told.differences == ["here: A x is projected and not made"]
