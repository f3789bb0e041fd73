"""Ranges of addresses in policies."""

import ipaddress
from collections.abc import Iterable

from seawall.policy.estate.values import CannotEvaluateError, View

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(views: Iterable[View]) -> tuple[Network, ...]:
    """The ranges at these views. Raises `CannotEvaluateError` for a text that is no range."""
    found: list[Network] = []
    for view in views:
        text = view.text() or ""
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            why = f"{'.'.join(view.path)} is no range of addresses"
            raise view.blamed(CannotEvaluateError(why, view.path)) from None
    return tuple(found)
