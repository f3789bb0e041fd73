"""Stack `sandbox` on the sandbox's API server, as operators and kubelets would have brought it to life.

Doubles, because no container runs there and the Dragonfly and External Secrets operators are not there:

- the Cluster is taken from the real operator's hands (`cnpg.io/reconciliationLoop: disabled`) once it has made a first
  instance; two copies of that pod are the replicas, and the status is what the operator would write
- Dragonfly's StatefulSets and budgets, the Secrets, and every status of ours are written here
"""

import copy
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from oncall_samples import drill_report
from pods_in_sandbox import PATIENCE_S, dragonfly_double
from sandbox_helpers import until
from stack_in_sandbox import Manifest, Place, deploy, items, ready, secret_doubles
from stack_objects import objects
from stack_samples import changed

from seawall.operators import cnpg, dragonfly
from seawall.operators.annotations import RESTORES, VALIDATES
from seawall.operators.cnpg import RECONCILIATION_LOOP
from seawall.qa.oncall.drain_dragonfly import GATE
from seawall.qa.oncall.drain_postgres import HEALTHY
from seawall.sandbox.plugins.kubernetes.client import ApiServer

MERGE = "application/merge-patch+json"


def before(**length: float) -> str:
    """A moment before now, as Kubernetes writes it."""
    return (datetime.now(UTC) - timedelta(**length)).strftime("%Y-%m-%dT%H:%M:%SZ")


def patched(kube: Any, of: Manifest, change: Manifest, *, status: bool = False) -> None:
    """Changes an object, or its status."""
    kind = kube.resources.get(api_version=of["apiVersion"], kind=of["kind"])
    metadata = of["metadata"]
    into = kind.status if status else kind
    into.patch(body=change, name=metadata["name"], namespace=metadata.get("namespace"), content_type=MERGE)


