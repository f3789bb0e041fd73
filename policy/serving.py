"""The policy pack as the Pulumi engine sees it: one policy per rule, one pass over the stack for all of them.

`pulumi_policy` hands each policy its own copy of all resources, so that a pack costs policies times resources. Here the
vendor's servicer answers everything but the two analyses, which read the resources once and judge them by every rule.
Each diagnostic carries the name and level of its rule's policy, so that a stack may set each rule to its own level.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent import futures
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ReportViolation,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _PolicyAnalyzerServicer

from seawall import __version__
from seawall.policy.acceptance import waivers
from seawall.policy.acceptance.waivers import Waivers
from seawall.policy.collector import collector_off
from seawall.policy.estate.doors import engine
from seawall.policy.estate.kinds import GroupKind
from seawall.policy.findings import DEFERRED_POLICY, NOT_EVALUATED_POLICY, PACK, WAIVERS_POLICY, Finding, Outcome, Rule
from seawall.policy.judging import judge, judge_alone
from seawall.policy.rules import load

_MAX_MESSAGE = 400 * 1024 * 1024
"""The engine's own limit for a message."""

_PARENT_POLL_S = 1.0


def policies() -> list[Policy]:
    """The pack's policies. They also work one by one in any other pack, at the vendor's cost per policy."""
    made: list[Policy] = []
    for rule in load():
        level = EnforcementLevel.MANDATORY if rule.mandatory else EnforcementLevel.ADVISORY
        common: dict[str, Any] = {
            "description": f"{rule.title}. {rule.why}",
            "enforcement_level": level,
            "display_name": rule.title,
            "severity": Severity(rule.severity.value),
            "tags": ["seawall", *rule.risks],
            "remediation_steps": rule.mend,
            "url": rule.page,
        }
        made.append(StackValidationPolicy(name=rule.id, validate=partial(_validate, rule), **common))
    made.append(
        StackValidationPolicy(
            name=NOT_EVALUATED_POLICY,
            description="A rule that could not be evaluated is not a pass.",
            validate=_report_nothing,
            enforcement_level=EnforcementLevel.MANDATORY,
            display_name="Every rule comes to a verdict",
            severity=Severity.HIGH,
        )
    )
    made.append(
        StackValidationPolicy(
            name=DEFERRED_POLICY,
            description="A verdict that waits for another resource of this stack; enforced once its value is known.",
            validate=_report_nothing,
            enforcement_level=EnforcementLevel.ADVISORY,
            display_name="Verdicts that wait for another resource",
            severity=Severity.LOW,
        )
    )
    made.append(
        StackValidationPolicy(
            name=WAIVERS_POLICY,
            description=f"{waivers.RULE.title}. {waivers.RULE.why}",
            validate=_report_nothing,
            enforcement_level=EnforcementLevel.MANDATORY,
            display_name=waivers.RULE.title,
            severity=Severity(waivers.RULE.severity.value),
            remediation_steps=waivers.RULE.mend,
            url=waivers.RULE.page,
            config_schema=PolicyConfigSchema(properties=_WAIVERS_SCHEMA),
        )
    )
    return made


_WAIVERS_SCHEMA: dict[str, dict[str, Any]] = {
    "version": {"type": "integer", "description": "Version of the form: 1."},
    "waivers": {
        "type": "array",
        "items": {"type": "object"},
        "description": "Accepted findings; docs/schemas/waivers.schema.json has the form of one.",
    },
}
"""What the engine refuses by itself. All else that is wrong with a waiver is a finding that says more."""


def message(finding: Finding) -> str:
    """What the engine shows of a finding, under the rule's description."""
    outcome = "" if finding.outcome is Outcome.VIOLATED else f"{finding.rule.id} {finding.outcome.value}: "
    said = f"{finding.subject.title}: {outcome}{finding.message}"
    return f"{said} ({finding.waived.text})." if finding.waived is not None else f"{said}.\nMend: {finding.mend}"


def urn_of(finding: Finding) -> str | None:
    """The URN of the resource that holds the mistake."""
    return finding.blamed.origin.urn or finding.subject.origin.urn


def _validate(rule: Rule, args: StackValidationArgs, report: ReportViolation) -> None:
    for finding in judge(engine.from_args(args), [rule]):
        report(message(finding), urn_of(finding))


def _report_nothing(args: StackValidationArgs, report: ReportViolation) -> None:
    """Holds the level under which others' findings are reported."""


