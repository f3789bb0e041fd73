"""The objects of a probe, as plain data: hardened, short-lived, never Ready, without a token."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from seawall import qa
from seawall.components.kubernetes.external_secret import external_secret
from seawall.components.kubernetes.namespace import RESTRICTED
from seawall.components.kubernetes.pod_security import container_security_context, pod_security_context
from seawall.components.kubernetes.probe import UID
from seawall.components.probes.image import PYTHON_IMAGE
from seawall.operators.labels import PSA_AUDIT, PSA_ENFORCE, PSA_WARN
from seawall.qa.checks.context import Entry, Probe
from seawall.qa.verify import marks

Manifest = dict[str, Any]

IMAGE = PYTHON_IMAGE
"""The image of the stack's own probes: what a cluster with such a stack has pulled already."""
PROGRAM = Path(qa.__file__).parent / "probes"
CONTAINER = "probe"
MOUNT = "/opt/probe"
START_S = 120
"""For a node and the image, on top of what the steps take."""
RESOURCES = {"requests": {"cpu": "10m", "memory": "48Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}}


def name(run: str, number: int | None = None) -> str:
    """The name of a run's objects: namespace and ConfigMap, and with a number its pods and ExternalSecrets."""
    return f"seawall-verify-{run}" + (f"-{number}" if number is not None else "")


def namespace(run: str) -> Manifest:
    """The namespace that nobody has allowed anything; it admits restricted pods only."""
    levels = dict.fromkeys((PSA_ENFORCE, PSA_AUDIT, PSA_WARN), RESTRICTED)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name(run), "labels": levels}}


def program(run: str, place: str) -> Manifest:
    """The ConfigMap with the program, in the namespace of the probes."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name(run), "namespace": place},
        "immutable": True,
        "data": {_key(path): source.read_text(encoding="utf-8") for path, source in _files().items()},
    }


def secrets(
    run: str, number: int, place: str, wanted: Mapping[str, Entry], store: tuple[str, str]
) -> tuple[list[Manifest], dict[str, tuple[str, str]]]:
    """The ExternalSecrets that fetch what a probe is given, one for each entry, and variable → Secret and key.

    The values go from the secret store into the cluster; they never come here.
    """
    paths = sorted({entry.path for entry in wanted.values()})
    made: list[Manifest] = []
    known: dict[str, tuple[str, str]] = {}
    for index, path in enumerate(paths):
        called = f"{name(run, number)}-{index}"
        fields = {variable.lower(): entry.property for variable, entry in wanted.items() if entry.path == path}
        known |= {variable: (called, variable.lower()) for variable, entry in wanted.items() if entry.path == path}
        made.append(
            external_secret(called, place, store=store, path=path, fields=fields, secret_labels=marks.labels(run))
        )
    return made, known


def pod(run: str, number: int, probe: Probe, owner: Manifest, given: Mapping[str, tuple[str, str]]) -> Manifest:
    """The pod. `owner` is the ConfigMap as it was made: with a controller of its own no other one adopts the pod,
    whatever labels it has.
    """
    env: list[Manifest] = [{"name": "PROBE_STEPS", "value": json.dumps(list(probe.steps))}]
    env += [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for variable, (secret, key) in sorted(given.items())
    ]
    metadata = owner["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name(run, number),
            "namespace": probe.where.namespace,
            "labels": dict(probe.where.labels),
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "ConfigMap",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "activeDeadlineSeconds": probe.seconds + START_S,
            "terminationGracePeriodSeconds": 1,
            "readinessGates": [{"conditionType": marks.NEVER_READY}],
            "securityContext": pod_security_context(UID, fs_group=UID),
            "containers": [
                {
                    "name": CONTAINER,
                    "image": IMAGE,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "-I", "-B", MOUNT],
                    "env": env,
                    "resources": RESOURCES,
                    "securityContext": container_security_context(UID),
                    "volumeMounts": [{"name": "program", "mountPath": MOUNT, "readOnly": True}],
                }
            ],
            "volumes": [
                {
                    "name": "program",
                    "configMap": {
                        "name": metadata["name"],
                        "items": [{"key": _key(path), "path": path} for path in _files()],
                    },
                }
            ],
        },
    }


def result(text: str, steps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
    """The results in what a probe has written, step by step; None when there is no such line."""
    from seawall.qa.probes.__main__ import MARK

    for line in reversed(text.splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        results = found.get("results") if isinstance(found, dict) and found.get("probe") == MARK else None
        whole = isinstance(results, list) and all(isinstance(it, dict) and "outcome" in it for it in results)
        if results is not None and whole and len(results) == len(steps):
            return list(results)
    return None


def _files() -> dict[str, Path]:
    """Path below the mount → file: Python runs a folder by its `__main__.py`, and imports from that folder."""
    modules = {
        f"seawall/qa/probes/{source.name}": source
        for source in sorted(PROGRAM.glob("*.py"))
        if source.name != "__main__.py"
    }
    return {"__main__.py": PROGRAM / "__main__.py", **modules}


def _key(path: str) -> str:
    return path.replace("/", ".")
