"""CRDs: where each comes from, and that those generated from our models accept and refuse what the vendor's do."""

import copy
import http.server
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client.exceptions import ApiException
from sandbox_helpers import ROOT, until

from seawall.errors import EnvironmentFailure
from seawall.sandbox.api import CRDS, Api
from seawall.sandbox.cluster import Sandbox
from seawall.sandbox.crds import sources
from seawall.sandbox.crds.dragonfly import DRAGONFLY
from seawall.sandbox.crds.external_secrets import EXTERNAL_SECRET
from seawall.sandbox.crds.monitoring import POD_MONITOR, PROMETHEUS_RULE, SERVICE_MONITOR
from seawall.sandbox.crds.schema import Kind, Schema, crd, structural
from seawall.sandbox.pki import Pki

pytestmark = pytest.mark.timeout(120, func_only=True)

KINDS = (DRAGONFLY, EXTERNAL_SECRET, POD_MONITOR, SERVICE_MONITOR, PROMETHEUS_RULE)
CRD_TEXT = b"kind: CustomResourceDefinition\nmetadata:\n  name: dragonflies.dragonflydb.io\n"

RIGHT: Mapping[str, Mapping[str, Any]] = {
    "Dragonfly": {
        "replicas": 3,
        "image": "ghcr.io/dragonflydb/dragonfly:v1.34.2",
        "args": ["--cache_mode=true"],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"cpu": 2}},
        "authentication": {"passwordFromSecret": {"name": "auth", "key": "password"}},
        "snapshot": {
            "cron": "0 */6 * * *",
            "persistentVolumeClaimSpec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}},
                "storageClassName": "openebs-local-nvme",
            },
        },
        "pdb": {"minAvailable": 2},
        "networkPolicyEnabled": False,
        "podSecurityContext": {"runAsNonRoot": True, "fsGroup": 999, "seccompProfile": {"type": "RuntimeDefault"}},
        "containerSecurityContext": {"readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}},
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": {"app": "d"}}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "DoNotSchedule"}
        ],
    },
    "ExternalSecret": {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": "onepassword"},
        "target": {
            "name": "auth",
            "template": {"type": "kubernetes.io/basic-auth", "metadata": {"labels": {"cnpg.io/reload": "true"}}},
        },
        "data": [{"secretKey": "password", "remoteRef": {"key": "kubernetes/infra", "property": "password"}}],
    },
    "PodMonitor": {
        "selector": {"matchLabels": {"cnpg.io/podRole": "instance"}},
        "podMetricsEndpoints": [{"port": "metrics", "interval": "30s", "relabelings": [{"action": "labeldrop"}]}],
    },
    "ServiceMonitor": {
        "selector": {"matchLabels": {"app": "a"}},
        "endpoints": [{"targetPort": 9999, "path": "/metrics"}],
    },
    "PrometheusRule": {
        "groups": [
            {
                "name": "backups",
                "rules": [
                    {"alert": "BackupOld", "expr": "time() - a > 1", "for": "5m", "labels": {"severity": "page"}}
                ],
            }
        ]
    },
}

WRONG: list[tuple[str, str, str, Any, str]] = [
    ("Dragonfly", "an unknown field", "podTemplate", {}, "field not declared in schema"),
    ("Dragonfly", "both budgets", "pdb", {"minAvailable": 1, "maxUnavailable": "25%"}, "exclude each other"),
    ("Dragonfly", "a number as text", "replicas", "three", "expected numeric"),
    ("Dragonfly", "an unknown field of Kubernetes", "resources", {"limit": {}}, "field not declared in schema"),
    ("Dragonfly", "a misspelt nested field", "snapshot", {"schedule": "0 * * * *"}, "field not declared in schema"),
    ("ExternalSecret", "an unknown kind of store", "secretStoreRef", {"kind": "Store"}, "Unsupported value"),
    ("ExternalSecret", "no reference", "data", [{"secretKey": "password"}], "remoteRef: Required value"),
    ("ExternalSecret", "an unknown field", "refreshTime", "1h", "field not declared in schema"),
    ("PodMonitor", "an interval without unit", "podMetricsEndpoints", [{"interval": "30"}], "should match"),
    ("ServiceMonitor", "no endpoints", "endpoints", None, "Required value"),
    ("PrometheusRule", "a rule without expression", "groups", [{"name": "g", "rules": [{"alert": "A"}]}], "expr"),
]


