"""The part of `seawall bench-policy` about folders, for a person: what a check costs beside other tools' checks."""

from collections.abc import Sequence

from seawall.bench import folders
from seawall.bench.folders import MOST, OURS, RIVAL, TARGET, Row, Shares

HEAD = ("tenants", "objects", "tool", "seconds", "a tenant, ms", "CPU seconds", "peak MiB", f"times {RIVAL}")


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """The table's rows."""
    rivals = {row.tenants: row.run.seconds for row in rows if row.tool.name == RIVAL}
    return [
        (
            f"{row.tenants:,}",
            f"{row.objects:,}",
            f"{row.tool.name} {row.tool.version}",
            f"{row.run.seconds:.2f}",
            f"{row.run.seconds / row.tenants * 1000:.1f}",
            f"{row.run.cpu_s:.2f}",
            f"{row.run.peak_mib:.0f}",
            f"{row.run.seconds / rivals[row.tenants]:.2f}" if row.tenants in rivals else "–",
        )
        for row in rows
    ]


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
    per_tenant = (last.run.cpu_s / last.tenants) / (first.run.cpu_s / first.tenants)
    return [
        f"From {first.tenants:,} tenants to {last.tenants:,} the CPU time of a tenant changes by a factor of "
        f"{per_tenant:.2f}; 1 and less is linear."
    ]


def markdown(rows: Sequence[Row], shares: Shares) -> list[str]:
    """The section of the page."""
    return [
        "## A folder of YAML",
        "",
        "Folders of tenants, each with a namespace, a program, a Dragonfly, a database and a pooler, 20 of them on one "
        f"PostgreSQL cluster; nothing in them is wrong. The median of {folders.ROUNDS} runs; the tools take turns. "
        "Each run is a process, timed from start to end; every tool makes its own checks, which are others.",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *(f"| {' | '.join(row)} |" for row in cells(rows)),
        "",
        *(line for verdict in verdicts(rows, shares) for line in (verdict, "")),
    ]
