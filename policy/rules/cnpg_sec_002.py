"""CNPG-SEC-002: connections without TLS, or with TLS that verifies nothing."""

from collections.abc import Iterator

from seawall.operators.cnpg.parameters import OFF, OLD_TLS
from seawall.operators.cnpg.pgbouncer import CLIENT_TLS_DEFAULT, SERVER_TLS_DEFAULT, TLS_MODES, TLS_ONLY, TLS_VERIFIED
from seawall.policy.estate.kinds import CLUSTER, POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.certificates import shown_by
from seawall.policy.estate.postgresql.postgres import (
    POOLER_PARAMETERS,
    SERVER_HBA,
    SERVER_PARAMETERS,
    pooler_text,
    server_hba,
)
from seawall.policy.findings import Rule, Violation

_OLD_PROTOCOLS = ("all", "tlsv1.0", "tlsv1.1")


def client_mode(subject: KubeObject) -> Iterator[Violation]:
    """A pooler that takes clients without TLS."""
    if subject.group_kind != POOLER:
        return
    given = pooler_text(subject, "client_tls_sslmode")
    mode = given or CLIENT_TLS_DEFAULT
    if mode in TLS_ONLY:
        return
    by_default = "" if given else " (the operator's default)"
    if mode not in TLS_MODES:
        said = f"client_tls_sslmode {mode} is no mode: PgBouncer does not take the setting"
    elif mode == "disable":
        said = "client_tls_sslmode is disable: no client gets TLS, passwords and data cross the network readable"
    else:
        said = f"client_tls_sslmode is {mode}{by_default}: a client that does not ask for TLS is served without"
    yield Violation(said, "Set client_tls_sslmode: require.", (*POOLER_PARAMETERS, "client_tls_sslmode"))


def server_mode(subject: KubeObject) -> Iterator[Violation]:
    """A pooler that speaks to PostgreSQL without TLS, or with whoever answers."""
    if subject.group_kind != POOLER:
        return
    mode = pooler_text(subject, "server_tls_sslmode") or SERVER_TLS_DEFAULT
    if mode in TLS_VERIFIED:
        return
    if mode not in TLS_MODES:
        said = f"server_tls_sslmode {mode} is no mode: PgBouncer does not take the setting"
    elif mode == "require":
        said = (
            "server_tls_sslmode is require: the pooler takes any certificate, so anybody in between can be the server"
        )
    else:
        said = f"server_tls_sslmode is {mode}: the pooler may speak to PostgreSQL without TLS, or to anybody"
    yield Violation(
        said,
        f"Remove it: the operator's own is {SERVER_TLS_DEFAULT}, with the cluster's authority.",
        (*POOLER_PARAMETERS, "server_tls_sslmode"),
    )


def protocols(subject: KubeObject) -> Iterator[Violation]:
    """TLS older than 1.2, or none at all."""
    if subject.group_kind == POOLER:
        for name in ("client_tls_protocols", "server_tls_protocols"):
            text = (pooler_text(subject, name) or "").lower()
            old = sorted({part.strip() for part in text.replace(":", ",").split(",")} & set(_OLD_PROTOCOLS))
            if old:
                yield Violation(
                    f"{name} admits {', '.join(old)}: TLS before 1.2 is broken",
                    "Remove it: PgBouncer's default is secure (TLS 1.2 and 1.3).",
                    (*POOLER_PARAMETERS, name),
                )
        return
    parameters = subject.at(*SERVER_PARAMETERS)
    for name in ("ssl_min_protocol_version", "ssl_max_protocol_version"):
        value = parameters.at(name).text()
        if value in OLD_TLS:
            yield Violation(
                f"{name} is {value}: TLS before 1.2 is broken",
                "Set TLSv1.2 or TLSv1.3 (the operator's default of both is TLSv1.3).",
                (*SERVER_PARAMETERS, name),
            )
    ssl = parameters.at("ssl").number_or_text() if not isinstance(parameters.at("ssl").raw, bool) else "off"
    if ssl is not None and str(ssl).lower() in OFF:
        yield Violation(
            "ssl is off: PostgreSQL would speak no TLS at all; the operator refuses it",
            "Remove ssl from the parameters: the operator sets it.",
            (*SERVER_PARAMETERS, "ssl"),
        )


def plaintext(subject: KubeObject) -> Iterator[Violation]:
    """pg_hba lines of the server by which clients come in without TLS."""
    if subject.group_kind != CLUSTER:
        return
    open_lines = [line for line in server_hba(subject).in_force(tls=False) if line.admits and line.remote]
    if not open_lines:
        return
    first = open_lines[0]
    whose = "the operator's own last line" if first.index is None else f"line {first.index + 1}"
    more = f", and {len(open_lines) - 1} more" if len(open_lines) > 1 else ""
    yield Violation(
        f'pg_hba {whose}, "{first.text}", lets clients into PostgreSQL without TLS{more}',
        "Write hostssl instead of host, and end with host all all all reject: the operator's own line after yours "
        "admits both.",
        (*SERVER_HBA, *([] if first.index is None else [f"[{first.index}]"])),
    )


def names(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Certificates that lack names under which clients call the server or a pooler."""
    if cluster.group_kind != CLUSTER:
        return
    for shown in shown_by(cluster, estate):
        for what, missing in shown.missing():
            which = "none of the names" if len(missing) >= (4 if shown.whole else 3) else "not every name"
            yield Violation(
                f"the certificate shown to clients carries {which} of {what}: verify-full fails for "
                f"{', '.join(missing)}, and clients turn verification off",
                f"Add {', '.join(missing)} to {'.'.join(shown.path)}.",
                shown.path,
                None if shown.where is cluster else shown.where,
                key=what,
            )


RULE = Rule(
    id="CNPG-SEC-002",
    risks=("CNPG-SEC-002",),
    title="TLS at both hops, with certificates that can be verified",
    score=3,
    why=(
        "The operator's defaults offer TLS and demand none: poolers prefer it, and the line that it adds to pg_hba "
        "admits both. Poolers show the server's certificate, which carries none of their names, so that nobody can "
        "verify them until the names are added."
    ),
    mend=(
        "client_tls_sslmode: require on each Pooler, hostssl lines and a last reject in pg_hba, every pooler's name "
        "in all four DNS forms in certificates.serverAltDNSNames."
    ),
    kinds=(CLUSTER, POOLER),
    alone=(client_mode, server_mode, protocols, plaintext),
    together=(names,),
)
