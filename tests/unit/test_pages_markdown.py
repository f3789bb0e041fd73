"""The pieces of Markdown: nothing that a cell holds can break it."""

import pytest

from seawall.pages import markdown


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a | b", "a \\| b"),
        ("`a | b`", "`a \\| b`"),
        ("a \\| b", "a \\| b"),
        ("two\n  lines", "two lines"),
        ("https://<host>", "https://&lt;host>"),
        ("`https://<host>`", "`https://<host>`"),
        ('<a id="x"></a>X', '<a id="x"></a>X'),
    ],
)
def test_a_cell_stays_a_cell(text: str, cell: str) -> None:
    assert markdown.cell(text) == cell


def test_a_table_has_as_many_cells_in_every_row() -> None:
    lines = markdown.table(("one", "two"), [("a|b", "c"), ("d", "e\nf")]).splitlines()
    assert lines == ["| one | two |", "| --- | --- |", "| a\\|b | c |", "| d | e f |"]


@pytest.mark.parametrize(
    ("text", "shown"), [("a", "`a`"), ("a`b", "``a`b``"), ("`a", "`` `a ``"), (3, "`3`"), ("``x``", "``` ``x`` ```")]
)
def test_code_holds_any_text(text: object, shown: str) -> None:
    assert markdown.code(text) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (None, "null"),
        ({"a": [1, "x"], "b": {}}, "{a: [1, x], b: {}}"),
        ((1, False), "[1, false]"),
        ("text", "text"),
    ],
)
def test_a_value_in_one_line(value: object, shown: str) -> None:
    assert markdown.flow(value) == shown


def test_paragraphs_are_kept() -> None:
    assert markdown.paragraphs("One\nline.\n\n  Another <x>.\n") == "One line.\n\nAnother &lt;x>."


def test_anchors_are_those_of_the_forge() -> None:
    assert markdown.anchor("What it is given: `args`, and more") == "what-it-is-given-args-and-more"
    assert markdown.anchored("DB.CNPG-1") == '<a id="dbcnpg-1"></a>DB.CNPG-1'


def test_a_page_says_how_it_is_made() -> None:
    page = markdown.page("somewhere", "Title", "text", "")
    assert page.startswith(markdown.MADE)
    assert page.endswith("# Title\n\ntext\n")
