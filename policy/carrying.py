"""Findings as bytes, between two processes that hold the same estate: objects and rules go by their number."""

import io
import pickle
from collections.abc import Sequence
from typing import Any

from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Finding, Rule


class Carrier:
    """Packs findings here and unpacks them in the other process, or the other way round."""

    def __init__(self, estates: Sequence[Estate], rules: Sequence[Rule]) -> None:
        """Both processes must give the same, in the same order."""
        things: dict[object, None] = dict.fromkeys(rules)
        for estate in estates:
            things |= dict.fromkeys((*estate.objects(), *estate.others))
        self._things = list(things)
        self._numbers = {id(thing): number for number, thing in enumerate(self._things)}

    def pack(self, findings: Sequence[Finding]) -> bytes:
        """The findings as bytes. Raises `pickle.PicklingError` for one about an object that no estate holds."""
        stream = io.BytesIO()
        packer = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
        packer.persistent_id = self._number  # type: ignore[method-assign]
        packer.dump(findings)
        return stream.getvalue()

    def unpack(self, content: bytes) -> list[Finding]:
        """The findings that the other process packed."""
        unpacker = pickle.Unpickler(io.BytesIO(content))  # noqa: S301  # of our own copy
        unpacker.persistent_load = self._things.__getitem__  # type: ignore[method-assign]
        found: list[Finding] = unpacker.load()
        return found

    def _number(self, value: Any) -> int | None:
        if not isinstance(value, KubeObject | Rule):
            return None
        number = self._numbers.get(id(value))
        if number is None:
            raise pickle.PicklingError("it is in no estate")
        return number
