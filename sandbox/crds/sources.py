"""Where each CustomResourceDefinition of the sandbox comes from, and its text.

Projects with a Go module: the module that the pinned tool was built from. The others, in this order: the shared folder
beside the checkout; with `download`, the vendor's release; else our own typed models. The choice is reported per CRD.
"""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seawall import paths
from seawall.errors import EnvironmentFailure, UserError
from seawall.sandbox import cnpg
from seawall.sandbox.crds.schema import Kind, Schema
from seawall.sandbox.record import CrdRecord

_CILIUM_CRDS = "pkg/k8s/apis/cilium.io/client/crds/v2"
_CILIUM = ("ciliumnetworkpolicies", "ciliumclusterwidenetworkpolicies")
_DOWNLOAD_TIMEOUT_S = 30


@dataclass(frozen=True, slots=True)
class Vendor:
    """A CRD of a project without a Go module that we could read."""

    name: str
    """Name of the CRD."""
    project: str
    """The project, for a person."""
    version: str
    """The version whose CRD is meant."""
    path: str
    """Path in the project's repository at that version."""
    model: str
    """Our model of it: `module:constant`, imported only when it is used."""

    @property
    def file(self) -> str:
        """The conventional file name of this CRD."""
        plural, _, group = self.name.partition(".")
        return f"{group}_{plural}.yaml"


def _prometheus(plural: str, model: str) -> Vendor:
    return Vendor(
        name=f"{plural}.monitoring.coreos.com",
        project="prometheus-operator/prometheus-operator",
        version="v0.93.0",
        path=f"example/prometheus-operator-crd/monitoring.coreos.com_{plural}.yaml",
        model=f"seawall.sandbox.crds.monitoring:{model}",
    )


VENDORS = (
    Vendor(
        name="dragonflies.dragonflydb.io",
        project="dragonflydb/dragonfly-operator",
        version="v1.6.1",
        path="manifests/crd.yaml",
        model="seawall.sandbox.crds.dragonfly:DRAGONFLY",
    ),
    Vendor(
        name="externalsecrets.external-secrets.io",
        project="external-secrets/external-secrets",
        version="v2.9.0",
        path="config/crds/bases/external-secrets.io_externalsecrets.yaml",
        model="seawall.sandbox.crds.external_secrets:EXTERNAL_SECRET",
    ),
    _prometheus("podmonitors", "POD_MONITOR"),
    _prometheus("servicemonitors", "SERVICE_MONITOR"),
    _prometheus("prometheusrules", "PROMETHEUS_RULE"),
)
"""CRDs that no package registry has, and where their vendors publish them."""

RELEASES = "https://raw.githubusercontent.com"
"""Where `<project>/<version>/<path>` is published."""


@dataclass(frozen=True, slots=True)
class Source:
    """One CRD: where it is from, and its YAML (None for one that is generated when the API server is there)."""

    record: CrdRecord
    body: bytes | None
    kind: Kind | None = None

    @property
    def name(self) -> str:
        """Name of the CRD."""
        return self.record.name


def modules(folders: Mapping[str, Path]) -> list[Source]:
    """The CRDs of CloudNativePG, its barman plugin and Cilium, from their Go modules."""
    cilium = folders["cilium"]
    files = [
        *cnpg.crds(folders["cnpg-manager"]),
        *cnpg.crds(folders["barman-plugin"]),
        *(cilium / _CILIUM_CRDS / f"{plural}.yaml" for plural in _CILIUM),
    ]
    return [_from_file(file, "module", f"Go module {_module_name(file)}") for file in files]


def vendors(folder: Path | None, *, download: bool, releases: str = RELEASES) -> list[Source]:
    """The CRDs of `VENDORS`: from the folder when it has the file, else downloaded when asked, else our models."""
    found = []
    for vendor in VENDORS:
        file = folder / vendor.file if folder else None
        if file and file.is_file():
            found.append(_from_file(file, "shared", f"shared folder {file.parent}"))
        elif download:
            found.append(_downloaded(vendor, releases))
        else:
            found.append(
                Source(
                    CrdRecord(name=vendor.name, source="generated", where="generated from the typed models of seawall"),
                    None,
                    _model(vendor.model),
                )
            )
    return found


def shared_folder() -> Path | None:
    """The folder of CRDs beside the checkout, when there is one."""
    try:
        folder = paths.checkout().parent / "shared" / "crds"
    except UserError:  # installed from a wheel: there is no checkout
        return None
    return folder if folder.is_dir() else None


def fingerprint(sources: Iterable[Source]) -> str:
    """Changes when any of the CRDs does."""
    digest = hashlib.sha256()
    for source in sorted(sources, key=lambda source: source.name):
        body = source.body or repr(source.kind and source.kind.spec.model_json_schema()).encode()
        digest.update(f"{source.name} {source.record.source} {len(body)}\n".encode())
        digest.update(body)
    return digest.hexdigest()


def core_schemas(document: Mapping[str, Any]) -> Mapping[str, Schema]:
    """The schemas of an OpenAPI v3 document of the API server."""
    schemas: Mapping[str, Schema] = document["components"]["schemas"]
    return schemas


def _from_file(file: Path, source: str, where: str) -> Source:
    try:
        body = file.read_bytes()
    except OSError as error:
        raise EnvironmentFailure(f"the CRD {file} cannot be read: {error.strerror}") from error
    # Names follow from the text's own metadata; parsing half a megabyte of YAML for it would take a second.
    for line in body.splitlines():
        if line.startswith(b"  name: "):
            name = line.removeprefix(b"  name: ").strip().decode()
            return Source(CrdRecord.model_validate({"name": name, "source": source, "where": where}), body)
    raise EnvironmentFailure(f"{file} is not a CustomResourceDefinition: it has no metadata.name")


def _module_name(file: Path) -> str:
    folder = next(parent for parent in file.parents if "@" in parent.name)
    return folder.name.replace("@", " ")


def _downloaded(vendor: Vendor, releases: str) -> Source:
    cached = paths.cache() / "crds" / f"{vendor.file.removesuffix('.yaml')}-{vendor.version}.yaml"
    url = f"{releases}/{vendor.project}/{vendor.version}/{vendor.path}"
    if not cached.is_file():
        try:
            with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as answer:  # noqa: S310 - our own table
                body = answer.read()
        except (OSError, urllib.error.URLError) as error:
            raise EnvironmentFailure(
                f"the CRD {vendor.name} cannot be downloaded from {url}: {error}; without DOWNLOAD=1 the sandbox "
                "generates it from the typed models of seawall"
            ) from error
        if b"kind: CustomResourceDefinition" not in body or vendor.name.encode() not in body:
            raise EnvironmentFailure(f"{url} is not the CRD {vendor.name} (a login page of a proxy, perhaps)")
        cached.parent.mkdir(parents=True, exist_ok=True)
        draft = cached.with_suffix(".tmp")
        draft.write_bytes(body)
        draft.replace(cached)
    return _from_file(cached, "download", f"release {vendor.version} of {vendor.project}")


def _model(reference: str) -> Kind:
    from importlib import import_module

    module, _, constant = reference.partition(":")
    kind = getattr(import_module(module), constant)
    assert isinstance(kind, Kind)  # noqa: S101 - our own table
    return kind
