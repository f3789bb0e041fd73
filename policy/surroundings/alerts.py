"""Alerts on backups: metrics that lie where the barman plugin makes the backups, and alerts that are missing."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seawall.operators import barman
from seawall.policy.estate.backups.archives import enabled_plugins
from seawall.policy.estate.kinds import CLUSTER, PROMETHEUS_RULE, GroupKind
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View
from seawall.policy.findings import Violation

VM_RULE: Final[GroupKind] = ("operator.victoriametrics.com", "VMRule")
RULES: Final[tuple[GroupKind, ...]] = (PROMETHEUS_RULE, VM_RULE)
"""The kinds that hold alerts."""

_INSTEAD: Final[Mapping[str, str]] = {
    "cnpg_collector_last_available_backup_timestamp": barman.METRIC_LAST_BACKUP,
    "cnpg_collector_last_failed_backup_timestamp": barman.METRIC_LAST_FAILED_BACKUP,
    "cnpg_collector_first_recoverability_point": barman.METRIC_FIRST_RECOVERABILITY,
}
"""Metrics of the operator that stay 0 with the plugin, and the plugin's own."""
_SELECTED = r"\s*(\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\})?"
_LYING = re.compile(rf"\b({'|'.join(_INSTEAD)})\b{_SELECTED}")
_AGE = re.compile(rf"\b{barman.METRIC_LAST_BACKUP}\b{_SELECTED}")
_MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")
_OF_ONE = re.compile(r"([a-z0-9-]+)-(?:\[0-9\]\+|\\\\d\+|\[1-9\]\[0-9\]\*|\.\+|\.\*)")
"""A pattern for the pods of one Cluster."""
_SIMPLE = re.compile(r"[\w.\-|\[\]*+^$]{1,120}")
_MOST_REPEATS = 2


def uses_plugin(cluster: KubeObject) -> bool:
    """Whether the barman plugin archives a Cluster. Raises `CannotEvaluateError`."""
    return any(entry.at("name").text() == barman.PLUGIN_NAME for entry in enabled_plugins(cluster))


def _plugin_clusters(estate: Estate) -> list[KubeObject]:
    found = []
    for cluster in estate.of(CLUSTER):
        try:
            if uses_plugin(cluster):
                found.append(cluster)
        except CannotEvaluateError:
            continue  # said where the Cluster itself is judged
    return found


@dataclass(frozen=True)
class _Selected:
    """The matchers of one metric that decide which Cluster's series are meant."""

    namespace: tuple[tuple[str, str], ...]
    pod: tuple[tuple[str, str], ...]

    def admits(self, cluster: KubeObject) -> bool:
        """Whether the series of a Cluster may be meant."""
        return all(_admits(operator, value, cluster.namespace) for operator, value in self.namespace) and all(
            _admits(operator, value, f"{cluster.name}-1") for operator, value in self.pod
        )

    @property
    def key(self) -> tuple[str | None, str | None]:
        """The one namespace and the one Cluster that are meant, None for what is left open."""
        namespace = next((value for operator, value in self.namespace if operator == "="), None)
        patterns = [_OF_ONE.fullmatch(value) for operator, value in self.pod if operator == "=~"]
        return namespace, patterns[0][1] if len(patterns) == 1 and patterns[0] is not None else None


def _selected(matchers: str | None) -> _Selected:
    found = _MATCHER.findall(matchers or "")
    return _Selected(
        tuple((operator, value) for label, operator, value in found if label == "namespace"),
        tuple((operator, value) for label, operator, value in found if label == "pod"),
    )


def _admits(operator: str, value: str, label: str) -> bool:
    """Whether a matcher admits a label's value. A pattern that is not simple may match anything."""
    if operator in ("=", "!="):
        return (value == label) is (operator == "=")
    if _SIMPLE.fullmatch(value) is None or len(re.findall(r"[*+]", value)) > _MOST_REPEATS:
        return True
    try:
        matched = re.fullmatch(value, label) is not None
    except re.error:
        return True
    return matched is (operator == "=~")


def expressions(rule: KubeObject) -> Iterator[tuple[View, str]]:
    """The rules of an object with alerts, each with its expression."""
    for group in rule.at("spec", "groups").items():
        for entry in group.at("rules").items():
            expression = entry.at("expr").number_or_text()
            if isinstance(expression, str):
                yield entry, expression


def lying(rule: KubeObject, estate: Estate) -> Iterator[Violation]:
    """Expressions on metrics that stay 0 for Clusters whose backups the plugin makes."""
    if rule.group_kind not in RULES:
        return
    for entry, expression in expressions(rule):
        for match in _LYING.finditer(expression):
            selected = _selected(match[2])
            cluster = next((it for it in estate.memo(_plugin_clusters) if selected.admits(it)), None)
            if cluster is None:
                continue
            name = entry.at("alert").text() or entry.at("record").text() or "a rule"
            yield Violation(
                f"{name} reads {match[1]}, which stays 0 where the barman plugin makes the backups, as for "
                f"{cluster.title}: it never tells the truth",
                f"Read {_INSTEAD[match[1]]} instead.",
                entry.at("expr").path,
                facts={"metric": match[1], "instead": _INSTEAD[match[1]]},
                key=name,
            )
            break


class _Ages:
    """The alerts on the age of the last backup."""

    def __init__(self, estate: Estate) -> None:
        self.unreadable: CannotEvaluateError | None = None
        self._of_one: set[tuple[str | None, str | None]] = set()
        self._others: dict[str | None, list[_Selected]] = defaultdict(list)
        for kind in RULES:
            for rule in estate.of(kind):
                try:
                    self._read(rule)
                except CannotEvaluateError as problem:
                    problem.about(rule)
                    self.unreadable = self.unreadable or problem

    def _read(self, rule: KubeObject) -> None:
        for entry, expression in expressions(rule):
            alerts = entry.at("alert").present and "time()" in expression
            for match in _AGE.finditer(expression) if alerts or entry.at("record").present else ():
                selected = _selected(match[1])
                namespace, name = selected.key
                if namespace is not None and name is not None:
                    self._of_one.add((namespace, name))
                else:
                    self._others[namespace].append(selected)

    def cover(self, cluster: KubeObject) -> bool:
        """Whether an alert is about a Cluster."""
        if (cluster.namespace, cluster.name) in self._of_one:
            return True
        return any(
            selected.admits(cluster) for place in (cluster.namespace, None) for selected in self._others.get(place, ())
        )


def _ages(estate: Estate) -> _Ages:
    return _Ages(estate)


def age(cluster: KubeObject, estate: Estate) -> Iterator[Violation]:
    """A Cluster with backups of the plugin and no alert on their age, where alerts are declared."""
    if cluster.group_kind != CLUSTER or not any(estate.of(kind) for kind in RULES) or not uses_plugin(cluster):
        return
    ages = estate.memo(_ages)
    if ages.cover(cluster):
        return
    if ages.unreadable is not None:
        raise ages.unreadable
    yield Violation(
        "no alert fires when its last backup is too old: backups can fail for weeks until somebody needs one",
        f"Alert on time() - max({barman.METRIC_LAST_BACKUP}{{…}}), and on absent(…) of the same.",
    )
