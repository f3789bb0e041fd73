"""A double of AWS's own decision on a request, as far as policy documents like ours go: one account, no sessions.

moto stores policies and ignores their conditions, so nothing else here would notice a wrong one. An element, an
operator, an effect or a principal that this judge does not know is an error, never a silent yes.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ANONYMOUS: Final = "anonymous"
ROOT: Final = "arn:aws:iam::123456789012:root"
NOTHING: Final = "nothing"
"""What a document says of a request that none of its statements is about."""
_ELEMENTS: Final = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True)
class Request:
    """Who asks for what, with which condition keys; `aws:PrincipalArn` is added for all but the anonymous."""

    who: str
    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> dict[str, str]:
        return {**({} if self.who == ANONYMOUS else {"aws:PrincipalArn": self.who}), **self.context}


def decide(document: str, request: Request) -> str:
    """What one document says: `deny` beats `allow` beats `nothing`."""
    return explained(document, request)[0]


def explained(document: str, request: Request) -> tuple[str, str]:
    """The same, and the statement that said so: its `Sid`, empty where it has none or none applies."""
    verdict, by = NOTHING, ""
    for statement in json.loads(document)["Statement"]:
        assert set(statement) <= _ELEMENTS, f"{sorted(set(statement) - _ELEMENTS)} is not known to this judge"
        assert statement["Effect"] in ("Allow", "Deny"), f"{statement['Effect']} is not known to this judge"
        if _applies(statement, request):
            if statement["Effect"] == "Deny":
                return "deny", statement.get("Sid", "")
            verdict, by = "allow", statement.get("Sid", "")
    return verdict, by


def allowed(request: Request, *, identity: str | None, resource: str) -> bool:
    """Whether a request within one account passes: one of the two policies allows it, and neither denies it."""
    said = {decide(document, request) for document in (identity, resource) if document is not None}
    return "allow" in said and "deny" not in said


def allowed_by_key(request: Request, *, identity: str | None, policy: str, root: str = ROOT) -> bool:
    """Whether a KMS key's policy lets a request pass; it alone decides whether an identity's own policy counts.

    What it gives to the account (`root`) is given on by the identity's own policy; all others it must name.
    """
    said = decide(policy, request)
    own = decide(identity, request) if identity is not None else NOTHING
    if "deny" in (said, own):
        return False
    delegated = decide(policy, Request(root, request.action, request.resource, request.context)) == "allow"
    return said == "allow" or (delegated and own == "allow")


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    # Every condition is read, also when an earlier one does not hold: an unknown operator must not hide behind it.
    conditions = [
        _holds(operator, request.keys.get(key), _listed(values))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return (
        _names(statement.get("Principal"), request.who)
        and any(_like(request.action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
        and any(_like(request.resource, pattern) for pattern in _listed(statement["Resource"]))
        and all(conditions)
    )


def _names(principal: Any, who: str) -> bool:
    """Whether the statement is about this person; a policy on an identity names nobody."""
    if principal is None or principal == "*":
        return True
    assert set(principal) == {"AWS"}, f"{principal} is not known to this judge"
    return "*" in _listed(principal["AWS"]) or who in _listed(principal["AWS"])


def _like(value: str, pattern: str) -> bool:
    """`*` stands for any text, `?` for one character, and nothing else for anything but itself."""
    parts = {"*": ".*", "?": "."}
    return re.fullmatch("".join(parts.get(it, re.escape(it)) for it in pattern), value, re.DOTALL) is not None


def _like_arn(value: str, pattern: str) -> bool:
    """Part by part: a `*` does not go beyond the colon."""
    given, wanted = value.split(":", 5), pattern.split(":", 5)
    return len(given) == len(wanted) == 6 and all(map(_like, given, wanted))


_OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": str.__eq__,
    "StringLike": _like,
    "ArnEquals": _like_arn,
    "ArnLike": _like_arn,
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
}
_NEGATED: Final = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _holds(operator: str, given: str | None, wanted: list[str]) -> bool:
    """One of the values must match, with a negated operator none; without the key only a negated operator holds.

    `…IfExists` holds without the key, and `Null` asks for nothing but whether the key is there.
    """
    if operator == "Null":
        assert {it.lower() for it in wanted} <= {"true", "false"}, f"Null of {wanted} is not known to this judge"
        return any((given is None) == (it.lower() == "true") for it in wanted)
    name = operator.removesuffix("IfExists")
    matches = _OPERATORS.get(_NEGATED.get(name, name))
    assert matches is not None, f"{operator} is not known to this judge"
    if given is None:
        return name in _NEGATED or name != operator
    return any(matches(given, it) for it in wanted) != (name in _NEGATED)
