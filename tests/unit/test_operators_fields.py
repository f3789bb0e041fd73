"""The tables of fields are those of the CRDs, wherever this machine has them; and the notation itself."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from schemas import require, schemas

from seawall.operators import barman, cnpg, dragonfly
from seawall.operators.barman.fields import OBJECT_STORE
from seawall.operators.cnpg.fields import KINDS
from seawall.operators.dragonfly.fields import DRAGONFLY
from seawall.operators.fields import Fields, KindFields, Types

TABLES: Mapping[tuple[str, str], KindFields] = {
    (dragonfly.API_VERSION, dragonfly.KIND): DRAGONFLY,
    (barman.API_VERSION, barman.KIND): OBJECT_STORE,
    **{(cnpg.API_VERSION, kind): table for kind, table in KINDS.items()},
}


def declared(schema: Mapping[str, Any], path: str = "spec") -> Iterator[str]:
    """Every field that a schema declares, as a path: `*` behind what takes any keys, `{}` behind a map of types."""
    while schema.get("type") == "array":
        schema = schema.get("items") or {}
    more = schema.get("additionalProperties")
    if "properties" in schema:
        for name, below in schema["properties"].items():
            yield f"{path}.{name}"
            yield from declared(below, f"{path}.{name}")
    elif isinstance(more, dict) and "properties" in more:
        yield from declared(more, f"{path}{{}}")
    elif schema.get("type") == "object" or schema.get("x-kubernetes-preserve-unknown-fields"):
        yield f"{path}*"


def tabled(fields: Fields, path: str = "spec") -> Iterator[str]:
    if fields.free:
        yield f"{path}*"
    elif fields.each is not None:
        yield from tabled(fields.each, f"{path}{{}}")
    for name, below in fields.inside.items():
        yield f"{path}.{name}"
        yield from tabled(below, f"{path}.{name}")


@pytest.mark.parametrize("source", ["shared", "modules"])
@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind[1])
def test_a_table_has_exactly_the_fields_of_the_crd(kind: tuple[str, str], source: str) -> None:
    require(source)
    schema = schemas(source).get(kind)
    if schema is None:
        pytest.skip(f"no CRD of {kind[1]} in {source}")
    assert set(tabled(TABLES[kind].spec)) == set(declared(schema["properties"]["spec"]))


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind[1])
def test_what_is_said_to_be_missing_is_missing_and_what_is_deprecated_exists(kind: tuple[str, str]) -> None:
    table = TABLES[kind]
    paths = {path.removeprefix("spec.") for path in tabled(table.spec)}
    names = {path.rpartition(".")[2] for path in paths}
    for path in table.meant:
        assert path not in paths
        assert not path.startswith("*.") or path[2:] not in names
    assert set(table.deprecated) <= paths


def test_notation() -> None:
    types = Types({"Key": "name key", "Env": "+Key value(from:Key)"})
    fields = types.parse("plain env:Env labels* any{Key} pair(a b(c))")
    found = [path.removeprefix("spec.") for path in tabled(fields)]
    assert found == [
        "plain",
        "env",
        "env.name",
        "env.key",
        "env.value",
        "env.value.from",
        "env.value.from.name",
        "env.value.from.key",
        "labels",
        "labels*",
        "any",
        "any{}.name",
        "any{}.key",
        "pair",
        "pair.a",
        "pair.b",
        "pair.b.c",
    ]
    assert fields.child("nothing") is None
    assert fields.inside["any"].child("whatever") is types["Key"]


@pytest.mark.parametrize("text", ["a(b", "a)b", "a a", "a,b", "(a)", "a(b))"])
def test_what_is_not_in_the_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Types({}).parse(text)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (("podTemplate",), "The operator takes no pod template"),
        (("snapshots",), "Did you mean spec.snapshot?"),
        (("snapshot", "schedule"), "Remove it"),
        (("cron",), "Did you mean spec.snapshot.cron?"),
        (("persistentVolumeClaimSpec",), "spec.snapshot.persistentVolumeClaimSpec or spec.tiering"),
        (("minAvailable",), "Did you mean spec.pdb.minAvailable?"),
        (("zzz",), "Remove it: nothing reads it."),
    ],
)
def test_what_was_probably_meant(path: tuple[str, ...], told: str) -> None:
    siblings = DRAGONFLY.spec
    for name in path[:-1]:
        siblings = siblings.inside[name]
    assert told in DRAGONFLY.instead(path, siblings)
