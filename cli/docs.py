"""`seawall docs`: the generated pages."""

import typer
from rich.console import Console

from seawall import paths
from seawall.pages import book


def docs(*, check: bool) -> None:
    """Write every generated page that is out of date; with `check` only say which, and leave with 1 when there are any.

    Raises `UserError` when a stack file or the register is wrong.
    """
    console, checkout = Console(highlight=False, soft_wrap=True, markup=False), paths.checkout()
    made = book.pages(checkout)
    if not check:
        for path in (written := book.write(checkout, made)):
            console.print(f"{path}: {'written' if path in made else 'removed'}")
        console.print(f"{len(made)} pages, {len(written)} of them changed")
        return
    found = book.stale(checkout, made)
    for page in found:
        console.print(f"{page.path}: {'out of date' if page.path in made else 'made no more'}; run `make docs`")
        if page.difference:
            console.print(page.difference)
    if found:
        raise typer.Exit(1)
    console.print(f"{len(made)} pages, all up to date")
