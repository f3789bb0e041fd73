"""The estate of what was read: the live door over lists that are here already, so that nothing is asked for twice."""

from collections.abc import Mapping
from typing import Any

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.live import read_cluster
from seawall.policy.estate.model import Estate
from seawall.policy.estate.sight import LIVE
from seawall.qa.oncall.kinds import REACH
from seawall.qa.oncall.reading import Listing, Seen

_VERBS = ["list"]


class Replay:
    """An API server that has what was read, of the kinds that decide reach and pools, and nothing else."""

    def __init__(self, seen: Seen) -> None:
        self._lists = [seen.lists[kind] for kind in REACH if seen.lists[kind].served and not seen.lists[kind].why]

    def get(self, path: str, query: Mapping[str, str], accept: str) -> tuple[int, Any]:
        """What the API server had answered."""
        if path == "/apis":
            groups = sorted({(it.wanted.group, _version(it)) for it in self._lists if it.wanted.group})
            versions = [(name, {"version": version}) for name, version in groups]
            return 200, {"groups": [{"name": name, "preferredVersion": v, "versions": [v]} for name, v in versions]}
        for listing in self._lists:
            if path == listing.wanted.path(_version(listing)):
                return 200, {"items": [thing.raw for thing in listing.things]}
        found = [it for it in self._lists if path == it.wanted.path(_version(it)).rpartition("/")[0]]
        return 200, {
            "resources": [{"name": it.wanted.plural, "kind": it.wanted.of[1], "verbs": _VERBS} for it in found]
        }


def _version(listing: Listing) -> str:
    return listing.version or listing.wanted.version


def estate_of(seen: Seen) -> Estate:
    """What is declared in the cluster, and what the operators make of it."""
    found = read_cluster(Replay(seen))
    return build(found.objects, notes=LIVE.notes, sees=found.sees)
