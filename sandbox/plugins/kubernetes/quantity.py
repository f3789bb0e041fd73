"""Quantities of resources (`1000m`, `1`, `1Gi`): the same amount in two spellings.

`kubernetes.utils.parse_quantity` does this too, but importing it costs every plugin process 0.7 s of CPU.
"""

import re
from decimal import Decimal
from typing import Final

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i))?")
_FACTORS: Final = {
    **{unit: Decimal(10) ** power for unit, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)},
    **{f"{unit}i": Decimal(1024) ** (i + 1) for i, unit in enumerate("KMGTPE")},
}


def equal_quantities(one: object, other: object) -> bool:
    """Whether both are quantities and the same amount; a number counts as a quantity, as in the API."""
    first, second = _amount(one), _amount(other)
    return first is not None and first == second


def _amount(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    match = _QUANTITY.fullmatch(str(value))
    if match is None:
        return None
    number, exponent, unit = match.groups()
    return Decimal(number + (exponent or "")) * (_FACTORS[unit] if unit else 1)
