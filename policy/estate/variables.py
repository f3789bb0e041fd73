"""What the kubelet makes of `$(NAME)` in a container's arguments, as far as it can be told from the declaration."""

import re
from decimal import ROUND_CEILING, Decimal

from seawall.policy.estate.quantities import quantity
from seawall.policy.estate.values import View

_REFERENCE = re.compile(r"\$(?:(\$)|\(([A-Za-z_.-][A-Za-z0-9_.-]*)\))")
_ONE = View("1")


def expanded(text: str, container: View) -> str | None:
    """A text with the container's variables in place; None when one of them is not told here.

    `$$` is a dollar sign, and a name that no variable has stays as it is.
    """
    if "$" not in text:
        return text
    values = _Values(container)
    parts: list[str] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        found = "$" if match[1] else values.of(match[2], match[0])
        if found is None:
            return None
        parts.append(found)
    return "".join([*parts, text[end:]])


class _Values:
    def __init__(self, container: View) -> None:
        self._container = container
        self._variables = {variable.at("name").text(): variable for variable in container.at("env").items()}

    def of(self, name: str, written: str) -> str | None:
        """The value of a variable, what is written when there is none, None when it cannot be told."""
        variable = self._variables.get(name)
        if variable is None:
            return None if self._container.at("envFrom").items() else written
        if not variable.at("valueFrom").present:
            value = variable.at("value").text() or ""
            return None if "$" in value else value  # it may refer to variables in its turn
        resource = variable.at("valueFrom", "resourceFieldRef")
        return self._resource(resource) if resource.present else None

    def _resource(self, reference: View) -> str | None:
        """A limit or request of the same container, in units of the divisor, rounded up."""
        where, _, what = (reference.at("resource").text() or "").partition(".")
        of = reference.at("containerName").text()
        if where not in ("limits", "requests") or (of and of != self._container.at("name").text()):
            return None
        resources = self._container.at("resources")
        size = quantity(resources.at(where, what))
        if size is None and where == "requests":
            size = quantity(resources.at("limits", what))
        divisor = quantity(reference.at("divisor")) or quantity(_ONE)
        if size is None or not divisor:  # without a limit it is what the node has
            return None
        return str(int((size / Decimal(divisor)).to_integral_value(ROUND_CEILING)))
