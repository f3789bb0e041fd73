"""Who provides which Secret, with which keys, type and labels: declared Secrets, and what becomes Secrets."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from seawall.policy.estate.kinds import (
    CERTIFICATE,
    DATABASE_ROLE,
    EXTERNAL_SECRET,
    SEALED_SECRET,
    SECRET,
    GroupKind,
)
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.secrets.uses import CONSUMERS, Uses
from seawall.policy.estate.values import CannotEvaluateError, UnknownValueError, View

Name = tuple[str, str]
"""Namespace and name of a Secret."""

OPAQUE = "Opaque"
CERTIFICATE_KEYS = frozenset({"tls.crt", "tls.key", "ca.crt"})
CLUSTER_EXTERNAL_SECRET: Final[GroupKind] = ("external-secrets.io", "ClusterExternalSecret")
KUSTOMIZATION: Final[GroupKind] = ("kustomize.config.k8s.io", "Kustomization")

_ELSEWHERE: Final[Mapping[GroupKind, tuple[str, ...]]] = {
    ("secrets.hashicorp.com", "VaultStaticSecret"): ("spec", "destination", "name"),
    ("secrets.hashicorp.com", "VaultDynamicSecret"): ("spec", "destination", "name"),
    ("secrets.hashicorp.com", "VaultPKISecret"): ("spec", "destination", "name"),
    ("secrets.infisical.com", "InfisicalSecret"): ("spec", "managedSecretReference", "secretName"),
    ("secrets.doppler.com", "DopplerSecret"): ("spec", "managedSecret", "name"),
    ("onepassword.com", "OnePasswordItem"): ("metadata", "name"),
    ("k8s.bitwarden.com", "BitwardenSecret"): ("spec", "secretName"),
    ("ricoberger.de", "VaultSecret"): ("metadata", "name"),
}
"""Other tools' objects that become a Secret of some keys, and where they name it."""
_SEVERAL: Final[Mapping[GroupKind, tuple[tuple[str, ...], str]]] = {
    ("isindir.github.com", "SopsSecret"): (("spec", "secretTemplates"), "name"),
    ("secrets-store.csi.x-k8s.io", "SecretProviderClass"): (("spec", "secretObjects"), "secretName"),
}
"""The same, of objects that become several."""


@dataclass(frozen=True, eq=False)
class Provider:
    """One object that becomes a Secret."""

    thing: KubeObject
    namespace: str
    name: str
    keys: frozenset[str] | None
    """None when nothing here says them."""
    type: str | None
    labels: Mapping[str, str] | None
    path: tuple[str, ...] = ()
    """Where the object says the keys."""
    type_path: tuple[str, ...] = ()
    label_path: tuple[str, ...] = ()
    owns: bool = True
    """Whether it creates the Secret; one that only adds to it needs another provider."""

    @property
    def title(self) -> str:
        """For a person."""
        return self.thing.title if not self.thing.projected else f"{self.thing.title} (made by the operator)"


class Secrets:
    """All Secrets of an estate: their providers, and the references to them."""

    def __init__(self, estate: Estate) -> None:
        """Use it through `estate.memo(secrets)`."""
        self.providers: dict[Name, list[Provider]] = defaultdict(list)
        self.by_thing: dict[KubeObject, Provider] = {}
        self.wanted_by: dict[KubeObject, Uses] = {}
        self._unreadable: dict[tuple[str, str | None], CannotEvaluateError] = {}
        """Namespace and name of a Secret (None: any) → why what becomes it, or may, cannot be read."""
        self._anywhere: set[str] = set()
        self._anywhere_unread: UnknownValueError | None = None
        for thing in (*estate.of(CLUSTER_EXTERNAL_SECRET), *estate.of(KUSTOMIZATION)):
            self._provide_anywhere(thing)
        self._declared: dict[str, list[Provider]] = defaultdict(list)
        for kind in (*_READERS, *_ELSEWHERE, *_SEVERAL):
            for thing in estate.of(kind):
                self._provide(thing)
        for kind in CONSUMERS:
            for thing in estate.of(kind):
                if not thing.projected:
                    self.wanted_by[thing] = Uses(thing)

    def of(self, namespace: str, name: str) -> list[Provider]:
        """The providers of a Secret."""
        return self.providers.get((namespace, name), [])

    def in_namespace(self, namespace: str) -> list[Provider]:
        """The declared providers of a namespace: what somebody cared to write down there."""
        return self._declared.get(namespace, [])

    def readable(self, namespace: str, name: str) -> None:
        """Raises `CannotEvaluateError` when an object cannot be read that becomes this Secret, or may."""
        for key in ((namespace, name), (namespace, None)):
            if key in self._unreadable:
                raise self._unreadable[key].with_traceback(None)

    def anywhere(self, name: str) -> bool:
        """Whether a Secret of this name is made in namespaces which nothing here says.

        Raises `UnknownValueError` when that cannot be told yet.
        """
        if name not in self._anywhere and self._anywhere_unread is not None:
            raise self._anywhere_unread.with_traceback(None)
        return name in self._anywhere

    def _provide(self, thing: KubeObject) -> None:
        try:
            if thing.unknown is not None:
                raise thing.unknown.with_traceback(None)
            for provider in _providers(thing):
                self.by_thing.setdefault(thing, provider)
                self.providers[provider.namespace, provider.name].append(provider)
                if not thing.projected:
                    self._declared[provider.namespace].append(provider)
        except CannotEvaluateError as problem:
            problem.about(thing)
            self._unreadable.setdefault((thing.namespace, _named(thing)), problem)

    def _provide_anywhere(self, thing: KubeObject) -> None:
        try:
            if thing.group_kind == KUSTOMIZATION:
                self._anywhere.update(entry.at("name").text() or "" for entry in thing.at("secretGenerator").items())
                return
            target = thing.at("spec", "externalSecretSpec", "target", "name").text()
            named = target or thing.at("spec", "externalSecretName").text()
            if not named and thing.unknown is not None:
                raise thing.unknown.with_traceback(None)
            self._anywhere.add(named or thing.name)
        except UnknownValueError as problem:
            problem.about(thing)
            self._anywhere_unread = self._anywhere_unread or problem
        except CannotEvaluateError:
            return  # a tool's own object, which is refused as it is


