"""Files of evidence in a folder: written whole or not at all, read without trust."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from seawall.errors import EnvironmentFailure, UserError
from seawall.qa import own_file
from seawall.qa.evidence import document, wall
from seawall.qa.evidence.model import Environment, Evidence, Verdict
from seawall.qa.evidence.sshsig import Signer

FOLDER: Final = "docs/qa/evidence"
"""Where evidence is kept, from the root of the checkout."""
SIGNATURE: Final = ".sig"
"""What the name of a file's signature has at its end, as ssh-keygen writes it."""
_MAX_SIGNATURE = 16 * 1024
_NO_EVIDENCE = frozenset({"README.md"})


@dataclass(frozen=True)
class Found:
    """A file that may be evidence."""

    file: str
    """Its name, without a folder."""
    evidence: Evidence | None = None
    problem: str = ""
    """Why it is no evidence; empty when it is."""
    content: bytes = b""
    signature: bytes | None = None
    """What the file beside it holds, whatever that is; None when there is none."""


def write(folder: Path, evidence: Evidence, *, secrets: Iterable[str] = (), signer: Signer | None = None) -> Path:
    """Writes a file of evidence, and its signature, and returns where. Everything secret is blotted out: these texts,
    and what has the form of a secret.

    Raises `EnvironmentFailure` when the file cannot be written, is there already, or could hold a secret all the same.
    """
    secrets = tuple(secrets)
    given = document.normal(evidence).model_dump(mode="json", by_alias=True, exclude_none=True)
    cleaned = wall.clean(given, secrets)
    try:
        kept = document.evidence(cleaned)
        file, text = folder / document.name(kept), document.text(kept)
        wall.refuse(text, secrets, file.name)
    except (document.NotEvidenceError, wall.SecretError) as error:
        raise EnvironmentFailure(f"the evidence of {evidence.test} cannot be written: {error}") from None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(file):
            raise EnvironmentFailure(f"{file} is there already: one run of a test leaves one file")
        if signer is not None:
            own_file.put(file.with_name(file.name + SIGNATURE), signer.sign(text.encode()))
        own_file.put(file, text.encode())
    except OSError as error:
        raise EnvironmentFailure(f"{file} cannot be written: {error.strerror or error}") from None
    return file


def sign(file: Path, signer: Signer) -> Path:
    """Signs evidence that is there; returns the signature's file. Raises `UserError` for what is no evidence,
    `EnvironmentFailure` when the signature cannot be written."""
    found = read(file)
    if found.evidence is None:
        raise UserError(f"{file}: is no evidence ({found.problem}); nothing is signed")
    target = file.with_name(file.name + SIGNATURE)
    try:
        own_file.put(target, signer.sign(found.content))
    except OSError as error:
        raise EnvironmentFailure(f"{target} cannot be written: {error.strerror or error}") from None
    return target


def drop_superseded(folder: Path, written: Iterable[str]) -> list[str]:
    """Removes what a simulated run has left that passed, was not signed, and has been run again since: it counts for
    nothing, and the new file says the same. `written` are the names of the new files. Returns what was removed."""
    new = {it.evidence.test: it for name in written if (it := read(folder / name)).evidence is not None}
    dropped = []
    for old in read_all(folder):
        evidence, newer = old.evidence, new.get(old.evidence.test) if old.evidence is not None else None
        if evidence is None or newer is None or newer.evidence is None or old.signature is not None:
            continue
        nothing = evidence.environment is Environment.SIMULATED and evidence.verdict is Verdict.PASSED
        if nothing and evidence.finished < newer.evidence.finished:
            (folder / old.file).unlink(missing_ok=True)
            dropped.append(old.file)
    return dropped


def read_all(folder: Path) -> list[Found]:
    """Every file of a folder that may be evidence, by name; none when there is no such folder.

    Raises `EnvironmentFailure` when the folder cannot be read.
    """
    try:
        names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise EnvironmentFailure(f"{folder} cannot be read: {error.strerror}") from None
    return [read(folder / name) for name in _candidates(names)]


def read(file: Path) -> Found:
    """One file. Never raises for what is in it."""
    try:
        content = _content(file, document.MAX_BYTES)
    except FileNotFoundError:
        return Found(file.name, problem="not there")
    except own_file.UnfitError as error:
        return Found(file.name, problem=str(error))
    try:
        signature = _content(file.with_name(file.name + SIGNATURE), _MAX_SIGNATURE)
    except FileNotFoundError:
        signature = None
    except own_file.UnfitError:
        signature = b""
    try:
        evidence = document.parse(content)
        if (right := document.name(evidence)) != file.name:
            return Found(file.name, None, f"renamed: it is the evidence {right}", content, signature)
    except document.NotEvidenceError as error:
        return Found(file.name, None, str(error), content, signature)
    return Found(file.name, evidence, "", content, signature)


def _candidates(names: Iterable[str]) -> Iterator[str]:
    there = set(names)
    for name in sorted(there):
        orphan = name.endswith(SIGNATURE) and name.removesuffix(SIGNATURE) not in there
        if not name.startswith(".") and name not in _NO_EVIDENCE and (orphan or not name.endswith(SIGNATURE)):
            yield name


def _content(file: Path, most: int) -> bytes:
    """As `own_file.read`, for which nothing but that there is none is an `OSError`."""
    try:
        return own_file.read(file, most)
    except own_file.LinkError:
        raise own_file.UnfitError("a link: evidence is a file of its own") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise own_file.UnfitError(f"cannot be read ({error.strerror})") from None
