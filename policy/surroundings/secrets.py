"""Secrets that do not arrive as their consumers expect them: missing, with other keys, of another type."""

import difflib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from seawall.operators.cnpg.names import CERTIFICATE_SECRETS, PASSWORD_SECRETS
from seawall.policy.estate.kinds import (
    CLUSTER,
    DATABASE_ROLE,
    DRAGONFLY,
    OBJECT_STORE,
    POOLER,
    SECRET,
    GroupKind,
)
from seawall.policy.estate.model import Estate, KubeObject, Note
from seawall.policy.estate.secrets.providers import Name, Provider, Secrets, secrets
from seawall.policy.estate.secrets.uses import SecretUse
from seawall.policy.estate.sight import SECRETS, WHOLE_CLUSTER
from seawall.policy.estate.values import FILLED_IN, CannotEvaluateError, UnknownValueError
from seawall.policy.findings import Violation

Service = Literal["dragonfly", "cnpg"]

RESOURCES: Mapping[Service, tuple[GroupKind, ...]] = {
    "dragonfly": (DRAGONFLY,),
    "cnpg": (CLUSTER, POOLER, DATABASE_ROLE, OBJECT_STORE),
}
"""The operators' own kinds that refer to Secrets."""
_WORDS: Mapping[Service, tuple[str, ...]] = {
    "dragonfly": ("dragonfly",),
    "cnpg": ("postgres", "cnpg", "pgbouncer"),
}
_OPERATORS_SUFFIXES = tuple(f"-{purpose}" for purpose in ("ca", *CERTIFICATE_SECRETS, *PASSWORD_SECRETS))
_MOST_COMPARED = 30
"""Neighbours whose names are compared with that of a missing Secret."""
_MOST_NAMED = 3
"""Secrets that a note names; the others are counted."""
_PUBLIC = frozenset({"ca.crt", "ca-bundle.crt", "username", "user", "dbname", "database", "host", "hostname", "port"})
"""Keys of a Secret whose values guard nothing by themselves."""
_OPEN_ADDRESS = re.compile(r"(?:jdbc:)?(?:postgres(?:ql)?|rediss?)://(?:[^:@/?#]*@)?[^@]*")
"""The address of a database without a password before its host."""
_TELLS = re.compile("pass|pwd|secret|token", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"^(\$\{|\$\(|<path:|\{\{|ENC\[|ref\+)")
_MACHINES = ("kubernetes.io/service-account-token", "helm.sh/", "bootstrap.kubernetes.io/")
"""Types of Secrets that machines write for themselves."""


class Services:
    """Which Secrets belong to Dragonfly or to PostgreSQL: whoever else's are none of these rules' business."""

    def __init__(self, estate: Estate) -> None:
        """Use it through `estate.memo(services)`."""
        self._secrets = estate.memo(secrets)
        self._used: dict[Service, frozenset[Name]] = {}
        for service, kinds in RESOURCES.items():
            things = [thing for kind in kinds for thing in estate.of(kind)]
            read = ((thing.namespace, self._secrets.wanted_by[thing]) for thing in things)
            self._used[service] = frozenset((namespace, use.name) for namespace, uses in read for use in uses.found)
        self._by_operators: dict[tuple[str, str], bool] = {}
        self._not_known: dict[str, list[str]] = defaultdict(list)
        """By namespace: the Clusters of which is not known what the operator makes."""
        for cluster in estate.of(CLUSTER):
            try:
                estate.made_of(cluster)
            except CannotEvaluateError:
                self._not_known[cluster.namespace].append(cluster.name)

    def concerns(self, service: Service, namespace: str, name: str, thing: KubeObject) -> bool:
        """Whether a Secret is a service's: its resources use it, its operator makes it, or a name says so.

        That a service lives in the same namespace says nothing: applications have databases of their own beside them.
        """
        used = [one for one, names in self._used.items() if (namespace, name) in names]
        if used or thing.group_kind in RESOURCES[service]:
            return service in used or thing.group_kind in RESOURCES[service]
        if self._made(namespace, name):
            return service == "cnpg"  # Dragonfly's operator makes none
        for names in (f"{name} {thing.name}", namespace):
            told = [one for one, words in _WORDS.items() if any(word in names for word in words)]
            if told:
                return service == told[0]
        return False

    def _made(self, namespace: str, name: str) -> bool:
        """Whether an operator makes a Secret, or may: where that is not known its name decides."""
        made = self._by_operators.get((namespace, name))
        if made is None:
            made = any(provider.thing.projected for provider in self._secrets.of(namespace, name))
            self._by_operators[namespace, name] = made
        if made:
            return True
        clusters = self._not_known.get(namespace, ())
        return name.endswith(_OPERATORS_SUFFIXES) and any(name.startswith(f"{cluster}-") for cluster in clusters)