def _named(thing: KubeObject) -> str | None:
    """The name of the Secret that an object becomes which cannot be read as a whole; None when that is not known."""
    path = {EXTERNAL_SECRET: ("spec", "target", "name"), CERTIFICATE: ("spec", "secretName")}.get(thing.group_kind, ())
    try:
        named = thing.at(*path).text() if path else None
    except CannotEvaluateError:
        return None
    own_name = thing.group_kind in (SECRET, SEALED_SECRET, EXTERNAL_SECRET) and thing.unknown is None
    return named or (thing.name if own_name else None)


def secrets(estate: Estate) -> Secrets:
    """The Secrets of an estate; use through `estate.memo`."""
    return Secrets(estate)


def external_target(thing: KubeObject) -> Provider:
    """What an ExternalSecret becomes. Raises `CannotEvaluateError` when it cannot be read."""
    target = thing.at("spec", "target")
    template = target.at("template")
    labels = template.at("metadata", "labels") if template.present else thing.label_view()
    return Provider(
        thing,
        thing.namespace,
        target.at("name").text() or thing.name,
        _external_keys(thing, template),
        template.at("type").text() or OPAQUE,
        labels.texts(),
        ("spec", "data"),
        ("spec", "target", "template", "type"),
        ("spec", "target", "template", "metadata", "labels"),
        owns=target.at("creationPolicy").text() not in ("Merge", "None"),
    )


def _external_keys(thing: KubeObject, template: View) -> frozenset[str] | None:
    """The keys of an ExternalSecret's Secret, None when they come from the store or from a template's file."""
    fetched: frozenset[str] | None = None
    if not thing.at("spec", "dataFrom").items():
        names = [entry.at("secretKey").text() for entry in thing.at("spec", "data").items()]
        fetched = frozenset(name for name in names if name)
    if template.at("templateFrom").items():
        return None
    written = template.at("data")
    if not written.keys():
        return fetched
    if template.at("mergePolicy").text() == "Merge":
        return None if fetched is None else fetched | frozenset(written.keys())
    return frozenset(written.keys())


def _external(thing: KubeObject) -> Iterator[Provider]:
    if not thing.at("spec", "target", "manifest").present:  # then it becomes something that is no Secret
        yield external_target(thing)


def _secret(thing: KubeObject) -> Iterator[Provider]:
    unseen = thing.origin.unseen
    keys = None if "data" in unseen else frozenset([*thing.at("data").keys(), *thing.at("stringData").keys()])
    type_ = None if "type" in unseen else thing.at("type").text() or OPAQUE
    labels = thing.label_view().texts()
    yield Provider(
        thing, thing.namespace, thing.name, keys, type_, labels, ("data",), ("type",), ("metadata", "labels")
    )


def _certificate(thing: KubeObject) -> Iterator[Provider]:
    name = thing.at("spec", "secretName").text()
    labels = thing.at("spec", "secretTemplate", "labels")
    if name:
        yield Provider(
            thing,
            thing.namespace,
            name,
            CERTIFICATE_KEYS,
            "kubernetes.io/tls",
            labels.texts(),
            ("spec", "secretName"),
            (),
            ("spec", "secretTemplate", "labels"),
        )


def _sealed(thing: KubeObject) -> Iterator[Provider]:
    template = thing.at("spec", "template")
    yield Provider(
        thing,
        thing.namespace,
        thing.name,
        frozenset([*thing.at("spec", "encryptedData").keys(), *template.at("data").keys()]),
        template.at("type").text() or OPAQUE,
        template.at("metadata", "labels").texts(),
        ("spec", "encryptedData"),
        ("spec", "template", "type"),
        ("spec", "template", "metadata", "labels"),
    )


def _client_certificate(thing: KubeObject) -> Iterator[Provider]:
    """The Secret with a role's certificate that CloudNativePG makes when it is asked to."""
    if thing.at("spec", "clientCertificate", "enabled").boolean(default=False):
        yield Provider(thing, thing.namespace, f"{thing.name}-client-cert", None, None, None)


_READERS: Final[Mapping[GroupKind, Callable[[KubeObject], Iterator[Provider]]]] = {
    SECRET: _secret,
    EXTERNAL_SECRET: _external,
    CERTIFICATE: _certificate,
    SEALED_SECRET: _sealed,
    DATABASE_ROLE: _client_certificate,
}


def _providers(thing: KubeObject) -> Iterator[Provider]:
    kind = thing.group_kind
    if kind in _READERS:
        yield from _READERS[kind](thing)
    elif kind in _ELSEWHERE:
        name = thing.at(*_ELSEWHERE[kind]).text()
        if name:
            yield Provider(thing, thing.namespace, name, None, None, None)
    else:
        path, field = _SEVERAL[kind]
        for entry in thing.at(*path).items():
            name = entry.at(field).text()
            if name:
                yield Provider(thing, thing.namespace, name, None, None, None)
