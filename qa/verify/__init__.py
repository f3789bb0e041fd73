"""Runs the checks: in the sandbox what can honestly run there (`here`), on real clusters all of them (`run`)."""

from seawall.qa.verify.local import Place, here

__all__ = ["Place", "here"]
