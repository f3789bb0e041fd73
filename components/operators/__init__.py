"""The operators that reconcile the data. The names below are their settings; the component is in `operators.py`."""

from seawall.components.operators.settings import CnpgOperator, DragonflyOperator, Operators, Toleration

__all__ = ["CnpgOperator", "DragonflyOperator", "Operators", "Toleration"]
