"""ExternalSecrets that are refused, that fetch once and never again, or that lose what they fetched."""

import re
from collections.abc import Iterator

from seawall.policy.estate.kinds import CLUSTER_SECRET_STORE, EXTERNAL_SECRET, SECRET, SECRET_STORE
from seawall.policy.estate.model import Estate, KubeObject
from seawall.policy.estate.secrets.providers import Provider, external_target, secrets
from seawall.policy.estate.values import View
from seawall.policy.findings import Violation
from seawall.policy.surroundings.secrets import Service, services

API_VERSION = "external-secrets.io/v1"
_ZERO = re.compile(r"(0+(\.0+)?(ns|us|µs|ms|s|m|h)?)+")
_TARGET = ("spec", "target")


def _concerned(thing: KubeObject, estate: Estate, service: Service) -> Provider | None:
    """The Secret that an ExternalSecret makes, when it is this service's. Raises when it cannot be read."""
    target = estate.memo(secrets).by_thing.get(thing)
    if target is None:
        if thing.at(*_TARGET, "manifest").present:
            return None  # it becomes something that is no Secret
        target = external_target(thing)
    return target if estate.memo(services).concerns(service, thing.namespace, target.name, thing) else None


def served(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """An API version that the External Secrets operator no longer serves."""
    written = thing.at("apiVersion").text()
    if written != API_VERSION and _concerned(thing, estate, service) is not None:
        yield Violation(
            f"{written} is no longer served: the API server refuses the object",
            f"Write apiVersion: {API_VERSION}; the fields are the same.",
            ("apiVersion",),
        )


def renewed(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """A Secret that a rotation never reaches, or a generated one that changes by itself."""
    if _concerned(thing, estate, service) is None:
        return
    interval, policy = thing.at("spec", "refreshInterval"), thing.at("spec", "refreshPolicy").text()
    written = interval.number_or_text()
    never = (written is not None and _ZERO.fullmatch(str(written).strip())) or policy in ("CreatedOnce", "OnChange")
    generated = any(entry.at("sourceRef", "generatorRef").present for entry in thing.at("spec", "dataFrom").items())
    how = f"refreshPolicy {policy}" if policy in ("CreatedOnce", "OnChange") else f"refreshInterval {written}"
    if never and not generated:
        yield Violation(
            f"with {how} it is fetched once and never again: a rotated value does not arrive",
            "Set refreshInterval: 1h and leave refreshPolicy out.",
            interval.path if how.startswith("refreshInterval") else ("spec", "refreshPolicy"),
        )
    elif generated and not never:
        yield Violation(
            f"it takes a new value from a generator every {written or '1h'}: whoever holds the last one is refused",
            "Set refreshPolicy: CreatedOnce.",
            ("spec", "dataFrom"),
        )
    if thing.at(*_TARGET, "immutable").boolean(default=False):
        yield Violation(
            "spec.target.immutable is true: a rotated value does not arrive until somebody deletes the Secret",
            "Remove spec.target.immutable.",
            (*_TARGET, "immutable"),
        )


def kept(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """A target that is not created, or that is deleted under its consumers."""
    target = _concerned(thing, estate, service)
    if target is None:
        return
    creation, deletion = thing.at(*_TARGET, "creationPolicy").text(), thing.at(*_TARGET, "deletionPolicy").text()
    others = [
        one for one in estate.memo(secrets).of(thing.namespace, target.name) if one.thing is not thing and one.owns
    ]
    if creation == "Merge" and not others:
        estate.memo(secrets).readable(thing.namespace, target.name)
    if creation == "None" or (creation == "Merge" and not others):
        yield Violation(
            f"creationPolicy {creation} creates no Secret, and nothing else here makes {target.name}",
            "Set spec.target.creationPolicy: Owner.",
            (*_TARGET, "creationPolicy"),
        )
    if deletion in ("Delete", "Merge"):
        takes = "the Secret is deleted" if deletion == "Delete" else "keys are taken out of the Secret"
        yield Violation(
            f"deletionPolicy {deletion}: {takes} when the entry cannot be found in the store, under pods that still "
            "need it",
            "Set spec.target.deletionPolicy: Retain.",
            (*_TARGET, "deletionPolicy"),
        )


def alone(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """A Secret that several objects write: each takes the others' keys away again."""
    target = _concerned(thing, estate, service)
    if target is None or not target.owns:
        return
    writers = [one for one in estate.memo(secrets).of(thing.namespace, target.name) if one.owns and _writes(one)]
    others = [one for one in writers if one.thing is not thing]
    if others and (writers[0].thing is not thing or others[0].thing.group_kind != EXTERNAL_SECRET):
        yield Violation(
            f"{' and '.join(one.title for one in others)} {'write' if len(others) > 1 else 'writes'} Secret "
            f"{target.name} as well: each takes away what the other wrote",
            "Give each a target of its own.",
            (*_TARGET, "name"),
            facts={"secret": target.name},
        )


def _writes(provider: Provider) -> bool:
    """Whether a provider writes the Secret by itself; a Secret of a live cluster is what another one wrote."""
    thing = provider.thing
    if thing.origin.unseen:
        return False
    return thing.group_kind != SECRET or thing.projected or not list(thing.owners())


def fetched(thing: KubeObject, estate: Estate, service: Service) -> Iterator[Violation]:
    """A store that is not there, or nothing to fetch."""
    if _concerned(thing, estate, service) is None:
        return
    spec = thing.at("spec")
    if not spec.at("data").items() and not spec.at("dataFrom").items():
        yield Violation("it fetches nothing: spec.data and spec.dataFrom are empty", "Name what to fetch.", ("spec",))
    for reference in _stores(spec):
        yield from _store(thing, reference, estate)


def _stores(spec: View) -> Iterator[View]:
    yield spec.at("secretStoreRef")
    for entry in spec.at("data").items():
        yield entry.at("sourceRef", "storeRef")


def _store(thing: KubeObject, reference: View, estate: Estate) -> Iterator[Violation]:
    name = reference.at("name").text() if reference.present else None
    if not name:
        return
    kind = reference.at("kind").text() or SECRET_STORE[1]
    wide = kind == CLUSTER_SECRET_STORE[1]
    wanted, namespace = (CLUSTER_SECRET_STORE, "") if wide else (SECRET_STORE, thing.namespace)
    if estate.find(wanted, namespace, name) is not None:
        return
    other = estate.find(*((SECRET_STORE, thing.namespace) if wide else (CLUSTER_SECRET_STORE, "")), name)
    declared = sorted(store.name for store in estate.of(wanted, namespace))
    if other is not None:
        said = "" if reference.at("kind").present else ", which is what an absent kind means"
        yield Violation(
            f"it asks for {kind} {name}{said}, and {name} is a {other.kind}",
            f"Set kind: {other.kind}.",
            reference.path,
        )
    elif declared:
        yield Violation(
            f"it asks for {kind} {name}, which is not declared here; {', '.join(declared)} "
            f"{'is' if len(declared) == 1 else 'are'}",
            "Name a store that is there.",
            reference.at("name").path,
        )
