"""The tool behind `make test-mutation`, on a tiny package of its own."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from choosing import Choice, read
from imports import Imports, modules
from left_out import LEFT_OUT, Source
from mutants import pool, sample, shares, variants
from mutation_page import Run, wrongly_explained
from running import End, Suite, Verdict, forked, verdicts
from scope import NOT_OURS, files
from survivors import FILE, Survivor, load, no_mutants

ROOT = Path(__file__).resolve().parents[2]
CODE = """
    LEAST = 3
    MOST = 8


    def enough(count: int | None) -> bool:
        if count is None:
            return False
        return count > LEAST


    def forgotten(count: int) -> int:
        return count + 1


    def endless(count: int) -> int:
        while count > 0:
            count -= 1
        return count
"""
USER = """
    from tiny.code import LEAST, enough


    def told(count: int) -> str:
        return "enough" if enough(count) else f"wants {LEAST}"
"""
TESTS = """
    from tiny.code import endless
    from tiny.code import MOST
    from tiny.user import told


    def test_many() -> None:
        assert told(9) == "enough"


    def test_few() -> None:
        assert told(1) == "wants 3"


    def test_most() -> None:
        assert MOST == 8


    def test_ends() -> None:
        assert endless(5) == 0
"""

ENDS = {
    ("return count > LEAST", "return count <= LEAST"): End.KILLED,
    ("if count is None:", "if not count is None:"): End.KILLED,
    ("LEAST = 3", "LEAST = 4"): End.KILLED,  # seen through a module that imports it
    ("MOST = 8", "MOST = 9"): End.KILLED,  # by a test that calls nothing
    ("return count > LEAST", "return count >= LEAST"): End.SURVIVED,
    ("return count + 1", "return count - 1"): End.SURVIVED,
    ("count -= 1", "count -= 0"): End.OUT_OF_TIME,
}
"""Line and what became of it → how the mutant ends."""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tiny").mkdir()
    for name, text in {
        "tiny/__init__.py": "",
        "tiny/code.py": CODE,
        "tiny/user.py": USER,
        "test_tiny.py": TESTS,
    }.items():
        (tmp_path / name).write_text(dedent(text).lstrip())
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


@pytest.fixture
def ends(root: Path) -> Iterator[Mapping[tuple[str, str], str]]:
    """Line and what became of it → how the mutant ended."""
    imports = Imports(modules("tiny", root / "tiny"), root)
    tests = Suite(root, root / "tiny", imports, root, root)
    [recorded] = forked(["test_tiny.py"], tests.record, lambda _: 60, 1)
    choice = Choice(root, read(Path(recorded.said)), imports)
    places = pool(root, ["tiny/code.py"]).places["tiny/code.py"]
    text = (root / "tiny/code.py").read_text()
    made = [mutant for place in places for mutant in variants(place, text, 1)]
    found = verdicts(tests, choice.of, [mutant for mutant in made if (mutant.place.line, mutant.becomes) in ENDS], 2, 3)
    yield {(it.mutant.place.line, it.mutant.becomes): it.end for it in found}
    assert "tiny.code" not in sys.modules, "mutants are loaded by children alone"


def test_what_is_tested_is_killed_and_what_is_not_lives(ends: Mapping[tuple[str, str], str]) -> None:
    assert ends == ENDS


def test_types_are_left_out(root: Path) -> None:
    found = pool(root, ["tiny/code.py"])
    assert found.left_out["types"] > 0
    assert not [place for places in found.places.values() for place in places if place.line.startswith("def ")]


def test_every_category_names_a_reason() -> None:
    assert LEFT_OUT
    assert all(each.name and each.reason for each in LEFT_OUT)
    assert all(NOT_OURS.values())
    assert len({each.name for each in LEFT_OUT}) == len(LEFT_OUT)


def test_every_file_that_is_left_out_is_there() -> None:
    every = [str(path.relative_to(ROOT)) for path in (ROOT / "policy").rglob("*.py")]
    for part in NOT_OURS:
        assert [file for file in every if file.startswith(part) or file.endswith(part)], part
    assert set(files(ROOT)) < set(every)


@pytest.mark.parametrize(
    ("category", "text", "operator", "column"),
    [
        ("types", "x: int | None = 1", "core/ReplaceBinaryOperator_BitOr_Add", 7),
        ("arguments of @dataclass", "@dataclass(frozen=True)\nclass A: ...", "core/ReplaceTrueWithFalse", 18),
        ("arguments of @dataclass", "a = field(repr=True)", "core/ReplaceTrueWithFalse", 15),
        ("marks of signatures", "def f(a, *, b): ...", "core/ReplaceBinaryOperator_Mul_Div", 9),
        ("caches", "@cache\ndef f(): ...", "core/RemoveDecorator", 0),
        ("joined texts", "x = 'a' + b", "core/ReplaceBinaryOperator_Add_Sub", 8),
        ("identity", "x = a is None", "core/ReplaceComparisonOperator_Is_Eq", 6),
        ("identity", "x = a != ''", "core/ReplaceComparisonOperator_NotEq_IsNot", 6),
    ],
)
def test_a_category_is_what_it_says(category: str, text: str, operator: str, column: int) -> None:
    source = Source(text)
    assert [each.name for each in LEFT_OUT if each.is_it(source, operator, 1, column)] == [category]
    elsewhere = Source(f"{text}\ny = a | b")
    assert not [each for each in LEFT_OUT if each.is_it(elsewhere, operator, len(text.splitlines()) + 1, 6)]


def test_a_sample_is_the_same_for_a_seed_and_moves_little_with_an_edit(root: Path) -> None:
    def drawn(seed: int) -> set[tuple[str, ...]]:
        return {mutant.key for mutant in sample(root, pool(root, ["tiny/code.py"]), 5, seed)}

    before = drawn(1)
    assert drawn(1) == before
    assert len({frozenset(drawn(seed)) for seed in range(5)}) > 1
    code = root / "tiny/code.py"
    code.write_text(f"# a line more\n\n{code.read_text()}")
    assert drawn(1) == before


def test_each_file_has_its_share() -> None:
    assert shares({"large": 90, "small": 10}, 10) == {"large": 9, "small": 1}
    assert sum(shares({"a": 7, "b": 5, "c": 1}, 6).values()) == 6
    assert shares({"a": 2}, 100) == {"a": 2}


def test_every_explanation_is_of_a_mutant_that_the_source_has() -> None:
    assert no_mutants(ROOT, load().values()) == [], "take them out of survivors.yaml"


def test_an_explanation_of_no_mutant_is_told(root: Path) -> None:
    (root / "tiny").rename(root / "policy")
    there = Survivor("policy/code.py", "enough", "return count > LEAST", "Gt_GtE", "return count >= LEAST", "why")
    [there] = [
        replace(there, operator=mutant.operator)
        for place in pool(root, [there.file]).places[there.file]
        for mutant in variants(place, (root / there.file).read_text(), 1)
        if mutant.becomes == there.becomes
    ]
    wrong = [
        replace(there, file="policy/gone.py"),
        replace(there, function="forgotten"),
        replace(there, line="return count > 3"),
        replace(there, operator="NumberReplacer"),
        replace(there, becomes="return count > LEAST"),
    ]
    assert no_mutants(root, [there]) == []
    assert set(no_mutants(root, [there, *wrong])) == set(wrong)


def test_an_explanation_of_a_killed_mutant_is_told(root: Path) -> None:
    found = pool(root, ["tiny/code.py"])
    killed, lived = sample(root, found, 2, 1)
    run = Run(1, found, [Verdict(killed, End.KILLED), Verdict(lived, End.SURVIVED)], [], 0)
    reasons = {it.key: Survivor(*it.key, "no reason") for it in (killed, lived)}
    assert [it.mutant for it in wrongly_explained(run, reasons)] == [killed]
    assert not wrongly_explained(run, {lived.key: reasons[lived.key]})


@pytest.mark.parametrize("text", ["[{file: a, function: '', line: b, operator: c, becomes: d, reason: ' '}]"])
def test_an_explanation_needs_a_reason(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE.name).write_text(text)
    with pytest.raises(ValueError, match="no reason"):
        load(tmp_path / FILE.name)
