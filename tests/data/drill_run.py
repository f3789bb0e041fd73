"""A rendered restore drill in the sandbox: its objects applied, its runner started as the pod would start it."""

import base64
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from drill_double import InstanceDouble, Manifest, Objects
from object_store import ACCESS, ObjectStore

from seawall.components.cnpg.args import CnpgSharedClusterArgs
from seawall.components.cnpg.drill import access, manifests
from seawall.components.cnpg.drill.names import drill_name, reader_secret, report_name, restored_name
from seawall.components.kubernetes.namespace import namespace as restricted
from seawall.sandbox import ports
from seawall.sandbox.cluster import Sandbox

LOOKED_AT = (
    ("postgresql.cnpg.io/v1", "Cluster"),
    ("v1", "Pod"),
    ("v1", "PersistentVolumeClaim"),
    ("batch/v1", "Job"),
    ("v1", "Secret"),
)
"""Kinds of which a drill must leave nothing behind."""


@dataclass
class Outcome:
    """How a run ended."""

    code: int
    report: dict[str, Any]
    log: str


@dataclass
class Running:
    """A runner that runs."""

    process: subprocess.Popen[str]

    def outcome(self, seconds: float = 240) -> Outcome:
        """Waits for its end."""
        out, err = self.process.communicate(timeout=seconds)
        [line] = out.splitlines()
        return Outcome(self.process.returncode, json.loads(line), err)


