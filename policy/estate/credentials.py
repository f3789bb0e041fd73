"""What pods sign in with: Secrets, where an ExternalSecret takes their keys from, and the role of a service account."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from seawall.policy.estate.kinds import EXTERNAL_SECRET, SERVICE_ACCOUNT
from seawall.policy.estate.model import Estate, PodSet
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.uploads import ROLE_ANNOTATION
from seawall.policy.estate.values import CannotEvaluateError, View

RemoteKeys = Mapping[tuple[str, str], frozenset[tuple[str, str, str]]]
"""Namespace and name of a Secret → store, key and property of every value that is fetched into it."""


def secrets_of(pods: PodSet) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The Secrets that pods read, each with the field that says so."""
    for container in pods.containers:
        for variable in container.at("env").items():
            yield from _named(variable.at("valueFrom", "secretKeyRef", "name"))
        for source in container.at("envFrom").items():
            yield from _named(source.at("secretRef", "name"))
    for volume in pods.spec.at("volumes").items():
        yield from _named(volume.at("secret", "secretName"))
        for source in volume.at("projected", "sources").items():
            yield from _named(source.at("secret", "name"))


def _named(view: View) -> Iterator[tuple[str, tuple[str, ...]]]:
    name = view.text()
    if name:
        yield name, view.path


def remote_keys(estate: Estate) -> RemoteKeys:
    """Where the values of each Secret come from; `estate.memo(remote_keys)`. What cannot be read is left out."""
    found: dict[tuple[str, str], set[tuple[str, str, str]]] = defaultdict(set)
    for thing in estate.of(EXTERNAL_SECRET):
        try:
            target = thing.at("spec", "target", "name").text() or thing.name
            store = thing.at("spec", "secretStoreRef", "name").text() or ""
            for entry in thing.at("spec", "data").items():
                remote = entry.at("remoteRef")
                key, member = remote.at("key").text(), remote.at("property").text()
                found[thing.namespace, target].add((store, key or "", member or ""))
        except CannotEvaluateError:
            continue
    return {secret: frozenset(keys) for secret, keys in found.items()}


def role_arn(workload: KubeObject, estate: Estate) -> str | None:
    """The IAM role that a workload's service account names, when that account is declared here."""
    for pods in estate.pods_of(workload):
        account = estate.find(SERVICE_ACCOUNT, workload.namespace, pods.service_account)
        if account is not None:
            return account.annotation(ROLE_ANNOTATION)
    return None
