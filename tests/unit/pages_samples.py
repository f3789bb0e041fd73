"""The stacks of this checkout and the pages that are made of them, read once for all tests."""

from functools import cache

from stack_samples import CHECKOUT

from seawall.pages import book, stacks
from seawall.qa.trace import Rendered


@cache
def all_stacks() -> stacks.Stacks:
    return stacks.read(CHECKOUT)


@cache
def all_pages() -> dict[str, str]:
    return book.pages(CHECKOUT)


def rendered() -> dict[str, Rendered]:
    return {name: Rendered(stack.settings, stack.recording.resources) for name, stack in all_stacks().items()}
