"""The published form of `seawall check --format json`: its JSON schema is made from these models.

Nothing is written through them, so that a check need not import pydantic; the tests hold the output against the schema.
"""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

_Severity = Literal["critical", "high", "medium", "low"]
_Outcome = Literal["violated", "deferred", "not evaluated"]


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Resource(_Form):
    """An object that a rule looked at."""

    group: str
    """API group; empty for the core group, `pulumi` for a resource that is no Kubernetes object."""
    kind: str
    """Kind, or the type token of a resource that is no Kubernetes object."""
    namespace: str
    """Empty for what has none."""
    name: str
    """Its name."""


class Blamed(_Form):
    """The object that holds the mistake."""

    kind: str
    """Its kind."""
    namespace: str
    """Empty for what has none."""
    name: str
    """Its name."""


class Waived(_Form):
    """The waiver that covers a finding."""

    reason: str
    """Why the risk is accepted."""
    approver: str
    """Who has accepted it."""
    expires: date
    """The last day on which it holds."""


class FindingForm(_Form):
    """One verdict on one object."""

    rule: str
    """Id of the rule."""
    risks: list[str]
    """The QA risks that the rule answers."""
    severity: _Severity
    """By the risk's score."""
    outcome: _Outcome
    """None of them is a pass."""
    standing: Literal["fails", "told", "waived", "in the baseline", "deferred"]
    """What it means for the check."""
    fails: bool
    """Whether it makes the check fail."""
    resource: Resource
    """The object that the rule looked at."""
    blamed: Blamed
    """The object that holds the mistake."""
    file: str | None
    """Where the blamed object was read."""
    line: int | None
    """The line of the field, else of the object, counted from 1."""
    urn: str | None
    """Of a Pulumi resource."""
    path: str
    """The field in the blamed object, its keys joined by dots."""
    message: str
    """What is wrong with this object."""
    mend: str
    """What to do."""
    facts: dict[str, str]
    """Numbers and decoded values by name."""
    fingerprint: str = Field(pattern="^[0-9a-f]{16}$")
    """The same for the same finding, whatever the file, the line, the door and the day."""
    waived: Waived | None
    """The waiver that covers it."""


class RiskForm(_Form):
    """What the rules that answer a risk came to."""

    id: str
    """The QA risk's id; the rule's own where it answers none."""
    title: str
    """What it is about."""
    severity: _Severity
    """Of the rule that has the risk's id, else of the first that answers it."""
    rules: list[str]
    """The rules that answer it."""
    judged: int
    """How many objects they looked at, an object counted once per rule."""
    verdict: str
    """`passed`, `nothing to judge`, or how many findings of which outcome."""


class RuleForm(_Form):
    """A rule that was asked."""

    id: str
    """Its id."""
    risks: list[str]
    """The QA risks that it answers."""
    title: str
    """What it demands."""
    severity: _Severity
    """By the risk's score."""
    page: str
    """Its page, from the root of the repository."""
    judged: int
    """How many objects it looked at."""


class UnreadableForm(_Form):
    """A file, or a document in it, that could not be read."""

    file: str
    """Its path."""
    line: int | None
    """Where, counted from 1."""
    why: str
    """What is wrong with it."""


class NoteForm(_Form):
    """Something not seen, or assumed."""

    text: str
    """What."""
    where: str
    """Where; may be empty."""


class FixedForm(_Form):
    """A finding of the baseline that is there no more."""

    rule: str
    """Id of the rule."""
    resource: str
    """The resource, for a person."""
    outcome: _Outcome
    """What it was."""
    fingerprint: str
    """As in the baseline."""


class Tally(_Form):
    """Counts."""

    objects: int
    """Declared objects."""
    projected: int
    """Objects that operators will make of them."""
    files: int
    """Files read."""
    not_kubernetes: int
    """Documents of other tools, left out."""
    unreadable: int
    """Files or documents that could not be read."""
    violated: int
    """Violations that are neither waived nor in the baseline."""
    deferred: int
    """Verdicts that wait for another resource."""
    not_evaluated: int
    """Rules without a verdict on an object, neither waived nor in the baseline."""
    waived: int
    """Findings that a waiver covers."""
    in_baseline: int
    """Findings that the baseline holds."""
    fails: int
    """Findings that make the check fail."""


class MatricesForm(_Form):
    """Who can open what; only with `--matrix`. Its entries may gain fields at any time."""

    reach: list[dict[str, Any]]
    """For each protected set of pods, who can open which port, and which policy and rule decide it."""
    entries: list[dict[str, Any]]
    """For each Cluster, which role enters which database, by which way, with TLS and without."""


class Check(_Form):
    """What `seawall check --format json` prints."""

    version: Literal[2]
    """Changes when a field changes its meaning or goes."""
    source: str
    """What was checked."""
    exit_code: Literal[0, 1, 2]
    """The command's exit code."""
    fail_on: Literal["critical", "high", "medium", "low", "never"]
    """The least severity that fails."""
    tally: Tally
    """Counts."""
    findings: list[FindingForm]
    """The worst first."""
    risks: list[RiskForm]
    """A verdict per risk, by id."""
    rules: list[RuleForm]
    """The rules that were asked, by id."""
    disabled: list[str]
    """The rules that the configuration disables."""
    unreadable: list[UnreadableForm]
    """What could not be read."""
    notes: list[NoteForm]
    """What was not seen, or assumed."""
    fixed: list[FixedForm]
    """What the baseline holds and is there no more."""
    seconds: float
    """How long it took."""
    matrices: MatricesForm | None = None
    """Only with `--matrix`."""


def schema() -> dict[str, Any]:
    """The JSON schema."""
    made = Check.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
