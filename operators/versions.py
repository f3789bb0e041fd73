"""The one table of versions: operators, charts, plugin, images, and which of them go together.

An operator's behaviour differs by version, and a version that is not in the table is a finding, never a guess. `basis`
says how a row is known: `observed` was held against the real operator, `source` was read in its source code.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Version = tuple[int, int, int]
Basis = Literal["observed", "source"]

_VERSION = re.compile(r"^v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-+].*)?$")


def parse(text: str) -> Version | None:
    """`v1.6.1`, `1.6.1` or `1.18` as numbers (a missing patch is 0); None when the text is not such a version."""
    match = _VERSION.match(text.strip())
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else None


def image_tag(image: str) -> str | None:
    """The tag of an image reference (`registry:5000/name:tag@sha256:…`), None when it has none."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2] or None


# ── Dragonfly ────────────────────────────────────────────────────────────────────────────────────────────────────────


class OwnBudget(StrEnum):
    """The PodDisruptionBudget that the Dragonfly operator itself makes."""

    NONE = "none"
    FIXED = "fixed"
    """`maxUnavailable: 1` when there is more than one replica; nothing can change it."""
    FIELD = "field"
    """As `spec.pdb` says, else `maxUnavailable: 1`, when there is more than one replica."""


class OwnPolicy(StrEnum):
    """The NetworkPolicy that the Dragonfly operator itself makes, and whom it lets open the client port."""

    NONE = "none"
    EVERY_POD = "every pod"
    SAME_NAMESPACE = "same namespace"


@dataclass(frozen=True)
class DragonflyBehaviour:
    """What one range of Dragonfly operator versions does with a Dragonfly resource."""

    first: Version
    """The first version of the range, inclusive."""
    last: Version
    """The last version of the range that is known, inclusive."""
    budget: OwnBudget
    network_policy: OwnPolicy
    network_policy_field: bool
    """Whether `spec.networkPolicyEnabled` exists and is read."""
    basis: Basis


DRAGONFLY_BEHAVIOURS: tuple[DragonflyBehaviour, ...] = (
    DragonflyBehaviour((0, 0, 0), (1, 1, 11), OwnBudget.NONE, OwnPolicy.NONE, False, "source"),
    DragonflyBehaviour((1, 2, 0), (1, 4, 999), OwnBudget.FIXED, OwnPolicy.NONE, False, "source"),
    DragonflyBehaviour((1, 5, 0), (1, 5, 999), OwnBudget.FIELD, OwnPolicy.EVERY_POD, True, "source"),
    DragonflyBehaviour((1, 6, 0), (1, 6, 999), OwnBudget.FIELD, OwnPolicy.SAME_NAMESPACE, True, "observed"),
)


def dragonfly_behaviour(version: str) -> DragonflyBehaviour | None:
    """The behaviour of a Dragonfly operator version like `1.6.1`; None when the table does not know the version."""
    number = parse(version)
    if number is None:
        return None
    return next((row for row in DRAGONFLY_BEHAVIOURS if row.first <= number <= row.last), None)


@dataclass(frozen=True)
class DragonflyCombination:
    """A Dragonfly operator version with the CRD, the chart and the data images that go with it."""

    operator: str
    crd: str
    chart: str
    image_first: Version
    image_last: Version
    """First and last version of the data image, inclusive."""
    default_image: str
    """The image that the operator runs when the resource names none."""


DRAGONFLY_COMBINATIONS: tuple[DragonflyCombination, ...] = (
    DragonflyCombination(
        "1.6.1", "1.6.1", "v1.6.1", (1, 34, 0), (1, 39, 999), "docker.dragonflydb.io/dragonflydb/dragonfly:v1.39.0"
    ),
)
DRAGONFLY_OPERATOR = "1.6.1"
"""The Dragonfly operator version that this project is built and tested for."""
DRAGONFLY_OPERATOR_IMAGE = "docker.dragonflydb.io/dragonflydb/operator"
"""Distroless, uid 65532. Tagged like the operator, with a leading v."""
RBAC_PROXY_IMAGE = "quay.io/brancz/kube-rbac-proxy:v0.20.2"
"""The container that the Dragonfly operator's chart 1.6.1 can put before the operator's metrics."""
DRAGONFLY_IMAGE = "ghcr.io/dragonflydb/dragonfly:v1.34.2"


