"""Settings of people's access to the namespace of the databases."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from seawall.components.base import Problem, Settings, rule
from seawall.components.fields import Text
from seawall.components.problems import RefusedError


def _group(value: str) -> str:
    if value.startswith("system:"):
        raise RefusedError(
            "must be a group of people as the cluster's sign-in names it: groups that start with `system:` are "
            "Kubernetes' own, and two of them are everybody"
        )
    return value


Group = Annotated[Text, AfterValidator(_group)]
"""A group of users, as the cluster's authentication names it."""


class Access(Settings):
    """Which groups may act in the namespace. Nobody gets Secrets, `exec` or the right to make pods."""

    admins: tuple[Group, ...] = Field(
        default=(),
        description="Groups that may change everything of CloudNativePG and the barman plugin, and read pods, events "
        "and logs. Whoever may write a Cluster or a Pooler can become superuser of its databases, so these are the "
        "databases' superusers. While `superuser_access` is on they may read the break-glass Secret as well",
    )
    viewers: tuple[Group, ...] = Field(
        default=(), description="Groups that may look at the same objects, without logs, which quote data"
    )

    RISKS: ClassVar[Mapping[str, str]] = {"admins": "CNPG-OPS-001", "viewers": "CNPG-OPS-001"}

    @rule
    def _groups_once(self) -> Iterator[Problem]:
        for name, groups in (("admins", self.admins), ("viewers", self.viewers)):
            for index, group in enumerate(groups):
                if groups.index(group) != index:
                    yield Problem((name, index), "is named twice", group, "CNPG-OPS-001")
        for index, group in enumerate(self.viewers):
            if group in self.admins:
                yield Problem(
                    ("viewers", index), "is among the admins already, who may look as well", group, "CNPG-OPS-001"
                )
