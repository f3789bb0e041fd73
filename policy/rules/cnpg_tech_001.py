"""CNPG-TECH-001: a superuser that may sign in over the network."""

from collections.abc import Iterator

from seawall.operators.annotations import SUPERUSER
from seawall.policy.estate.kinds import CLUSTER, DATABASE_ROLE
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.hba import Role
from seawall.policy.estate.postgresql.postgres import SERVER_HBA, server_hba
from seawall.policy.estate.postgresql.tenants import cluster_of
from seawall.policy.estate.values import View
from seawall.policy.findings import Rule, Violation

_ACCESS = ("spec", "enableSuperuserAccess")
_POSTGRES = Role("postgres")
_AS_GOOD_AS = ("pg_execute_server_program", "pg_read_server_files", "pg_write_server_files")
"""Roles of PostgreSQL whose members can make themselves superuser: they reach the server's files and programs."""


def access(subject: KubeObject) -> Iterator[Violation]:
    """`enableSuperuserAccess` without a written reason."""
    if subject.group_kind == CLUSTER and subject.at(*_ACCESS).boolean(default=False) and not _reason(subject):
        yield Violation(
            "enableSuperuserAccess is true: the superuser postgres has a password in a Secret, and may sign in where "
            f"pg_hba lets it; no reason is written in the annotation {SUPERUSER}",
            "Remove it: the operator then takes the password away. For break-glass, say why in that annotation, and "
            "switch it off again.",
            _ACCESS,
        )


def lines(subject: KubeObject) -> Iterator[Violation]:
    """pg_hba lines that name postgres, or let it in without a password, while it is said to have no access."""
    if subject.group_kind != CLUSTER or subject.at(*_ACCESS).boolean(default=False):
        return
    for line in server_hba(subject).lines:
        over_network = line.admits and line.remote and line.kind.startswith("host")
        if line.index is None or not over_network or not line.roles.has_role(_POSTGRES):
            continue
        path = (*SERVER_HBA, f"[{line.index}]")
        if line.method == "trust":
            yield Violation(
                f'pg_hba line {line.index + 1}, "{line.text}", lets the superuser postgres in without a password',
                "Name the roles that it is for, and use scram-sha-256.",
                path,
            )
        elif _POSTGRES.name in line.roles.exact:
            yield Violation(
                f'pg_hba line {line.index + 1}, "{line.text}", keeps a door for the superuser postgres, who has no '
                "password now but has one as soon as somebody sets it",
                "Remove the line; add it again only with enableSuperuserAccess and a reason.",
                path,
            )


def roles(subject: KubeObject) -> Iterator[Violation]:
    """Declared roles of a Cluster, or a DatabaseRole, that are superusers or as good as that."""
    if subject.group_kind == DATABASE_ROLE:
        yield from _role(subject, subject.at("spec"))
    else:
        for role in subject.at("spec", "managed", "roles").items():
            yield from _role(subject, role)


def _role(subject: KubeObject, role: View) -> Iterator[Violation]:
    if role.at("ensure").text() == "absent" or _reason(subject):
        return
    name = role.at("name").text()
    if role.at("superuser").boolean(default=False):
        yield Violation(
            f"role {name} is a superuser: no privilege and no row policy holds it, and it runs programs on the server; "
            f"no reason is written in the annotation {SUPERUSER}",
            "Set superuser: false and grant what it needs.",
            role.at("superuser").path,
        )
    groups = [group.text() for group in role.at("inRoles").items()]
    for group in sorted(set(groups) & set(_AS_GOOD_AS), key=str):
        yield Violation(
            f"role {name} is a member of {group}, with which it can make itself superuser; no reason is written in the "
            f"annotation {SUPERUSER}",
            f"Take {group} out of inRoles.",
            role.at("inRoles").path,
        )


def reserved(subject: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A DatabaseRole that is meant for postgres itself: the operator keeps that name."""
    if subject.group_kind == DATABASE_ROLE and subject.at("spec", "name").text() == _POSTGRES.name:
        cluster = cluster_of(subject, estate)
        whose = cluster.title if cluster is not None else "its cluster"
        yield Violation(
            f"it declares the superuser postgres of {whose}, a name that the operator keeps for itself and refuses",
            "Declare a role of another name.",
            ("spec", "name"),
        )


def _reason(subject: KubeObject) -> bool:
    return bool((subject.annotation(SUPERUSER) or "").strip())


RULE = Rule(
    id="CNPG-TECH-001",
    risks=("CNPG-TECH-001",),
    title="No superuser signs in over the network",
    score=6,
    why=(
        "Whoever has the superuser's password reads and changes every application's data, and runs programs on the "
        "server. The operator needs no password for it; where access is on, one lies in a Secret all the time."
    ),
    mend=(
        "Leave enableSuperuserAccess off, declare roles with superuser: false; switch it on for break-glass only, with "
        "a reason and for hours."
    ),
    kinds=(CLUSTER, DATABASE_ROLE),
    alone=(access, lines, roles),
    together=(reserved,),
)
