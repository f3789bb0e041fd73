"""Junk that looks like the real thing: manifests of our stacks and fixtures, with some of their nodes spoilt."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st
from our_stacks import registered
from rule_fixtures import fixtures

from seawall.policy import serving
from seawall.policy.estate.values import PLACEHOLDER

Node = tuple[Any, Any]
"""A mapping or list, and the key or index in it."""
Document = dict[str, Any]

STACKS = ("infra", "apps", "sandbox")
MOST_DOCUMENTS = 12
"""Of a stack's manifests, how many are taken at once: enough to hang together."""


@cache
def groups() -> tuple[tuple[Document, ...], ...]:
    """Manifests that belong together: those of each fixture, and runs of neighbours of each stack."""
    made = [tuple(dict(it) for it in fixture.resources) for fixture in fixtures() if not fixture.is_stack]
    for stack in STACKS:
        objects = [serving._struct(it.properties) for it in registered(stack) if it.type.startswith("kubernetes:")]
        objects = [it for it in objects if "apiVersion" in it and "kind" in it]
        for start in range(0, len(objects), MOST_DOCUMENTS):
            made.append(tuple(objects[start : start + MOST_DOCUMENTS]))
    return tuple(group for group in made if group)


def nodes(value: Any) -> Iterator[Node]:
    """Every place in a value that can be spoilt, the shallow ones first; what is shared, or a cycle, once."""
    level, known = [value], {id(value)}
    while level:
        deeper: list[Any] = []
        for holder in level:
            keys: Any = list(holder) if isinstance(holder, dict) else range(len(holder))
            for key in keys:
                yield holder, key
                inner = holder[key]
                if isinstance(inner, dict | list) and id(inner) not in known:
                    known.add(id(inner))
                    deeper.append(inner)
        level = deeper


def deep(depth: int, kind: type) -> Any:
    """Mappings or lists inside each other."""
    value: Any = "at last"
    for _ in range(depth):
        value = {"a": value} if kind is dict else [value]
    return value


TEXTS = (
    *("", " ", "\0", "\N{SEAL}\u202e\u2066", "\ufeff", "null", "true", "-", "*", "* * * * *", "0 0 2 * * *", "@daily"),
    *("0x10", "1e9", "1e400Gi", "99999999999999999999Gi", "-1", "-5%", "101%", "50%%", "5m", "-5m", "NaN", "١٢"),
    *("{", "[", '{"a": ', '{"version": 3, "namespace": []}', '{"this": 3}', "[[[]]]", "null", "{}", '"x"'),
    *("a=b", "--x", "--x=", "=", "a/b/c", "a:b:c@d", "@", ":", "/", "//", "s3://", "arn:aws:kms:::", "arn:::::"),
    *("host all", "host all all 1.2.3.4/99 md5", 'host "all', "hostssl all all ::/0 reject map=", "local", "#"),
    *("10.0.0.0/8", "10.0.0.0/-1", "::/0", "300.1.1.1/33", "1.2.3.4", "reserved:", "k8s:", "any:app", "io.kubernetes"),
    *(
        "(a+)+$",
        "\\",
        "%s%n",
        "{{ .Values.x }}",
        "${X}",
        "$(X)",
        "../..",
        "\r\n---\n",
        "\u2028",
        "a" * 300,
        PLACEHOLDER,
    ),
    *("9999-12-31", "0000-00-00T99:99:99Z", "Europe/Nowhere", "TZ=UTC 0 0 * * *", "CRON_TZ=X 0 0 * * *"),
)
NUMBERS = (0, 1, -1, 2, 65535, 65536, 2**31, 2**63, -(2**63), 10**30, 0.5, -0.0, 1e308, 3.0, 1e16)
ODD_NUMBERS = (float("inf"), float("-inf"), float("nan"))
"""YAML and JSON of Python have them, and no API server does."""
LARGE = "x" * 100_000


@st.composite
def leaves(draw: st.DrawFn) -> Any:
    """A value of any other type than the one that belongs there."""
    kind = draw(st.integers(0, 11))
    if kind <= 3:
        return draw(st.sampled_from(TEXTS))
    if kind <= 5:
        return draw(st.sampled_from(NUMBERS))
    if kind == 6:
        return draw(
            st.sampled_from([None, True, False, [], {}, [None], {"": ""}, [[]], [{}], {"a": None}, ODD_NUMBERS[0]])
        )
    if kind == 7:
        return draw(st.sampled_from(ODD_NUMBERS))
    if kind == 8:
        return draw(st.text(max_size=12))
    if kind == 9:
        return deep(draw(st.sampled_from([3, 60, 150])), draw(st.sampled_from([dict, list])))
    if kind == 10:
        return LARGE if draw(st.integers(0, 9)) == 0 else draw(st.lists(st.sampled_from(TEXTS), max_size=4))
    return {draw(st.sampled_from(TEXTS)): draw(st.sampled_from(NUMBERS)) for _ in range(2)}


@dataclass(frozen=True)
class Material:
    """Some documents, spoilt."""

    documents: list[Any]
    spoilt: tuple[str, ...]
    """The keys under which something was changed, for a person who looks at a failure."""


@st.composite
def material(draw: st.DrawFn, marks: tuple[Any, ...] = (), *, cycles: bool = False) -> Material:
    """One or two groups with one to five nodes spoilt; `marks` are what one door alone takes for something special."""
    known = groups()
    chosen = draw(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=2))
    documents: list[Any] = copy.deepcopy([it for index in chosen for it in known[index]])
    spoilt = []
    for _ in range(draw(st.integers(1, 5))):
        places = list(nodes(documents))
        if not places:
            break
        holder, key = places[draw(st.integers(0, len(places) - 1))]
        spoilt.append(str(key))
        how = draw(
            st.sampled_from(("replace", "replace", "replace", "mark", "delete", "move", "rename", "wrap", "same"))
        )
        if how == "delete":
            del holder[key]
        elif how == "mark" and marks:
            holder[key] = copy.deepcopy(draw(st.sampled_from(marks)))
        elif how in ("move", "same"):
            other, place = places[draw(st.integers(0, len(places) - 1))]
            value = other[place]
            holder[key] = value if how == "same" and (cycles or not _leads_to(value, holder)) else copy.deepcopy(value)
        elif how == "rename" and isinstance(holder, dict):
            holder[draw(st.sampled_from(TEXTS))] = holder.pop(key)
        elif how == "wrap":
            holder[key] = draw(st.sampled_from([[holder[key]], {"a": holder[key]}, [holder[key], holder[key]]]))
        else:
            holder[key] = draw(leaves())
    return Material(documents, tuple(spoilt))


def _leads_to(value: Any, holder: Any) -> bool:
    return value is holder or any(inner[key] is holder for inner, key in nodes([value]))
