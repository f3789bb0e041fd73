"""Why a recovery Cluster does not come up: from its status, its jobs and pods, their events and logs.

Logs are searched for known lines and never quoted: what PostgreSQL logs may hold data.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from .api import EVENT, JOB, POD, Api, ApiError, Document

CLUSTER_LABEL = "cnpg.io/cluster"
JOB_ROLE_LABEL = "cnpg.io/jobRole"
RECOVERY = "full-recovery"
"""The container of the operator's job that restores."""
SIDECAR = "plugin-barman-cloud"
"""The container, in the same pod, that talks to the object store."""
FATAL_PHASES = frozenset(
    {
        "Cluster is unrecoverable and needs manual intervention",
        "Invalid cluster definition",
    }
)
"""Phases of a Cluster that do not pass by themselves."""
FAILED_PODS = 3
"""So many tries of the recovery may fail before it is called failed: the network may have been away for one of them."""

_LONGEST = 300
_MOST_EVENTS = 5

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"recovery ended before configured recovery target was reached",
        "the WAL ends before the target: no commit after it was archived (a quiet source), or WAL is missing",
    ),
    (
        r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken",
        "the object store refuses the reader's credentials",
    ),
    (r"KMS\.?\w*Exception|kms:Decrypt", "the key in KMS refuses the reader"),
    (r"NoSuchBucket", "the bucket does not exist"),
    (r"could not locate required checkpoint record", "the WAL from the backup's begin is missing"),
    (r"first needed WAL in the archive", "the WAL from the backup's begin is missing"),
    (r"could not locate a valid checkpoint record|invalid checkpoint record", "the base backup holds no checkpoint"),
    (r"WAL ends before (consistent recovery point|end of online backup)", "the WAL ends before the end of the backup"),
    (
        r"requested timeline \d+ (is not a child|does not contain)",
        "the timelines of the archive do not fit: a history file is missing or foreign",
    ),
    (r"hot standby is not possible|insufficient parameter settings", "a parameter is lower than the source's"),
    (r"No space left on device", "a volume is full"),
    (r"database files are incompatible with server", "the image's PostgreSQL is another major version"),
    (r"could not access file \"[^\"]*\": No such file", "the image lacks a library that the source preloads"),
    (r"not gzip|CRC check failed|unexpected EOF|unexpected end of data|Error -?\d+ while decompressing|tar: ", "a part "
     "of the base backup is damaged"),
    (r"no target backup found|backup .* not found", "the plugin does not find the backup"),
)  # fmt: skip
_KNOWN_LINES = tuple((re.compile(pattern), meaning) for pattern, meaning in _KNOWN)
_LAST_COMMIT = re.compile(r"last completed transaction was at log time (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?)\+00")


def known_causes(log: str) -> list[str]:
    """What known lines of a log mean, each once."""
    return [meaning for pattern, meaning in _KNOWN_LINES if pattern.search(log)]


def last_commit(log: str) -> datetime | None:
    """The last commit that PostgreSQL says that it has replayed, when its log is in UTC, as the images have it."""
    found = _LAST_COMMIT.findall(log)
    return datetime.fromisoformat(f"{found[-1]}+00:00") if found else None


class Observer:
    """Looks at what the operator makes of one Cluster."""

    def __init__(self, api: Api, cluster: str) -> None:
        self._api, self._cluster = api, cluster
        self._selector = f"{CLUSTER_LABEL}={cluster}"
        self.last_commit: datetime | None = None
        """The last commit that was replayed, if its line was in a log while the job's pod was there."""

    def failure(self, cluster: Document) -> str | None:
        """Why it will not come up any more; None as long as it may."""
        status = cluster.get("status", {})
        if status.get("phase") in FATAL_PHASES:
            return f"{status['phase']}: {_short(status.get('phaseReason', ''))}"
        failed = 0
        for pod in self._pods():
            if not _is_job(pod):
                continue
            log = self._logs(pod)
            if _phase(pod) == "Failed":
                failed += 1
                causes = known_causes(log)
                if causes:
                    return f"the recovery job failed: {'; '.join(causes)}"
        for job in self._api.list(JOB, selector=self._selector):
            for condition in job.get("status", {}).get("conditions", []):
                if condition["type"] == "Failed" and condition["status"] == "True":
                    return f"the recovery job failed: {_short(condition.get('message', ''))}"
        if failed >= FAILED_PODS:
            return f"the recovery job failed {failed} times, for no reason that its log names: read it in a run by hand"
        return None

    def reason(self, cluster: Document | None) -> str:
        """What it is waiting for, as far as anybody says; for a drill that waited in vain."""
        found: list[str] = []
        if cluster is None:
            found.append("the Cluster is gone: somebody else deleted it")
        else:
            status = cluster.get("status", {})
            phase = status.get("phase")
            if phase:
                found.append(f"phase: {phase} {_short(status.get('phaseReason', ''))}".rstrip())
            for role, told in status.get("managedRolesStatus", {}).get("cannotReconcile", {}).items():
                found.append(f"role {role} cannot be made: {_short('; '.join(told))}")
        try:
            for pod in self._pods():
                found += _pod_reasons(pod)
                found += known_causes(self._logs(pod)) if _is_job(pod) else []
            found += self._events()
        except ApiError as error:
            found.append(f"and the API server does not tell more: {error}")
        return "; ".join(dict.fromkeys(found)) or "nobody says why"

    def _pods(self) -> list[Document]:
        return self._api.list(POD, selector=self._selector)

    def _logs(self, pod: Document) -> str:
        spec = pod["spec"]
        names = [it["name"] for it in [*spec["containers"], *spec.get("initContainers", [])]]
        text = "\n".join(self._api.log(pod["metadata"]["name"], name) for name in names if name in (RECOVERY, SIDECAR))
        self.last_commit = last_commit(text) or self.last_commit
        return text

    def _events(self) -> Iterator[str]:
        warnings = [it for it in self._api.list(EVENT) if it.get("type") == "Warning" and self._is_mine(it)]
        warnings.sort(key=lambda it: str(it.get("lastTimestamp") or it.get("eventTime") or ""))
        for event in warnings[-_MOST_EVENTS:]:
            thing = event["involvedObject"]
            yield f"{thing['kind']} {thing['name']}: {_short(event.get('message', ''))}"

    def _is_mine(self, event: Document) -> bool:
        name = str(event["involvedObject"].get("name", ""))
        return name == self._cluster or name.startswith(f"{self._cluster}-")


def _is_job(pod: Document) -> bool:
    return JOB_ROLE_LABEL in pod["metadata"].get("labels", {})


def _phase(pod: Document) -> str:
    return str(pod.get("status", {}).get("phase", ""))


def _pod_reasons(pod: Document) -> Iterable[str]:
    name = pod["metadata"]["name"]
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"pod {name} has no node: {_short(condition.get('message', ''))}"
    for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        state = container.get("state", {})
        waiting, ended = state.get("waiting"), state.get("terminated")
        if waiting and waiting.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            yield f"pod {name}, {container['name']}: {waiting['reason']}"
        if ended and ended.get("exitCode"):
            yield f"pod {name}, {container['name']}: {ended.get('reason', 'ended')}, exit code {ended['exitCode']}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
