"""How every command of ours is set up."""

from typing import Any

import typer


def application(**more: Any) -> typer.Typer:
    """A Typer application with `-h` beside `--help`, our own errors and no completion; `more` is for `typer.Typer`."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
        **more,
    )
