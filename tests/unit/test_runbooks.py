"""The runbooks: a page for every alert and an alert for every page, each with what a person needs at night."""

import ast
import re
from functools import cache
from typing import Any, Final

import pytest
from probe_samples import certificates_made, latency_made
from promql import parsed
from pydantic import BaseModel
from stack_objects import objects
from stack_samples import CHECKOUT, changed

from seawall.components.cnpg.cluster_settings import PostgresCluster
from seawall.components.dragonfly.settings import DragonflyClusterSettings
from seawall.components.settings import StackSettings, load

RUNBOOKS = CHECKOUT / "docs" / "runbooks"
STACKS = ("infra", "apps", "sandbox")
PROCEDURES = {"dragonfly-password-rotation", "superuser-break-glass", "ca-renewal", "unprotect"}
"""Pages that no alert opens, but other pages do."""

SECTIONS = ["What it means", "What clients see", "Check", "Mend", "Over when", "Do not"]

KINDS: Final = {
    "backups.postgresql.cnpg.io",
    "ciliumnetworkpolicies",
    "clusters.postgresql.cnpg.io",
    "clustersecretstores",
    "configmap",
    "cronjobs",
    "deployment",
    "deployments",
    "databaseroles.postgresql.cnpg.io",
    "databases.postgresql.cnpg.io",
    "dragonflies",
    "endpointslices",
    "events",
    "externalsecret",
    "externalsecrets",
    "jobs",
    "nodes",
    "persistentvolumeclaim",
    "persistentvolumeclaims",
    "pod",
    "pods",
    "podmonitors",
    "poolers.postgresql.cnpg.io",
    "scheduledbackups.postgresql.cnpg.io",
    "secret",
    "service",
}
"""Kinds as kubectl takes them; `clusters` alone could be another operator's."""

KIND_VERBS = {"get", "describe", "delete", "annotate", "patch", "wait"}
OTHER_VERBS = {"logs", "exec", "top", "port-forward", "rollout", "create", "uncordon", "cnpg"}
CNPG_VERBS = {"destroy", "fencing", "promote", "reload", "restart"}

OPERATOR_LABELS: Final = {
    "app": {"barman-cloud"},
    "app.kubernetes.io/name": {"cloudnative-pg", "dragonfly-operator", "external-secrets"},
    "cnpg.io/podRole": {"instance", "pooler"},
    "control-plane": {"controller-manager"},
    "role": {"master", "replica"},
}
"""Labels of pods that operators and their charts make; the others must be on objects of ours."""


def pages() -> dict[str, str]:
    return {file.stem: file.read_text() for file in sorted(RUNBOOKS.glob("*.md")) if file.stem != "README"}


def alert_pages() -> dict[str, str]:
    return {name: text for name, text in pages().items() if name not in PROCEDURES}


PAGES, ALERT_PAGES = pages(), alert_pages()


@cache
def declared() -> frozenset[str]:
    """The name of every alert that any feature can make, read from the source."""
    found: set[str] = set()
    for file in (CHECKOUT / "components").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id == "Alert":
                [given] = [keyword.value for keyword in node.keywords if keyword.arg == "name"]
            elif node.func.id == "secret_sync_alert":
                given = node.args[0]
            else:
                continue
            found |= names(given, tree)
    return frozenset(found)


def names(given: ast.expr, tree: ast.Module) -> set[str]:
    if isinstance(given, ast.Constant):
        return {str(given.value)}
    if isinstance(given, ast.IfExp):
        return names(given.body, tree) | names(given.orelse, tree)
    assert isinstance(given, ast.Name), ast.unparse(given)
    if given.id == "name":  # secret_sync_alert's own parameter
        return set()
    [value] = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == given.id
    ]
    return names(value, tree)


@cache
def stack(name: str) -> tuple[dict[str, Any], ...]:
    return tuple(objects(changed(stack=name), CHECKOUT))