def services(estate: Estate) -> Services:
    """Which Secrets belong to which service; use through `estate.memo`."""
    return Services(estate)


def references(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """References to Secrets that are not there, or that lack what the reference expects."""
    if thing.projected:
        return  # the resource that it is made of is judged
    found = estate.memo(secrets)
    read = found.wanted_by.get(thing)
    if read is None:
        return
    belongs = estate.memo(services)
    for use in read.found:
        if belongs.concerns(service, thing.namespace, use.name, thing):
            yield from _judge_use(use, found, estate)
    if read.stumbled is not None:
        raise read.stumbled


def _judge_use(use: SecretUse, found: Secrets, estate: Estate) -> Iterator[Violation]:
    providers = _declaring(found.of(use.thing.namespace, use.name))
    if not providers:
        yield from _missing(use, found, estate)
        return
    lacking = list(_keys(use, providers))
    unlabelled = use.label is not None and _nobody_labels(use.label, providers)
    if lacking or unlabelled:
        found.readable(use.thing.namespace, use.name)  # another one may bring what these do not
    yield from lacking
    for provider in providers:
        if use.type is not None and provider.type is not None and provider.type != use.type:
            yield Violation(
                f"{_field(use)} of {use.thing.title} needs a Secret of type {use.type}, and {provider.title} makes "
                f"{provider.name} of type {provider.type}",
                f"Set {'.'.join(provider.type_path) or 'the type'}: {use.type}.",
                provider.type_path,
                provider.thing,
                key=use.name,
            )
        if unlabelled:
            yield Violation(
                f"{provider.title} makes Secret {provider.name} without the label {use.label}: a rotated value reaches "
                f"{use.thing.title} only some time later, or after a restart",
                f'Set {".".join(provider.label_path) or "metadata.labels"}: {{{use.label}: "true"}}.',
                provider.label_path,
                provider.thing,
                key=use.name,
            )


def _declaring(providers: list[Provider]) -> list[Provider]:
    """The providers without a Secret of a live cluster that one of the others made: that one says what is in it."""
    makers = [provider for provider in providers if not provider.thing.origin.unseen]
    return makers if any(provider.owns for provider in makers) else providers


def _nobody_labels(label: str, providers: list[Provider]) -> bool:
    """Whether the Secret lacks a label: cert-manager, for one, keeps those of a Secret that it finds."""
    return all(provider.labels is not None and label not in provider.labels for provider in providers)


def _keys(use: SecretUse, providers: list[Provider]) -> Iterator[Violation]:
    if any(provider.keys is None for provider in providers):
        return
    has = frozenset(key for provider in providers for key in provider.keys or ())
    lacks = [key for key in use.keys if key not in has]
    if not lacks and (not use.any_of or use.any_of & has):
        return
    wanted = " and ".join(lacks) if lacks else " or ".join(sorted(use.any_of))
    near = difflib.get_close_matches(lacks[0], sorted(has), n=1) if lacks else []
    titles = " and ".join(provider.title for provider in providers)
    yield Violation(
        f"{_field(use)} needs the key {wanted} of Secret {use.name}, and {titles} gives it "
        f"{', '.join(sorted(has)) or 'no key'}",
        f"Give the Secret the key {wanted}, or name the key {near[0]}."
        if near
        else f"Give the Secret the key {wanted}.",
        use.path,
        facts={"secret": use.name, "lacks": wanted, "has": ", ".join(sorted(has))},
        key=use.name,
    )


def _missing(use: SecretUse, found: Secrets, estate: Estate) -> Iterator[Violation]:
    """A Secret that nothing provides, where its neighbours are declared or everything would be seen."""
    namespace = use.thing.namespace
    if not _judgeable(use, found, estate):
        return
    found.readable(namespace, use.name)
    declared = {provider.name for provider in found.in_namespace(namespace)[:_MOST_COMPARED]}
    near = difflib.get_close_matches(use.name, sorted(declared), n=1, cutoff=0.8)
    others = len(found.in_namespace(namespace))
    if SECRETS in estate.sees:
        why = f"is not in the namespace{f' ({near[0]} is)' if near else ''}"
    else:
        why = (
            f"nothing here makes, while {others} other "
            f"{'Secret of the namespace is' if others == 1 else 'Secrets of the namespace are'} declared"
            f"{f' ({near[0]} among them)' if near else ''}"
        )
    yield Violation(
        f"{_field(use)} names Secret {use.name}, which {why}: what waits for it never starts",
        f"Name {near[0]}, or declare what makes {use.name}."
        if near
        else f"Declare an ExternalSecret with the target {use.name}.",
        use.path,
        facts={"secret": use.name},
        key=use.name,
    )


def _judgeable(use: SecretUse, found: Secrets, estate: Estate) -> bool:
    """Whether a Secret that nothing here provides can be said to be missing. Raises `CannotEvaluateError`."""
    if use.optional or use.any_of or FILLED_IN in use.name:
        return False  # registries' credentials are often put there by something that writes into every namespace
    if WHOLE_CLUSTER in estate.sees and SECRETS not in estate.sees:
        return False  # the role may not list Secrets
    near = [it for it in estate.of(CLUSTER, use.thing.namespace) if use.name.startswith(f"{it.name}-")]
    if near:
        for cluster in near if use.name.endswith(_OPERATORS_SUFFIXES) else ():
            estate.made_of(cluster)  # where that is not known, neither is whether this Secret is among it
        return not use.name.endswith(_OPERATORS_SUFFIXES)
    if use.thing.group_kind not in RESOURCES["cnpg"] and use.name.endswith(_OPERATORS_SUFFIXES):
        return False  # of a Cluster that is not declared here
    seen = SECRETS in estate.sees or _made_here(found.in_namespace(use.thing.namespace))
    return seen and not found.anywhere(use.name)


def _made_here(providers: list[Provider]) -> bool:
    """Whether the Secrets of a namespace are made by declared objects, so that one more would be declared as well."""
    return any(provider.thing.group_kind != SECRET for provider in providers)


def not_seen(estate: Estate) -> Iterator[Note]:
    """The Secrets that the services' resources refer to and that nothing here makes: neither right nor wrong."""
    absent: dict[str, str] = {}
    try:
        found = estate.memo(secrets)
        things = [thing for kinds in RESOURCES.values() for kind in kinds for thing in estate.of(kind)]
    except CannotEvaluateError:
        return  # the rules say why
    for thing in things:
        for use in found.wanted_by[thing].found:
            if not _said_elsewhere(use, found, estate):
                absent.setdefault(f"{thing.namespace}/{use.name}", thing.title)
    if absent:
        named = [f"{name} ({user})" for name, user in list(absent.items())[:_MOST_NAMED]]
        more = f" and {len(absent) - _MOST_NAMED} more" if len(absent) > _MOST_NAMED else ""
        yield Note(f"whether these Secrets arrive, which nothing here makes: {', '.join(named)}{more}")


def _said_elsewhere(use: SecretUse, found: Secrets, estate: Estate) -> bool:
    """Whether a Secret is there, need not be, or is judged by a rule."""
    try:
        return use.optional or bool(found.of(use.thing.namespace, use.name)) or _judgeable(use, found, estate)
    except CannotEvaluateError:
        return True  # the rule says why


def plain(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """A Secret whose values are part of the declaration."""
    if thing.projected or WHOLE_CLUSTER in estate.sees or thing.at("sops").present:
        return
    if not estate.memo(services).concerns(service, thing.namespace, thing.name, thing):
        return
    if thing.at("metadata", "ownerReferences").items():
        return
    if (thing.at("type").text() or "").startswith(_MACHINES):
        return
    entries = [entry for field in ("data", "stringData") for entry in thing.at(field).entries()]
    literal = [key for key, view in entries if _literal(view.raw)]
    if literal and not set(literal) <= _PUBLIC:
        yield Violation(
            f"its {len(literal)} {'value is' if len(literal) == 1 else 'values are'} part of this declaration "
            f"({', '.join(literal)}): whoever reads the repository or the stack's state reads the secret, and it is "
            "never rotated",
            "Keep the values in a secret store and declare an ExternalSecret (or seal them); then rotate them, since "
            "they have been seen.",
            ("stringData",) if thing.at("stringData").keys() else ("data",),
            facts={"keys": ", ".join(literal)},
        )
        return
    for key, view in entries:
        if not view.known and key not in _PUBLIC:
            raise UnknownValueError(view.path)


def _literal(value: Any) -> bool:
    """Whether a secret is there in full: not empty, not unknown, no placeholder that a tool fills in later, and more
    than the address of a database."""
    if not isinstance(value, str) or not value or _PLACEHOLDER.match(value) is not None:
        return False
    return _OPEN_ADDRESS.fullmatch(value) is None or _TELLS.search(value) is not None


def _field(use: SecretUse) -> str:
    return ".".join(use.path).replace(".[", "[")
