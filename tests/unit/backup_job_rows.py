"""Configurations that render the validator's and the drill's CronJob in every way that changes their pods."""

from collections.abc import Mapping
from typing import Final

_POSTGRES = {"services": "Postgres", "drill": "weekly"}
ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "our validator": _POSTGRES,
    "our validator, deep, and a point in time": {**_POSTGRES, "validation": "deep", "drill": "to a point in time"},
    "AWS CLI": {**_POSTGRES, "validation": "AWS CLI"},
    "mc, with an authority of its own": {**_POSTGRES, "store": "own, own authority"},
    "IAM roles": {**_POSTGRES, "credentials": "irsa"},
    "NetworkPolicies": {**_POSTGRES, "cni": "generic", "shop clients": "local"},
}
"""Name → choices of `matrix_features.FEATURES`."""
