"""What pods sign in with: Secrets, where an ExternalSecret takes their keys from, and the role of a service account."""

from collections import defaultdict
from collections.abc import Iterator

from seawall.policy.estate.backups.uploads import ROLE_ANNOTATION
from seawall.policy.estate.blame import blaming
from seawall.policy.estate.kinds import EXTERNAL_SECRET, SERVICE_ACCOUNT
from seawall.policy.estate.model import Estate, PodSet
from seawall.policy.estate.objects import KubeObject
from seawall.policy.estate.values import CannotEvaluateError, View

_Key = tuple[str, str, str]
"""Store, key and property of a value that is fetched."""


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


class RemoteKeys:
    """Where the values of each Secret come from; `estate.memo(RemoteKeys)`."""

    def __init__(self, estate: Estate) -> None:
        self._found: dict[tuple[str, str], set[_Key]] = defaultdict(set)
        self._unread: dict[tuple[str, str | None], CannotEvaluateError] = {}
        """Namespace and name of a Secret of which not all is known; without a name, any of the namespace."""
        for thing in estate.of(EXTERNAL_SECRET):
            target: str | None = None
            try:
                with blaming(thing):
                    target = thing.at("spec", "target", "name").text() or thing.name
                    store = thing.at("spec", "secretStoreRef", "name").text() or ""
                    for entry in thing.at("spec", "data").items():
                        remote = entry.at("remoteRef")
                        key, member = remote.at("key").text(), remote.at("property").text()
                        self._found[thing.namespace, target].add((store, key or "", member or ""))
            except CannotEvaluateError as problem:
                self._unread.setdefault((thing.namespace, target), problem)

    def of(self, namespace: str, name: str) -> frozenset[_Key]:
        """Store, key and property of every value of a Secret. Raises `CannotEvaluateError` when not all is known."""
        for target in (name, None):
            problem = self._unread.get((namespace, target))
            if problem is not None:
                raise problem.with_traceback(None)
        return frozenset(self._found.get((namespace, name), ()))


def role_arn(workload: KubeObject, estate: Estate) -> str | None:
    """The IAM role that a workload's service account names, when that account is declared here."""
    for pods in estate.pods_of(workload):
        account = estate.find(SERVICE_ACCOUNT, workload.namespace, pods.service_account)
        if account is not None:
            return account.annotation(ROLE_ANNOTATION)
    return None
