"""A page that is shown, and what came of it."""

from dataclasses import dataclass, field

from playwright.sync_api import Page


@dataclass
class Seen:
    """A page in a window of its own."""

    page: Page
    said: list[str] = field(default_factory=list)
    """What it wrote to the console, errors included."""
    asked: list[str] = field(default_factory=list)
    """The addresses that it asked for."""
