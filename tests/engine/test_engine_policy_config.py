"""A stack's policy.<stack>.json on the real engine: levels and waivers reach the pack, and mistakes are told early."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from engine_trial import Trial

from seawall import paths
from seawall.errors import UserError
from seawall.policy.acceptance import configuration
from seawall.sandbox.engine.summary import EngineFailure, PolicyRefusal, RunSummary, Violation

PROGRAM = """
    import pulumi

    class Backup(pulumi.ComponentResource):
        def __init__(self, name, schedule):
            manifest = {
                "apiVersion": "postgresql.cnpg.io/v1",
                "kind": "ScheduledBackup",
                "metadata": {"name": name, "namespace": "databases"},
                "spec": {"schedule": schedule, "cluster": {"name": "shared"}},
            }
            super().__init__("kubernetes:postgresql.cnpg.io/v1:ScheduledBackup", name, manifest)
            self.register_outputs(manifest)

    Backup("daily", "0 2 * * *")
"""
RULE, WAIVERS = "CNPG-DATA-001", "SEAWALL-WAIVERS"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def ours(trial: Trial) -> Trial:
    """A program with a schedule of five fields, judged by our own pack."""
    trial.program(PROGRAM)
    return trial


def waiver(**changes: Any) -> dict[str, Any]:
    return {
        "rule": RULE,
        "resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily"},
        "reason": "Hourly base backups are wanted until the audit is over.",
        "approver": "head of platform",
        "expires": (TODAY + timedelta(days=30)).isoformat(),
        **changes,
    }


def configure(trial: Trial, **policies: Any) -> None:
    content = {name.replace("_", "-"): value for name, value in policies.items()}
    (trial.folder / "policy.dev.json").write_text(json.dumps(content))


def waived(*waivers: Any) -> dict[str, Any]:
    return {"SEAWALL_WAIVERS": {"version": 1, "waivers": list(waivers)}}


def up(trial: Trial, **options: Any) -> RunSummary:
    return trial.engine(policy_pack=paths.checkout() / "policy" / "pack", **options).up()


def of_the_rule(done: RunSummary) -> list[Violation]:
    """What other rules advise is their tests' matter."""
    return [violation for violation in done.violations if violation.policy == RULE]


def refused(trial: Trial) -> set[str]:
    with pytest.raises(PolicyRefusal) as refusal:
        up(trial)
    return {violation.policy for violation in refusal.value.summary.violations if violation.mandatory}


def test_without_a_file_the_rule_refuses(ours: Trial) -> None:
    assert refused(ours) == {RULE}


def test_a_waived_finding_is_told_and_the_update_goes_on(ours: Trial) -> None:
    configure(ours, **waived(waiver()))
    done = up(ours)
    assert done.changed == 2
    (found,) = of_the_rule(done)
    assert (found.policy, found.mandatory) == (RULE, False)
    assert f"waived until {TODAY + timedelta(days=30)} by head of platform: Hourly base backups" in found.message
    (verdict,) = (verdict for verdict in done.policies if verdict.policy == RULE)
    assert (verdict.violations, verdict.waived) == (0, 1)
    assert "waived until" in ours.printed


def test_an_expired_waiver_waives_nothing_and_is_refused_itself(ours: Trial) -> None:
    configure(ours, **waived(waiver(expires=(TODAY - timedelta(days=1)).isoformat())))
    assert refused(ours) == {RULE, WAIVERS}
    assert "waives nothing any more" in ours.printed


def test_levels_of_rules(ours: Trial) -> None:
    configure(ours, **{RULE.replace("-", "_"): "advisory"})
    assert [found.mandatory for found in of_the_rule(up(ours))] == [False]
    configure(ours, **{RULE.replace("-", "_"): {"enforcementLevel": "disabled"}})
    assert of_the_rule(up(ours)) == []


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        (waived(waiver(reason="")), "reason must have at least 10 characters"),
        ({"CNPG_DATA_01": "advisory"}, "there is no such policy. Did you mean CNPG-DATA-0"),
        ({"CNPG_DATA_001": "off"}, "the level must be one of mandatory, advisory, disabled"),
    ],
)
def test_a_mistake_is_told_before_anything_is_started(ours: Trial, policies: dict[str, Any], said: str) -> None:
    configure(ours, **policies)
    with pytest.raises(UserError) as mistake:
        up(ours)
    assert "policy.dev.json" in str(mistake.value)
    assert said in str(mistake.value)
    assert ours.sandbox.starts == 0  # type: ignore[attr-defined]


def test_the_pack_fails_closed_where_nobody_looked_before(ours: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with plain `pulumi preview --policy-pack policy --policy-pack-config FILE`."""
    monkeypatch.setattr(configuration, "read", lambda file, **_: None)
    configure(ours, **waived(waiver(reason="")))
    assert refused(ours) == {RULE, WAIVERS}
    configure(ours, SEAWALL_WAIVERS={"version": 1, "waivers": "all"})
    with pytest.raises((EngineFailure, PolicyRefusal)) as failure:
        up(ours)
    assert "waivers" in str(failure.value) or WAIVERS in str(failure.value)


def test_another_pack_gets_its_levels_too(trial: Trial) -> None:
    trial.configure(count=1, open=True)
    configure(trial, TRIAL_001="advisory")
    assert [(found.policy, found.mandatory) for found in trial.engine().up().violations] == [("TRIAL-001", False)]
