"""What Flux, or another tool, fills in after the files were written: `${NAME}` may name anything by then."""

from pathlib import Path

import pytest

from seawall.policy.estate.building import build
from seawall.policy.estate.doors.folder import read_folder
from seawall.policy.estate.model import Estate
from seawall.policy.findings import Outcome
from seawall.policy.judging import judge
from seawall.policy.rules import load
from seawall.policy.surroundings.secrets import not_seen

RULES = {rule.id: rule for rule in load()}
CLUSTER = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg, namespace: db}
spec:
  instances: 3
  managed: {roles: [{name: shop, login: true}]}
  superuserSecret: {name: "SECRET"}
  plugins:
  - {name: barman-cloud.cloudnative-pg.io, isWALArchiver: true, parameters: {barmanObjectName: "STORE"}}
---
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: pg-superuser-password, namespace: db}
spec: {secretStoreRef: {name: vault}, data: [{secretKey: password, remoteRef: {key: a}}]}
---
apiVersion: barmancloud.cnpg.io/v1
kind: ObjectStore
metadata: {name: "${APP}-store", namespace: db}
"""
BACKUP = """
---
apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: daily, namespace: db}
spec: {schedule: "SCHEDULE", cluster: {name: "NAME"}}
"""
DATABASE = """
---
apiVersion: postgresql.cnpg.io/v1
kind: Database
metadata: {name: shop, namespace: db}
spec: {name: shop, owner: "OWNER", cluster: {name: pg}}
"""
DRAGONFLY = """
---
apiVersion: dragonflydb.io/v1alpha1
kind: Dragonfly
metadata: {name: cache, namespace: db}
spec: {replicas: 2, snapshot: {cron: "CRON", persistentVolumeClaimSpec: {}}}
"""
GOOD = {
    "SECRET": "",
    "STORE": "${APP}-store",
    "SCHEDULE": "0 0 2 * * *",
    "NAME": "pg",
    "OWNER": "shop",
    "CRON": "0 3 * * *",
}


def estate(folder: Path, **given: str) -> Estate:
    text = CLUSTER + BACKUP + DATABASE + DRAGONFLY
    for name, value in (GOOD | given).items():
        text = text.replace(f'"{name}"', f'"{value}"')
    (folder / "all.yaml").write_text(text)
    return build(read_folder(folder).objects)


def verdicts(rule: str, here: Estate) -> list[tuple[Outcome, str]]:
    return [(it.outcome, it.message) for it in judge(here, [RULES[rule]])]


@pytest.mark.parametrize(
    ("rule", "name", "wrong", "found"),
    [
        ("CNPG-DATA-001", "NAME", "other", "there is no Cluster other"),
        ("CNPG-DATA-001", "SCHEDULE", "often", "the operator refuses the schedule"),
        ("CNPG-DATA-003", "OWNER", "other", "its owner other is declared nowhere"),
        ("CNPG-SW-010", "STORE", "other", "nothing here declares ObjectStore other"),
        ("DFLY-SW-004", "CRON", "often", "the process exits at the schedule"),
    ],
)
def test_what_is_filled_in_later_is_not_missing(tmp_path: Path, rule: str, name: str, wrong: str, found: str) -> None:
    filled_in = (Outcome.NOT_EVALUATED, "is filled in later: ${…} stands there")
    for value, (outcome, part) in {wrong: (Outcome.VIOLATED, found), f"${{{name}}}": filled_in}.items():
        assert [it for it, message in verdicts(rule, estate(tmp_path, **{name: value})) if part in message] == [outcome]
    said = [message for _, message in verdicts(rule, estate(tmp_path))]
    assert not any(part in message for message in said for part in (found, filled_in[1]))


def test_a_secret_whose_name_is_filled_in_later_is_noted(tmp_path: Path) -> None:
    missing, later = estate(tmp_path, SECRET="missing"), estate(tmp_path, SECRET="${APP}-superuser")
    assert any("names Secret missing" in message for _, message in verdicts("CNPG-OPS-003", missing))
    assert not any("names Secret" in message for _, message in verdicts("CNPG-OPS-003", later))
    assert not any("missing" in note.text for note in not_seen(missing))
    assert any("${APP}-superuser" in note.text for note in not_seen(later))
