"""The cover itself: every pair is there, nothing excluded is, and what cannot be covered is said."""

import itertools

import pytest
from pairwise import ImpossiblePairError, cover, pairs, pairs_of

FEATURES = {"a": ["1", "2", "3"], "b": ["1", "2"], "c": ["1", "2", "3", "4"], "d": ["1", "2"]}


def combination(**choices: str) -> frozenset[tuple[str, str]]:
    return frozenset(choices.items())


def test_every_two_values_meet_in_fewer_rows_than_there_are_combinations() -> None:
    rows = cover(FEATURES)

    for one, other in itertools.combinations(FEATURES, 2):
        met = {(row[one], row[other]) for row in rows}
        assert met == set(itertools.product(FEATURES[one], FEATURES[other]))
    assert all(list(row) == list(FEATURES) for row in rows)
    assert len(rows) < 3 * 2 * 4 * 2 / 2


def test_the_same_features_give_the_same_rows() -> None:
    assert cover(FEATURES) == cover(FEATURES)


def test_no_row_holds_what_is_excluded_and_every_other_pair_is_there() -> None:
    excluded = [combination(a="1", b="1"), combination(a="2", c="3"), combination(b="2", c="1", d="1")]
    rows = cover(FEATURES, excluded)

    assert not [row for row in rows for names in excluded if names <= set(row.items())]
    assert set(pairs(FEATURES)) - set(excluded) == {pair for row in rows for pair in pairs_of(row)}


def test_a_pair_that_no_row_can_hold_is_an_error_and_not_left_out() -> None:
    # With d=1 no value of `a` is left, so no pair with d=1 can be made.
    with pytest.raises(ImpossiblePairError, match=r"\('d', '1'\).*exclude it, and say why"):
        cover(FEATURES, [combination(a=value, d="1") for value in FEATURES["a"]])


def test_a_pair_does_not_count_where_one_of_its_features_means_nothing() -> None:
    moot = {("d", "2"): ["a", "b"]}
    rows = cover(FEATURES, moot=moot)

    real = [row for row in rows if row["d"] == "1"]
    assert {(row["a"], row["b"]) for row in real} == set(itertools.product(FEATURES["a"], FEATURES["b"]))
    assert {(row["a"], row["c"]) for row in real} == set(itertools.product(FEATURES["a"], FEATURES["c"]))
    assert {row["c"] for row in rows if row["d"] == "2"} == set(FEATURES["c"])
