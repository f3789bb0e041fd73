"""A file of evidence as text: YAML front matter that is the evidence, then a table of it for people.

There is one way to write each piece of evidence, and only that way is read: what differs from it by one character is
refused. So the table never says anything else than the front matter, and no trick of YAML gets through.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final

import yaml
from pydantic import ValidationError

from seawall.components.problems import ProblemsError
from seawall.qa.evidence.model import ClusterSeen, Environment, Evidence
from seawall.qa.strict_yaml import NotReadError, load

MAX_BYTES: Final = 256 * 1024
"""A larger file is no evidence: one of a hundred observations has a tenth of it."""
_FENCE = "---\n"
_DIGEST = re.compile(r"^digest: (.*)\n", re.MULTILINE)
_TEST_ID = re.compile(r"[A-Z0-9][A-Z0-9.-]{0,99}")
_UID_START = re.compile(r"[0-9a-f]{8}(-|$)")


class NotEvidenceError(ValueError):
    """A text is no evidence; says why."""


def normal(evidence: Evidence) -> Evidence:
    """The same evidence with times as the file has them: whole seconds, UTC."""
    times = {name: _second(getattr(evidence, name)) for name in ("started", "finished")}
    return evidence.model_copy(update=times)


def name(evidence: Evidence) -> str:
    """The file's name: test, end of the run, and the cluster's beginning or `repository`.

    Raises `NotEvidenceError` when test or cluster have no name that a file could have.
    """
    where = "repository" if evidence.cluster is None else evidence.cluster.uid[:8]
    if not _TEST_ID.fullmatch(evidence.test):
        raise NotEvidenceError("`test` is no id of a test")
    if evidence.cluster is not None and not _UID_START.match(evidence.cluster.uid):
        raise NotEvidenceError("`cluster.uid` is no UID of a namespace")
    return f"{evidence.test}-{_second(evidence.finished):%Y%m%dT%H%M%SZ}-{where}.md"


def text(evidence: Evidence) -> str:
    """The whole file, digest included. Raises `NotEvidenceError` for what a file cannot hold."""
    evidence = normal(evidence)
    front = yaml.safe_dump(_front(evidence), sort_keys=False, allow_unicode=True, width=2**20)
    made = f"{_FENCE}{front}{_FENCE}\n{_page(evidence)}"
    if any(not sign.isprintable() and sign != "\n" for sign in made):
        raise NotEvidenceError("it holds signs that are not shown, which could make a reader see something else")
    whole = made.replace(f"\n{_FENCE}", f"\ndigest: {digest(made)}\n{_FENCE}", 1)
    if len(whole.encode()) > MAX_BYTES:
        raise NotEvidenceError(f"it is larger than {MAX_BYTES // 1024} KiB")
    return whole


def digest(content: str) -> str:
    """The digest of a file: SHA-256 of all its lines but the one that begins with `digest:`."""
    return "sha256:" + hashlib.sha256(_DIGEST.sub("", content, count=1).encode()).hexdigest()


def schema() -> dict[str, Any]:
    """The JSON schema of the front matter. A file may have no more than this, in this order, and nothing twice."""
    made = Evidence.model_json_schema(by_alias=True)
    said = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$", "description": "Digest of all other lines"}
    made["properties"]["digest"] = said
    made["required"] = [*made["required"], "digest"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def parse(content: bytes) -> Evidence:
    """The evidence in a file's content. Raises `NotEvidenceError` with the first thing that is wrong."""
    if len(content) > MAX_BYTES:
        raise NotEvidenceError(f"larger than {MAX_BYTES // 1024} KiB")
    try:
        whole = content.decode()
    except UnicodeDecodeError:
        raise NotEvidenceError("not UTF-8 text") from None
    if not whole.startswith(_FENCE) or f"\n{_FENCE}" not in whole:
        raise NotEvidenceError("without front matter between two lines `---`")
    front = whole[len(_FENCE) :].partition(f"\n{_FENCE}")[0] + "\n"
    said = _DIGEST.search(front)
    if said is None:
        raise NotEvidenceError("without a digest")
    if said[1] != digest(whole):
        raise NotEvidenceError("edited: the digest is not that of the content")
    try:
        data = load(front)
    except NotReadError as error:
        raise NotEvidenceError(f"front matter, {error}") from None
    found = evidence({key: item for key, item in data.items() if key != "digest"} if isinstance(data, dict) else data)
    try:
        written = text(found)
    except (OverflowError, ValueError) as error:
        # a time that UTC has no name for, a number of thousands of digits
        why = str(error) if isinstance(error, NotEvidenceError) else "a value in it is out of range"
        raise NotEvidenceError(why) from None
    if written != whole:
        raise NotEvidenceError("not as seawall writes it: the same evidence has another text")
    return found


def evidence(data: object) -> Evidence:
    """The evidence of plain data, its digest aside. Raises `NotEvidenceError` with every mistake."""
    if not isinstance(data, dict):
        raise NotEvidenceError("front matter: must be a mapping")
    try:
        return Evidence.model_validate(data)
    except ValidationError as error:
        found = (line.get("ctx", {}).get("error") for line in error.errors(include_url=False))
        problems = [str(problem) for it in found if isinstance(it, ProblemsError) for problem in it.problems]
        raise NotEvidenceError("front matter: " + ("; ".join(problems) or "not of the form")) from None


def _front(evidence: Evidence) -> dict[str, Any]:
    data = evidence.model_dump(mode="json", by_alias=True, exclude_none=True)
    data["started"], data["finished"] = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (evidence.started, evidence.finished))
    data["versions"] = dict(sorted(evidence.versions.items()))
    return data


def _page(evidence: Evidence) -> str:
    seconds = (evidence.finished - evidence.started).total_seconds()
    where = ["the repository"] if evidence.cluster is None else [_cluster(evidence.cluster)]
    if evidence.peer is not None:
        where.append(_cluster(evidence.peer))
    state = "with changes that are in no commit" if evidence.dirty else "clean"
    lines = [
        f"# {evidence.test}: {evidence.verdict}",
        "",
        f"- environment: {evidence.environment}{_warning(evidence.environment)}",
        f"- where: {'; '.join(where)}",
        f"- when: {evidence.started:%Y-%m-%d %H:%M:%S} UTC, {seconds:.0f} s",
        f"- commit: {evidence.commit}, {state}",
        f"- command: {_cell(evidence.command)}",
        *(f"- {_cell(what)}: {_cell(version)}" for what, version in sorted(evidence.versions.items())),
        "",
        "| ok | what | expected | found | see it with |",
        "| --- | --- | --- | --- | --- |",
    ]
    for it in evidence.observed:
        cells = (("yes" if it.ok else "**no**"), *map(_cell, (it.what, it.expected, it.found, it.how or "")))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _warning(environment: Environment) -> str:
    return (
        " (its nodes run nothing: this counts for no test that needs a cluster)" if environment == "simulated" else ""
    )


def _cluster(cluster: ClusterSeen) -> str:
    nodes = f"{cluster.nodes} nodes, {cluster.simulated_nodes} of them simulated"
    return f"{_cell(cluster.context)} ({_cell(cluster.uid)}), {_cell(cluster.version)}, {nodes}"


def _cell(value: str) -> str:
    """Text that cannot end its cell, and is neither tag nor link."""
    for sign in "\\|<[`":
        value = value.replace(sign, "\\" + sign)
    return value


def _second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