@pytest.fixture(scope="module")
def generated(sandbox: Sandbox) -> Iterator[Api]:
    """The generated CRDs on the API server, in groups of their own beside the installed ones."""
    api = Api(sandbox.endpoints.api_server, Pki(sandbox.state / "pki"))
    cores = sources.core_schemas(api.request("GET", "/openapi/v3/api/v1"))
    for kind in map(_beside, KINDS):
        api.apply(f"{CRDS}/{kind.name()}", crd(kind, cores))
    for kind in map(_beside, KINDS):
        until(lambda kind=kind: _served(api, kind), f"{kind.name()} served")  # type: ignore[misc]
    yield api
    for kind in map(_beside, KINDS):
        api.request("DELETE", f"{CRDS}/{kind.name()}")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_generated_crd_accepts_what_is_right(generated: Api, kind: Kind) -> None:
    made = _apply(generated, kind, RIGHT[kind.kind])

    assert made["spec"].keys() >= RIGHT[kind.kind].keys()


@pytest.mark.parametrize(("name", "_what", "field", "value", "told"), WRONG, ids=lambda value: str(value)[:30])
def test_a_generated_crd_refuses_what_is_wrong(
    generated: Api, name: str, _what: str, field: str, value: Any, told: str
) -> None:
    kind = next(kind for kind in KINDS if kind.kind == name)
    spec = {key: inner for key, inner in {**RIGHT[name], field: value}.items() if inner is not None}

    with pytest.raises(EnvironmentFailure, match=told):
        _apply(generated, kind, spec)


def test_the_installed_crds_refuse_an_unknown_field_as_well(kube: Any, namespace: str) -> None:
    dragonflies = kube.resources.get(api_version="dragonflydb.io/v1alpha1", kind="Dragonfly")
    manifest = {
        "apiVersion": "dragonflydb.io/v1alpha1",
        "kind": "Dragonfly",
        "metadata": {"name": "d", "namespace": namespace},
        "spec": {**RIGHT["Dragonfly"], "metrics": {}},
    }

    with pytest.raises(ApiException, match="field not declared in schema"):
        dragonflies.server_side_apply(body=manifest, field_manager="test", dry_run="All")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_field_of_our_models_is_one_of_the_vendors(kind: Kind) -> None:
    folder = ROOT.parent / "shared" / "crds"
    if not folder.is_dir():
        pytest.skip("the vendors' CRDs to compare with are missing: there is no shared folder beside the checkout")
    vendors = yaml.load((folder / f"{kind.group}_{kind.plural}.yaml").read_text(), yaml.CSafeLoader)
    version = next(v for v in vendors["spec"]["versions"] if v["name"] == kind.version)
    ours = structural(kind.spec, _AnyCore())

    assert vendors["spec"]["names"]["plural"] == kind.plural
    assert not list(_differences(ours, version["schema"]["openAPIV3Schema"]["properties"]["spec"], "spec"))


def test_sources_are_the_shared_folder_then_our_models(tmp_path: Path) -> None:
    (tmp_path / "dragonflydb.io_dragonflies.yaml").write_bytes(CRD_TEXT)

    found = {source.name: source for source in sources.vendors(tmp_path, download=False)}

    assert {name: source.record.source for name, source in found.items()} == {
        "dragonflies.dragonflydb.io": "shared",
        "externalsecrets.external-secrets.io": "generated",
        "podmonitors.monitoring.coreos.com": "generated",
        "servicemonitors.monitoring.coreos.com": "generated",
        "prometheusrules.monitoring.coreos.com": "generated",
    }
    assert found["dragonflies.dragonflydb.io"].body == CRD_TEXT
    generated = [source for source in found.values() if source.kind is not None]
    assert [source.kind.name() for source in generated if source.kind] == [source.name for source in generated]
    assert {source.record.source for source in sources.vendors(None, download=False)} == {"generated"}


