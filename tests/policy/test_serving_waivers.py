"""Waivers in the engine: through Pulumi's own policy configuration, shown as advice under the rule's name."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_samples import BAD, GOOD, RULE, SCHEDULE
from engine_doubles import UNKNOWN_TEXT, request, servicer, stack_request
from google.protobuf import empty_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto

import seawall
from seawall.policy import serving
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, WAIVED, WAIVERS_POLICY

DAY = date(2027, 1, 31)
FIVE_FIELDS: dict[str, Any] = yaml.safe_load(BAD)
MENDED: dict[str, Any] = yaml.safe_load(GOOD)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "load", lambda: (SCHEDULE,))


def waiver(**changes: Any) -> dict[str, Any]:
    return {
        "rule": RULE,
        "resource": {"kind": "ScheduledBackup", "namespace": "databases", "name": "daily"},
        "reason": "Hourly base backups are wanted until the audit is over.",
        "approver": "head of platform",
        "expires": DAY.isoformat(),
        **changes,
    }


def found(manifest: dict[str, Any], *waivers: object, day: date = DAY, **options: Any) -> list[tuple[str, int, str]]:
    pack = servicer(waivers=waivers, day=day, **options)
    response = pack.AnalyzeStack(stack_request([manifest], awaits=["spec"]), None)
    return [(d.policyName, d.enforcementLevel, d.message) for d in response.diagnostics]


def test_a_waived_finding_is_advice_under_the_rules_name() -> None:
    ((policy, level, message),) = found(FIVE_FIELDS, waiver())
    assert (policy, level) == (RULE, proto.ADVISORY)
    assert "waived until 2027-01-31 by head of platform: Hourly base backups" in message
    assert "five fields" in message
    assert WAIVED in message


def test_before_creation_too_and_not_twice() -> None:
    pack = servicer(waivers=[waiver()], day=DAY)
    (early,) = pack.Analyze(request(FIVE_FIELDS), None).diagnostics
    assert (early.policyName, early.enforcementLevel) == (RULE, proto.ADVISORY)
    assert not pack.AnalyzeStack(stack_request([FIVE_FIELDS]), None).diagnostics, "and it is not called needless"


def test_one_that_was_needed_before_creation_only_is_not_called_needless() -> None:
    pack = servicer(waivers=[waiver()], day=DAY)
    pack.Analyze(request(FIVE_FIELDS), None)
    assert not pack.AnalyzeStack(stack_request([MENDED]), None).diagnostics


def test_the_day_after_it_is_mandatory_again() -> None:
    told = found(FIVE_FIELDS, waiver(), day=DAY + timedelta(days=1))
    assert [(policy, level) for policy, level, _ in told] == [
        (RULE, proto.MANDATORY),
        (WAIVERS_POLICY, proto.MANDATORY),
    ]
    assert "expired after 2027-01-31" in told[1][2]
    pack = servicer(waivers=[waiver()], day=DAY + timedelta(days=1))
    assert pack.Analyze(request(FIVE_FIELDS), None).diagnostics[0].enforcementLevel == proto.MANDATORY


@pytest.mark.parametrize("broken", [waiver(reason=""), {}, waiver(expires=None), waiver(resource="daily"), 3])
def test_a_malformed_one_waives_nothing_and_is_mandatory(broken: Any) -> None:
    told = found(FIVE_FIELDS, broken)
    assert {(policy, level) for policy, level, _ in told} == {
        (RULE, proto.MANDATORY),
        (WAIVERS_POLICY, proto.MANDATORY),
    }


def test_one_that_nothing_needs_is_mandatory_whatever_level_is_asked_for() -> None:
    ((policy, level, message),) = found(MENDED, waiver(), levels={})
    assert (policy, level) == (WAIVERS_POLICY, proto.MANDATORY)
    assert "finds nothing on ScheduledBackup databases/daily" in message
    pack = servicer(day=DAY)
    config = proto.PolicyConfig(enforcementLevel=proto.DISABLED)
    config.properties.update({"version": 1, "waivers": [waiver()]})
    pack.Configure(proto.ConfigureAnalyzerRequest(policyConfig={WAIVERS_POLICY: config}), None)
    (told,) = pack.AnalyzeStack(stack_request([MENDED]), None).diagnostics
    assert (told.policyName, told.enforcementLevel) == (WAIVERS_POLICY, proto.MANDATORY)


def test_what_waits_is_deferred_and_its_waiver_is_kept() -> None:
    late = {**FIVE_FIELDS, "spec": {"schedule": UNKNOWN_TEXT}}
    assert [policy for policy, _, _ in found(late, waiver(), preview=True)] == [DEFERRED_POLICY]
    assert [policy for policy, _, _ in found(late, waiver())] == [NOT_EVALUATED_POLICY]
    ((policy, level, _),) = found(late, waiver(outcome="not evaluated"))
    assert (policy, level) == (RULE, proto.ADVISORY)


def test_a_disabled_rule_needs_no_waiver_and_nobody_complains() -> None:
    assert found(FIVE_FIELDS, waiver(), levels={RULE: proto.DISABLED}) == []


def test_the_engine_is_told_the_form() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    (policy,) = (policy for policy in info.policies if policy.name == WAIVERS_POLICY)
    assert policy.enforcementLevel == proto.MANDATORY
    assert dict(policy.configSchema.properties["waivers"])["type"] == "array"


def test_the_pack_has_the_packages_version_and_no_other() -> None:
    info = servicer().GetAnalyzerInfo(empty_pb2.Empty(), None)
    assert info.version == seawall.__version__
    written = yaml.safe_load((Path(serving.__file__).resolve().parent / "PulumiPolicy.yaml").read_text())
    assert "version" not in written, "it would win over the package's"


def test_nothing_is_lost_when_one_field_holds_two_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is found before creation, the other needs the stack: both at the same field."""
    from seawall.policy.findings import Rule, Violation

    (known,) = serving.load()
    rule = Rule(
        "X-1",
        (),
        "x",
        6,
        "why",
        "mend",
        known.kinds,
        alone=(lambda _: iter([Violation("the first", "Mend it.", ("spec",))]),),
        together=(lambda _, __: iter([Violation("the second", "Mend it.", ("spec",))]),),
    )
    monkeypatch.setattr(serving, "load", lambda: (rule,))
    pack = servicer()
    early = pack.Analyze(request(FIVE_FIELDS), None).diagnostics
    late = pack.AnalyzeStack(stack_request([FIVE_FIELDS]), None).diagnostics
    assert ["the first" in d.message for d in early] == [True]
    assert ["the second" in d.message for d in late] == [True]


def test_a_resource_of_no_interest_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(_: Any) -> Any:
        raise AssertionError("its properties were read")

    monkeypatch.setattr(serving, "_struct", unread)
    pack = servicer()
    assert not pack.Analyze(
        request(json.loads('{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"}}')), None
    ).diagnostics
    with pytest.raises(AssertionError, match="were read"):
        pack.Analyze(request(FIVE_FIELDS), None)
