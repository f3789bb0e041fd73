"""The checks: exactly one for each test of qa/register.yaml."""

from collections.abc import Mapping
from functools import cache

from seawall.qa.checks.model import Check, Creates, UndecidedError

__all__ = ["Check", "Creates", "UndecidedError", "all_checks"]


@cache
def all_checks() -> Mapping[str, Check]:
    """Test id → its check, in the order of the register."""
    from seawall.qa import register
    from seawall.qa.checks.catalogue import CHECKS

    found = {check.id: check for check in CHECKS}
    return {test: found[test] for test in register.load().tests}
