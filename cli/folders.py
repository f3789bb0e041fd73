"""Folders that an option names."""

from pathlib import Path

from seawall.errors import UserError


def chosen(given: Path | None, usual: Path, option: str) -> Path:
    """The folder of an option, or the usual one. Raises `UserError` for what can be no folder."""
    if given is None:
        return usual
    try:
        fits = given.is_dir() or not given.exists()
    except OSError as error:
        raise UserError(f"{option} {given}: cannot be used ({error.strerror}); name another folder") from None
    if not fits:
        raise UserError(f"{option} {given}: must be a folder, or a name that is free")
    return given
