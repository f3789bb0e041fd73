"""What one run of one test leaves behind."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Flag, Text

SCHEMA: Final = "seawall.dev/evidence/v1"
Commit = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class Environment(StrEnum):
    """Where a test ran."""

    REAL = "real"
    """A cluster whose nodes run containers."""
    SIMULATED = "simulated"
    """A cluster with simulated nodes, or with a double in place of anything that the test is about."""
    REPOSITORY = "repository"
    """No cluster: what is written down, rendered and judged."""


class Verdict(StrEnum):
    """What came of it. A test that could not be decided was not run: it leaves no evidence."""

    PASSED = "passed"
    FAILED = "failed"


class ClusterSeen(Settings):
    """A cluster as the run found it."""

    context: Text = Field(description="Name of the context in the kubeconfig")
    uid: Text = Field(description="UID of the namespace kube-system, which no other cluster has")
    version: Text = Field(description="Version of its API server")
    nodes: int = Field(ge=0, description="Nodes")
    simulated_nodes: int = Field(ge=0, description="Of these, nodes on which nothing really runs")


class Observation(Settings):
    """One thing that was looked at."""

    what: Text = Field(description="What was looked at, in the words of the field")
    expected: Text = Field(description="What had to be seen")
    found: Text = Field(description="What was seen; never a secret")
    ok: Flag = Field(description="Whether that is what had to be seen")
    how: Text | None = Field(default=None, description="A command with which a person sees the same")


class Evidence(Settings):
    """One run of one test."""

    schema_version: Literal["seawall.dev/evidence/v1"] = Field(default=SCHEMA, alias="schema", description="This form")
    test: Text = Field(description="Id of the test in qa/register.yaml")
    verdict: Verdict = Field(description="What came of it")
    environment: Environment = Field(description="Where it ran")
    cluster: ClusterSeen | None = Field(default=None, description="The cluster; none for a test of the repository")
    peer: ClusterSeen | None = Field(default=None, description="The cluster of the clients, when the test used it")
    commit: Commit = Field(description="Commit of this project that ran it")
    dirty: Flag = Field(description="Whether the checkout had changes that are in no commit")
    versions: dict[Text, Text] = Field(default_factory=dict, description="Operators, servers and programs → version")
    started: AwareDatetime = Field(description="When it began")
    finished: AwareDatetime = Field(description="When it ended")
    command: Text = Field(description="The command line that ran it")
    observed: tuple[Observation, ...] = Field(description="What was looked at")

    @rule
    def _hangs_together(self) -> Iterator[Problem]:
        if self.finished < self.started:
            yield Problem(("finished",), "must not be before `started`", self.finished.isoformat())
        if (self.environment is Environment.REPOSITORY) != (self.cluster is None):
            yield Problem(("cluster",), "is what `environment: repository` goes without, and every other needs")
        if self.environment is Environment.REAL and self.cluster is not None and self.cluster.simulated_nodes:
            yield Problem(("environment",), "must be `simulated` where nodes are", "real")
        good = bool(self.observed) and all(each.ok for each in self.observed)
        if (self.verdict is Verdict.PASSED) != good:
            yield Problem(("verdict",), "must be `passed` when all that was observed was ok", self.verdict)


class NotRun(Settings):
    """A test of which there is no verdict."""

    test: Text = Field(description="Id of the test in qa/register.yaml")
    reason: Text = Field(description="`needs kubelet: …`, or why a run came to no verdict")
