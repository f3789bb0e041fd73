"""`docs/qa/gate.yaml`: which clusters a stack is for, who reviews, how long things hold, and what somebody accepts."""

import re
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from seawall.components.base import Problem, ProblemsError, RefusedError, Settings, each, rule
from seawall.components.fields import Count, Text
from seawall.components.problems import nearest
from seawall.errors import UserError
from seawall.policy.acceptance.waivers import LONGEST
from seawall.qa import own_file
from seawall.qa.gate.model import Waiver
from seawall.qa.register import Register, service
from seawall.qa.strict_yaml import NotReadError
from seawall.qa.strict_yaml import load as load_yaml

FILE: Final = "docs/qa/gate.yaml"
MAX_BYTES = 256 * 1024
SHORTEST_REASON = 10
"""Characters."""
_UNWRITTEN = ("todo", "tbd", "fixme", "xxx", "n/a", "none")
_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _uid(value: str) -> str:
    if not _UID.fullmatch(value):
        raise RefusedError(
            "must be the UID of the namespace kube-system, as `kubectl get ns kube-system -o yaml` has it"
        )
    return value


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise RefusedError("must be a day like 2027-01-31")
    return value


def _spoken(value: str) -> str:
    first = re.match(r"[\W_]*([\w/]*)", value.lower())
    if first is not None and first[1] in _UNWRITTEN:
        raise RefusedError("is a placeholder, not a text that somebody stands for")
    if len({sign for sign in value.lower() if sign.isalpha()}) < 2:
        raise RefusedError("holds no words")
    return value


def _long_enough(value: str) -> str:
    if len(value) < SHORTEST_REASON:
        raise RefusedError(f"must have at least {SHORTEST_REASON} characters")
    return value


Spoken = Annotated[Text, AfterValidator(_spoken)]


def is_reviewer(text: str) -> bool:
    """Whether a text names a person or a role, as `reviewer` has it."""
    try:
        TypeAdapter(Spoken).validate_python(text)
    except ValidationError:
        return False
    return text.isprintable()


class ListedCluster(Settings):
    """A cluster that a stack is for."""

    uid: Annotated[str, AfterValidator(_uid)] = Field(
        description="UID of its namespace kube-system, which no other cluster has"
    )
    name: Text = Field(description="What it is called, for people")


class WaiverSettings(Settings):
    """One thing that somebody accepts."""

    about: Text = Field(description="Id of a risk, of a rule of the policy pack, or of a test that is no P0")
    reason: Annotated[Spoken, AfterValidator(_long_enough)] = Field(description="Why it is accepted")
    approver: Spoken = Field(description="Who accepts it: a person or a role")
    expires: Annotated[date, BeforeValidator(_day)] = Field(description="The last day on which it holds, in UTC")


class GateSettings(Settings):
    """What the gate of a project is told."""

    version: Literal[1] = Field(description="Version of this form")
    stack: Text = Field(default="infra", description="The stack that makes the services")
    reviewer: Spoken | None = Field(default=None, description="Who answers for the gate: a person or a role")
    max_age_days: Annotated[Count, Field(le=366)] = Field(default=30, description="Older evidence does not count")
    expires_days: Annotated[Count, Field(le=366)] = Field(default=14, description="How long a gate file is valid")
    clusters: dict[Text, tuple[ListedCluster, ...]] = Field(
        default_factory=dict, description="Stack → the clusters that it is deployed to; only evidence of these counts"
    )
    waivers: tuple[WaiverSettings, ...] = Field(default=(), description="What somebody accepts, and until when")

    @property
    def max_age(self) -> timedelta:
        """How old evidence may be."""
        return timedelta(days=self.max_age_days)

    def uids(self, stack: str) -> frozenset[str]:
        """The clusters of a stack."""
        return frozenset(cluster.uid for cluster in self.clusters.get(stack, ()))

    def accepted(self) -> tuple[Waiver, ...]:
        """The waivers as the gate weighs them."""
        return tuple(Waiver(it.about, it.reason, it.approver, it.expires) for it in self.waivers)

    @rule
    def _once(self) -> Iterator[Problem]:
        for index, waiver in enumerate(self.waivers):
            if any(other.about == waiver.about for other in self.waivers[:index]):
                yield Problem(("waivers", index, "about"), "is waived twice: keep one of the two", waiver.about)

    @rule
    def _clusters_are_one_stacks(self) -> Iterator[Problem]:
        seen: dict[str, str] = {}

        def check(stack: str, clusters: tuple[ListedCluster, ...]) -> Iterator[Problem]:
            for index, cluster in enumerate(clusters):
                other = seen.setdefault(cluster.uid, stack)
                if other != stack:
                    yield Problem(("clusters", stack, index, "uid"), f"is that of a cluster of {other}", cluster.uid)

        yield from each(self.clusters, check)


def read(file: Path, register: Register, rules: Collection[str], stacks: Collection[str], today: date) -> GateSettings:
    """The settings in a file; the defaults when there is none.

    `rules` are the ids of the policy pack, `stacks` those of the checkout. Raises `UserError` with every mistake.
    """
    given = own_file.content(file, MAX_BYTES)
    content = given if given is not None else b"version: 1\n"
    try:
        return parse(content.decode(), register, rules, stacks, today, name=str(file))
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8 text") from None


def parse(
    text: str,
    register: Register,
    rules: Collection[str],
    stacks: Collection[str],
    today: date,
    *,
    name: str = FILE,
) -> GateSettings:
    """The settings of a text. Raises `UserError` with every mistake in it."""
    try:
        content = load_yaml(text)
    except NotReadError as error:
        raise UserError(f"{name}: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{name}: must be a mapping that begins with `version: 1`")
    try:
        settings = GateSettings.model_validate(content)
    except ValidationError as error:
        found = (line.get("ctx", {}).get("error") for line in error.errors(include_url=False))
        raise _refused(
            name, [it for each_ in found if isinstance(each_, ProblemsError) for it in each_.problems]
        ) from None
    if unknown := list(_unknown(settings, register, rules, stacks, today)):
        raise _refused(name, unknown)
    return settings


def _refused(name: str, problems: list[Problem]) -> UserError:
    return UserError("\n".join([f"{name}: docs/gate.md has the form", *(f"  {problem}" for problem in problems)]))


def _unknown(
    settings: GateSettings, register: Register, rules: Collection[str], stacks: Collection[str], today: date
) -> Iterator[Problem]:
    for where, stack in ((("stack",), settings.stack), *((("clusters", name), name) for name in settings.clusters)):
        if stack not in stacks:
            yield Problem(where, f"there is no stack {stack}; there are {', '.join(sorted(stacks))}")
    known = {*register.risks, *register.tests, *rules}
    for index, waiver in enumerate(settings.waivers):
        here = ("waivers", index)
        test = register.tests.get(waiver.about)
        if waiver.about not in known or service(waiver.about) is None:
            meant = nearest(waiver.about, known)
            hint = f"; did you mean {meant}?" if meant else ""
            yield Problem((*here, "about"), f"must be the id of a risk, a rule or a test{hint}", waiver.about)
        elif test is not None and test.priority == "P0":
            yield Problem((*here, "about"), "is a P0: one that failed is mended, not accepted", waiver.about)
        if waiver.expires > today + LONGEST:
            yield Problem(
                (*here, "expires"), f"must be within {LONGEST.days} days from now", waiver.expires.isoformat()
            )
