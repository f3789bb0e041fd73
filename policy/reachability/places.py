"""Where an entity may be: what looks undecided over all places together may be the same in each of them."""

import ipaddress
from collections.abc import Iterable, Iterator

from seawall.policy.reachability.networks import Network
from seawall.policy.reachability.parties import Address, Entity, Party, Placed

_ANYWHERE = ("192.0.2.1", "2001:db8::1")
"""An address of each family, for what no policy names."""


def places(party: Party, networks: Iterable[Network]) -> Iterator[Placed]:
    """A party in every place that policies naming these ranges can tell apart; none for a party that is in one only."""
    match party:
        case Placed():
            return
        case Entity("kube-apiserver"):
            for node in ("remote-node", "host"):
                yield Placed(party.name, frozenset({party.name, node}))
            for ip in _addresses(networks):
                yield Placed(party.name, frozenset({party.name, "world"}), ip)
        case Entity("world"):
            for ip in _addresses(networks):
                yield from _outside(party.name, ip)
        case Address():
            yield from _outside(party.ip, party.ip)


def _outside(name: str, ip: str) -> Iterator[Placed]:
    """In a cluster with addresses of one family, and of both."""
    for world in ("world", f"world-ipv{ipaddress.ip_address(ip).version}"):
        yield Placed(name, frozenset({world}), ip)


def _addresses(networks: Iterable[Network]) -> list[str]:
    """Addresses at every edge of the ranges: whatever they cut out, one of these is in it."""
    found = list(_ANYWHERE)
    for network in networks:
        first, last = network.network_address, network.broadcast_address
        found += [str(first), str(last)]
        found += [str(first - 1)] if int(first) else []
        found += [str(last + 1)] if int(last) < 2**network.max_prefixlen - 1 else []
    return list(dict.fromkeys(found))
