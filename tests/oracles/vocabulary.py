"""The few words that generated clusters are made of: few, so that policies and pods meet."""

from collections.abc import Mapping, Sequence

from cases import NamedPort, Pod, Port
from drawing import chance, count, pick, some
from hypothesis.strategies import DrawFn

NAMESPACES = ("data", "web", "ops", "lab")
LABELS = {"app": ("db", "web", "cache"), "tier": ("front", "back", ""), "example.org/track": ("stable", "canary")}
"""Labels of pods; an empty value is a value."""
NAMESPACE_LABELS = {"team": ("red", "blue", ""), "env": ("prod", "dev")}
NAMES = ("pg", "http", "dns", "metrics")
NUMBERS = (53, 80, 5432, 9187)
PROTOCOLS = ("TCP", "UDP", "SCTP")
ADDRESSES = ("10.0.0.1", "10.1.2.3", "192.0.2.9", "198.51.100.7", "8.8.8.8")
POD_ADDRESSES = ("2001:db8:f::1", "172.20.0.1", "10.1.2.77")
"""The last one is in ranges that policies name."""
RANGES = ((1, 80), (53, 53), (79, 5432), (5432, 65535))
NETWORKS: Mapping[str, tuple[str, ...]] = {
    "0.0.0.0/0": ("10.0.0.0/8", "192.0.2.0/24", "8.8.8.8/32"),
    "10.0.0.0/8": ("10.1.0.0/16", "10.0.0.1/32", "10.1.2.0/24"),
    "10.1.2.3/16": ("10.1.2.0/24", "10.1.2.3/32"),
    "192.0.2.0/24": ("192.0.2.8/29", "192.0.2.9/32"),
    "198.51.100.7/32": (),
    "203.0.113.0/24": (),
}
"""Ranges that policies name → what they may leave out of them."""
_CIDRS = tuple(NETWORKS)


def namespaces(draw: DrawFn) -> dict[str, dict[str, str]]:
    """3 or 4 namespaces with their labels."""
    return {name: labels(draw, NAMESPACE_LABELS, likely="team") for name in some(draw, NAMESPACES, 3, 4)}


def pods(draw: DrawFn, spaces: tuple[str, ...], clusters: tuple[str, ...] = ("east",)) -> tuple[Pod, ...]:
    """4 to 8 pods, most of them in the first namespace; in the first cluster always one at least."""
    return tuple(
        Pod(
            namespace=pick(draw, (*spaces[:1] * 4, *spaces[:2] * 2, *spaces)),
            labels=labels(draw, LABELS, likely="app"),
            ports=_named_ports(draw),
            cluster=pick(draw, clusters) if place else clusters[0],
            service_account=pick(draw, ("default", "default", "reader")),
            address=pick(draw, POD_ADDRESSES),
        )
        for place in range(count(draw, 4, 8))
    )


def labels(draw: DrawFn, known: Mapping[str, Sequence[str]], likely: str) -> dict[str, str]:
    """Some labels; the likely one nearly always."""
    return {key: pick(draw, values) for key, values in known.items() if chance(draw, 9 if key == likely else 5, 10)}


def subset(draw: DrawFn, whole: Mapping[str, str], least: int, most: int) -> dict[str, str]:
    """Some of these entries."""
    return {key: whole[key] for key in some(draw, sorted(whole), least, most)}


def _named_ports(draw: DrawFn) -> tuple[NamedPort, ...]:
    """Up to 3 declared ports; each name and each number once in a pod, as its containers would have it."""
    names = some(draw, NAMES, 0, 3)
    numbers = some(draw, NUMBERS, len(names), len(names))
    protocols = ("TCP", "TCP", "UDP", "SCTP")
    return tuple(NamedPort(name, number, pick(draw, protocols)) for name, number in zip(names, numbers, strict=True))


def tested_ports(draw: DrawFn, made: Sequence[Pod]) -> tuple[Port, ...]:
    """3 to 5 ports that cells are about: those that pods declare, and others."""
    declared = [Port(port.protocol, port.number) for pod in made for port in pod.ports]
    others = [Port(protocol, number) for protocol in PROTOCOLS for number in (*NUMBERS, 8080)]
    wanted = (*some(draw, list(dict.fromkeys(declared)), 1, 3), *some(draw, others, 2, 3))
    return tuple(dict.fromkeys(wanted))[:5]


def network(draw: DrawFn) -> dict[str, object]:
    """A range of addresses, sometimes with exceptions, as both dialects write it."""
    cidr = pick(draw, _CIDRS)
    made: dict[str, object] = {"cidr": cidr}
    if NETWORKS[cidr] and chance(draw, 2, 3):
        made["except"] = some(draw, NETWORKS[cidr], 0, 2)
    return made


def cidr(draw: DrawFn) -> str:
    """A range of addresses alone."""
    return pick(draw, _CIDRS)
