"""What the report says, as plain data: made by pure functions from what was judged, read by the page and the Markdown.

Nothing here knows of HTML. Texts are whatever people wrote; `walls` takes secrets and control signs out of all of them
at once, before anything is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Service = Literal["dragonfly", "cnpg", "platform"]
"""What something belongs to; `platform` are the operators themselves, and what is of both."""
GateWord = Literal["PASS", "CONCERNS", "FAIL", "WAIVED"]
Severity = Literal["critical", "high", "medium", "low"]
Urgency = Literal["fine", "info", "warning", "critical"]
Opening = Literal["open", "closed", "some requests", "undecided"]
"""What a cell of the first matrix says; `some requests`: open, but a policy looks into the requests."""
Who = Literal["application", "pooler", "platform", "others", "outside"]
"""What a source is: an application, a pooler, what operators and scrapers run, whom nobody names, or no pod at all."""


@dataclass(frozen=True)
class Ground:
    """A policy, or a rule of it, that decides cells."""

    policy: str
    rule: str
    """`CiliumNetworkPolicy data/cache, ingress rule 2`; empty where the policy isolates by being there."""
    direction: str
    effect: str
    """`allows`, `denies`, `isolates`, `may decide`."""
    place: str
    """`file:line` of the policy or its URN, and the path of the rule in it."""
    excerpt: str
    """The rule as it is written, in YAML."""


@dataclass(frozen=True)
class Cell:
    """Whether a source can open a port, and why."""

    state: Opening
    wrong: str
    """Why it should not be so; empty when it may."""
    requests: str
    """Which requests are let through, where not all are."""
    why: str
    grounds: tuple[int, ...]
    """Places in `Reach.grounds`."""


@dataclass(frozen=True)
class Port:
    """A port of a store."""

    number: int
    name: str
    clients: bool
    """Whether it is for applications; the others are for operators, replicas and scrapers."""
    warning: str
    """What whoever opens it can do, where that is worth a warning."""


@dataclass(frozen=True)
class Row:
    """One class of sources."""

    source: str
    who: Who
    application: str
    """For an application: its namespace, with the cluster when it is another one. Empty for everybody else."""
    pooler: str
    """For a pooler: its `namespace/name`."""
    declared: bool
    """Whether somebody declared that it has business here."""
    cells: tuple[int, ...]
    """Places in `Reach.cells`, one for each port of the store."""


@dataclass(frozen=True)
class Store:
    """Pods that hold data, or lead to it, or an operator's own."""

    kind: str
    namespace: str
    name: str
    service: Service
    pods: str
    """How many, and whose: `3 pods`."""
    services: tuple[str, ...]
    """Names of the Services that lead to the pods."""
    behind: str
    """For a pooler: `namespace/name` of its Cluster."""
    databases: tuple[str, ...]
    """For a Cluster that can be read."""
    isolated: bool | None
    """Whether what no rule admits is closed; None: at some times only, or not to be told."""
    ports: tuple[Port, ...] = ()
    rows: tuple[Row, ...] = ()
    unreadable: str = ""
    """Why nothing can be said of it."""

    @property
    def key(self) -> str:
        """`Dragonfly data/cache`: unique, and what links say."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Reach:
    """The first matrix: who can open which port. Equal grounds and cells are there once."""

    stores: tuple[Store, ...]
    cells: tuple[Cell, ...]
    grounds: tuple[Ground, ...]


@dataclass(frozen=True)
class Mark:
    """Whether a role enters, over TLS or without, and the line of pg_hba that decides."""

    enters: bool
    line: str
    wrong: str = ""


@dataclass(frozen=True)
class Way:
    """A role, a database and a way to it."""

    role: str
    database: str
    way: str
    """`directly`, `through harbor-pooler`."""
    tls: Mark | None
    """None: this way takes nobody with TLS."""
    plain: Mark | None
    more: bool = False
    """Whether the same line lets more pairs in, which are not listed."""


@dataclass(frozen=True)
class Entrance:
    """The second matrix, of one Cluster."""

    namespace: str
    name: str
    ways: tuple[Way, ...]
    unknown: tuple[str, ...]
    """What cannot be said, with the reason."""


@dataclass(frozen=True)
class Finding:
    """One verdict of the pack on one object."""

    rule: str
    title: str
    severity: Severity
    service: Service
    risks: tuple[str, ...]
    outcome: str
    standing: str
    """`fails`, `told`, `waived`, `in the baseline`, `deferred`."""
    resource: str
    namespace: str
    message: str
    mend: str
    place: str
    accepted: str
    """Until when, by whom and why; empty when nobody accepts it."""


@dataclass(frozen=True)
class Note:
    """Something not seen, or assumed."""

    text: str
    where: str


@dataclass(frozen=True)
class Reason:
    """Why a gate is not PASS."""

    gate: GateWord
    about: str
    text: str
    mend: str
    waived: str


@dataclass(frozen=True)
class Step:
    """One step of a gate's decision."""

    number: int
    name: str
    gate: GateWord
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Todo:
    """One thing to do, and what it would settle."""

    mend: str
    gate: GateWord
    about: tuple[str, ...]


