"""A double of the kubelet under a restore drill: what the pods of a recovery Cluster would do, done beside the sandbox.

No container runs in the sandbox. The API server, the operator with its webhook, the Cluster, its Secrets, claims and
jobs are real; so are the archive, barman-cloud and the PostgreSQL that comes back. In between stands this: it sees the
Cluster, restores as the plugin's job would, makes the role as the instance manager would, starts PostgreSQL with the
Cluster's own certificate and `pg_hba`, and ends it when the Cluster goes.
"""

import base64
import contextlib
import shutil
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import unprivileged
from barman_archive import Archive
from postgres_server import SUPERUSER, Postgres

from seawall.sandbox.cluster import Endpoints
from seawall.sandbox.plugins.errors import PluginError
from seawall.sandbox.plugins.kubernetes.client import ApiError, ApiServer
from seawall.sandbox.plugins.kubernetes.kubeconfig import connect
from seawall.sandbox.plugins.properties import Properties

Manifest = dict[str, Any]

FAILED_TRIES = 3
"""As many pods of the recovery job fail as the runner waits for."""


class Objects:
    """The sandbox's API server, as its administrator."""

    def __init__(self, endpoints: Endpoints) -> None:
        given: dict[str, object] = {"kubeconfig": str(endpoints.kubeconfig), "context": endpoints.context}
        self.api = ApiServer(connect(Properties(given)))

    def get(self, api_version: str, kind: str, namespace: str | None, name: str) -> Manifest | None:
        """An object, or None."""
        served = self.api.kind(api_version, kind)
        assert served is not None
        return self.api.get(served, namespace, name)

    def list(self, api_version: str, kind: str, namespace: str, selector: str = "") -> list[Manifest]:
        """The objects with these labels."""
        served = self.api.kind(api_version, kind)
        assert served is not None
        query = {"labelSelector": selector} if selector else None
        found: Any = self.api.request("GET", served.path(namespace), query=query).document["items"]
        return list(found)

    def apply(self, manifest: Manifest, subresource: str = "") -> Manifest:
        """Applies an object with strict fields, or its status."""
        served = self.api.kind(manifest["apiVersion"], manifest["kind"])
        assert served is not None
        path = served.path(manifest["metadata"].get("namespace"), manifest["metadata"]["name"]) + subresource
        query = {"fieldManager": "seawall:test", "force": "true", "fieldValidation": "Strict"}
        return dict(self.api.request("PATCH", path, body=manifest, query=query).document)

    def delete(self, api_version: str, kind: str, namespace: str | None, name: str) -> None:
        """Deletes an object that is there or not."""
        served = self.api.kind(api_version, kind)
        assert served is not None
        with contextlib.suppress(ApiError):
            self.api.request("DELETE", served.path(namespace, name), body={"propagationPolicy": "Background"})


