"""The part of `seawall bench-policy` about folders, for a person: what a check costs beside other tools' checks."""

from collections.abc import Mapping, Sequence

from seawall.bench import folders
from seawall.bench.folders import MOST, OURS, RIVAL, TARGET, Row, Shares, Tool, line

HEAD = (
    "tenants",
    "objects",
    "tool",
    "seconds, fastest",
    "seconds, median",
    "CPU seconds",
    "peak MiB",
    f"times {RIVAL}",
)


def cells(rows: Sequence[Row], missing: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The table's rows; `missing`: why a tool is not measured."""
    rivals = {row.tenants: row.run.seconds for row in rows if row.tool.name == RIVAL}
    measured = [
        (
            f"{row.tenants:,}",
            f"{row.objects:,}",
            f"{row.tool.name} {row.tool.version}",
            f"{row.fastest_s:.2f}",
            f"{row.run.seconds:.2f}",
            f"{row.run.cpu_s:.2f}",
            f"{row.run.peak_mib:.0f}",
            f"{row.run.seconds / rivals[row.tenants]:.2f}" if row.tenants in rivals else "–",
        )
        for row in rows
    ]
    return [*measured, *(("", "", name, why, *[""] * (len(HEAD) - 4)) for name, why in missing.items())]


def verdicts(rows: Sequence[Row], shares: Shares) -> list[str]:
    """Whether the targets are met, in sentences."""
    return [_against_rival(rows, shares), *_growth(rows)]


def _against_rival(rows: Sequence[Row], shares: Shares) -> str:
    largest = max(row.tenants for row in rows)
    seconds = {row.tool.name: row.run.seconds for row in rows if row.tenants == largest}
    spent = (
        f"Of our own time, reading the YAML takes {shares.reading:.2f} s, working out what the operators make "
        f"{shares.building:.2f} s, and all rules with reachability {shares.judging:.2f} s."
    )
    if RIVAL not in seconds:
        return f"{RIVAL} is not installed: whether the targets are met is not known. {spent}"
    factor = seconds[OURS] / seconds[RIVAL]
    if factor < TARGET:
        verdict = f"target met (less than {RIVAL} needs)"
    elif factor < MOST:
        verdict = f"required (less than {MOST:g} times {RIVAL}) met, target (less than {RIVAL}) missed"
    else:
        verdict = f"required (less than {MOST:g} times {RIVAL}) missed"
    return f"At {largest:,} tenants {OURS} takes {factor:.2f} times what {RIVAL} takes: {verdict}. {spent}"


def _growth(rows: Sequence[Row]) -> list[str]:
    mine = sorted((row for row in rows if row.tool.name == OURS), key=lambda row: row.tenants)
    first, last = mine[0], mine[-1]
    if first is last:
        return []
    cpu = line({row.tenants: row.run.cpu_s for row in mine})
    memory = line({row.tenants: row.run.peak_mib for row in mine})
    per_tenant = (last.run.cpu_s / last.tenants) / (first.run.cpu_s / first.tenants)
    return [
        f"The line through the CPU seconds of {OURS}: {cpu.base:.2f} s and {cpu.per_tenant * 1000:.2f} ms a tenant, "
        f"none further off than {cpu.furthest:.0%}. Through its peak memory: {memory.base:.0f} MiB and "
        f"{memory.per_tenant * 1024:.0f} KiB a tenant, none further off than {memory.furthest:.0%}.",
        f"From {first.tenants:,} tenants to {last.tenants:,} the CPU time of a tenant changes by a factor of "
        f"{per_tenant:.2f}; 1 and less is linear.",
    ]


def tools(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Each tool, what it checks, and the command."""
    found: dict[Tool, None] = dict.fromkeys(row.tool for row in rows)
    return [(f"{tool.name} {tool.version}", tool.checks, f"`{tool.shown}`") for tool in found]


def markdown(rows: Sequence[Row], shares: Shares, missing: Mapping[str, str]) -> list[str]:
    """The section of the page."""
    return [
        "## A folder of YAML",
        "",
        "Folders of tenants, each with a namespace, a program, a Dragonfly, a database and a pooler, 20 of them on one "
        f"PostgreSQL cluster; nothing in them is wrong. {folders.ROUNDS} runs of each tool, {folders.SLOW_ROUNDS} of "
        "those that take minutes, on the largest folder only; the tools take turns, so that what else the machine "
        "does hits all of them. Each run is a process of its own, timed from start to end; the CPU seconds and the "
        "memory (of its largest process) are the medians. Every tool makes its own checks, which are others: only "
        "time and memory can be compared.",
        "",
        "| tool | checks | command |",
        "|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in tools(rows)),
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *(f"| {' | '.join(row)} |" for row in cells(rows, missing)),
        "",
        *(said for verdict in verdicts(rows, shares) for said in (verdict, "")),
    ]