@dataclass(frozen=True)
class Quality:
    """A non-functional quality."""

    name: str
    gate: GateWord
    notes: str


@dataclass(frozen=True)
class Verdict:
    """What the gate says of one story."""

    service: Service
    story: str
    title: str
    gate: GateWord
    status_reason: str
    score: int
    steps: tuple[Step, ...]
    next: tuple[Todo, ...]
    """What to do, the worst first."""
    qualities: tuple[Quality, ...]
    waivers: tuple[Note, ...]
    """What somebody accepts, and until when, by whom and why."""


@dataclass(frozen=True)
class Risk:
    """How a risk of the register stands."""

    id: str
    title: str
    service: Service
    score: int
    severity: Severity
    tests: tuple[str, ...]
    lowered: bool
    reason: str
    findings: int


@dataclass(frozen=True)
class SetAside:
    """Evidence that does not count."""

    file: str
    why: str


@dataclass(frozen=True)
class Test:
    """How a test of the register stands."""

    id: str
    service: Service
    priority: str
    needs: tuple[str, ...]
    expect: str
    risks: tuple[str, ...]
    state: Literal["passed", "failed", "not run"]
    reason: str
    evidence: str
    environment: str
    when: str
    """In UTC, to the minute; empty without evidence."""
    set_aside: tuple[SetAside, ...]


@dataclass(frozen=True)
class Decision:
    """Something that nobody has signed."""

    id: str
    services: tuple[Service, ...]
    chosen: str
    selectable: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Fact:
    """One thing that was seen."""

    text: str
    severity: Urgency


@dataclass(frozen=True)
class Answered:
    """An answer for the person on call."""

    topic: str
    about: str
    question: str
    verdict: Literal["yes", "careful", "no", "unknown", "none"]
    severity: Urgency
    summary: str
    facts: tuple[Fact, ...]
    command: str
    runbook: str


@dataclass(frozen=True)
class Guest:
    """Somebody who can open a store's port for clients."""

    name: str
    """The application's namespace, with its cluster; what is said of anybody else."""
    way: str
    """The pooler on the way; empty when it comes directly."""
    ports: tuple[int, ...]
    state: Opening
    wrong: str
    enters: tuple[str, ...]
    """For PostgreSQL: the databases, with the role where that has another name: `harbor`, `billing as reports`."""
    ref: str
    """The row that says so, as in the graph: `r3.4`."""


@dataclass(frozen=True)
class Access:
    """The short answer to the first question: who can reach one store."""

    store: int
    """Its place in `Reach.stores`."""
    ports: tuple[int, ...]
    guests: tuple[Guest, ...]
    """Applications that were declared, or that nobody declared clients for."""
    strangers: tuple[Guest, ...]
    """Who gets in, or may, and should not."""
    missing: tuple[Guest, ...]
    """Who has to get in, and does not."""


@dataclass(frozen=True)
class Tally:
    """Counts of what was looked at."""

    objects: int
    projected: int
    files: int
    rules: int
    not_kubernetes: int
    unreadable: tuple[Note, ...] = ()
    off: tuple[str, ...] = ()
    """Rules that the stack has disabled."""


@dataclass(frozen=True)
class Content:
    """Everything that the report says."""

    source: str
    at: str
    """When it was made, in UTC, to the minute. The only thing that changes when nothing else does."""
    tool: str
    """`seawall 0.3.0`."""
    tally: Tally
    verdicts: tuple[Verdict, ...]
    risks: tuple[Risk, ...]
    tests: tuple[Test, ...]
    reach: Reach
    access: tuple[Access, ...]
    """What is wrong first."""
    entrances: tuple[Entrance, ...]
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]
    answers: tuple[Answered, ...]
    """The worst first; none when nobody asked a cluster."""
    notes: tuple[Note, ...]
    set_aside: tuple[SetAside, ...] = ()
    """Files that are no test's evidence."""
    extra: Mapping[str, str] = field(default_factory=dict)
    """Whatever else belongs under the title: `commit`, `cluster`, by name."""