class InstanceDouble(threading.Thread):
    """Plays the pods of the Cluster `name` for as long as the block lasts."""

    def __init__(
        self, objects: Objects, namespace: str, name: str, archive: Archive, port: int, folder: Callable[[str], Path]
    ) -> None:
        super().__init__(name="InstanceDouble", daemon=True)
        self._objects, self._namespace, self._name = objects, namespace, name
        self._archive, self._port, self._folder = archive, port, folder
        self._over = threading.Event()
        self._server: Postgres | None = None
        self._seen: str | None = None
        self.before_start: Callable[[Postgres], None] = lambda _server: None
        """What a test does to the restored server before the drill sees it."""
        self.restored = 0
        """How many restores ended."""
        self.broken: Exception | None = None
        """A mistake of the double itself."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()
        if self.broken is not None:
            raise self.broken

    def run(self) -> None:
        """Looks at the Cluster again and again."""
        try:
            while not self._over.wait(0.1):
                with contextlib.suppress(PluginError):  # the namespace or the sandbox is going
                    self._look()
        except Exception as error:
            self.broken = error
        finally:
            self._end()

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Asks the restored server, as its superuser."""
        return self._server.sql(query) if self._server is not None else []

    def _look(self) -> None:
        cluster = self._objects.get("postgresql.cnpg.io/v1", "Cluster", self._namespace, self._name)
        uid = cluster["metadata"]["uid"] if cluster else None
        if uid != self._seen:
            self._end()
            self._seen = None
        if cluster is None or self._seen is not None:
            return
        secrets = {it: self._secret(f"{self._name}-{it}") for it in ("app", "ca", "server")}
        if all(secrets.values()):
            self._seen = uid
            try:
                self._restore(cluster, {key: dict(value or {}) for key, value in secrets.items()})
            except AssertionError:  # barman-cloud or PostgreSQL gave up
                self._fail(cluster)

    def _restore(self, cluster: Manifest, secrets: dict[str, dict[str, str]]) -> None:
        spec = cluster["spec"]
        recovery = spec["bootstrap"]["recovery"]
        wanted = recovery["recoveryTarget"]
        time = wanted.get("targetTime")
        home = self._folder("drilled")
        shutil.rmtree(home)
        [backup] = [it for it in self._archive.backups() if it.id == wanted["backupID"]]
        target = datetime.fromisoformat(time) if time else None
        server = self._archive.recover(home, backup=backup, target_time=target).server
        self._server = server
        owner, database = recovery["owner"], recovery["database"]
        server.sql(f"CREATE ROLE {owner} LOGIN PASSWORD '{secrets['app']['password']}'")
        server.sql(f"CREATE DATABASE {database} OWNER {owner}")
        for role in spec["managed"]["roles"]:
            server.sql(f"ALTER ROLE {role['name']} {'BYPASSRLS' if role['bypassrls'] else 'NOBYPASSRLS'}")
            for member in role["inRoles"]:
                server.sql(f'GRANT "{member}" TO {role["name"]}')
        self.before_start(server)
        server.stop()
        for name, text in (("server.crt", secrets["server"]["tls.crt"]), ("server.key", secrets["server"]["tls.key"])):
            (server.home / name).write_text(text)
            (server.home / name).chmod(0o600)
            unprivileged.own(server.home / name)
        server.port = self._port
        parameters = {
            "ssl": "on",
            "ssl_cert_file": str(server.home / "server.crt"),
            "ssl_key_file": str(server.home / "server.key"),
            "ssl_min_protocol_version": spec["postgresql"]["parameters"]["ssl_min_protocol_version"],
        }
        # As the operator does: its own way in first, then the Cluster's lines, then everybody with a password.
        hba = (f"local all {SUPERUSER} trust", *spec["postgresql"]["pg_hba"], "host all all all scram-sha-256")
        server.configure(parameters, hba=hba)
        server.start()
        self.restored += 1

    def _fail(self, cluster: Manifest) -> None:
        """The recovery job's pods fail, one after the other."""
        metadata = cluster["metadata"]
        owner = {"apiVersion": cluster["apiVersion"], "kind": "Cluster", "name": self._name, "uid": metadata["uid"]}
        for number in range(FAILED_TRIES):
            name = f"{self._name}-1-full-recovery-{number}"
            hardened = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": name,
                    "namespace": self._namespace,
                    "labels": {"cnpg.io/cluster": self._name, "cnpg.io/jobRole": "full-recovery"},
                    "ownerReferences": [owner],
                },
                "spec": {
                    "schedulerName": "nobody",
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "containers": [{"name": "full-recovery", "image": "none", "securityContext": hardened}],
                },
            }
            self._objects.apply(pod)
            head = {key: pod[key] for key in ("apiVersion", "kind")}
            place = {"name": name, "namespace": self._namespace}
            self._objects.apply({**head, "metadata": place, "status": {"phase": "Failed"}}, "/status")

    def _secret(self, name: str) -> dict[str, str] | None:
        found = self._objects.get("v1", "Secret", self._namespace, name)
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()} if found else None

    def _end(self) -> None:
        if self._server is not None:
            self._server.remove()
            self._server = None
