"""What is no mutant of ours, by named categories: changes that no test could tell, or that any test would.

The first would have to be explained one by one, the second would be killed for nothing; both would say nothing about
the tests. A mutant that is no Python, or the same program, is none either.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

Span = tuple[tuple[int, int], tuple[int, int]]


class Source:
    """A file, with the spans that categories ask for. Lines count from 1, columns from 0."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self._tree = ast.parse(text)
        self._functions = sorted(
            self._named(self._tree, ""), key=lambda found: found[1][1] - found[1][0]
        )  # the innermost first

    def _named(self, node: ast.AST, above: str) -> Iterator[tuple[str, tuple[int, int]]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                name = f"{above}.{child.name}" if above else child.name
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                yield name, (first, child.end_lineno or first)
                yield from self._named(child, name)
            else:
                yield from self._named(child, above)

    def function(self, number: int) -> str:
        """The innermost function or class that a line is in, by its whole name; empty at the top."""
        return next((name for name, (first, last) in self._functions if first <= number <= last), "")

    @cached_property
    def annotations(self) -> list[Span]:
        """Types: of parameters, results, variables, and module-level names for types."""
        found: list[ast.AST | None] = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.arg | ast.AnnAssign):
                found.append(node.annotation)
            elif isinstance(node, ast.FunctionDef):
                found.append(node.returns)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "cast":
                found.append(node.args[0])
        for statement in self._tree.body:
            if isinstance(statement, ast.Assign) and re.match(r"[A-Z][a-z]\w*$", ast.unparse(statement.targets[0])):
                found.append(statement.value)  # `Check = Callable[…] | None`
        return [span for node in found if node is not None for span in _span(node)]

    @cached_property
    def dataclass_switches(self) -> list[Span]:
        """Arguments of `@dataclass(…)`, and `repr` of `field(…)`."""
        calls = [node for node in ast.walk(self._tree) if isinstance(node, ast.Call)]
        found = [call for call in calls if ast.unparse(call.func) == "dataclass"]
        fields = (argument for call in calls if ast.unparse(call.func) == "field" for argument in call.keywords)
        return [span for node in (*found, *(it for it in fields if it.arg == "repr")) for span in _span(node)]

    @cached_property
    def caches(self) -> list[Span]:
        """Decorators that keep a function's results."""
        return [
            ((decorator.lineno, decorator.col_offset - 1), span[1])  # with its `@`
            for node in ast.walk(self._tree)
            if isinstance(node, ast.FunctionDef)
            for decorator in node.decorator_list
            if re.match(r"(functools\.)?(lru_)?cache\b", ast.unparse(decorator))
            for span in _span(decorator)
        ]

    @cached_property
    def joined_texts(self) -> list[Span]:
        """Sums of which one side is a text as it stands."""
        return [
            span
            for node in ast.walk(self._tree)
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and (_text(node.left) or _text(node.right))
            for span in _between(node.left, node.right)
        ]

    @cached_property
    def same_by_identity(self) -> list[Span]:
        """Comparisons with None, True, False, a small whole number or a text of at most one character."""
        return [
            span
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Compare) and len(node.ops) == 1
            if any(isinstance(side, ast.Constant) and _small(side.value) for side in (node.left, node.comparators[0]))
            for span in _between(node.left, node.comparators[0])
        ]


def _span(node: ast.AST) -> Iterator[Span]:
    yield (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def _between(left: ast.expr, right: ast.expr) -> Iterator[Span]:
    yield (left.end_lineno or 0, left.end_col_offset or 0), (right.lineno, right.col_offset)


def _text(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _mark_of_signature(source: Source, number: int, column: int) -> bool:
    return re.match(r"[*/]\s*[,)]", source.lines[number - 1][column:]) is not None  # no product has a comma there


def _small(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= 1 and value.isascii()
    return value is None or (isinstance(value, int) and -5 <= value <= 256)


def _inside(spans: list[Span], number: int, column: int) -> bool:
    return any(first <= (number, column) < last for first, last in spans)


@dataclass(frozen=True)
class Category:
    """One kind of change that is left out."""

    name: str
    reason: str
    is_it: Callable[[Source, str, int, int], bool]
    """Of a source, an operator's name, a line and a column."""


LEFT_OUT = (
    Category(
        "types",
        "Annotations and names for types: mypy reads them; a sum in place of a union fails at import.",
        lambda source, operator, number, column: _inside(source.annotations, number, column),
    ),
    Category(
        "arguments of @dataclass",
        "`frozen=True` keeps programmers from assigning, which mypy sees; `repr` of a field is for a debugger.",
        lambda source, operator, number, column: (
            "RemoveDecorator" not in operator and _inside(source.dataclass_switches, number, column)
        ),
    ),
    Category(
        "marks of signatures",
        "`*` and `/` between parameters keep programmers from passing by position, which mypy sees.",
        lambda source, operator, number, column: _mark_of_signature(source, number, column),
    ),
    Category(
        "caches",
        "Without `@cache`, or with another size, the same answer comes later; cost has tests that count work.",
        lambda source, operator, number, column: _inside(source.caches, number, column),
    ),
    Category(
        "joined texts",
        "A sum with a literal text: every other operator than `+` is a TypeError there, killed for nothing.",
        lambda source, operator, number, column: (
            "BinaryOperator_Add" in operator and _inside(source.joined_texts, number, column)
        ),
    ),
    Category(
        "identity",
        "`==` and `is` (`!=` and `is not`) mean the same for None, True, False, small numbers and texts of one "
        "character or none.",
        lambda source, operator, number, column: (
            operator.rpartition("/")[2]
            in {
                f"ReplaceComparisonOperator_{one}_{other}"
                for pair in (("Eq", "Is"), ("NotEq", "IsNot"))
                for one, other in (pair, pair[::-1])
            }
            and _inside(source.same_by_identity, number, column)
        ),
    ),
)
