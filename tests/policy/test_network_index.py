"""The index of ranges finds what a look at every range finds."""

import ipaddress

from hypothesis import example, given
from hypothesis import strategies as st

from seawall.policy.reachability.network_index import NetworkIndex
from seawall.policy.reachability.networks import Network


def network(bits: int, length: int, *, wide: bool) -> Network:
    """A range of IPv4, or of IPv6; few bits differ, so that many ranges hold others."""
    if wide:
        return ipaddress.IPv6Network(((bits % 16) << 60 | bits % 4, 128 - length), strict=False)
    return ipaddress.IPv4Network(((bits % 16) << 28 | bits % 4, 32 - length), strict=False)


NETWORKS = st.builds(network, st.integers(0, 255), st.integers(0, 32), wide=st.booleans())


@given(st.lists(st.lists(NETWORKS, max_size=4), max_size=12), NETWORKS)
@example([[ipaddress.ip_network("0.0.0.0/0")], [ipaddress.ip_network("::/0")]], ipaddress.ip_network("::1/128"))
@example([[ipaddress.ip_network("10.0.0.0/8")] * 2], ipaddress.ip_network("10.1.2.3/32"))
def test_it_finds_what_holds_a_range(things: list[list[Network]], sought: Network) -> None:
    index = NetworkIndex[int](enumerate(things))
    holding = [
        place
        for place, ranges in enumerate(things)
        if any(it.version == sought.version and it.supernet_of(sought) for it in ranges)  # type: ignore[arg-type]
    ]
    assert list(index.holding(sought)) == holding
    assert index.all == list(range(len(things)))
