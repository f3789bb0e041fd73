"""Files parsed ahead of their reading, on two cores: parsing is what takes longest of a folder's check."""

import marshal
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seawall.policy.estate.doors.yaml_loader import documents
from seawall.policy.second_core import available, spread

LEAST_BYTES = 256 * 1024
"""Less is parsed before a second process has begun."""
MOST_BYTES = 64 * 1024 * 1024
"""All files together. More is read file by file, so that no more memory is taken than what is in them needs."""

Documents = Sequence[tuple[Any, int]]
"""The values of a file's documents, each with the line of its first character, counted from 0."""
_DEFAULTED_LINE = re.compile(rb"^ *(?:- |[\w./-]+:)[^\n]*\$\{[^\n]*", re.MULTILINE)
_DEFAULTED = re.compile(rb"\$\{[A-Za-z_]\w*:?[=-]([^${}\n]*)\}")
"""A value of Flux's substitution that is the default where nobody gives another, as in `replicas: ${REPLICAS:=3}`."""
_ALIAS = re.compile(rb"[\s\[{,:]\*\S")


def with_defaults(content: bytes) -> bytes:
    """A text with the defaults of Flux's substitution in it, line for line."""
    if b"${" not in content:
        return content
    return _DEFAULTED_LINE.sub(lambda line: _DEFAULTED.sub(rb"\1", line[0]), content)


def may_have_aliases(content: bytes) -> bool:
    """Whether a YAML text may have aliases; one in UTF-16, in which every second byte is 0, may have anything."""
    return (b"*" in content and _ALIAS.search(content) is not None) or b"\0" in content


def parsed(paths: Sequence[Path]) -> Mapping[Path, Documents]:
    """The documents of files in which nothing is out of the ordinary; all others are left to a patient reading.

    Empty where a second core is no help.
    """
    sizes = {path: size for path in paths if (size := _size(path)) is not None}
    if not LEAST_BYTES < sum(sizes.values()) < MOST_BYTES or not available():
        return {}
    files = list(sizes)
    found = spread(len(files), lambda number: _plain(files[number]), pack=marshal.dumps, unpack=marshal.loads)
    return {path: read for path, read in zip(files, found, strict=True) if read is not None}


def _size(path: Path) -> int | None:
    """The bytes of a regular file, None for everything else."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _plain(path: Path) -> Documents | None:
    try:
        content = with_defaults(path.read_bytes())
        if may_have_aliases(content):
            return None
        found = []
        for loader, node in documents(content):
            found.append((loader.value(node), node.start_mark.line))
            if loader.repeated:
                return None
    except Exception:  # whatever it is, the patient reading runs into it again and says so
        return None
    return None if any(isinstance(value, dict) and "items" in value for value, _ in found) else found