class Servicer(_PolicyAnalyzerServicer):
    """The vendor's servicer with one pass for all rules."""

    def __init__(self, made: list[Policy], today: Callable[[], date] = waivers.today) -> None:
        """`made` is what `policies` returns; `today` gives the day by which waivers are in force."""
        super().__init__(PACK, __version__, made, EnforcementLevel.ADVISORY)
        self._policies = {policy.name: policy for policy in made}
        self._today = today
        self._preview = False
        self._reported: dict[tuple[str, ...], Finding] = {}
        self._waivers = Waivers()
        self._asked = _Asked.of(self._level)

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Notes whether this is a preview: only there may a verdict wait."""
        self._preview = bool(request.dry_run)
        return super().ConfigureStack(request, context)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Takes the stack's levels and waivers."""
        answer = super().Configure(request, context)  # type: ignore[no-untyped-call]
        self._waivers = _waivers(self._get_policy_config(WAIVERS_POLICY))
        self._asked = _Asked.of(self._level)
        return answer

    def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Judges one resource before it is created, by what can be said of it alone."""
        response = proto.AnalyzeResponse()
        rules = self._asked.alone.get(engine.group_kind(request.type))
        if rules:  # most resources are of no interest: their properties are not even read
            resource = engine.resource(request.type, request.urn, request.name, _struct(request.properties))
            thing = engine.declared_object(resource)
            findings = judge_alone(thing, rules) if thing is not None else []
            for finding in self._waivers.mark(findings, self._today()):
                self._reported[_key(finding, request.urn)] = finding
                self._report(response, finding)
        return response

    def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Judges the stack: one estate, every rule that is not disabled."""
        with collector_off():
            return self._analyze_stack(request)

    def _analyze_stack(self, request: Any) -> Any:
        response = proto.AnalyzeResponse()
        estate = engine.estate(_resources(request.resources))
        rules = self._asked.rules
        unsaid: dict[str, str] = {}
        for rule in rules:
            if not any(estate.every(kind) for kind in rule.kinds):
                unsaid[rule.id] = "nothing in this stack to judge"
        findings = waivers.apply(
            self._waivers,
            judge(estate, rules, preview=self._preview),
            today=self._today(),
            known=[rule.id for rule in load()],
            judged=[rule.id for rule in rules],
            cloud=True,
            earlier=list(self._reported.values()),
        )
        for finding in findings:
            if _key(finding, finding.subject.origin.urn or "") in self._reported:
                unsaid[finding.rule.id] = "already reported with the resource"
                continue
            if finding.outcome is not Outcome.VIOLATED:
                unsaid[finding.rule.id] = f"{finding.outcome.value}: see that policy"
            self._report(response, finding)
        for name, reason in unsaid.items():  # so that the engine does not count them as passed
            response.not_applicable.append(proto.PolicyNotApplicable(policy_name=name, reason=reason))
        self._reported.clear()
        return response

    def _level(self, name: str) -> EnforcementLevel | None:
        """The level of a policy in this stack, None when it is disabled."""
        level: EnforcementLevel = self._get_enforcement_level(self._policies[name])
        if level is EnforcementLevel.REMEDIATE:
            return EnforcementLevel.MANDATORY
        return None if level is EnforcementLevel.DISABLED else level

    def _report(self, response: Any, finding: Finding) -> None:
        names = {Outcome.DEFERRED: DEFERRED_POLICY, Outcome.NOT_EVALUATED: NOT_EVALUATED_POLICY}
        name = finding.rule.id if finding.waived is not None else names.get(finding.outcome, finding.rule.id)
        level, policy = self._level(name), self._policies[name]
        if finding.waived is not None:
            level = EnforcementLevel.ADVISORY
        elif name == WAIVERS_POLICY:
            level = EnforcementLevel.MANDATORY  # whoever could switch this off could waive everything unseen
        if level is not None:
            report = self._create_report_violation(response, policy.name, policy.description, level, policy.severity)
            report(message(finding), urn_of(finding))


@dataclass(frozen=True)
class _Asked:
    """The rules that a stack does not disable."""

    rules: list[Rule]
    alone: Mapping[GroupKind | None, list[Rule]]
    """Those that judge a resource by itself, by its kind."""

    @classmethod
    def of(cls, level: Callable[[str], EnforcementLevel | None]) -> "_Asked":
        rules = [rule for rule in load() if level(rule.id) is not None]
        alone: dict[GroupKind | None, list[Rule]] = {}
        for rule in rules:
            for kind in rule.kinds if rule.alone else ():
                alone.setdefault(kind, []).append(rule)
        return cls(rules, alone)


def _waivers(properties: Mapping[str, Any] | None) -> Waivers:
    """The waivers in the policy's properties; none when there are no properties."""
    if not properties:
        return Waivers()
    from seawall.policy.acceptance.waiver_file import parse  # pydantic: only for a stack with waivers

    return parse(engine.plain(dict(properties)))


def _key(finding: Finding, urn: str) -> tuple[str, ...]:
    """The same for what one resource's own analysis and the stack's analysis find."""
    return urn, *finding.likeness


def _resources(messages: Iterable[Any]) -> Iterable[engine.Resource]:
    for resource in messages:
        awaits = [key for key, found in resource.propertyDependencies.items() if found.urns]
        yield engine.resource(resource.type, resource.urn, resource.name, _struct(resource.properties), awaits)


def _struct(message: struct_pb2.Struct) -> dict[str, Any]:
    return {key: _value(content) for key, content in message.fields.items()}


def _value(content: struct_pb2.Value) -> Any:
    kind = content.WhichOneof("kind")
    read: Callable[[struct_pb2.Value], Any] | None = _READERS.get(kind or "")
    return read(content) if read is not None else None


_READERS: Mapping[str, Callable[[struct_pb2.Value], Any]] = {
    "string_value": lambda content: content.string_value,
    "number_value": lambda content: content.number_value,
    "bool_value": lambda content: content.bool_value,
    "struct_value": lambda content: _struct(content.struct_value),
    "list_value": lambda content: [_value(item) for item in content.list_value.values],
}


def serve() -> None:
    """Serves the pack until the engine ends the process: prints the port on standard output, as the engine expects."""
    parent = os.getppid()
    limits = [("grpc.max_receive_message_length", _MAX_MESSAGE), ("grpc.max_send_message_length", _MAX_MESSAGE)]
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), options=limits)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Servicer(policies()), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    try:
        while os.getppid() == parent:  # an engine that was killed leaves its pack behind
            time.sleep(_PARENT_POLL_S)
    except KeyboardInterrupt:
        pass
    server.stop(0)
