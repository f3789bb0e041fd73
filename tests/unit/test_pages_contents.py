"""Contracts, stories, traceability and versions say what the stacks say."""

import dataclasses
import re

import pytest
from pages_samples import all_pages, all_stacks

from seawall.operators import versions
from seawall.pages import contracts, recording, stories, story_cnpg, story_dragonfly
from seawall.pages.versions import tables
from seawall.qa.register import load, service

INFRA = all_stacks()["infra"]
CONNECTIONS = list(contracts.of_stack(INFRA.settings))
DRAGONFLY = all_pages()[f"docs/stories/{story_dragonfly.TITLE}.md"]
CNPG = all_pages()[f"docs/stories/{story_cnpg.TITLE}.md"]


def test_every_client_has_its_contract() -> None:
    text = all_pages()["docs/contracts.md"]
    assert len(CONNECTIONS) >= 7
    for connection in CONNECTIONS:
        heading = f"### {connection.name} for {connection.namespace} on {connection.cluster}\n"
        part = text.partition(heading)[2].partition("\n#")[0]
        assert part, heading
        assert f"`{connection.host}`" in part
        assert connection.credentials.path in part
        for change in connection.changes:
            assert change in part
        assert f"try {connection.cluster} {connection.namespace} nslookup {connection.host}" in part
        assert f"nc -zv -w 5 {connection.host} {connection.port}" in part
        command = "psql" if connection.service == "postgresql" else "redis-cli"
        assert f"='<password>' {command} " in part


def test_a_contract_is_what_the_component_gives() -> None:
    given = [
        connection
        for outputs in INFRA.recording.outputs.values()
        for found in (outputs, *outputs.get("contract", {}).values())
        for connection in found.get("connections", ())
    ]
    names = [(it["service"], it["name"], it["cluster"], it["namespace"], it["host"], it["port"]) for it in given]
    assert sorted(names) == sorted(
        (it.service, it.name, it.cluster, it.namespace, it.host, it.port) for it in CONNECTIONS
    )


def test_a_simulated_stack_has_no_contract() -> None:
    assert [stack.name for stack in contracts.producers(all_stacks())] == ["infra"]
    assert "sandbox" not in all_pages()["docs/contracts.md"]


def test_every_declared_client_is_tried_and_nobody_else() -> None:
    assert INFRA.settings.dragonfly is not None
    for name, instance in INFRA.settings.dragonfly.clusters.items():
        part = DRAGONFLY.partition("## Who gets in")[2].partition(f"### {name}\n")[2]
        allowed, denied = part.partition("# must connect\n")[2].split("# must not connect\n")[:2]
        wanted = {
            f"{'infra' if cluster == 'this' else cluster} {namespace}"
            for cluster, namespaces in instance.clients.items()
            for namespace in namespaces
        }
        assert set(re.findall(r"^try (\S+ \S+) nc", allowed, re.MULTILINE)) == wanted
        refused = set(re.findall(r"^try (\S+ \S+) nc", denied.partition("```")[0], re.MULTILINE))
        assert {"infra default", "apps default", "apps gitlab-runners"} <= refused
        assert not refused & wanted


def test_clients_of_one_application_are_strangers_to_another() -> None:
    part = CNPG.partition("### keycloak\n")[2].partition("# must not connect\n")[2].partition("```")[0]
    assert "try infra harbor nc" in part
    assert "try apps gitlab-system nc" in part
    assert "keycloak nc" not in part


def test_strangers() -> None:
    others = [{"a": ("one", "two")}, {"b": ("three",)}]
    assert stories.strangers({"a": ("one",)}, others, ["a", "b"]) == {
        "a": ["default", "two"],
        "b": ["default", "three"],
    }


def test_the_stories_show_the_policies_as_they_are_rendered() -> None:
    for text, name in ((DRAGONFLY, "dragonfly-traffic"), (CNPG, "harbor-pooler")):
        assert stories.shown(INFRA, "CiliumNetworkPolicy", name) in text
    with pytest.raises(LookupError, match="makes no CiliumNetworkPolicy/other"):
        stories.shown(INFRA, "CiliumNetworkPolicy", "other")


def test_the_pooler_service_and_its_names_are_asked_for() -> None:
    assert "kubectl --context=infra -n databases get svc -l cnpg.io/poolerName\n" in CNPG
    for application in ("harbor", "gitlab", "synergyflow", "keycloak"):
        assert f"nslookup {application}-pooler.databases.svc.cluster.local" in CNPG
    assert "nslookup harbor-pooler.cnpg-system.svc.cluster.local" in CNPG


def test_the_schedule_is_decoded_beside_its_five_field_namesake() -> None:
    assert "`0 0 2 * * *` is at 02:00:00 every day" in CNPG
    assert "`0 2 * * *` are taken with a warning only, and are " in CNPG
    assert "every hour" in CNPG


@pytest.mark.parametrize(("text", "which"), [(DRAGONFLY, "dragonfly"), (CNPG, "cnpg")])
def test_decisions_are_open_and_every_test_is_named(text: str, which: str) -> None:
    known = load()
    mine = [name for name, decision in known.decisions.items() if which in decision.services]
    for name in mine:
        [row] = re.findall(rf"^\| \[{name}\].*$", text, re.MULTILINE)
        assert row.endswith("| **open** |")
    assert text.count("**open**") == len(mine)
    assert all(f"[{name}](" in text for name in known.tests if service(name) == which)
    replaced = [name for name, risk in known.risks.items() if service(name) == which and risk.instead]
    assert replaced
    assert all(f"[{name}](" in text.partition("## Built instead")[2] for name in replaced)


def test_every_id_has_a_line_of_its_own() -> None:
    known = load()
    text = all_pages()["docs/traceability.md"]
    for name in (*known.risks, *known.decisions, *known.tests):
        assert len(re.findall(rf'^\| <a id="[^"]+"></a>{re.escape(name)} \|', text, re.MULTILINE)) == 1, name
    lines = re.findall(r"^\| \[[^\]]+\]\(#[^)]+\) \| .* \| `(?:infra|apps|sandbox): ", text, re.MULTILINE)
    assert len(lines) == sum(1 for _ in known.traces())


def test_every_row_and_value_of_the_versions_is_on_the_page() -> None:
    text = all_pages()["docs/versions.md"]
    assert {"DRAGONFLY_BEHAVIOURS", "DRAGONFLY_COMBINATIONS", "CNPG_COMBINATIONS"} <= tables().keys()
    for rows in tables().values():
        for row in rows:
            for field in dataclasses.fields(row):
                value = getattr(row, field.name)
                assert not isinstance(value, str) or value in text
    for value in (versions.DRAGONFLY_OPERATOR, versions.CNPG_OPERATOR, versions.BARMAN_PLUGIN):
        assert f"`{value}`" in text


def test_whole_numbers_stay_whole_and_keys_have_one_order() -> None:
    assert recording._plain({"b": 3.0, "a": [1.5, {"name": "x", "kind": "y"}]}) == {
        "a": [1.5, {"kind": "y", "name": "x"}],
        "b": 3,
    }
    assert list(recording._plain({"spec": 1, "kind": 2, "apiVersion": 3})) == ["apiVersion", "kind", "spec"]
