"""CNPG-TECH-002: prepared statements that meet another client's connection."""

from collections.abc import Iterator

from seawall.operators.cnpg.pgbouncer import PREPARED_BY_DEFAULT_SINCE, PREPARED_SINCE
from seawall.policy.estate.kinds import POOLER
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.postgresql.postgres import POOLER_PARAMETERS, pgbouncer_image, pgbouncer_version, pooler_text
from seawall.policy.findings import Rule, Violation

_MODE = ("spec", "pgbouncer", "poolMode")
_PREPARED = (*POOLER_PARAMETERS, "max_prepared_statements")
_BREAKS = "drivers that prepare (JDBC, Rails, asyncpg) then meet statements that their server connection does not have"


def mode(pooler: KubeObject) -> Iterator[Violation]:
    """Statement pooling, in which not even a transaction holds its connection."""
    if pooler.at(*_MODE).text() == "statement":
        yield Violation(
            "poolMode is statement: a server connection goes back after every statement, so that transactions are "
            "refused; the API server admits only session and transaction",
            "Set poolMode: transaction, with max_prepared_statements.",
            _MODE,
        )


def prepared(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Transaction mode in which PgBouncer does not keep track of prepared statements."""
    if pooler.at(*_MODE).text() != "transaction":
        return
    text = pooler_text(pooler, "max_prepared_statements")
    if text is not None:
        if not text.strip().isdecimal():
            yield Violation(
                "max_prepared_statements is no whole number: PgBouncer does not take the setting",
                'Give a number in quotes, as "200".',
                _PREPARED,
            )
        elif int(text) == 0:
            yield Violation(
                f'transaction mode with max_prepared_statements "{text}": PgBouncer keeps track of none, and {_BREAKS}',
                'Set it to "200", or more than the statements that one client prepares.',
                _PREPARED,
            )
        return
    version = pgbouncer_version(pooler, estate)
    if version is not None and version >= PREPARED_BY_DEFAULT_SINCE:
        return  # 200 by default
    if version is None:
        said = "PgBouncer's version is not known, and before 1.24 the default is 0"
    else:
        said = f"PgBouncer {_dotted(version)} keeps track of none unless it is set"
    yield Violation(
        f"transaction mode without max_prepared_statements: {said}, and {_BREAKS}",
        f'Set max_prepared_statements: "200", with PgBouncer {_dotted(PREPARED_SINCE)} or later.',
        _PREPARED,
    )


def too_old(pooler: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A PgBouncer that does not know prepared statements, and does not start with their setting."""
    version = pgbouncer_version(pooler, estate)
    if version is None or version >= PREPARED_SINCE:
        return
    given = pooler_text(pooler, "max_prepared_statements")
    if given is None and pooler.at(*_MODE).text() != "transaction":
        return
    does = "does not start with max_prepared_statements" if given is not None else "cannot keep prepared statements"
    image = pgbouncer_image(pooler)
    yield Violation(
        f"PgBouncer {_dotted(version)} {does}: it knows them from {_dotted(PREPARED_SINCE)} on",
        "Remove the image, so that the operator's own is taken, or name a newer one."
        if image.present
        else "Upgrade the operator, or name a newer image in spec.pgbouncer.image.",
        image.path,
    )


def _dotted(version: tuple[int, int, int]) -> str:
    return ".".join(map(str, version))


RULE = Rule(
    id="CNPG-TECH-002",
    risks=("CNPG-TECH-002",),
    title="Prepared statements work through the pooler",
    score=4,
    why=(
        "In transaction mode every transaction may get another server connection. A statement that was prepared on the "
        "former one is not there, unless PgBouncer keeps track of it: from 1.21 on when it is told to, from 1.24 on by "
        "itself."
    ),
    mend="Set max_prepared_statements in transaction mode, with PgBouncer 1.21 or later.",
    kinds=(POOLER,),
    alone=(mode,),
    together=(prepared, too_old),
)
