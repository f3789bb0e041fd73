"""The recovery Cluster in the API server: taking its place, making it, and removing it with all that belongs to it."""

import base64
import copy
import itertools
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .api import CLAIM, CLUSTER, JOB, POD, SECRET, Api, ApiError, Document
from .archive import Backup
from .failures import DrillError, Failure
from .plan import RESTORES_ANNOTATION, RUN_ANNOTATION, Plan
from .reasons import CLUSTER_LABEL

PAUSE_S = 2.0
"""Between two looks at what is going on."""
SETTLED_S = 15.0
"""After so long the API server and its webhooks have ended a request that nobody waits for any more."""
SECRETS = ("app", "ca")
"""Which of the Cluster's Secrets are read: the password of the drill's role, and the authority."""
_LOOKS = 30
"""After so many looks claims are deleted one by one: their owner may have been lost."""


class Recovery:
    """One plan's recovery Cluster."""

    def __init__(self, api: Api, plan: Plan, pause: float = PAUSE_S) -> None:
        self._api, self._plan, self.pause = api, plan, pause
        self._labelled = f"{CLUSTER_LABEL}={plan.name}"
        self._under_way = False
        """Whether the Cluster was asked for and no answer came: it may still be made."""

    def make_room(self, deadline: float) -> list[str]:
        """Removes what a killed run has left; what was removed. Raises `DrillError` when the place is taken."""
        found: list[str] = []
        cluster = self._api.get(CLUSTER, self._plan.name)
        if cluster is not None:
            self._check_leftover(cluster)
            found.append(f"Cluster {self._plan.name}")
            self._api.delete(CLUSTER, self._plan.name, cluster["metadata"]["uid"])
        found += [it for it in self.remains() if it not in found]
        left = self._wait_gone(lambda: deadline) if found else []
        if left:
            raise DrillError(Failure.LEFT_BEHIND, f"an earlier drill left what cannot be removed: {', '.join(left)}")
        return found

    def create(self, backup: Backup) -> None:
        """Makes the Cluster, unless another run was faster. Raises `DrillError`."""
        self._under_way = True
        try:
            self._api.create(CLUSTER, self.manifest(backup))
            self._under_way = False
        except ApiError as error:
            self._under_way = error.status == 0
            if error.status != 409:
                raise _refused(error) from error
            there = self._api.get(CLUSTER, self._plan.name)
            if there is None or not self._is_mine(there):  # else our own request, whose answer was lost
                raise DrillError(Failure.BUSY, f"another run has just made the Cluster {self._plan.name}") from None

    def manifest(self, backup: Backup) -> Document:
        """The Cluster as it is sent: the rendered one with its backup, its target and its owner."""
        made: Document = copy.deepcopy(dict(self._plan.cluster))
        target: dict[str, Any] = {"backupID": backup.identifier}
        if self._plan.target is not None:
            target["targetTime"] = _rfc3339(self._plan.target)
        made["spec"]["bootstrap"]["recovery"]["recoveryTarget"] = target
        metadata = made["metadata"]
        metadata["namespace"] = self._api.namespace
        metadata["annotations"] = {**metadata["annotations"], RUN_ANNOTATION: self._plan.run}
        # Whoever deletes the Job deletes what it made as well, even when no runner lives to do it.
        owner = self._plan.owner
        metadata["ownerReferences"] = [{"apiVersion": "batch/v1", "kind": "Job", "name": owner.name, "uid": owner.uid}]
        return made

    def get(self) -> Document | None:
        """This run's Cluster as it is now; None when it is gone, be it that another one has taken its place."""
        cluster = self._api.get(CLUSTER, self._plan.name)
        return cluster if cluster is not None and self._is_mine(cluster) else None

    def credentials(self) -> tuple[str, str] | None:
        """Password of the drill's role and certificate authority of the Cluster, once the operator has made both."""
        secrets = [self._api.get(SECRET, f"{self._plan.name}-{purpose}") for purpose in SECRETS]
        if any(it is None for it in secrets):
            return None
        app, authority = ({} if it is None else it.get("data", {}) for it in secrets)
        try:
            return _decoded(app["password"]), _decoded(authority["ca.crt"])
        except KeyError:
            return None

    def remove(self, deadline: Callable[[], float]) -> list[str]:
        """Deletes the Cluster that this run has made and waits until all of it is gone; what is left at `deadline`.

        The deadline (monotonic clock) is asked for again and again: a signal brings it nearer.
        """
        settled = min(deadline(), time.monotonic() + SETTLED_S)
        while True:
            try:
                cluster = self._api.get(CLUSTER, self._plan.name)
                if cluster is None and self._under_way and time.monotonic() < settled:
                    time.sleep(self.pause)
                    continue
                if cluster is None:
                    break
                if not self._is_mine(cluster):
                    return []  # somebody else's, who cleans up
                self._api.delete(CLUSTER, self._plan.name, cluster["metadata"]["uid"])
                break
            except ApiError:
                if time.monotonic() >= deadline():
                    return [f"Cluster {self._plan.name} (the API server does not answer)"]
                time.sleep(self.pause)
        return self._wait_gone(deadline)

    def remains(self) -> list[str]:
        """What is there of the Cluster, as `<kind> <name>`."""
        found = [] if self._api.get(CLUSTER, self._plan.name) is None else [f"Cluster {self._plan.name}"]
        for kind, title in ((JOB, "Job"), (POD, "Pod"), (CLAIM, "PersistentVolumeClaim")):
            found += [f"{title} {it['metadata']['name']}" for it in self._api.list(kind, selector=self._labelled)]
        for purpose in SECRETS:
            name = f"{self._plan.name}-{purpose}"
            if self._api.get(SECRET, name) is not None:
                found.append(f"Secret {name}")
        return found

    def _wait_gone(self, deadline: Callable[[], float]) -> list[str]:
        for look in itertools.count(1):
            try:
                left = self.remains()
                if not left:
                    break
                if look % _LOOKS == 0:
                    self._delete_claims()
            except ApiError as error:
                left = [f"unknown: {error}"]
            if time.monotonic() >= deadline():
                return left
            time.sleep(self.pause)
        return []

    def _delete_claims(self) -> None:
        for claim in self._api.list(CLAIM, selector=self._labelled):
            if "deletionTimestamp" not in claim["metadata"]:
                self._api.delete(CLAIM, claim["metadata"]["name"])

    def _check_leftover(self, cluster: Document) -> None:
        """Only what a drill of this source has made, and whose Job is over, is a leftover."""
        metadata = cluster["metadata"]
        if metadata.get("annotations", {}).get(RESTORES_ANNOTATION) != self._plan.source:
            raise DrillError(Failure.BUSY, f"the Cluster {self._plan.name} was not made by a drill; it is not touched")
        for owner in metadata.get("ownerReferences", []):
            if owner["kind"] == "Job" and owner["uid"] != self._plan.owner.uid:
                job = self._api.get(JOB, owner["name"])
                if job is not None and job["metadata"]["uid"] == owner["uid"] and not _over(job):
                    raise DrillError(Failure.BUSY, f"the Job {owner['name']} drills at this moment")

    def _is_mine(self, cluster: Document) -> bool:
        annotations = cluster["metadata"].get("annotations", {})
        return bool(annotations.get(RUN_ANNOTATION) == self._plan.run)


def guarded(act: Callable[[], Any]) -> Any:
    """Runs something, with the API server's refusal turned into the drill's failure."""
    try:
        return act()
    except ApiError as error:
        raise _refused(error) from error


def _refused(error: ApiError) -> DrillError:
    return DrillError(Failure.CLUSTER, f"the API server says {error.status or 'nothing'} {error.reason}: {error}")


def _over(job: Document) -> bool:
    conditions = job.get("status", {}).get("conditions", [])
    return any(it["type"] in ("Complete", "Failed") and it["status"] == "True" for it in conditions)


def _decoded(value: str) -> str:
    return base64.b64decode(value).decode()


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