class Living:
    """The stack's objects, with everything about them well."""

    def __init__(self, api: ApiServer, kube: Any, place: Place) -> None:
        self.api, self.kube = api, kube
        made = objects(changed(stack="sandbox"))
        place.namespaces(made)
        self.objects = [_at_home(place, it) for it in made]
        deploy(api, [*secret_doubles(self.objects), *(it for it in self.objects if it["kind"] != "Namespace")])
        [self.cluster] = self.of_kind("Cluster")
        self.databases: str = self.cluster["metadata"]["namespace"]
        self.caches: str = self.of_kind("Dragonfly")[0]["metadata"]["namespace"]
        self.drills: str = self.cron(RESTORES)["metadata"]["namespace"]
        self._postgres()
        self._dragonfly()
        for secret in self.of_kind("ExternalSecret"):
            word = [{"type": "Ready", "status": "True", "reason": "SecretSynced", "message": "secret synced"}]
            patched(kube, secret, {"status": {"conditions": word, "refreshTime": before(minutes=5)}}, status=True)
        self._reports()

    def of_kind(self, kind: str) -> list[Manifest]:
        """The stack's objects of a kind, as they are here."""
        return [it for it in self.objects if it["kind"] == kind]

    def cron(self, annotation: str) -> Manifest:
        """The CronJob that is there for this."""
        [found] = [it for it in self.of_kind("CronJob") if annotation in it["metadata"].get("annotations", {})]
        return found

    def _postgres(self) -> None:
        name = self.cluster["metadata"]["name"]
        first = until(lambda: self._pods(self.databases, cnpg.instance_labels(name)), "a first instance", PATIENCE_S)[0]
        patched(self.kube, self.cluster, {"metadata": {"annotations": {RECONCILIATION_LOOP: "disabled"}}})
        kind = self.api.kind("v1", "Pod")
        assert kind is not None
        for number in (2, 3):
            self.api.request("POST", kind.path(self.databases), body=_copy_of(first, f"{name}-{number}"))
        for pod in until(self._instances, "three instances", PATIENCE_S):
            role = "primary" if pod["metadata"]["name"] == first["metadata"]["name"] else "replica"
            patched(self.kube, pod, {"metadata": {"labels": {cnpg.INSTANCE_ROLE_LABEL: role}}})
        well = [
            {"type": it, "status": "True", "reason": "Double", "message": "", "lastTransitionTime": before(hours=1)}
            for it in ("Ready", "ContinuousArchiving")
        ]
        self.primary = primary = str(first["metadata"]["name"])
        counts = {"instances": 3, "readyInstances": 3, "conditions": well, "phase": HEALTHY, "phaseReason": ""}
        names = [f"{name}-{number}" for number in (1, 2, 3)]
        # what the operator may have said of the first instance, before it was taken from its hands, is gone
        instances = {"healthy": names, "replicating": None, "failed": None}
        status = {**counts, "currentPrimary": primary, "targetPrimary": primary, "instancesStatus": instances}
        patched(self.kube, self.cluster, {"status": status}, status=True)

    def _instances(self) -> list[Manifest]:
        labels = cnpg.instance_labels(self.cluster["metadata"]["name"])
        found = [it for it in self._pods(self.databases, labels) if ready(it)]
        return found if len(found) == 3 else []

    def _pods(self, namespace: str, labels: dict[str, str]) -> list[Manifest]:
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        found = items(self.api, "v1", "Pod", namespace, selector)
        return [{**it, "apiVersion": "v1", "kind": "Pod"} for it in found if it["spec"].get("nodeName")]

    def _dragonfly(self) -> None:
        for resource in self.of_kind("Dragonfly"):
            made = dragonfly_double(resource)
            made[0]["spec"]["template"]["metadata"].pop("finalizers", None)  # nothing of it is drained here
            deploy(self.api, made)
            patched(self.kube, resource, {"status": {"phase": "Ready", "isRollingUpdate": False}}, status=True)
            labels, wanted = dragonfly.pod_labels(resource["metadata"]["name"]), resource["spec"]["replicas"]

            def there(labels: dict[str, str] = labels, wanted: int = wanted) -> list[Manifest]:
                found = [it for it in self._pods(self.caches, labels) if it["status"].get("phase") == "Running"]
                return found if len(found) == wanted else []

            for pod in until(there, "the pods of a Dragonfly", PATIENCE_S):
                role = "master" if pod["metadata"]["name"].endswith("-0") else "replica"
                patched(self.kube, pod, {"metadata": {"labels": {dragonfly.ROLE_LABEL: role}}})
                kept = [it for it in pod["status"]["conditions"] if it["type"] not in (GATE, "Ready")]
                both = [{"type": it, "status": "True", "lastTransitionTime": before(hours=1)} for it in (GATE, "Ready")]
                patched(self.kube, pod, {"status": {"conditions": [*kept, *both]}}, status=True)

    def _reports(self) -> None:
        name = self.cluster["metadata"]["name"]
        [store] = [it for it in self.of_kind("ObjectStore") if it["metadata"]["namespace"] == self.databases]
        window = {"lastSuccessfulBackupTime": before(hours=5), "firstRecoverabilityPoint": before(days=6)}
        patched(self.kube, store, {"status": {"serverRecoveryWindow": {name: window}}}, status=True)
        for annotation in (VALIDATES, RESTORES):
            cron = self.cron(annotation)
            patched(self.kube, cron, {"status": {"lastSuccessfulTime": before(hours=3)}}, status=True)
        source = f"{self.databases}/{name}"
        good = drill_report(before(days=2), source=source)
        report = {"namespace": self.drills, "name": f"{name}-drill-report"}
        of = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": report}
        patched(self.kube, of, {"data": {"last.json": good, "last-good.json": good}})


def _at_home(place: Place, manifest: Manifest) -> Manifest:
    """The object with every namespace that it names, in policies and annotations too, turned to the one here."""
    text = json.dumps(place.placed(manifest))
    for name, here in place.made.items():
        text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", here, text)
    made: Manifest = json.loads(text)
    return made


def _copy_of(pod: Manifest, name: str) -> Manifest:
    """Another instance: the first one's pod without what is its own."""
    spec = copy.deepcopy(pod["spec"])
    for field in ("nodeName", "hostname"):
        spec.pop(field, None)
    kept = [it for it in spec["volumes"] if "persistentVolumeClaim" not in it]
    names = {it["name"] for it in kept}
    spec["volumes"] = kept
    for container in (*spec["containers"], *spec.get("initContainers", [])):
        container["volumeMounts"] = [it for it in container.get("volumeMounts", []) if it["name"] in names]
    labels = {key: value for key, value in pod["metadata"]["labels"].items() if key not in _OWN}
    owners = pod["metadata"]["ownerReferences"]
    metadata = {"name": name, "labels": {**labels, cnpg.INSTANCE_LABEL: name}, "ownerReferences": owners}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


_OWN = (cnpg.INSTANCE_ROLE_LABEL, "role")
