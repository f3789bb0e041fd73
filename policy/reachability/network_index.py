"""Finds, among many ranges of addresses, those that hold an address, without looking at the others."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from seawall.policy.reachability.networks import Network

T = TypeVar("T")


class NetworkIndex(Generic[T]):
    """Things by the ranges that they have. Policies list the ranges of a cloud, thousands of them."""

    def __init__(self, things: Iterable[tuple[T, Iterable[Network]]]) -> None:
        self.all: list[T] = []
        self._by_range: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for thing, networks in things:
            for network in dict.fromkeys(networks):
                self._by_range[_range(network, network.prefixlen)].append(len(self.all))
            self.all.append(thing)
        self._lengths = sorted({(version, length) for version, length, _ in self._by_range})

    def holding(self, network: Network) -> Iterator[T]:
        """The things with a range that holds all of this one, each once and in their order."""
        wider = (length for version, length in self._lengths if version == network.version)
        found = (self._by_range.get(_range(network, length), ()) for length in wider if length <= network.prefixlen)
        yield from (self.all[place] for place in sorted({place for places in found for place in places}))


def _range(network: Network, length: int) -> tuple[int, int, int]:
    """Version, length and bits of the range of this length that holds the network."""
    return network.version, length, int(network.network_address) >> (network.max_prefixlen - length)