def test_a_download_is_kept_and_an_absent_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAWALL_CACHE", str(tmp_path / "cache"))
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            vendor = next(v for v in sources.VENDORS if self.path == f"/{v.project}/{v.version}/{v.path}")
            self.send_response(404 if status["absent"] else 200)
            self.end_headers()
            plural, _, group = vendor.name.partition(".")
            body = f"kind: CustomResourceDefinition\nmetadata:\n  name: {plural}.{group}\n"
            self.wfile.write(b"<html>sign in</html>" if status["portal"] else body.encode())

        def log_message(self, *_: object) -> None: ...

    status = {"absent": True, "portal": False}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    releases = f"http://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(
            EnvironmentFailure, match=r"dragonflies\.dragonflydb\.io cannot be downloaded .*404.*DOWNLOAD=1"
        ):
            sources.vendors(None, download=True, releases=releases)
        status.update(absent=False, portal=True)
        with pytest.raises(EnvironmentFailure, match="is not the CRD dragonflies"):
            sources.vendors(None, download=True, releases=releases)
        status.update(portal=False)
        found = sources.vendors(None, download=True, releases=releases)
        asked.clear()
        again = sources.vendors(None, download=True, releases=releases)
    finally:
        server.shutdown()
        server.server_close()

    assert {source.record.source for source in found} == {"download"}
    assert found[0].record.where == "release v1.6.1 of dragonflydb/dragonfly-operator"
    assert again == found
    assert asked == []


def test_the_fingerprint_changes_with_any_crd() -> None:
    generated = sources.vendors(None, download=False)

    assert sources.fingerprint(generated) == sources.fingerprint(list(reversed(generated)))
    assert sources.fingerprint(generated) != sources.fingerprint(generated[1:])


class _AnyCore(dict[str, Schema]):
    """Every type of Kubernetes is an object of which no more is said: its version need not be the vendor's."""

    def __contains__(self, _: object) -> bool:
        return True

    def __missing__(self, _: str) -> Schema:
        return {"type": "object"}


def _beside(kind: Kind) -> Kind:
    return kind.model_copy(update={"group": f"generated.{kind.group}"})


def _served(api: Api, kind: Kind) -> bool:
    try:
        api.request("GET", f"/apis/{kind.group}/{kind.version}/{kind.plural}")
    except EnvironmentFailure:
        return False
    return True


def _apply(api: Api, kind: Kind, spec: Mapping[str, Any]) -> Any:
    other = _beside(kind)
    path = f"/apis/{other.group}/{other.version}/namespaces/default/{other.plural}/one?dryRun=All&fieldManager=test"
    body = {
        "apiVersion": f"{other.group}/{other.version}",
        "kind": other.kind,
        "metadata": {"name": "one"},
        "spec": copy.deepcopy(dict(spec)),
    }
    return api.request("PATCH", path, body, content_type="application/apply-patch+yaml")


def _differences(ours: Schema, theirs: Schema, path: str) -> Iterator[str]:
    """Where our schema says another type than the vendor's, or has a field that the vendor's does not."""

    def type_of(schema: Schema) -> object:
        return "int-or-string" if schema.get("x-kubernetes-int-or-string") else schema.get("type")

    if type_of(ours) != type_of(theirs):
        yield f"{path}: {type_of(ours)} instead of {type_of(theirs)}"
    if missing := set(ours.get("required", [])) - set(theirs.get("required", [])):
        yield f"{path}: {missing} not required there"
    for name, inner in ours.get("properties", {}).items():
        if name not in theirs.get("properties", {}):
            yield f"{path}.{name}: not there"
        else:
            yield from _differences(inner, theirs["properties"][name], f"{path}.{name}")
    if "items" in ours:
        yield from _differences(ours["items"], theirs["items"], f"{path}[]")
