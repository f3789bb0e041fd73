"""Objects for tests of checks and reports, one finding of CNPG-DATA-001 in the bad one."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from seawall.cli.check import judge_source
from seawall.policy.checking import Asked
from seawall.policy.report.result import Result
from seawall.policy.rules import cnpg_data_001, load

RESOURCE: dict[str, Any] = {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily"}
GOOD = """apiVersion: postgresql.cnpg.io/v1
kind: ScheduledBackup
metadata: {name: daily, namespace: databases}
spec:
  schedule: "0 0 2 * * *"
  cluster: {name: shared}
"""
BAD = GOOD.replace("0 0 2 * * *", "0 2 * * *")
WEEKLY = BAD.replace("name: daily", "name: weekly")
UNDECIDED = GOOD.replace("name: daily", "name: late").replace('"0 0 2 * * *"', "{}")
"""The rule cannot say what this one means."""
WAIVERS = """version: 1
waivers:
  - rule: CNPG-DATA-001
    resource: {kind: ScheduledBackup, namespace: databases, name: weekly}
    reason: Hourly base backups are wanted until the audit is over.
    approver: head of platform
    expires: 2027-01-31
"""
RULE = "CNPG-DATA-001"
SCHEDULE = replace(next(rule for rule in load() if rule.id == RULE), alone=(cnpg_data_001.check,), together=())
"""The rule with the one check that these objects are about."""
DAY = date(2027, 1, 1)


def several(folder: Path, **asked: Any) -> Result:
    """A check with a violation, a waived one, one without a verdict, one that passes, and a file that is broken."""
    objects = {"bad": BAD, "weekly": WEEKLY, "late": UNDECIDED, "good": GOOD.replace("name: daily", "name: nightly")}
    (folder / "objects").mkdir(parents=True)
    for name, text in objects.items():
        (folder / "objects" / f"{name}.yaml").write_text(text)
    (folder / "objects" / "broken.yaml").write_text("apiVersion: [1,\n")
    (folder / "waivers.yaml").write_text(WAIVERS)
    return judge_source(
        str(folder / "objects"), Asked(**{"waivers": folder / "waivers.yaml", "rules": (RULE,), **asked}), day=DAY
    )


def hostile(folder: Path) -> Result:
    """A finding whose object, file and note hold whatever could be taken for markup or a command of some format."""
    evil = "x\\n::error::y %0A <script>alert(1)</script> | @everyone [a](b) `c` \\u0007\\u202e &amp; ]]>"
    text = BAD.replace("name: daily", f'name: "{evil}"')
    (folder / "a,b:c %|`<b>.yaml").write_text(text)
    return judge_source(str(folder), Asked(rules=(RULE,)), day=DAY)