# ── CloudNativePG and its barman plugin ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class CnpgCombination:
    """A CloudNativePG operator version with the CRD, chart, plugin and PostgreSQL versions that go with it."""

    operator: str
    crd: str
    chart: str
    plugins: tuple[str, ...]
    postgresql_first: int
    postgresql_last: int
    """First and last PostgreSQL major version, inclusive."""
    default_image: str
    """The image that the operator runs when a Cluster names none."""
    basis: Basis


CNPG_COMBINATIONS: tuple[CnpgCombination, ...] = (
    CnpgCombination(
        "1.30.0",
        "1.30.0",
        "0.29.0",
        ("0.13.0", "0.14.0", "0.15.0"),
        14,
        18,
        "ghcr.io/cloudnative-pg/postgresql:18.4-system-trixie",
        "observed",
    ),
)
CNPG_OPERATOR = "1.30.0"
"""The CloudNativePG operator version that this project is built and tested for."""
CNPG_OPERATOR_IMAGE = "ghcr.io/cloudnative-pg/cloudnative-pg"
"""Tagged like the operator, without a leading v."""


@dataclass(frozen=True)
class BarmanPlugin:
    """A barman plugin version and the version of the chart that can install it."""

    version: str
    chart: str | None
    """None: no chart is known to fit, so the plugin must be installed by something else (`managed: false`)."""
    basis: str


BARMAN_PLUGINS: tuple[BarmanPlugin, ...] = (
    BarmanPlugin("0.13.0", "0.7.0", "the chart's own version of the plugin"),
    BarmanPlugin(
        "0.14.0",
        "0.7.0",
        "a newer plugin than the chart's own: both image tags are set. CRD, cluster role, arguments, ports and the "
        "names of the certificates' Secrets in the release 0.14.0 are those of the chart (compared, source)",
    ),
    BarmanPlugin("0.15.0", None, "no chart with it, nor its source, was seen"),
)
BARMAN_PLUGIN = "0.14.0"
"""The barman plugin version that this project is built and tested for."""
BARMAN_SIDECAR_IMAGE = "ghcr.io/cloudnative-pg/plugin-barman-cloud-sidecar"
"""Distroless, uid 26, no shell; Python with barman and boto3 in `/venv`. Tagged like the plugin, with a leading v."""
BARMAN_PLUGIN_IMAGE = "ghcr.io/cloudnative-pg/plugin-barman-cloud"
"""The plugin's own image. Tagged like the plugin, with a leading v."""
POSTGRESQL_IMAGE = "ghcr.io/cloudnative-pg/postgresql:16.8"


def barman_sidecar_image(plugin: str) -> str:
    """The sidecar's image for a version of the barman plugin like `0.14.0`."""
    return f"{BARMAN_SIDECAR_IMAGE}:v{plugin.removeprefix('v')}"


def cnpg_combination(operator: str) -> CnpgCombination | None:
    """The combination of a CloudNativePG operator version like `1.30.0`; None when the table does not know it."""
    number = parse(operator)
    return next((row for row in CNPG_COMBINATIONS if number is not None and parse(row.operator) == number), None)


def dragonfly_combination(operator: str) -> DragonflyCombination | None:
    """The combination of a Dragonfly operator version like `1.6.1`; None when the table does not know it."""
    number = parse(operator)
    return next((row for row in DRAGONFLY_COMBINATIONS if number is not None and parse(row.operator) == number), None)


def barman_plugin(version: str) -> BarmanPlugin | None:
    """The row of a barman plugin version like `0.14.0`; None when the table does not know it."""
    number = parse(version)
    return next((row for row in BARMAN_PLUGINS if number is not None and parse(row.version) == number), None)
