"""The stories of QA that the gate is about."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from seawall.qa.register import Service


@dataclass(frozen=True)
class Story:
    """One story."""

    id: str
    title: str


STORIES: Final[Mapping[Service, Story]] = {
    "dragonfly": Story("STORY-DB-DRAGONFLY-OPERATOR-CLUSTER", "Shared Dragonfly cluster, run by its operator"),
    "cnpg": Story("STORY-DB-CNPG-SHARED-CLUSTER", "Shared PostgreSQL cluster on CloudNativePG"),
}
"""By the service that each is about."""
