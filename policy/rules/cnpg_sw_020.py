"""CNPG-SW-020: operator, CRD, chart, plugin and image versions of CloudNativePG that drift apart."""

from collections.abc import Iterator

from seawall.operators import versions
from seawall.operators.barman.fields import OBJECT_STORE as STORE_FIELDS
from seawall.operators.cnpg.fields import KINDS
from seawall.policy.estate.families import Family
from seawall.policy.estate.installed import Installed, operator_by
from seawall.policy.estate.kinds import (
    CLUSTER,
    CLUSTER_IMAGE_CATALOG,
    CRD,
    DATABASE,
    DATABASE_ROLE,
    DEPLOYMENT,
    IMAGE_CATALOG,
    OBJECT_STORE,
    POOLER,
    SCHEDULED_BACKUP,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.releases import RELEASES
from seawall.policy.estate.values import CannotEvaluateError
from seawall.policy.findings import Rule, Violation
from seawall.policy.surroundings import fields, release_checks
from seawall.policy.surroundings import versions as judged

_FAMILIES: frozenset[Family] = frozenset({"cnpg", "barman"})
_TABLES = {**KINDS, "ObjectStore": STORE_FIELDS}
_IMAGE = ("spec", "imageName")
_CATALOG = ("spec", "imageCatalogRef")


def check_operator(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A resource of an operator that is not known, or an operator of a version that is not."""
    if thing.group_kind in (CLUSTER, POOLER):
        yield from judged.operator_of_resource(thing, estate, "cnpg")
    else:
        yield from judged.operator_itself(thing, estate, _FAMILIES)


def check_image(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster whose image is left to the operator, moves, or is of a PostgreSQL that the operator does not know."""
    if thing.group_kind != CLUSTER:
        return
    row = versions.cnpg_combination(estate.operator_of(thing).version)
    if row is None:
        return  # said with the operator
    first, last = (row.postgresql_first, 0, 0), (row.postgresql_last, 999, 999)
    image = thing.at(*_IMAGE).text()
    if image:
        yield from judged.image(image, first=first, last=last, path=_IMAGE, operator=row.operator)
        return
    if not thing.at(*_CATALOG).present:
        yield Violation(
            f"no image is given: operator {row.operator} runs {row.default_image}, and which PostgreSQL a new Cluster "
            "gets is decided by the operator of that day",
            f"Give spec.imageName a version from {row.postgresql_first} to {row.postgresql_last}, or "
            "spec.imageCatalogRef.",
            _IMAGE,
        )
        return
    major = thing.at(*_CATALOG, "major").integer()
    if major is None or not row.postgresql_first <= major <= row.postgresql_last:
        yield Violation(
            f"spec.imageCatalogRef.major is {major}; operator {row.operator} knows PostgreSQL {row.postgresql_first} "
            f"to {row.postgresql_last}",
            "Give one of these.",
            (*_CATALOG, "major"),
        )
        return
    yield from _catalogued(thing, estate, major, row)


def _catalogued(thing: KubeObject, estate: Estate, major: int, row: versions.CnpgCombination) -> Iterator[Violation]:
    """The image that a catalog of the estate has for a major version; what is not here is not judged."""
    name = thing.at(*_CATALOG, "name").text() or ""
    wide = thing.at(*_CATALOG, "kind").text() == "ClusterImageCatalog"
    catalog = (
        estate.find(CLUSTER_IMAGE_CATALOG, "", name) if wide else estate.find(IMAGE_CATALOG, thing.namespace, name)
    )
    if catalog is None:
        return
    try:
        images = [it for it in catalog.at("spec", "images").items() if it.at("major").integer() == major]
        reference = images[0].at("image").text() if images else None
    except CannotEvaluateError as problem:
        problem.about(catalog)
        raise
    if not reference:
        yield Violation(
            f"{catalog.title} has no image of PostgreSQL {major}",
            f"Add major {major} to the catalog, or name another one.",
            ("spec", "images"),
            about=catalog,
        )
        return
    tag = versions.image_tag(reference) or ""
    number = judged.tagged(tag)  # a tag that tells none is in order: the catalog says which it is
    if number is not None and number[0] != major:
        yield Violation(
            f"{catalog.title} has for PostgreSQL {major} an image whose tag is {tag}: what starts is not what the "
            "Cluster asks for",
            f"Give the catalog an image of PostgreSQL {major} for major {major}.",
            images[0].at("image").path,
            catalog,
            {"image": tag, "major": str(major)},
        )


def check_sidecar(thing: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A barman plugin whose sidecar is of another version."""
    one = operator_by(thing, estate, ("barman",)) if thing.group_kind in (DEPLOYMENT, *RELEASES) else None
    if one is None:
        return
    sidecar, path = _sidecar(one)
    if sidecar is None or one.version is None:
        return
    if sidecar.removeprefix("v") != one.version:
        yield Violation(
            f"the plugin is {one.version} and its sidecar {sidecar.removeprefix('v')}: the sidecar that runs barman in "
            "every instance comes from another release",
            f"Give both the tag v{one.version}.",
            path,
            facts={"plugin": one.version, "sidecar": sidecar},
        )


def _sidecar(one: Installed) -> tuple[str | None, tuple[str, ...]]:
    """The tag of the sidecar's image, and where it is said; None when nothing says it."""
    if one.release is not None:
        view = one.release.values.at("sidecarImage", "tag")
        return view.text() or None, view.path
    for container in one.pods.containers:
        for variable in container.at("env").items():
            if variable.at("name").text() == "SIDECAR_IMAGE":
                view = variable.at("value")
                return versions.image_tag(view.text() or ""), view.path
    return None, ()


def check_deprecated(thing: KubeObject) -> Iterator[Violation]:
    """Fields that a coming version removes."""
    table = _TABLES.get(thing.kind)
    if table is not None:
        yield from fields.deprecated(thing, table)


RULE = Rule(
    id="CNPG-SW-020",
    risks=(),
    title="Operator, chart, CRDs, plugin and image of CloudNativePG go together",
    score=4,
    why=(
        "What the operator makes of a Cluster differs by version, CRDs of a former version drop new fields without an "
        "error, and Helm ignores values that a chart does not read. So a version that nobody has looked at, or a value "
        "in the wrong place, is a protection that may not be there."
    ),
    mend="Use a row of the table of versions, and only values that the chart reads.",
    kinds=(CLUSTER, POOLER, OBJECT_STORE, SCHEDULED_BACKUP, DATABASE, DATABASE_ROLE, DEPLOYMENT, *RELEASES, CRD),
    alone=(check_deprecated,),
    together=(check_operator, check_image, check_sidecar, *release_checks.checks(_FAMILIES, _TABLES)),
)
