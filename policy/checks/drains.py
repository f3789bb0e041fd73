"""How many pods a disruption budget lets go at once, as the disruption controller counts."""

import math
import re
from dataclasses import dataclass

from seawall.policy.estate.values import View, WrongTypeError


@dataclass(frozen=True)
class Allowance:
    """What one budget says about a number of pods."""

    said: str
    """Its own words: `minAvailable: 50%`."""
    goes: int
    """How many may go at once."""
    path: tuple[str, ...]
    """The field that says so."""


def allowance(spec: View, pods: int) -> Allowance:
    """How many of these pods, all that a budget with this `spec` selects, may go at once. Raises `CannotEvaluateError`.

    A percentage is rounded up, of those that must stay and of those that may go. A budget that gives neither expects no
    pods, and then the controller lets none go.
    """
    minimum, maximum = spec.at("minAvailable"), spec.at("maxUnavailable")
    if minimum.present:
        kept = _pods(minimum, pods)
        return Allowance(f"minAvailable: {minimum.number_or_text()}", max(pods - kept, 0), minimum.path)
    if maximum.present:
        return Allowance(f"maxUnavailable: {maximum.number_or_text()}", min(_pods(maximum, pods), pods), maximum.path)
    return Allowance("neither minAvailable nor maxUnavailable", 0, spec.path)


def _pods(view: View, pods: int) -> int:
    value = view.number_or_text()
    if isinstance(value, int):
        return value
    if value is None or not re.fullmatch(r"[0-9]{1,3}%", value):
        raise view.blamed(WrongTypeError(view.path, "a number or a percentage like 50%", value))
    return math.ceil(int(value[:-1]) * pods / 100)
