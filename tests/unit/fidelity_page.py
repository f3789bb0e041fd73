"""docs/fidelity.md: what the projections are held against, and what is left out. As a program it writes the page."""

from collections.abc import Iterable, Sequence
from itertools import groupby

import cnpg_table
import dragonfly_table
from fidelity_cases import CASES
from fidelity_walk import Field, Object
from stack_samples import CHECKOUT

from seawall.operators import versions

PAGE = CHECKOUT / "docs" / "fidelity.md"
HOW = {
    "observed": "held against the real one, field by field",
    "source": "read in its source code; the output of every check says so",
}
INTRO = """# Fidelity
Rules judge what the operators make of a resource, not only the resource. So the projection of each operator is held
against the real one: of every object that it makes, **every field is compared** but those in the tables below, each
with its reason. A field that is new in an operator's release is in no table, and fails the test. An entry that matches
nothing any more fails it too.

- **CloudNativePG** and the barman plugin: the real ones run in the sandbox, and every case below is applied to its API
  server (`tests/sandbox/test_sandbox_fidelity.py`). Beside the fields: the keys of the Secrets, the rules of the
  plugin's Role, and the names in the server certificate. A digest of some of what it made is in
  `tests/data/cloudnative-pg-1.30.0.yaml`, for tests without the sandbox; the sandbox's test holds it against the real
  operator (`tests/unit/test_operators_projection_digest.py`).
- **Dragonfly**: a record of what the real operator 1.6.1 made of three resources. A digest of it is in
  `tests/data/dragonfly-operator-1.6.1.yaml` (`tests/unit/test_operators_projection.py`).

This page is written by `make fidelity`.
"""


def page() -> str:
    """The page's text."""
    parts = [
        INTRO,
        "## By version",
        _table(("operator", "versions", "basis", "that is"), _versions()),
        f"A version of CloudNativePG that is not here is projected as {versions.CNPG_OPERATOR}, before 1.28 without "
        "the labels `app.kubernetes.io/…` (source); a version of the Dragonfly operator that is not here is not "
        "projected at all. Both are findings. Where another object decides a value and is not there (the image of a "
        "catalogue, the resources of a sidecar whose ObjectStore is elsewhere), it is unknown, and nothing is "
        "concluded from it.",
        "",
        f"## The {len(CASES)} cases for CloudNativePG",
        "\n".join(f"- {name}" for name in CASES),
        "",
        "## What is left out for CloudNativePG",
        _exceptions(cnpg_table.NOT_COMPARED, cnpg_table.NOT_PROJECTED, cnpg_table.NOT_MADE_HERE),
        "## What is left out for Dragonfly",
        _exceptions(dragonfly_table.NOT_COMPARED, dragonfly_table.NOT_PROJECTED, ()),
    ]
    return "\n".join(parts)


def _versions() -> Iterable[Sequence[str]]:
    for row in versions.DRAGONFLY_BEHAVIOURS:
        first, last = (".".join(str(part) for part in number) for number in (row.first, row.last))
        span = f"{first} to {last.removesuffix('.999')}"
        yield "Dragonfly operator", span, row.basis, HOW[row.basis]
    for combination in versions.CNPG_COMBINATIONS:
        yield "CloudNativePG", combination.operator, combination.basis, HOW[combination.basis]
    yield "barman plugin", versions.BARMAN_PLUGIN, "observed", HOW["observed"]
    others = ", ".join(row.version for row in versions.BARMAN_PLUGINS if row.version != versions.BARMAN_PLUGIN)
    yield "barman plugin", others, "taken as the same", f"projected as {versions.BARMAN_PLUGIN}"


def _exceptions(fields: Iterable[Field], objects: Iterable[Object], unmade: Iterable[Object]) -> str:
    by_reason = sorted(fields, key=lambda it: it.reason)
    rows = [
        (reason, ", ".join(_code(f"{it.kind}: {it.path}") for it in group))
        for reason, group in groupby(by_reason, key=lambda it: it.reason)
    ]
    text = "Fields, with everything below them:\n\n" + _table(("reason", "fields"), rows)
    for title, entries in (("Made, and not projected", objects), ("Projected, and never made there", unmade)):
        rows = [(_code(f"{it.kind} {it.name}"), it.reason) for it in entries]
        text += f"\n{title}:\n\n{_table(('objects', 'reason'), rows)}" if rows else ""
    return text


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
