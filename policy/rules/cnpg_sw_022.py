"""CNPG-SW-022: a field that does not exist, or an annotation that goes round the operator's protections."""

from collections.abc import Iterator, Mapping

from seawall.operators import cnpg
from seawall.operators.barman.fields import OBJECT_STORE as STORE_FIELDS
from seawall.operators.cnpg.fields import KINDS
from seawall.operators.fields import KindFields
from seawall.policy.estate.kinds import (
    CLUSTER,
    DATABASE,
    DATABASE_ROLE,
    OBJECT_STORE,
    POOLER,
    SCHEDULED_BACKUP,
    GroupKind,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import fields

_TABLES: Mapping[GroupKind, KindFields] = {
    OBJECT_STORE: STORE_FIELDS,
    **{kind: KINDS[kind[1]] for kind in (CLUSTER, POOLER, SCHEDULED_BACKUP, DATABASE, DATABASE_ROLE)},
}


def check_fields(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Fields that no schema of the kind has."""
    operator = fields.version_of(thing, estate) if thing.group_kind in (CLUSTER, POOLER) else None
    yield from fields.unknown(thing, _TABLES[thing.group_kind], operator)


def check_annotations(thing: KubeObject) -> Iterator[Violation]:
    """Annotations on a Cluster or Pooler that switch a protection off."""
    if thing.group_kind not in (CLUSTER, POOLER):
        return
    for key, what in cnpg.FORBIDDEN_ANNOTATIONS.items():
        value = thing.annotation(key)
        if value is None or not _applies(thing, key, value):
            continue
        yield Violation(
            f"the annotation {key} {what}",
            f"Remove the annotation {key}; for a short intervention by hand set it on the live object and take it off "
            "again.",
            ("metadata", "annotations", key),
        )


def _applies(thing: KubeObject, key: str, value: str) -> bool:
    if value != cnpg.ANNOTATION_WORDS.get(key, value):
        return False
    return key != cnpg.SKIP_EMPTY_ARCHIVE_CHECK or not _is_drill(thing)


def _is_drill(thing: KubeObject) -> bool:
    """Whether a Cluster is restored from an archive and writes into none."""
    return thing.at("spec", "bootstrap", "recovery").present and not thing.at("spec", "plugins").items()


RULE = Rule(
    id="CNPG-SW-022",
    risks=("CNPG-DATA-002",),
    title="Every field exists, and no annotation goes round the operator",
    score=6,
    why=(
        "A field that the schema does not have, like `sse`, is dropped by a plain create, so the protection that it "
        "was to be is not there. And some annotations switch the operator's validation, its reconciliation or WAL "
        "archiving off."
    ),
    mend="Write the field that the operator reads; remove the annotations.",
    kinds=(CLUSTER, POOLER, OBJECT_STORE, SCHEDULED_BACKUP, DATABASE, DATABASE_ROLE),
    alone=(check_annotations,),
    together=(check_fields,),
)
