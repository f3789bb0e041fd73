"""The engine's side of the protocol: requests as the Pulumi engine makes them, through the real servicers."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2 as proto
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer

from seawall.policy import serving
from seawall.policy.findings import WAIVERS_POLICY

UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN_NUMBER = "3eeb2bf0-c639-47a8-9e75-3b44932eb421"


SECRET_MARK = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value by which a mapping is a secret."""


def secret(value: object) -> dict[str, object]:
    return {SECRET_MARK[0]: SECRET_MARK[1], "value": value}


def urn(manifest: Mapping[str, Any]) -> str:
    return f"urn:pulumi:dev::test::{token(manifest)}::{name(manifest)}"


def token(manifest: Mapping[str, Any]) -> str:
    if "apiVersion" not in manifest:
        return str(manifest["type"])
    return f"kubernetes:{manifest['apiVersion']}:{manifest['kind']}"


def name(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"]["name"] if "apiVersion" in manifest else manifest["name"])


def struct(manifest: Mapping[str, Any]) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    json_format.ParseDict(dict(manifest), message)
    return message


def resource(
    manifest: Mapping[str, Any], awaits: Iterable[str] = (), *, like: Mapping[str, Any] | None = None
) -> proto.AnalyzerResource:
    """A Kubernetes object by its manifest, anything else by `type`, `name` and `properties`.

    `like` says what it is called where the manifest itself does not.
    """
    called = manifest if like is None else like
    return proto.AnalyzerResource(
        type=token(called),
        urn=urn(called),
        name=name(called),
        properties=struct(manifest if "apiVersion" in manifest else manifest["properties"]),
        propertyDependencies={
            key: proto.AnalyzerPropertyDependencies(urns=["urn:pulumi:dev::test::aws:x::x"]) for key in awaits
        },
    )


def stack_request(manifests: Iterable[Mapping[str, Any]], awaits: Iterable[str] = ()) -> proto.AnalyzeStackRequest:
    return proto.AnalyzeStackRequest(resources=[resource(manifest, awaits) for manifest in manifests])


def request(manifest: Mapping[str, Any]) -> proto.AnalyzeRequest:
    return proto.AnalyzeRequest(
        type=token(manifest), urn=urn(manifest), name=name(manifest), properties=struct(manifest)
    )


def servicer(
    *,
    preview: bool = False,
    levels: Mapping[str, int] | None = None,
    waivers: Sequence[object] | None = None,
    day: date | None = None,
) -> serving.Servicer:
    made = serving.Servicer(serving.policies(), *([lambda: day] if day is not None else []))
    made.ConfigureStack(proto.AnalyzerStackConfigureRequest(dry_run=preview), None)
    config = {key: proto.PolicyConfig(enforcementLevel=level) for key, level in (levels or {}).items()}
    if waivers is not None:
        properties = struct({"version": 1, "waivers": list(waivers)})
        config[WAIVERS_POLICY] = proto.PolicyConfig(enforcementLevel=proto.MANDATORY, properties=properties)
    made.Configure(proto.ConfigureAnalyzerRequest(policyConfig=config), None)
    return made


def analyze_stack(
    manifests: Sequence[Mapping[str, Any]], *, preview: bool = False, awaits: Iterable[str] = ()
) -> list[proto.AnalyzeDiagnostic]:
    response = servicer(preview=preview).AnalyzeStack(stack_request(manifests, awaits), None)
    return list(response.diagnostics)


def vendor_messages(rule: str, manifests: Sequence[Mapping[str, Any]]) -> list[str]:
    """What one rule's policy reports in the vendor's servicer, on its own."""
    policies = [policy for policy in serving.policies() if policy.name == rule]
    vendor = _PolicyAnalyzerServicer("test", "1.0.0", policies, EnforcementLevel.MANDATORY)
    response = vendor.AnalyzeStack(stack_request(manifests), None)
    return [diagnostic.message for diagnostic in response.diagnostics]
