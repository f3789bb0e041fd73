"""CNPG-SW-002: pg_hba lines that are not read, decide nothing, or let a role into another one's database."""

from collections.abc import Iterator

from seawall.operators.annotations import CLIENTS
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.entry import Entry, Route, entry_of
from seawall.policy.estate.postgresql.hba import Hba, Opening
from seawall.policy.estate.postgresql.postgres import POOLER_HBA, SERVER_HBA, pgbouncer_version, pooler_hba, server_hba
from seawall.policy.estate.postgresql.tenants import cluster_of
from seawall.policy.findings import Rule, Violation

_TOLD = 4
"""How many pairs of role and database a message names."""


def unread(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Lines that PostgreSQL refuses, with all others of the file, or that PgBouncer skips."""
    hba, path = _file(subject, estate)
    if subject.group_kind == CLUSTER:
        for line in hba.unread:
            yield Violation(
                f'PostgreSQL cannot read pg_hba line {line.index + 1}, "{line.text}": {line.why}. It refuses the whole '
                "file: it does not start with it, and a running one keeps its former rules",
                "Correct the line, or remove it.",
                (*path, f"[{line.index}]"),
            )
        return
    version = pgbouncer_version(subject, estate)
    program = "PgBouncer" if version is None else f"PgBouncer {'.'.join(map(str, version))}"
    for line in hba.unread:
        yield Violation(
            f'{program} skips pg_hba line {line.index + 1}, "{line.text}", with a warning in its log only: {line.why}. '
            "What the line was to refuse is let in by a later one",
            "Correct the line: write addresses as 0.0.0.0/0 and ::/0, names one by one.",
            (*path, f"[{line.index}]"),
        )


def idle(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Lines that can never decide, because one before them does, or because no address matches."""
    hba, path = _file(subject, estate)
    for line, wall in hba.never_decides():
        if line.index is not None:
            whose = "of the operator, which stands" if wall.index is None else f"{wall.index + 1}, which stands"
            yield Violation(
                f'pg_hba line {line.index + 1}, "{line.text}", never decides: all that it is about is decided by line '
                f'{whose} before it, "{wall.text}"',
                "Remove the line, or move it up: the first line that matches decides.",
                (*path, f"[{line.index}]"),
            )
    for line in hba.lines:
        if line.nowhere and line.index is not None:
            yield Violation(
                f'pg_hba line {line.index + 1}, "{line.text}", matches no client: {line.nowhere}',
                "Correct the address, or remove the line.",
                (*path, f"[{line.index}]"),
            )


def trusting(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Lines that let clients in without any proof of who they are."""
    hba, path = _file(subject, estate)
    for line in hba.lines:
        if line.method == "trust" and line.remote and line.kind.startswith("host"):
            yield Violation(
                f'pg_hba line {(line.index or 0) + 1}, "{line.text}", lets in whoever reaches the port, as any role '
                "that it names, without a password",
                "Use scram-sha-256.",
                (*path, f"[{line.index}]"),
            )


def foreign(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Roles that enter the database of another one, by the line that lets them in."""
    cluster = subject if subject.group_kind == CLUSTER else cluster_of(subject, estate)
    if cluster is None:
        return
    entry = entry_of(cluster, estate)
    route = entry.direct if subject is cluster else entry.through(subject)
    if route.pooler is not None and not _meant_to_keep_apart(subject) and not any(_passes(entry, route)):
        return
    by_line: dict[int | None, _Found] = {}
    for opening, tls in entry.foreign(route):
        by_line.setdefault(opening.line.index, _Found(opening)).add(opening, tls)
    for found in by_line.values():
        yield _opened(entry, route, found)


class _Found:
    """One line of the resource, or the operator's last ones together, with the TLS modes in which it lets in."""

    def __init__(self, opening: Opening) -> None:
        self.opening = opening
        self.texts: list[str] = []
        self.modes: list[bool] = []

    def add(self, opening: Opening, tls: bool) -> None:
        if opening.line.text not in self.texts:
            self.texts.append(opening.line.text)
        if tls not in self.modes:
            self.modes.append(tls)


def _meant_to_keep_apart(pooler: KubeObject) -> bool:
    """Whether somebody wanted this pooler for some only: it has lines of its own, or declared clients."""
    return bool(pooler.at(*POOLER_HBA).items()) or pooler.annotation(CLIENTS) is not None


def _passes(entry: Entry, route: Route) -> Iterator[bool]:
    for opening, tls in entry.foreign(route):
        for role, database in opening.pairs:
            yield entry.cell(entry.tenants.roles[role], database, route, tls=tls).open


def _opened(entry: Entry, route: Route, found: _Found) -> Violation:
    opening, line = found.opening, found.opening.line
    told = ", ".join(f"{role} into {database}" for role, database in opening.pairs[:_TOLD])
    count = f"more than {len(opening.pairs)}" if opening.more else str(len(opening.pairs))
    rest = f" and others, {count} in all" if len(opening.pairs) > _TOLD else ""
    how = "with and without TLS" if len(found.modes) == 2 else ("with TLS" if found.modes[0] else "without TLS")
    whose = "the operator's own, after yours" if line.index is None else f"line {line.index + 1}"
    cells = [entry.cell(entry.tenants.roles[r], d, route, tls=tls) for r, d in opening.pairs for tls in found.modes]
    then = ""
    if route.pooler is not None and not any(cell.open for cell in cells):
        then = ". Only PostgreSQL's own pg_hba stops them then"
    database = min(entry.tenants.databases)
    ending = "host all all all reject" if route.pooler is None else "host all all 0.0.0.0/0 reject and ::/0"
    texts, verb = " and ".join(f'"{text}"' for text in found.texts), "let" if len(found.texts) > 1 else "lets"
    return Violation(
        f"pg_hba, {whose}: {texts} {verb} roles in where they do not belong, {how}: {told}{rest}{then}",
        f"Give each role its own database, as hostssl {database} {entry.tenants.databases[database]} … scram-sha-256, "
        f"and as the last of your lines {ending}: the operator adds lines that let everybody in.",
        (*(SERVER_HBA if route.pooler is None else POOLER_HBA), *([] if line.index is None else [f"[{line.index}]"])),
        facts={"pairs": count, "line": line.text},
        key=f"line {line.index}",
    )


def locked_out(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Roles that no line lets into their own database, by whatever route."""
    if cluster.group_kind != CLUSTER:
        return
    entry = entry_of(cluster, estate)
    if entry.server.unread:
        return  # nothing of this file is in force
    for role, database in sorted(entry.tenants.named):
        if role not in entry.tenants.superusers and not entry.enters(entry.tenants.roles[role], database):
            cell = entry.cell(entry.tenants.roles[role], database, entry.direct, tls=True)
            yield Violation(
                f"role {role} cannot enter database {database}, which it belongs into, neither directly nor through a "
                f"pooler: {cell.decided_by}",
                f"Add hostssl {database} {role} all scram-sha-256 before the line that refuses it.",
                SERVER_HBA,
            )


def useless(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Pooler through which no declared role comes into a database of its own."""
    cluster = cluster_of(pooler, estate) if pooler.group_kind == POOLER else None
    if cluster is None:
        return
    entry = entry_of(cluster, estate)
    route = entry.through(pooler)
    if entry.server.unread or not entry.tenants.named or any(cell.open for cell in entry.own(route)):
        return
    kept_out = next(entry.own(route), None)
    why = "its lines name none of them"
    if kept_out is not None:
        why = f"{kept_out.role} is kept out of {kept_out.database} by: {kept_out.decided_by}"
    yield Violation(
        f"no role comes into its own database through this pooler: {why}",
        "Let the application's role into its database here and in the Cluster's pg_hba, in the TLS mode that "
        "client_tls_sslmode allows.",
        POOLER_HBA,
    )


def _file(subject: KubeObject, estate: Estate) -> tuple[Hba, tuple[str, ...]]:
    if subject.group_kind == CLUSTER:
        return server_hba(subject), SERVER_HBA
    return pooler_hba(subject, estate), POOLER_HBA


RULE = Rule(
    id="CNPG-SW-002",
    risks=("CNPG-DATA-003", "CNPG-SEC-002"),
    title="pg_hba is read, decides, and keeps each role in its own database",
    score=6,
    why=(
        "The first line that matches decides, and after yours the operator adds one that lets every role into every "
        "database. PgBouncer skips a line that it cannot read with a warning only, so that isolation fails open; "
        "PostgreSQL refuses the whole file. The webhook accepts both."
    ),
    mend=(
        "One hostssl line for each role and its database, and reject lines at the end, on the Cluster and on each "
        "Pooler, in words that the one who reads them knows."
    ),
    kinds=(CLUSTER, POOLER),
    together=(unread, idle, trusting, foreign, locked_out, useless),
)
