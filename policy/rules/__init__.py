"""The rules: one file per QA risk, each with a module-level `RULE`. A new file is found by itself."""

import importlib
import pkgutil
from functools import cache

from seawall.policy.findings import Rule


@cache
def load() -> tuple[Rule, ...]:
    """Every rule of this folder, by id."""
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    rules: list[Rule] = [module.RULE for module in modules if hasattr(module, "RULE")]
    return tuple(sorted(rules, key=lambda rule: rule.id))
