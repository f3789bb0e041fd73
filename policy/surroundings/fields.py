"""Fields that a resource's schema does not have, or that are on their way out."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from seawall.operators import versions
from seawall.operators.fields import Fields, KindFields, Types
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Violation

_TOP = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_METADATA = Types({}).parse(
    """name namespace labels annotations generateName finalizers ownerReferences uid resourceVersion generation
    creationTimestamp deletionTimestamp deletionGracePeriodSeconds managedFields selfLink"""
)
_SERVED = {"dragonflydb.io": "v1alpha1", "postgresql.cnpg.io": "v1", "barmancloud.cnpg.io": "v1"}
"""The version of each group that is served; there has been no other."""
_PLACE = re.compile(r"\[[0-9]+\]")
_MOST = 20
"""Findings of one object: a file in a wholly different form is one mistake."""


def unknown(thing: KubeObject, table: KindFields, operator: str | None) -> Iterator[Violation]:
    """Fields that no schema of this kind has. `operator` is the version that reconciles it, None when not known.

    An operator newer than the table may have more fields, so nothing is said about its resources.
    """
    if _newer(operator, table.version):
        return
    yield from islice(_unknown(thing, table), _MOST)


def _newer(operator: str | None, table: str) -> bool:
    theirs, ours = versions.parse(operator or ""), versions.parse(table)
    return theirs is not None and ours is not None and theirs[:2] > ours[:2]


def _unknown(thing: KubeObject, table: KindFields) -> Iterator[Violation]:
    written, served = thing.at("apiVersion").text() or "", f"{thing.group}/{_SERVED[thing.group]}"
    if written != served:
        yield Violation(
            f"{written} is served by no operator up to {table.version}: the API server refuses the object",
            f"Write apiVersion: {served}.",
            ("apiVersion",),
        )
    top, metadata = thing.at().keys(), thing.at("metadata").keys()
    for key in top:
        if key not in _TOP:
            mend = (
                f"Put it into spec as {key}." if key in table.spec.inside else "Remove it, or put it where it belongs."
            )
            yield _violation(thing, (key,), mend, table)
    for key in metadata:
        if key not in _METADATA.inside:
            mend = "Labels and annotations have their own mappings in metadata."
            yield _violation(thing, ("metadata", key), mend, table)
    yield from _below(thing, thing.at("spec"), table.spec, table)


def _below(thing: KubeObject, view: View, fields: Fields, table: KindFields) -> Iterator[Violation]:
    """What is unknown below a view. One value that cannot be read hides none beside it."""
    if view.raw is None:
        return
    below: list[tuple[View, Fields]] = []
    if isinstance(view.raw, Sequence) and not isinstance(view.raw, str):
        below = [(item, fields) for item in view.items()]
    else:
        for key in view.keys():  # noqa: SIM118 - a view is no mapping
            child = fields.child(key)
            if child is None:
                path = (*view.path, key)
                yield _violation(thing, path, table.instead(_plain(path), fields), table)
            elif child.closed:
                below.append((view.at(key), child))
    stumbled: CannotEvaluateError | None = None
    for inner, known in below:
        try:
            yield from _below(thing, inner, known, table)
        except CannotEvaluateError as problem:
            stumbled = stumbled or problem
    if stumbled is not None:
        raise stumbled


def _plain(path: tuple[str, ...]) -> tuple[str, ...]:
    """A path from `spec` on, without places in lists."""
    return (*(key for key in path[1:-1] if _PLACE.fullmatch(key) is None), path[-1])


def _violation(thing: KubeObject, path: tuple[str, ...], mend: str, table: KindFields) -> Violation:
    return Violation(
        f"{_written(path)} is no field of {thing.kind} up to {table.version}: a plain create drops it without an "
        "error, and server-side apply refuses the object",
        mend,
        path,
    )


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[", "[")


def deprecated(thing: KubeObject, table: KindFields) -> Iterator[Violation]:
    """Fields that still work and will not for ever."""
    for dotted, instead in table.deprecated.items():
        path = ("spec", *dotted.split("."))
        if thing.at(*path).present:
            yield Violation(f"{'.'.join(path)} is deprecated and will be removed", f"Use {instead} instead.", path)


def version_of(thing: KubeObject, estate: Estate) -> str | None:
    """The version of the operator that reconciles a resource, None when nothing says it."""
    operator = estate.operator_of(thing)
    return None if operator.assumed else operator.version