@cache
def rendered() -> tuple[dict[str, Any], ...]:
    """Every object of the stacks, of break-glass and of both probes."""
    postgres = "cnpg.clusters.shared-postgres"
    break_glass = changed((f"{postgres}.superuser_access", True), (f"{postgres}.superuser_reason", "A restore."))
    made = [manifest for name in STACKS for manifest in stack(name)]
    made += objects(break_glass)
    for probe in (latency_made(), latency_made(path="cross-cluster"), certificates_made(stored_authority="db/ca")):
        made += probe.values()
    return tuple(made)


@cache
def rules() -> tuple[dict[str, Any], ...]:
    groups = [group for it in rendered() if it["kind"] == "PrometheusRule" for group in it["spec"]["groups"]]
    return tuple(rule for group in groups for rule in group["rules"])


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert ALERT_PAGES.keys() == declared()
    assert PAGES.keys() - ALERT_PAGES.keys() == PROCEDURES


def test_every_alert_is_made_by_some_feature() -> None:
    assert {alert["alert"] for alert in alerts()} == declared()


def test_every_alert_links_to_its_page_and_says_whose_it_is() -> None:
    published = {load(changed(stack=name), CHECKOUT).platform.observability.runbooks for name in STACKS}
    bases = {address or str(RUNBOOKS.relative_to(CHECKOUT)) for address in (None, *published)}
    for alert in alerts():
        base, _, page = alert["annotations"]["runbook_url"].rpartition("/")
        assert base in bases
        assert page == f"{alert['alert']}.md"
        assert alert["labels"]["data_service"]
        assert "/" in alert["labels"]["data_target"]


def test_every_expression_parses() -> None:
    for rule in rules():
        parsed(rule["expr"])


def test_no_two_alerts_of_a_stack_are_the_same_to_the_alert_manager() -> None:
    for name in STACKS:
        made = [it for it in stack(name) if it["kind"] == "PrometheusRule"]
        found = [
            (rule["alert"], *sorted(rule["labels"].items()))
            for it in made
            for group in it["spec"]["groups"]
            for rule in group["rules"]
            if "alert" in rule
        ]
        assert len(found) == len(set(found))


def test_no_two_groups_of_a_stack_have_one_name() -> None:
    for name in STACKS:
        made = [it for it in stack(name) if it["kind"] == "PrometheusRule"]
        found = [group["name"] for it in made for group in it["spec"]["groups"]]
        assert len(found) == len(set(found))


# ── the pages ────────────────────────────────────────────────────────────────────────────────────────────────────────


def sections(text: str) -> dict[str, str]:
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


@pytest.mark.parametrize("name", ALERT_PAGES)
def test_a_page_has_all_sections_in_order_and_none_is_empty(name: str) -> None:
    text = ALERT_PAGES[name]
    assert text.startswith(f"# {name}\n")
    found = sections(text)
    assert list(found) == SECTIONS
    for section, content in found.items():
        assert content.endswith((".", "`", "```")), section
    assert "```sh" in found["Check"]
    assert found["Mend"].startswith("1. ")
    assert found["Do not"].startswith("- ")


@pytest.mark.parametrize("name", ALERT_PAGES)
def test_a_page_says_the_alerts_severity(name: str) -> None:
    [said] = re.findall(
        r"^Severity: \*\*(\w+)\*\*\. Service: (?:Dragonfly|PostgreSQL|Clients)\.$", ALERT_PAGES[name], re.M
    )
    assert {alert["labels"]["severity"] for alert in alerts() if alert["alert"] == name} == {said}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGES[name]):
        assert (RUNBOOKS / target).is_file(), target


def test_the_index_lists_every_page_once_with_its_severity() -> None:
    text = (RUNBOOKS / "README.md").read_text()
    listed = re.findall(r"^\| (\w+) \| \[(\w+)\]\((\w+)\.md\)", text, re.M)
    assert sorted(name for _, name, _ in listed) == sorted(ALERT_PAGES)
    for severity, name, target in listed:
        assert name == target
        assert f"Severity: **{severity}**" in ALERT_PAGES[name]
    assert set(re.findall(r"\(([a-z-]+)\.md\)", text)) == PROCEDURES


# ── the commands ─────────────────────────────────────────────────────────────────────────────────────────────────────


