"""The ports of a Cilium rule, with what it demands of requests beyond them."""

import re

from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.reachability.clauses import Ports

_MOST = 40
"""Ports in one entry of `toPorts`."""
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9](-?[A-Za-z0-9])*")
_LONGEST_NAME = 15
_PROTOCOLS = ("TCP", "UDP", "SCTP", "ICMP", "ICMPV6", "VRRP", "IGMP")


class RefusedError(CannotEvaluateError):
    """Cilium's agent does not accept the policy, so that none of it is enforced."""


def ports_of(rule: View, *, ingress: bool) -> tuple[Ports, ...] | None:
    """The ports of a rule, None for every port, empty when it is about none.

    Raises `RefusedError` for what Cilium refuses.
    """
    groups, icmps = rule.at("toPorts").items(), rule.at("icmps").items()
    if groups and icmps:
        raise RefusedError("Cilium refuses icmps and toPorts in one rule", rule.path)
    if not groups:
        return () if icmps else None
    found: list[Ports] = []
    for group in groups:
        ports = group.at("ports").items()
        if len(ports) > _MOST:
            raise RefusedError(f"Cilium refuses {len(ports)} ports in one entry ({_MOST} at most)", group.path)
        requests = _requests(group, ingress=ingress)
        found += [_port(port, requests) for port in ports]
    return tuple(found)


def _port(port: View, requests: str) -> Ports:
    protocol = (port.at("protocol").text() or "ANY").upper()
    if protocol not in ("ANY", *_PROTOCOLS):
        raise RefusedError("Cilium does not know this protocol", port.at("protocol").path)
    number = _number(port.at("port"))
    last = port.at("endPort").integer()
    return Ports(
        None if protocol == "ANY" else protocol,
        None if number == 0 else number,
        last if isinstance(number, int) and number and last and last > number else None,
        requests,
    )


def _number(view: View) -> int | str:
    """A number (0: every port), or a name, which is the same in capitals."""
    given = view.number_or_text()
    text = "" if given is None else str(given)
    if re.fullmatch("0|[1-9][0-9]{0,4}", text) and int(text) <= 65535:
        return int(text)
    if _NAME.fullmatch(text) and len(text) <= _LONGEST_NAME:
        return text.lower()
    raise RefusedError(f"{'.'.join(view.path)} is no port to Cilium", view.path)


def _requests(group: View, *, ingress: bool) -> str:
    """What a request must be, for a person; empty when every one is let through."""
    asked: list[str] = []
    rules = group.at("rules")
    for rule in rules.at("http").items():
        method, path = rule.at("method").text(), rule.at("path").text()
        asked.append(" ".join(word for word in ("HTTP", method, path) if word))
    if rules.at("kafka").items():
        asked.append("some Kafka requests")
    if rules.at("dns").items():
        if ingress:
            raise RefusedError("Cilium refuses rules.dns for ingress", rules.path)
        asked.append("DNS queries")
    if rules.at("l7proto").text():
        asked.append(f"what its {rules.at('l7proto').text()} rules let through")
    if group.at("serverNames").items():
        names = ", ".join(name.text() or "" for name in group.at("serverNames").items())
        asked.append(f"TLS for {names}")
    if group.at("listener").present:
        asked.append("what a listener of Envoy lets through")
    return " or ".join(dict.fromkeys(asked))
