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
from functools import partial
from typing import Any

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi.runtime.proto import analyzer_pb2_grpc
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    ReportViolation,
    Severity,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.policy import _PolicyAnalyzerServicer

from seawall import __version__
from seawall.policy.estate import engine
from seawall.policy.findings import DEFERRED_POLICY, PACK, Finding, Outcome, Rule
from seawall.policy.judging import judge, judge_alone
from seawall.policy.rules import load

NOT_EVALUATED = "SEAWALL-NOT-EVALUATED"
"""The policy under which a rule that came to no verdict is reported; mandatory."""

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
            name=NOT_EVALUATED,
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
    return made


def message(finding: Finding) -> str:
    """What the engine shows of a finding, under the rule's description."""
    outcome = "" if finding.outcome is Outcome.VIOLATED else f"{finding.rule.id} {finding.outcome.value}: "
    return f"{finding.subject.title}: {outcome}{finding.message}.\nMend: {finding.mend}"


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

    def __init__(self, made: list[Policy]) -> None:
        """`made` is what `policies` returns."""
        super().__init__(PACK, __version__, made, EnforcementLevel.ADVISORY)
        self._policies = {policy.name: policy for policy in made}
        self._preview = False
        self._reported: set[str] = set()

    def ConfigureStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Notes whether this is a preview: only there may a verdict wait."""
        self._preview = bool(request.dry_run)
        return super().ConfigureStack(request, context)

    def Analyze(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Judges one resource before it is created, by what can be said of it alone."""
        response = proto.AnalyzeResponse()
        rules = [rule for rule in load() if rule.alone and self._level(rule.id) is not None]
        if rules and request.type.startswith("kubernetes:"):
            resource = engine.Resource(request.type, request.urn, request.name, _plain_struct(request.properties))
            thing = engine.declared_object(resource)
            for finding in judge_alone(thing, rules) if thing is not None else ():
                self._reported.add(_key(finding, request.urn))
                self._report(response, finding)
        return response

    def AnalyzeStack(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        """Judges the stack: one estate, every rule that is not disabled."""
        response = proto.AnalyzeResponse()
        estate = engine.estate(_resources(request.resources))
        rules = [rule for rule in load() if self._level(rule.id) is not None]
        unsaid: dict[str, str] = {}
        for rule in rules:
            if not any(estate.of(kind) for kind in rule.kinds):
                unsaid[rule.id] = "nothing in this stack to judge"
        for finding in judge(estate, rules, preview=self._preview):
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
        names = {Outcome.DEFERRED: DEFERRED_POLICY, Outcome.NOT_EVALUATED: NOT_EVALUATED}
        name = names.get(finding.outcome, finding.rule.id)
        level, policy = self._level(name), self._policies[name]
        if level is not None:
            report = self._create_report_violation(response, policy.name, policy.description, level, policy.severity)
            report(message(finding), urn_of(finding))


def _key(finding: Finding, urn: str) -> str:
    """The same for what one resource's own analysis and the stack's analysis find."""
    return f"{urn}\n{finding.rule.id}\n{finding.outcome}\n{'.'.join(finding.path)}"


def _resources(messages: Iterable[Any]) -> Iterable[engine.Resource]:
    for resource in messages:
        awaits = frozenset(key for key, found in resource.propertyDependencies.items() if found.urns)
        properties = _plain_struct(resource.properties)
        yield engine.Resource(resource.type, resource.urn, resource.name, properties, awaits)


def _plain_struct(properties: struct_pb2.Struct) -> dict[str, Any]:
    return engine.plain_mapping(_struct(properties))


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
