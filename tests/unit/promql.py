"""PromQL in tests: a real parser, and what an expression reads."""

import re

import promql_parser


def parsed(expression: str) -> promql_parser.Expr:
    """The parsed expression. Fails when Prometheus' grammar does not accept it."""
    try:
        return promql_parser.parse(expression)
    except ValueError as error:
        raise AssertionError(f"{expression}: {error}") from None


def metrics(expression: str) -> set[str]:
    """The names of the series that an expression reads."""
    parsed(expression)
    bare = re.sub(r'"(\\.|[^"\\])*"', '""', expression)
    return set(re.findall(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{", bare))
