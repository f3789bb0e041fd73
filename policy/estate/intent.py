"""What a resource is meant for, as its annotations declare it (`operators/annotations.py`)."""

from collections.abc import Mapping
from dataclasses import dataclass

from seawall.operators import annotations
from seawall.policy.estate.model import KubeObject
from seawall.policy.estate.projecting import annotation_mapping
from seawall.policy.estate.values import CannotEvaluateError


@dataclass(frozen=True)
class Scraper:
    """The exact pods that may read metrics."""

    namespace: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Intent:
    """What a resource's annotations declare; None for what they leave open."""

    clients: Mapping[str, frozenset[str]] | None
    """Mesh cluster (or `this`) → namespaces that may open the client port."""
    cluster: str | None
    """The name of the cluster that the resource is in."""
    cni: str | None
    cni_version: str | None
    scraper: Scraper | None


def intent_of(thing: KubeObject) -> Intent:
    """The intent in a resource's annotations, read once. Raises `CannotEvaluateError` when one cannot be read."""
    return thing.memo(_intent_of)


def _intent_of(thing: KubeObject) -> Intent:
    clients = annotation_mapping(thing, annotations.CLIENTS)
    platform = annotation_mapping(thing, annotations.PLATFORM)
    scraper = annotation_mapping(thing, annotations.SCRAPER)
    declared = None
    if clients is not None:
        declared = {
            cluster: frozenset(name.text() or "" for name in names.items()) for cluster, names in clients.entries()
        }
    scraping = None
    if scraper is not None:
        namespace, labels = scraper.at("namespace").text(), scraper.at("labels").texts()
        if not namespace or not labels:
            path = ("metadata", "annotations", annotations.SCRAPER)
            raise CannotEvaluateError(f"the annotation {annotations.SCRAPER} lacks a namespace or labels", path)
        scraping = Scraper(namespace, labels)
    return Intent(
        clients=declared,
        cluster=platform.at("cluster").text() if platform is not None else None,
        cni=platform.at("cni").text() if platform is not None else None,
        cni_version=platform.at("cni_version").text() if platform is not None else None,
        scraper=scraping,
    )
