"""Policy documents of AWS (of a bucket, a key, an identity), decided statement by statement.

Three answers, never two: a statement applies to a request, does not, or it cannot be told (a condition about something
that nothing here shows, a policy variable). What cannot be told is `None`, and a rule must not take it for either.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from seawall.policy.estate.blame import blaming
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View, WrongTypeError

SOMEBODY = "arn:aws:iam::000000000000:user/somebody-else"
"""Stands for whoever is named nowhere."""
_PRINCIPAL = "aws:principalarn"


@dataclass(frozen=True)
class Request:
    """What somebody asks of AWS."""

    action: str
    """As in `s3:PutObject`."""
    resource: str
    """An ARN."""
    principal: str = SOMEBODY
    """The ARN of the user or role; an empty partition or account in it stands for one that is not known."""
    context: Mapping[str, str | None] = field(default_factory=dict)
    """Condition key in lower case → value, None when the request lacks it. What is not here cannot be told."""

    def value(self, key: str) -> tuple[bool, str | None]:
        """Whether a condition key can be told, and its value."""
        key = key.lower()
        if key == _PRINCIPAL:
            return True, self.principal
        return key in self.context, self.context.get(key)


@dataclass(frozen=True)
class Statement:
    """One statement. Its members are read when they are asked for, and raise `CannotEvaluateError`."""

    thing: KubeObject
    """The resource that carries it."""
    view: View

    @property
    def sid(self) -> str:
        """Its name for a person."""
        return self.view.at("Sid").text() or f"statement {self.view.path[-1].strip('[]')}"

    @cached_property
    def denies(self) -> bool:
        """Whether it denies; it allows otherwise."""
        return self.view.at("Effect").text() == "Deny"

    @cached_property
    def conditions(self) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Operator, key and values of each condition."""
        found = []
        for operator, keys in self.view.at("Condition").entries():
            for key, values in keys.entries():
                found.append((operator, key, tuple(_texts(values))))
        return tuple(found)

    def covers(self, request: Request) -> bool:
        """Whether its actions and resources are those of the request."""
        return self._names("Action", request.action.lower(), _like_in_any_case) and self._names(
            "Resource", request.resource, same_arn
        )

    def applies(self, request: Request) -> bool | None:
        """Whether it decides this request; its principal is a question of its own."""
        return self.covers(request) and self.met(request)

    def met(self, request: Request) -> bool | None:
        """Whether all of its conditions hold."""
        return every(holds(operator, key, values, request) for operator, key, values in self.conditions)

    def _names(self, member: str, value: str, like: Callable[[str, str], bool]) -> bool:
        named, others = self.view.at(member), self.view.at(f"Not{member}")
        if others.present:
            return not any(like(pattern, value) for pattern in _texts(others))
        if not named.present:
            return member == "Resource"  # a trust policy has none
        return any(like(pattern, value) for pattern in _texts(named))

    def buckets(self) -> set[str]:
        """The buckets that it is about, possibly with wildcards, by its actions and resources; `*` is every one."""
        actions = _texts(self.view.at("Action")) if self.view.at("Action").present else ["*"]
        if not any(action == "*" or action.lower().startswith("s3:") for action in actions):
            return set()
        if self.view.at("NotResource").present:
            return {"*"}
        parts = [resource.split(":", 5) for resource in _texts(self.view.at("Resource"))]
        return {
            part[5].partition("/")[0] if len(part) == 6 else "*"
            for part in parts
            if len(part) != 6 or part[2] in ("s3", "*")
        }

    def principals(self) -> tuple[str, ...]:
        """The AWS principals that it names: `*`, ARNs, accounts. Services and federations are left out."""
        whom = self.view.at("Principal")
        if not whom.present:
            return ()
        if isinstance(whom.raw, str):
            return (whom.raw,)
        return tuple(_texts(whom.at("AWS")))

    def speaks_of(self, principal: str) -> bool:
        """Whether it is about this principal itself: named, or everybody is. A document of an identity names nobody."""
        others = self.view.at("NotPrincipal")
        if others.present:
            excepted = _texts(others.at("AWS")) if not isinstance(others.raw, str) else [others.raw]
            return not any(same_arn(name, principal) for name in excepted)
        if not self.view.at("Principal").present:
            return True
        return any(name == "*" or same_arn(name, principal) for name in self.principals())

    def speaks_of_account(self, principal: str) -> bool:
        """Whether it is about a principal's whole account, which leaves an Allow to the identity's own policies."""
        account = (*principal.split(":"), *[""] * 5)[4]
        named = [re.fullmatch(r"(?:arn:[^:]+:iam::)?(\d{12})(?::root)?", name) for name in self.principals()]
        return any(match is not None and account in (match[1], "") for match in named)