@dataclass
class Drill:
    """One drill in a namespace of its own, as its stack would have made it."""

    sandbox: Sandbox
    objects: Objects
    store: ObjectStore
    args: CnpgSharedClusterArgs
    folder: Path
    namespace: str = field(default_factory=lambda: f"drill-{uuid.uuid4().hex[:6]}")
    port: int = field(default_factory=lambda: ports.choose(["postgres"])["postgres"])
    """Where the restored PostgreSQL will listen: no Service leads anywhere in the sandbox."""

    @property
    def cluster(self) -> str:
        """The recovery Cluster's name."""
        return restored_name(self.args.name)

    def deploy(self) -> None:
        """Applies everything; the Secrets of ExternalSecrets are doubles, as nobody fills those here."""
        drill = self.args.settings.restore_drill
        assert drill is not None
        self.objects.apply(restricted(self.namespace))
        made = [
            manifests.config_map(self.args, drill),
            manifests.report(self.args, drill),
            manifests.object_store(self.args, drill),
            manifests.service_account(self.args, drill),
            *access.manifests(self.args, drill).values(),
            *manifests.secrets(self.args, drill).values(),
            self._secret(
                reader_secret(self.args.name), dict(zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"), ACCESS, strict=True))
            ),
        ]
        self.cron_job = manifests.cron_job(self.args, drill)
        for manifest in (*made, {**self.cron_job, "spec": {**self.cron_job["spec"], "suspend": True}}):
            self.objects.apply(self._here(manifest))
        self._account()
        self._mount(next(it for it in made if it["kind"] == "ConfigMap" and "data" in it))

    def remove(self) -> None:
        """Deletes the namespace."""
        self.objects.delete("v1", "Namespace", None, self.namespace)

    def job(self, name: str) -> Manifest:
        """A Job of the CronJob that has not ended: it is suspended, as its pod runs outside of the sandbox."""
        template = self.cron_job["spec"]["jobTemplate"]
        spec = {**template["spec"], "suspend": True}
        return self.objects.apply(
            {
                "apiVersion": "batch/v1",
                "kind": "Job",
                "metadata": {"name": name, "namespace": self.namespace, "labels": template["metadata"]["labels"]},
                "spec": spec,
            }
        )

    def end(self, job: str) -> None:
        """Lets a Job come to its end: its pod, which the sandbox only pretends to run, succeeds at once."""
        head = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": job, "namespace": self.namespace}}
        self.objects.apply({**head, "spec": {**self.cron_job["spec"]["jobTemplate"]["spec"], "suspend": False}})
        until(lambda: self._over(job), f"end of Job {job}")

    def _over(self, job: str) -> bool:
        found = self.objects.get("batch/v1", "Job", self.namespace, job) or {}
        return any(it["type"] == "Complete" for it in found.get("status", {}).get("conditions", []))

    def start(self, job: str = "", pause: float = 0.2, **environment: str) -> Running:
        """Starts the runner as a pod of a Job would, in an environment with nothing else."""
        made = self.job(job or f"run-{uuid.uuid4().hex[:6]}")
        fields = {
            "DRILL_POD": f"{made['metadata']['name']}-{uuid.uuid4().hex[:5]}",
            "DRILL_JOB": made["metadata"]["name"],
            "DRILL_JOB_UID": made["metadata"]["uid"],
        }
        [container] = self.cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
        keys = {"ACCESS_KEY_ID": ACCESS[0], "SECRET_ACCESS_KEY": ACCESS[1]}
        given = {}
        for variable in container["env"]:
            source = variable.get("valueFrom", {})
            name = variable["name"]
            secret = source.get("secretKeyRef")
            given[name] = keys[secret["key"]] if secret else fields[name] if source else str(variable["value"])
        address = urlsplit(self.sandbox.endpoints.api_server)
        program, *arguments = container["command"]
        assert Path(program).name == "python"
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder / "mount",
            env={
                "PATH": os.environ["PATH"],
                **given,
                **self.store.environment(),
                "KUBERNETES_SERVICE_HOST": str(address.hostname),
                "KUBERNETES_SERVICE_PORT": str(address.port),
                "DRILL_ACCOUNT": str(self.folder / "account"),
                "DRILL_PAUSE_SECONDS": str(pause),
                "PGHOSTADDR": ports.LOOPBACK,
                "PGPORT": str(self.port),
                "TMPDIR": str(self.folder),
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(process)

    def run(self, **environment: str) -> Outcome:
        """Runs it to its end."""
        return self.start(**environment).outcome()

    def remains(self) -> set[str]:
        """What is there of the recovery Cluster and of everything that was made for it."""
        found = set()
        for api_version, kind in LOOKED_AT:
            for thing in self.objects.list(api_version, kind, self.namespace):
                name = thing["metadata"]["name"]
                if name == self.cluster or name.startswith(f"{self.cluster}-"):
                    found.add(f"{kind} {name}")
        return found

    def kept(self) -> dict[str, Any]:
        """The reports that are kept, by name."""
        found = self.objects.get("v1", "ConfigMap", self.namespace, report_name(self.args.name))
        assert found is not None
        return {name: json.loads(text) for name, text in found.get("data", {}).items()}

    def _here(self, manifest: Manifest) -> Manifest:
        return {**manifest, "metadata": {**manifest["metadata"], "namespace": self.namespace}, **self._bound(manifest)}

    def _bound(self, manifest: Manifest) -> Manifest:
        if manifest["kind"] != "RoleBinding":
            return {}
        return {"subjects": [{**it, "namespace": self.namespace} for it in manifest["subjects"]]}

    def _secret(self, name: str, values: dict[str, str]) -> Manifest:
        data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}

    def _account(self) -> None:
        """What the kubelet would mount: the account's real token, with the rendered rights and no others."""
        account = self.folder / "account"
        account.mkdir()
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{drill_name(self.args.name)}/token"
        request = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600},
        }
        status: Any = self.objects.api.request("POST", path, body=request).document["status"]
        root = until(lambda: self.objects.get("v1", "ConfigMap", self.namespace, "kube-root-ca.crt"), "the authority")
        for name, text in (
            ("token", status["token"]),
            ("namespace", self.namespace),
            ("ca.crt", root["data"]["ca.crt"]),
        ):
            (account / name).write_text(text)

    def _mount(self, config_map: Manifest) -> None:
        """The ConfigMap's keys where the pod's volume has them."""
        volumes = self.cron_job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"]
        [items] = [it["configMap"]["items"] for it in volumes if "configMap" in it]
        write(self.folder / "mount", config_map, items)


Deploy = Callable[..., Drill]
"""Makes a deployed drill with these assertions about the application harbor, and these other settings."""
Play = Callable[[Drill], InstanceDouble]
"""Makes the double of the kubelet under it."""


def until(holds: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    """Waits for something; its first true value."""
    end = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return value


def write(folder: Path, config_map: Manifest, items: Iterable[dict[str, str]]) -> None:
    """Writes the content of a ConfigMap as a volume with these items shows it."""
    for item in items:
        file = folder / item["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(config_map["data"][item["key"]])
