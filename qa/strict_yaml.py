"""YAML as everything about the gate is read: one document, no key twice, no alias, no tag; days stay texts."""

import yaml

from seawall.policy.acceptance.waiver_file import StrictLoader
from seawall.policy.report.text import plain


class NotReadError(ValueError):
    """The text is no such YAML; says why, with the line."""


def load(text: str) -> object:
    """What the text says. Raises `NotReadError`."""
    try:
        loader = StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        why = getattr(error, "problem", None) or str(error).partition("\n")[0]
        raise NotReadError(plain(f"{where}{why}")) from None
    except (RecursionError, ValueError, OverflowError, TypeError, LookupError):
        raise NotReadError("a value in it cannot be read") from None
