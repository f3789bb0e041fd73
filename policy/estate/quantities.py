"""Kubernetes quantities (`500m`, `1536Mi`, `2e9`), decoded."""

import re
from decimal import Decimal

from seawall.operators.reading import LARGEST
from seawall.policy.estate.values import View, WrongTypeError

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?",
)
_LONGEST = 64
"""Characters. Kubernetes holds no more than 19 digits before the point, and nine after it."""
_BINARY = {unit: Decimal(1024) ** power for power, unit in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)}
_DECIMAL = {
    unit: Decimal(10) ** power
    for unit, power in {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}.items()
}


def quantity(view: View) -> Decimal | None:
    """The amount at a view (bytes, cores), None when it is absent. Raises `CannotEvaluateError` for no quantity."""
    value = view.number_or_text()
    if value is None:
        return None
    if isinstance(value, int):
        return _held(Decimal(value), view)
    match = _QUANTITY.fullmatch(value.strip()) if len(value) <= _LONGEST else None
    if match is None:
        raise view.blamed(WrongTypeError(view.path, "a quantity like 500m or 2Gi", value))
    number, binary, decimal, exponent = match.groups()
    scale = _BINARY.get(binary or "") or _DECIMAL.get(decimal or "") or Decimal(10) ** int(exponent or 0)
    return _held(Decimal(number) * scale, view)


def _held(amount: Decimal, view: View) -> Decimal:
    """An amount as the API server takes it."""
    if not 0 <= amount <= LARGEST:
        raise view.blamed(WrongTypeError(view.path, f"a quantity from 0 to {LARGEST}", view.raw))
    return amount


def amount(bytes_: Decimal | int) -> str:
    """A number of bytes for a person: `1.5 GiB`, `256 MiB`, `1000 bytes`."""
    size = Decimal(bytes_)
    for unit in ("Pi", "Ti", "Gi", "Mi", "Ki"):
        if size >= _BINARY[unit]:
            return f"{float(round(size / _BINARY[unit], 2)):g} {unit}B"
    return f"{size:f} bytes"