@dataclass(frozen=True)
class Document:
    """A policy document, and the resource that carries it."""

    thing: KubeObject
    path: tuple[str, ...]
    statements: tuple[Statement, ...]

    def denies(self, request: Request) -> bool | None:
        """Whether a statement denies the request; for a principal that is named, its whole account counts too."""
        return some(
            statement.applies(request)
            for statement in self._matching(deny=True)
            if statement.speaks_of(request.principal) or statement.speaks_of_account(request.principal)
        )

    def allows(self, request: Request) -> bool | None:
        """Whether a statement allows it to the principal itself, which needs no other policy's consent."""
        return some(
            statement.applies(request)
            for statement in self._matching(deny=False)
            if statement.speaks_of(request.principal)
        )

    def leaves_to_account(self, request: Request) -> bool | None:
        """Whether a statement allows it to the principal's account: then the identity's own policies decide."""
        return some(
            statement.applies(request)
            for statement in self._matching(deny=False)
            if statement.speaks_of_account(request.principal)
        )

    def _matching(self, *, deny: bool) -> Iterator[Statement]:
        return (statement for statement in self.statements if statement.denies is deny)


def read(thing: KubeObject, view: View) -> Document | None:
    """The document in a property: JSON text or the same as a mapping; None when there is none."""
    with blaming(thing):
        if not view.present or view.raw == "":
            return None
        inside = view
        if isinstance(view.raw, str):
            try:
                inside = View(json.loads(view.raw), view.path, view.thing)
            except (ValueError, RecursionError):
                raise CannotEvaluateError(f"{'.'.join(view.path)} is not JSON", view.path) from None
        statements = inside.at("Statement")
        listed = [statements] if isinstance(statements.raw, Mapping) else statements.items()
        for statement in listed:
            effect = statement.at("Effect")
            if effect.text() not in ("Allow", "Deny"):
                raise WrongTypeError(effect.path, "Allow or Deny", effect.raw)
        return Document(thing, view.path, tuple(Statement(thing, statement) for statement in listed))


def same_arn(pattern: str, arn: str) -> bool:
    """Whether an ARN, possibly with wildcards, is this one; what is empty in `arn` may be anything."""
    wanted, given = pattern.split(":", 5), arn.split(":", 5)
    if len(wanted) != 6 or len(given) != 6:
        return _like(pattern, arn)
    return all(_like(one, other) for one, other in zip(wanted, given, strict=True) if other)


def every(answers: Iterable[bool | None]) -> bool | None:
    """And, in three values."""
    found = list(answers)
    return False if False in found else None if None in found else True


def some(answers: Iterable[bool | None]) -> bool | None:
    """Or, in three values."""
    found = list(answers)
    return True if True in found else None if None in found else False


def _texts(view: View) -> list[str]:
    """One text, or a list of them; booleans and numbers as JSON writes them."""
    if not view.present:
        return []
    listed = view.items() if isinstance(view.raw, list | tuple) else [view]
    return [json.dumps(it.raw) if isinstance(it.raw, bool | int) and it.known else it.text() or "" for it in listed]


@lru_cache(maxsize=4096)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(part, re.escape(part)) for part in text), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _like_in_any_case(pattern: str, value: str) -> bool:
    return _like(pattern.lower(), value)


def _equal(wanted: str, value: str) -> bool:
    return wanted == value


def _equal_in_any_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


_OPERATORS: Mapping[str, Callable[[str, str], bool]] = {
    "stringequals": _equal,
    "stringequalsignorecase": _equal_in_any_case,
    "stringlike": _like,
    "arnequals": same_arn,
    "arnlike": same_arn,
    "bool": _equal_in_any_case,
}
"""What is compared, by the operator in lower case. Numbers, dates and addresses cannot be told."""


def holds(operator: str, key: str, values: tuple[str, ...], request: Request) -> bool | None:
    """Whether one condition holds; None when it cannot be told."""
    name, if_exists = operator.lower(), False
    told, value = request.value(key)
    if not told:
        return None
    if name == "null":
        return (value is None) is (values != ("false",))
    if name.endswith("ifexists"):
        name, if_exists = name.removesuffix("ifexists"), True
    negated = "not" in name
    compare = _OPERATORS.get(name.replace("not", "", 1))
    if compare is None:
        return None
    if value is None:
        return if_exists or negated
    if any("${" in wanted for wanted in values):
        return None
    return any(compare(wanted, value) for wanted in values) is not negated
