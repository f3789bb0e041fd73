"""A page per component: every object with its purpose, every argument and output, an example that runs."""

import re
import runpy

import pytest
from pages_samples import all_pages, all_stacks
from pydantic import Field

import seawall.components
from seawall.components.base import Settings
from seawall.pages import components
from seawall.pages.purposes import purpose
from seawall.pages.recording import COMPONENT, Recording, record

KINDS = components.kinds(all_stacks())
PUBLIC = [name for name in KINDS if name in seawall.components.__all__]


def test_the_components_that_a_person_uses_have_a_page() -> None:
    named = {name.removesuffix("Args") for name in seawall.components.__all__ if name.endswith("Args")}
    assert named
    assert named == set(PUBLIC)


def test_every_object_of_every_component_has_a_purpose() -> None:
    nameless = {
        (it.kind, component.kind)
        for stack in all_stacks().values()
        for component in stack.recording.resources
        if component.token.startswith(COMPONENT)
        for it in stack.recording.children(component.name)
        if not purpose(it, component.kind)
    }
    assert nameless == set()


@pytest.mark.parametrize("kind", KINDS)
def test_every_object_argument_and_output_is_on_the_page(kind: str) -> None:
    text = all_pages()[f"docs/components/{kind}.md"]
    _, instance = components._instance(kind, all_stacks())
    stack = next(it for it in all_stacks().values() if instance in it.recording.resources)
    children = stack.recording.children(instance.name)
    assert children
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    for child in children:
        [row, *_] = [row for row in rows if row.startswith(f"| {child.kind} |") and f"`{child.object_name}`" in row]
        assert child.protect == ("protected" in row.rpartition("| ")[2] or "protected" in row.split(" | ")[-1])
    arguments = components.args(components.component(kind))
    for name in arguments.__dataclass_fields__:
        assert f"| `{name}` | " in text
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{name}` | ")][:1]
        assert not row.endswith("|  |"), f"{arguments.__name__}.{name} says nothing of itself"


@pytest.mark.parametrize("kind", PUBLIC)
def test_the_example_is_on_the_page_and_makes_the_component(kind: str) -> None:
    file = components.example(kind)
    assert file.read_text() in all_pages()[f"docs/components/{kind}.md"]
    made: Recording = record(lambda: runpy.run_path(str(file)), stack="example")
    [component] = made.of_component(kind)
    assert made.children(component.name)
    assert made.outputs[component.name] is not None


class Inner(Settings):
    stale_reason: str | None = None


class Outer(Settings):
    """No setting of its own."""

    inner: dict[str, Inner] = Field(default_factory=dict)
    plain: Inner | None = None


def test_reasons_are_found_wherever_they_are() -> None:
    assert [path for path, _ in components._reasons(Outer, "settings")] == [
        "settings.inner.*.stale_reason",
        "settings.plain.stale_reason",
    ]


def test_a_weakening_is_listed() -> None:
    text = all_pages()["docs/components/CnpgSharedCluster.md"]
    assert "`settings.superuser_reason`" in text
    assert "`settings.applications.*.stateless_reason`" in text


def test_the_former_type_is_named() -> None:
    assert "`seawall:data:OperatorBudgets`" in all_pages()["docs/components/Operators.md"]
    assert not re.search(r"Former ones.*kubernetes:", all_pages()["docs/components/Operators.md"])
