"""Who can reach the cache now? By the policies that are in the cluster, and with the one that decides."""

from collections.abc import Iterator, Mapping
from typing import Any

from seawall.policy.estate.model import Estate
from seawall.policy.reachability import matrix_text
from seawall.qa.oncall.kinds import REACH, UNREAD_POLICIES
from seawall.qa.oncall.model import Answer, Topic
from seawall.qa.oncall.reading import Seen
from seawall.qa.oncall.remarks import Remark, careful, fine, grave, told, unseen, watch, weighed
from seawall.qa.oncall.things import Thing

PAGE = "docs/rules/DFLY-SEC-001.md"
"""What an open cache means, and how to close it."""
OWN_NODE = "its own node"
"""As the matrix calls the node that a pod runs on."""


def answer(resource: Thing, estate: Estate | None, seen: Seen) -> Answer:
    """The answer for one Dragonfly; without an estate nothing can be said."""
    missing = seen.missing(*sorted(REACH))
    summary, found = "", [unseen(missing or "the estate cannot be built of what was read")]
    if not missing and estate is not None:
        found, summary = _remarks(resource, estate, seen)
    return weighed(
        Topic.REACH,
        resource.full_name,
        found,
        command=f"{seen.kubectl.replace('kubectl', 'seawall check', 1)} --matrix --rule DFLY-SEC-001",
        summary=summary,
        runbook=PAGE,
    )


def _remarks(resource: Thing, estate: Estate, seen: Seen) -> tuple[list[Remark], str]:
    title = f"Dragonfly {resource.full_name}"
    entry = next((it for it in matrix_text.to_data(estate) if it["resource"] == title), None)
    if entry is None or "unreadable" in entry:
        return [unseen(str(entry["unreadable"]) if entry is not None else "it cannot be read", PAGE)], ""
    cells: list[dict[str, Any]] = entry["cells"]
    found: list[Remark] = []
    if entry["isolated"] is not True:
        found.append(
            unseen("whether any policy isolates its pods cannot be told", PAGE)
            if entry["isolated"] is None
            else grave("no policy isolates its pods: every pod that nobody names can open every port", PAGE)
        )
    found += [*_strangers(cells), *(remark for cell in cells for remark in _cell(cell))]
    unread = [kind.of[1] for kind in UNREAD_POLICIES if seen.of(kind.of)]
    if unread:
        found.append(unseen(f"the cluster has policies that are not read here: {', '.join(unread)}", PAGE))
    return found, _summary(cells)


def _strangers(cells: list[dict[str, Any]]) -> Iterator[Remark]:
    """Who gets in and should not, once for each port and what opens it; those that are no role of ours first."""
    found: dict[tuple[int, str], list[str]] = {}
    for cell in sorted(cells, key=lambda it: (it["port"], it["declared"])):
        if cell["open"] and cell["expected"] is False:
            found.setdefault((cell["port"], _why(cell)), []).append(cell["source"])
    for (port, why), who in found.items():
        yield grave(f"{port} is open to whom nobody declared, {why}: {', '.join(who)}", PAGE)


def _why(cell: Mapping[str, Any]) -> str:
    by = ", ".join(dict.fromkeys(it["rule"] or it["policy"] for it in cell["by"]))
    return f"by {by}" if by else cell["why"] or "no policy is about it"


def _cell(cell: Mapping[str, Any]) -> Iterator[Remark]:
    """What one class of sources and one port say, but of strangers that get in."""
    opened, expected, who = cell["open"], cell["expected"], f"{cell['port']} {cell['source']}"
    why = _why(cell)
    if opened is None:
        if expected is not None:
            yield unseen(f"{who}: not decided: {cell['why'] or why}", PAGE)
    elif opened and expected is False:
        return
    elif not opened and expected is True:
        yield watch(f"{who}: closed, and needs it; {why}", PAGE)
    elif opened and cell["declared"]:
        only = f" ({cell['requests']} alone)" if cell["requests"] else ""
        yield fine(f"{who}: open{only}, {why}")
    elif opened and expected is None and cell["source"] != OWN_NODE:
        yield careful(f"{who}: open, and nobody has declared whom it is for; {why}", PAGE)
    elif opened:
        yield told(f"{who}: open, whatever a policy says")


def _short(source: str) -> str:
    return source.removeprefix("every pod of namespace ")


def _summary(cells: list[dict[str, Any]]) -> str:
    ports = sorted({cell["port"] for cell in cells})
    parts = []
    for port in ports:
        who = [it["source"] for it in cells if it["port"] == port and it["open"] and it["declared"]]
        parts.append(f"{port}: {', '.join(dict.fromkeys(map(_short, who))) or 'nobody'}")
    return "; ".join(parts)