def commands(text: str) -> list[str]:
    """Every call of kubectl in the page, in blocks and in running text, without what comes behind a pipe."""
    shell = "\n".join([*re.findall(r"```sh\n(.*?)```", text, re.S), *re.findall(r"`(kubectl [^`\n]+)`", text)])
    return re.findall(r"\bkubectl ([^\n|;)]+)", shell)


def test_there_are_commands_to_check() -> None:
    assert sum(len(commands(text)) for text in PAGES.values()) > 150
    assert all(commands(text) for text in PAGES.values())


@pytest.mark.parametrize("name", PAGES)
def test_commands_name_verbs_and_kinds_that_exist(name: str) -> None:
    for command in commands(PAGES[name]):
        verb, *words = command.split()
        assert verb in KIND_VERBS | OTHER_VERBS, command
        if verb == "cnpg":
            assert words[0] in CNPG_VERBS, command
        if verb in KIND_VERBS and not command.startswith(
            ('delete -n "$NAMESPACE" "$pod"', 'wait -n "$NAMESPACE" "$pod"')
        ):
            kind = next(word for word in words if not word.startswith("-") and not word.startswith('"'))
            assert set(kind.split(",")) <= KINDS, command


@pytest.mark.parametrize("name", PAGES)
def test_commands_use_variables_that_the_page_sets(name: str) -> None:
    text = PAGES[name]
    shell = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S))
    given = set(re.findall(r"\b([A-Z]+)=", shell)) | set(re.findall(r"\bfor (\w+) in", shell))
    used = set(re.findall(r"\$\{?([A-Za-z]+)", "\n".join(commands(text))))
    assert used <= given, used - given


@pytest.mark.parametrize("name", PAGES)
def test_selectors_match_labels_that_pods_have(name: str) -> None:
    for selector in re.findall(r"-l ([^\s`]+)", PAGES[name]):
        for part in selector.split(","):
            key, _, value = part.partition("=")
            if value and not value.startswith('"$'):
                assert value in OPERATOR_LABELS.get(key, set()) | our_labels().get(key, set()), selector


@cache
def our_labels() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for manifest in rendered():
        template = manifest["spec"].get("jobTemplate", {}).get("spec", manifest["spec"]) if "spec" in manifest else {}
        pods = template.get("template", {}).get("metadata", {}).get("labels", {})
        for key, value in {**manifest["metadata"].get("labels", {}), **pods}.items():
            found.setdefault(key, set()).add(value)
    found["app"] = {manifest["metadata"]["name"] for manifest in rendered() if manifest["kind"] == "Dragonfly"}
    return found


# ── the settings ─────────────────────────────────────────────────────────────────────────────────────────────────────

ROOTS: tuple[type[BaseModel], ...] = (StackSettings, PostgresCluster, DragonflyClusterSettings)


def known(path: str) -> bool:
    """Whether a dotted path is a setting, seen from the stack or from one instance."""
    return any(_within(root, path.split(".")) for root in ROOTS)


def _within(annotation: Any, path: list[str]) -> bool:
    if not path:
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(path[0])
        return field is not None and _within(field.annotation, path[1:])
    arguments = getattr(annotation, "__args__", ())
    if getattr(annotation, "__origin__", None) is dict:
        return _within(arguments[1], path[1:])
    return any(_within(argument, path) for argument in arguments)


def test_the_check_of_settings_can_fail() -> None:
    assert known("alerts.unarchived_wal")
    assert known("platform.observability")
    assert known("operators.dragonfly")
    assert not known("alerts.unarchived")
    assert not known("spec.replicas")


@pytest.mark.parametrize("name", PAGES)
def test_settings_that_a_page_names_exist(name: str) -> None:
    for path in re.findall(r"`([a-z_]+(?:\.[a-z_]+)+)`", PAGES[name]):
        if not path.endswith((".crt", ".key")):
            assert known(path), path


def test_nothing_personal_is_in_the_pages() -> None:
    for name, text in PAGES.items():
        assert not re.search(r"/tmp/|/root|/home/|NODE\b|<your|TODO|hunter2", text), name
