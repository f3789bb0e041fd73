"""A double of AWS's own decision on a request, as far as our policy documents go: simple operators, one account.

moto stores policies and ignores their conditions, so nothing else here would notice a wrong one. An operator, an effect
or a principal that this judge does not know is an error, never a silent yes.
"""

import fnmatch
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ANONYMOUS: Final = "anonymous"
ROOT: Final = "arn:aws:iam::123456789012:root"


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
    verdict = "nothing"
    for statement in json.loads(document)["Statement"]:
        if _applies(statement, request):
            if statement["Effect"] == "Deny":
                return "deny"
            assert statement["Effect"] == "Allow"
            verdict = "allow"
    return verdict


def allowed(request: Request, *, identity: str | None, resource: str) -> bool:
    """Whether a request within one account passes: one of the two policies allows it, and neither denies it."""
    said = {decide(document, request) for document in (identity, resource) if document is not None}
    return "allow" in said and "deny" not in said


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    return (
        _names(statement.get("Principal"), request.who)
        and _matches(_listed(statement["Action"]), request.action)
        and _matches(_listed(statement["Resource"]), request.resource)
        and all(
            _holds(operator, request.keys.get(key), _listed(values))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _names(principal: Any, who: str) -> bool:
    """Whether the statement is about this person; a policy on an identity names nobody."""
    if principal is None or principal == "*":
        return True
    assert set(principal) == {"AWS"}, f"{principal} is not known to this judge"
    return "*" in _listed(principal["AWS"]) or who in _listed(principal["AWS"])


def _matches(patterns: list[str], value: str) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def _holds(operator: str, given: str | None, wanted: list[str]) -> bool:
    """A negated operator holds as well when the request lacks the key."""
    if operator in ("StringEquals", "ArnEquals", "Bool"):
        return given in wanted
    if operator in ("StringNotEquals", "ArnNotEquals"):
        return given not in wanted
    raise AssertionError(f"{operator} is not known to this judge")
