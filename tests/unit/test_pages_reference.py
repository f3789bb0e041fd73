"""The reference: every key of every section, its type in words, its default, its risk, its reason."""

import re
from typing import Annotated, Literal, Union

import pytest
from pages_samples import all_pages
from pydantic import AfterValidator, Field

from seawall.components.base import RefusedError, Settings
from seawall.components.fields import Clients, Count, Duration, Flag, ServiceName, Text, Whole
from seawall.components.settings import StackSettings
from seawall.pages import plain, reference
from seawall.qa.register import load

SECTIONS = sorted(reference.sections())


def test_every_section_has_a_page() -> None:
    assert set(SECTIONS) == set(StackSettings.model_fields)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_in_the_table_of_its_model(section: str) -> None:
    text = all_pages()[f"docs/reference/{section}.md"]
    for model in reference.reachable(reference.sections()[section]):
        [part] = re.findall(rf"^## {model.__name__}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", part, re.MULTILINE))
        assert list(rows) == list(model.model_fields), model
        for name, field in model.model_fields.items():
            what, default, risk, why = re.split(r" \| ", rows[name].replace("|  |", "| - |"))
            assert what, name
            assert (default == "must be given") == field.is_required()
            assert why, f"{model.__name__}.{name} has no description"
            assert (f"[{model.RISKS[name]}]" in risk) if name in model.RISKS else risk == "-"


@pytest.mark.parametrize("section", SECTIONS)
def test_no_two_models_of_a_page_have_one_name(section: str) -> None:
    names = [model.__name__ for model in reference.reachable(reference.sections()[section])]
    assert len(set(names)) == len(names)


def test_every_risk_of_a_setting_is_in_the_register() -> None:
    named = {
        risk
        for section in SECTIONS
        for model in reference.reachable(reference.sections()[section])
        for risk in model.RISKS.values()
    }
    assert named
    assert named <= load().risks.keys()


class Small(Settings):
    """A model."""


def _even(value: str) -> str:
    raise RefusedError("must be even: odd ones fall over")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Count, "a whole number, at least 1"),
        (Whole, "a whole number, at least 0"),
        (Annotated[Count, Field(le=50)], "a whole number, 1 to 50"),
        (Annotated[Count, Field(ge=2)], "a whole number, at least 2"),
        (Duration | None, "a time span: a whole number and one of s, m, h, d"),
        (Union[Text, None], "any non-empty line of text"),  # noqa: UP007 (both spellings)
        (Literal["a", "b"], "`a` or `b`"),
        (tuple[Text, ...], "list of: any non-empty line of text"),
        (dict[str, Small], "mapping: text → [Small](#small)"),
        (Annotated[dict[str, Small], Field(min_length=1)], "mapping: text → [Small](#small), at least 1"),
        (Small | None, "[Small](#small)"),
        (Annotated[str, AfterValidator(_even)], "even"),
        (str, "text"),
    ],
)
def test_a_type_in_words(annotation: object, words: str) -> None:
    assert plain.words(annotation) == words


def test_an_alias_inside_an_alias_is_the_longer_one() -> None:
    assert plain.words(Annotated[ServiceName, AfterValidator(_even)]).endswith(", even")
    assert plain.words(Flag).startswith("`true` or `false`")
    assert plain.words(Clients).startswith("who may connect")
